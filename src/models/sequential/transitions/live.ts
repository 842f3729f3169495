import { native } from '../../../native.ts'
import type { LearnedEvent, Learner, LiveLearning, LiveMemory } from '../../algorithm.ts'
import { RunningSessions } from '../live/running-sessions.ts'
import type { TransitionsOptions } from './options.ts'

/** Items whose transitions are known at the most, 576 bytes each: one more takes the place of the one that came first. */
const mostSlabs = 131_072

const secondsInDay = 86_400

/** The table in `memory` (kernel in crates/kernels/src/transitions/live.rs). */
export function liveTable({ words, rows }: LiveMemory) {
  return { words, rows, slabs: slabsOf(rows) }
}

/** In seconds; infinite where nothing ages. */
export function halfLifeOf({ sessionHalfLife }: TransitionsOptions): number {
  return sessionHalfLife === undefined ? Number.POSITIVE_INFINITY : sessionHalfLife * secondsInDay
}

/** A time in ms since 1970, as the table keeps it. */
export function secondsOf(time: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.floor(time / 1000)))
}

function slabsOf(rows: number): number {
  return Math.max(1, Math.min(rows, mostSlabs))
}

export function liveTransitions(options: TransitionsOptions): LiveLearning {
  return {
    words: rows => native.liveTransitionWords(rows, slabsOf(rows)),
    learner: memory => new TransitionsLearner(options, memory),
  }
}

/** Counts the steps of each event from those before it in its session. */
class TransitionsLearner implements Learner {
  readonly #table: ReturnType<typeof liveTable>
  readonly #sessions: RunningSessions
  readonly #steps: Parameters<typeof native.learnTransitions>[3]
  /** In seconds. */
  readonly #halfLife: number

  constructor(options: TransitionsOptions, memory: LiveMemory) {
    const { window, gapDecay, backward, sessionGap } = options
    this.#table = liveTable(memory)
    this.#sessions = new RunningSessions(sessionGap, window)
    this.#steps = { window, decay: gapDecay, backward }
    this.#halfLife = halfLifeOf(options)
  }

  learn({ user, item, time, weight }: LearnedEvent): void {
    if (!(weight > 0)) return
    const session = this.#sessions.add(user, item, time)
    if (session.length === 0) return
    native.learnTransitions(this.#table, session, item, this.#steps, secondsOf(time), this.#halfLife)
  }
}
