/** What a ranker is asked for a judged user: what the server would be asked. */
import { noEvents, type RankRequest, type UserEvents } from '../models/algorithm.ts'
import { type Sequences, sequenceOf } from '../storage/sequences.ts'
import type { NextItems } from './next/next-items.ts'
import type { HeldOut } from './splits/held-out.ts'

const nothing = new Uint32Array(0)

/** A request for judged user `at`, with what is given of the user as recent events. */
export function requestOf(
  { users, rows, seen, given }: HeldOut,
  at: number,
  { limit, only }: Pick<RankRequest, 'limit' | 'only'>,
): RankRequest {
  return { user: users[at], recent: given ? recentOf(given, rows[at]) : noEvents, seen, limit, exclude: nothing, only }
}

/** A request for the list that the user of judged event `at` gets just before it. */
export function requestOfNext(
  { users, times, begins, ends, known, seen }: NextItems,
  at: number,
  limit: number,
): RankRequest {
  const [begin, end] = [begins[at], ends[at]]
  const recent: UserEvents = {
    items: known.items.subarray(begin, end),
    weights: known.weights.subarray(begin, end),
    times: known.times.subarray(begin, end),
  }
  return { user: users[at], recent, now: times[at], seen, limit, exclude: nothing, only: undefined }
}

function recentOf(given: Sequences, row: number): UserEvents {
  const { items, times, weights } = sequenceOf(given, row)
  return {
    items,
    weights: weights ?? new Float32Array(items.length).fill(1),
    times: Float64Array.from({ length: times.length }, (_, event) => Number(times[event])),
  }
}

/** Users ranked in one go: enough to keep all workers busy. */
const mostUsers = 4096
const leastUsers = 32

/** Places of all lists of one go: 8 bytes each on either side of the workers' messages, some 128 MiB. */
const mostPlaces = 2 ** 23

/** Users to rank in one go where the list of each has so many places. */
export function usersAtOnce(places: number): number {
  return Math.min(mostUsers, Math.max(leastUsers, Math.floor(mostPlaces / places)))
}
