/** Rankings with the items that are boosted or pinned where they are to stand. Pure functions. */
import { joinedLists, listAt, type Ranking } from '../../models/algorithm.ts'
import type { PinnedRow } from './promoted-rows.ts'

/**
 * The items in the order of their places, from 1, divided by their factors; of equal ones that comes first which stood first. Each keeps its
 * score.
 */
export function boosted(ranking: Ranking, factors: ReadonlyMap<number, number>): Ranking {
  const keys = Float64Array.from(ranking.items, (row, at) => (at + 1) / (factors.get(row) ?? 1))
  const places = Array.from(keys.keys()).sort((one, other) => keys[one]! - keys[other]! || one - other)
  return listAt(ranking, places)
}

/**
 * The first `limit` items, where those of `pinned`, the first place first, stand at their places if they are among `found`, which has their scores; of two for
 * one place the second stands behind the first.
 */
export function withPins(
  ranking: Ranking,
  pinned: readonly PinnedRow[],
  found: Omit<Ranking, 'basis'>,
  limit: number,
): Ranking {
  const foundAt = new Map(Array.from(found.items, (row, at) => [row, ranking.items.length + at]))
  const pins = pinned.filter(({ row }) => foundAt.has(row))
  const rows = new Set(pins.map(({ row }) => row))
  const places = [...ranking.items.keys()].filter(at => !rows.has(ranking.items[at]!))
  let next = 0
  for (const { row, place } of pins) {
    next = Math.min(Math.max(place, next), places.length)
    places.splice(next++, 0, foundAt.get(row)!)
  }
  return listAt(joinedLists(ranking, found), places.slice(0, limit))
}
