/** Rankings with the items that are boosted or pinned where they are to stand. Pure functions. */
import type { Ranking } from '../../models/algorithm.ts'
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
export function withPins(
  ranking: Ranking,
  pinned: readonly PinnedRow[],
  found: Omit<Ranking, 'basis'>,
  limit: number,
): Ranking {
  const places = new Map(Array.from(found.items, (row, at) => [row, at]))
  const pins = pinned.filter(({ row }) => places.has(row))
  const rows = new Set(pins.map(({ row }) => row))
  const entries = entriesOf(ranking).filter(({ row }) => !rows.has(row))
  const others = entriesOf(found)
  let next = 0
  for (const { row, place } of pins) {
    next = Math.min(Math.max(place, next), entries.length)
    entries.splice(next++, 0, others[places.get(row)!]!)
  }
  return rankingOf(ranking, entries.slice(0, limit))
}

/** The items of `ranking` at these places. */
export function taken(ranking: Ranking, places: readonly number[]): Ranking {
  const entries = entriesOf(ranking)
  return rankingOf(
    ranking,
    places.map(place => entries[place]!),
  )
}

interface Entry {
  readonly row: number
  readonly score: number
  readonly source: number
}

function entriesOf({ items, scores, sources }: Omit<Ranking, 'basis'>): Entry[] {
  return Array.from(items, (row, at) => ({ row, score: scores[at]!, source: sources[at]! }))
}

/** `ranking` with other items. */
function rankingOf(ranking: Ranking, entries: readonly Entry[]): Ranking {
  return {
    ...ranking,
    items: Uint32Array.from(entries, ({ row }) => row),
    scores: Float32Array.from(entries, ({ score }) => score),
    sources: Uint8Array.from(entries, ({ source }) => source),
  }
}
