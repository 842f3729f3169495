import { native } from '../../../native.ts'
import type { LearnedEvent, Learner, LiveLearning, LiveMemory } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { newestOf } from '../../weighting/event-sums.ts'
import { SessionsOfUsers } from '../live/sessions-of-users.ts'
import type { SessionNeighboursOptions } from './options.ts'

/** Sessions that are known at the most, 132 bytes each, and blocks of their index, 32 bytes each, of the sessions of one item: some 34 MB. */
const size = { slots: 131_072, blocks: 524_288 }

const day = 86_400_000

/** The sessions in `memory` (kernel in crates/kernels/src/session_neighbours/live.rs). */
export function liveSessions({ words, rows }: LiveMemory) {
  return { words, rows, ...size }
}

export function liveSessionNeighbours(artifact: Artifact, options: SessionNeighboursOptions): LiveLearning {
  return {
    words: rows => native.liveSessionWords(rows, size.slots, size.blocks),
    learner: memory => new SessionNeighboursLearner(artifact, options, memory),
  }
}

interface RunningSession {
  /** 0 while it has one item: it tells of no other. */
  number: number
  /** The item that came last, or -1. */
  last: number
}

/** Puts each event into its session among those that lists are made from. */
class SessionNeighboursLearner implements Learner {
  readonly #table: ReturnType<typeof liveSessions>
  readonly #sessions: SessionsOfUsers<RunningSession>
  readonly #lengthNorm: number
  /** In ms. */
  readonly #halfLife: number
  /** Of the training, in ms since 1970; sessions count by their age from then on. */
  readonly #newest: number

  constructor({ events }: Artifact, options: SessionNeighboursOptions, memory: LiveMemory) {
    const { sessionGap, lengthNorm, sessionHalfLife } = options
    this.#table = liveSessions(memory)
    this.#sessions = new SessionsOfUsers(sessionGap)
    this.#lengthNorm = lengthNorm
    this.#halfLife = sessionHalfLife === undefined ? Number.POSITIVE_INFINITY : sessionHalfLife * day
    this.#newest = sessionHalfLife === undefined || !events ? 0 : newestOf(events.times)
  }

  learn({ user, item, time, weight }: LearnedEvent): void {
    if (!(weight > 0)) return
    const session = this.#sessions.at(user, time, () => ({ number: 0, last: -1 }))
    const { number, last } = session
    if (last === item) return
    session.last = item
    if (last < 0) return
    const halfLives = (time - this.#newest) / this.#halfLife
    session.number = native.learnSession(this.#table, number, last, item, this.#lengthNorm, halfLives)
  }
}
