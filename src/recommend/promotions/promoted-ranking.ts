/** Rankings with the items that are boosted or pinned where they are to stand. Pure functions. */
import type { ItemList, Ranking } from '../../models/algorithm.ts'
import type { PinnedRow } from './promoted-rows.ts'

/**
 * The items in the order of their places, from 1, divided by their factors; of equal ones that comes first which stood first. Each keeps its
 * score.
 */
export function boosted(ranking: Ranking, factors: ReadonlyMap<number, number>): Ranking {
  const keys = Float64Array.from(ranking.items, (row, at) => (at + 1) / (factors.get(row) ?? 1))
  const places = Array.from(keys.keys()).sort((one, other) => keys[one]! - keys[other]! || one - other)
  return taken(ranking, places)
}

/**
 * The first `limit` items, where those of `pinned`, the first place first, stand at their places if they are among `found`, which has their scores; of two for
 * one place the second stands behind the first.
 */
export function withPins(ranking: Ranking, pinned: readonly PinnedRow[], found: ItemList, limit: number): Ranking {
  const scores = new Map(Array.from(found.items, (row, at) => [row, found.scores[at]!]))
  const pins = pinned.filter(({ row }) => scores.has(row))
  const rows = new Set(pins.map(({ row }) => row))
  const entries = Array.from(ranking.items, (row, at) => ({ row, score: ranking.scores[at]! })).filter(
    ({ row }) => !rows.has(row),
  )
  let next = 0
  for (const { row, place } of pins) {
    next = Math.min(Math.max(place, next), entries.length)
    entries.splice(next++, 0, { row, score: scores.get(row)! })
  }
  const first = entries.slice(0, limit)
  return {
    ...ranking,
    items: Uint32Array.from(first, ({ row }) => row),
    scores: Float32Array.from(first, ({ score }) => score),
  }
}

/** The items of `ranking` at these places. */
export function taken(ranking: Ranking, places: readonly number[]): Ranking {
  return {
    ...ranking,
    items: Uint32Array.from(places, place => ranking.items[place]!),
    scores: Float32Array.from(places, place => ranking.scores[place]!),
  }
}
