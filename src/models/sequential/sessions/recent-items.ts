import { contains } from '../../../search/item-lists.ts'
import { itemsOf, type Sequences, timesOf } from '../../../storage/sequences.ts'
import type { ResolvedRequest } from '../../algorithm.ts'
import { millisecondsInHour } from './sessions.ts'

/** Items of a user, newest first, with their weights. */
export interface RecentItems {
  readonly items: Uint32Array
  readonly weights: Float32Array
  /** How many of them, the first ones, are of the running session. */
  readonly running: number
}

/** Which items of a user count, and what. */
export interface RecencyOptions {
  /** How many at the most. */
  readonly recentItems: number
  /** What each counts beside the next newer one, above 0 and at most 1. */
  readonly recencyDecay: number
  /** Hours without an event that end a session; 0: none do. Default: 0. */
  readonly sessionGap?: number
  /** What items of earlier sessions count beside those of the running one, 0 to 1; where none runs, all count. Default: 1. */
  readonly earlierSessions?: number
}

/**
 * The last items of the user that are in the history, each once, by its last event, newest first: item k weighs
 * `recencyDecay`^k, times `earlierSessions` where its session is over. Where the order of none is known, all of the history, alike.
 *
 * @param trained what each user did before the training, in order.
 */
export function recentItems(
  { user, history, recent, now }: Pick<ResolvedRequest, 'user' | 'history' | 'recent' | 'now'>,
  trained: Sequences | undefined,
  { recentItems: most, recencyDecay, sessionGap = 0, earlierSessions = 1 }: RecencyOptions,
): RecentItems {
  const found = new Set<number>()
  const add = (item: number) => {
    if (contains(history.indices, item)) found.add(item)
  }
  const gap = sessionGap > 0 ? sessionGap * millisecondsInHour : Number.POSITIVE_INFINITY
  /** Items of the running session. */
  let running = Number.POSITIVE_INFINITY
  let later = now ?? recent.times.at(-1) ?? Number.NEGATIVE_INFINITY
  const pass = (time: number) => {
    if (later - time >= gap) running = Math.min(running, found.size)
    later = time
  }
  for (let at = recent.items.length - 1; at >= 0 && found.size < most; at--) {
    pass(recent.times[at])
    if (recent.weights[at] > 0) add(recent.items[at])
  }
  if (user >= 0 && trained && found.size < most) {
    const events = itemsOf(trained, user)
    const times = gap < Number.POSITIVE_INFINITY ? timesOf(trained, user) : undefined
    for (let at = events.length - 1; at >= 0 && found.size < most; at--) {
      if (times) pass(Number(times[at]))
      add(events[at])
    }
  }
  if (found.size === 0) {
    return { items: history.indices, weights: new Float32Array(history.indices.length).fill(1), running: 0 }
  }
  const items = Uint32Array.from(found)
  const weigh = (_: number, age: number) => recencyDecay ** age * (running === 0 || age < running ? 1 : earlierSessions)
  return { items, weights: Float32Array.from(items, weigh), running: Math.min(running, items.length) }
}
