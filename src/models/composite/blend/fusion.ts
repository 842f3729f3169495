/** One list of several: scores are made comparable first, since those of each model have a scale of their own. */
import { concat } from '../../../search/item-lists.ts'
import type { ItemList } from '../../algorithm.ts'

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
  /** What its items rest on ({@link sourceCode}), where the list does not say. */
  readonly source: number
  /** Whether all that the model has an opinion of is in the list: it is shorter than what was asked for. */
  readonly isWhole: boolean
}

/** k of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009): the score of place r, from 1, is 1 / (k + r). */
const placesBefore = 60

/**
 * The `limit` best items of any of the lists by Σ weight × normalised score, of equal sums the lower item first. An item that a
 * list does not have counts what the last one of it does; where the list is whole, no more than a score of 0. An item rests on what it does in the
 * list that gives it most beyond that, of equal ones the first.
 */
export function fused(lists: readonly ScoredList[], limit: number, fusion: Fusion): ItemList {
  const items = allOf(lists)
  const sums = new Float64Array(items.length)
  const most = new Float64Array(items.length).fill(-1)
  const sources = new Uint8Array(items.length)
  for (const { list, weight, source, isWhole } of lists) {
    const { scores, missing } = normalised(list.scores, isWhole, fusion)
    for (let place = 0; place < sums.length; place++) sums[place]! += weight * missing
    list.items.forEach((item, at) => {
      const place = placeOf(item, items)
      const given = weight * (scores[at]! - missing)
      sums[place]! += given
      if (given <= most[place]!) return
      most[place] = given
      sources[place] = list.sources?.[at] ?? source
    })
  }
  // Rounded first: what is equal in the list is in the order of items.
  const scores = Float32Array.from(sums)
  const first = highestFirst(scores).subarray(0, limit)
  return {
    items: Uint32Array.from(first, place => items[place]!),
    scores: Float32Array.from(first, place => scores[place]!),
    sources: Uint8Array.from(first, place => sources[place]!),
  }
}

/** The items of all lists, ascending, each once. */
function allOf(lists: readonly ScoredList[]): Uint32Array {
  const all = concat(
    Uint32Array,
    lists.map(({ list }) => list.items),
  ).sort()
  return all.filter((item, at) => item !== all[at - 1])
}

/** Where `item` is in `sorted`, which ascends and has it. */
function placeOf(item: number, sorted: Uint32Array): number {
  let [low, high] = [0, sorted.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < item) low = middle + 1
    else high = middle
  }
  return low
}

/** Places of scores, those of the highest first, of equal ones the lower first. There are fewer than 2²¹. */
function highestFirst(scores: Float32Array): Float64Array {
  // One number a score: numbers sort without a comparison in JavaScript. As integers, the bits of numbers above 0 rise with them,
  // and those of others fall. 0 is added since there is a -0.
  const bits = new Uint32Array(scores.map(score => score + 0).buffer)
  const keys = new Float64Array(bits.length)
  for (let place = 0; place < keys.length; place++) {
    const word = bits[place]!
    keys[place] = (word >>> 31 ? word : 0x7fff_ffff - word) * 2 ** 21 + place
  }
  return keys.sort().map(key => key % 2 ** 21)
}

/** Scores of a list in a scale that all share, and that of an item that it does not have. */
function normalised(
  scores: Float32Array,
  isWhole: boolean,
  { normalisation, depth }: Fusion,
): { readonly scores: Float64Array; readonly missing: number } {
  const values = new Float64Array(scores.length)
  if (normalisation === 'rank') {
    return { scores: values.map((_, at) => 1 / (placesBefore + at + 1)), missing: 0 }
  }
  const { offset, scale } = scaleOf(scores.subarray(0, depth), normalisation)
  const last = scores.at(-1) ?? 0
  const missing = isWhole ? Math.min(0, last) : last
  for (let at = 0; at < values.length; at++) values[at] = (scores[at]! - offset) / scale
  return { scores: values, missing: (missing - offset) / scale }
}

function scaleOf(scores: Float32Array, normalisation: 'norm' | 'z-score'): { offset: number; scale: number } {
  const mean = scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length)
  const offset = normalisation === 'norm' ? 0 : mean
  const squares = scores.reduce((sum, score) => sum + (score - offset) ** 2, 0)
  const scale = Math.sqrt(normalisation === 'norm' ? squares : squares / Math.max(1, scores.length))
  return { offset, scale: scale > 0 ? scale : 1 }
}
