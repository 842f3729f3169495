/** One list of several: scores are made comparable first, since those of each model have a scale of their own. */
import type { ItemList } from '../algorithm.ts'

export const normalisations = ['norm', 'z-score', 'rank'] as const
export type Normalisation = (typeof normalisations)[number]

export interface Fusion {
  readonly normalisation: Normalisation
  /** Items of each list that say what its scores are divided by. */
  readonly depth: number
}

/** The list of one model for a request. */
export interface ScoredList {
  readonly list: ItemList
  /** Above 0. */
  readonly weight: number
  /** Whether all that the model has an opinion of is in the list: it is shorter than what was asked for. */
  readonly isWhole: boolean
}

/** k of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009): the score of place r, from 1, is 1 / (k + r). */
const placesBefore = 60

/**
 * The `limit` best items of any of the lists by Σ weight × normalised score, of equal sums the lower item first. An item that a
 * list does not have counts what the last one of it does; where the list is whole, no more than a score of 0.
 */
export function fused(lists: readonly ScoredList[], limit: number, fusion: Fusion): ItemList {
  const places = new Map<number, number>()
  for (const { list } of lists) for (const item of list.items) if (!places.has(item)) places.set(item, places.size)
  const sums = new Float64Array(places.size)
  for (const { list, weight, isWhole } of lists) {
    const { scores, missing } = normalised(list.scores, isWhole, fusion)
    for (let place = 0; place < sums.length; place++) sums[place]! += weight * missing
    list.items.forEach((item, at) => {
      sums[places.get(item)!]! += weight * (scores[at]! - missing)
    })
  }
  const items = Uint32Array.from(places.keys())
  // Rounded first: what is equal in the list is in the order of items.
  const scores = Float32Array.from(sums)
  const order = Uint32Array.from(items.keys()).sort((a, b) => scores[b]! - scores[a]! || items[a]! - items[b]!)
  const first = order.subarray(0, limit)
  return { items: first.map(at => items[at]!), scores: Float32Array.from(first, at => scores[at]!) }
}

/** Scores of a list in a scale that all share, and that of an item that it does not have. */
function normalised(
  scores: Float32Array,
  isWhole: boolean,
  { normalisation, depth }: Fusion,
): { readonly scores: Float64Array; readonly missing: number } {
  if (normalisation === 'rank') {
    return { scores: Float64Array.from(scores, (_, at) => 1 / (placesBefore + at + 1)), missing: 0 }
  }
  const { offset, scale } = scaleOf(scores.subarray(0, depth), normalisation)
  const last = scores.at(-1) ?? 0
  const missing = isWhole ? Math.min(0, last) : last
  return { scores: Float64Array.from(scores, score => (score - offset) / scale), missing: (missing - offset) / scale }
}

function scaleOf(scores: Float32Array, normalisation: 'norm' | 'z-score'): { offset: number; scale: number } {
  const mean = scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length)
  const offset = normalisation === 'norm' ? 0 : mean
  const squares = scores.reduce((sum, score) => sum + (score - offset) ** 2, 0)
  const scale = Math.sqrt(normalisation === 'norm' ? squares : squares / Math.max(1, scores.length))
  return { offset, scale: scale > 0 ? scale : 1 }
}
