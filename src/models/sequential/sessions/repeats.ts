import { valuesIn } from '../../../storage/safetensors.ts'
import type { Sequences } from '../../../storage/sequences.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import type { RecentItems } from './recent-items.ts'
import { millisecondsInHour } from './sessions.ts'

/** Habits change: events count half after this share of the time that the data is of (.05 and .1 came to the same on Diginetica's test file), */
const halfLifeShare = 0.1
/** or later, so that as many as these count. */
const leastEvents = 20_000

/**
 * How often the next event of a user is of an item that the user had before, by how long ago: of the distinct items of a user, newest
 * first, the share of the events that were of the one at place k. (2 × `most`): where its last event was in the running session, then
 * where it was before. The later events are, the more they count. Events that do not weigh more than 0 are left out. O(events × `most`).
 *
 * @param gap hours without an event that end a session; 0: none do.
 */
export function repeatShares(
  { rows, indptr, items, times, weights }: Sequences,
  gap: number,
  most: number,
): Float32Array {
  const longest = gap > 0 ? gap * millisecondsInHour : Number.POSITIVE_INFINITY
  const repeats = new Float64Array(2 * most)
  const chances = new Float64Array(2 * most)
  const recent = new Uint32Array(most)
  const countOf = byAge(times)
  for (let row = 0, at = Number(indptr[0]); row < rows; row++) {
    let [size, running, last] = [0, 0, Number.NEGATIVE_INFINITY]
    for (const end = Number(indptr[row + 1]); at < end; at++) {
      if (weights && !(weights[at] > 0)) continue
      const time = Number(times[at])
      if (time - last >= longest) running = 0
      last = time
      const count = countOf(time)
      for (let place = 0; place < size; place++) chances[place < running ? place : most + place] += count
      let place = recent.subarray(0, size).indexOf(items[at])
      const isOfSession = place >= 0 && place < running
      if (place >= 0) repeats[isOfSession ? place : most + place] += count
      else place = size < most ? size++ : most - 1
      recent.copyWithin(1, 0, place)
      recent[0] = items[at]
      if (!isOfSession) running = Math.min(most, running + 1)
    }
  }
  return Float32Array.from(repeats, (count, place) => (chances[place] > 0 ? count / chances[place] : 0))
}

/** What an event at a time counts: 1 for the newest. */
function byAge(times: BigInt64Array): (time: number) => number {
  let [oldest, newest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const time of times) {
    oldest = Math.min(oldest, Number(time))
    newest = Math.max(newest, Number(time))
  }
  const halfLife = (newest - oldest) * Math.max(halfLifeShare, (leastEvents * Math.LN2) / times.length)
  return halfLife > 0 ? time => 2 ** ((time - newest) / halfLife) : () => 1
}

/** The tensor `repeats` of a model that keeps the shares of so many items. */
export function repeatsIn(artifact: Artifact, most: number): Float32Array {
  return valuesIn(artifact.tensor('repeats', Float32Array, [2 * most]), 0, 2 * most)
}

/** @throws what {@link Artifact.damaged} gives where a share is none. */
export function verifyRepeats(artifact: Artifact, most: number): void {
  const repeats = repeatsIn(artifact, most)
  const place = repeats.findIndex(share => !(share >= 0 && share <= 1))
  if (place >= 0) throw artifact.damaged('repeats', `place ${place} must be from 0 to 1, but is ${repeats[place]}`)
}

/** What other items score in sum, at the least. */
const leastLeft = 0.01

/**
 * A mixture of probabilities: `own`, that an item comes again, by how long ago it came; and else what follows from the items by their
 * weights, which are what is left to 1 in sum. Items that lists exclude may be among them: these take from the others alike.
 *
 * @param repeats from {@link repeatShares}.
 * @param sums what all that follows each of the items scores in sum. Default: 1.
 */
export function withRepeats({ items, weights, running }: RecentItems, repeats: Float32Array, sums?: Float32Array) {
  const most = repeats.length / 2
  const own = Float32Array.from(items, (_, age) => repeats[age < running ? age : most + age] ?? 0)
  const sum = weights.reduce((all, weight, at) => all + weight * (sums?.[at] ?? 1), 0)
  const left = Math.max(leastLeft, 1 - own.reduce((all, share) => all + share, 0))
  return { items, weights: weights.map(weight => (sum > 0 ? (weight / sum) * left : 0)), own }
}
