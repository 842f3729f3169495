import { type Csr, transposed } from '../../../storage/csr.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { ItemList } from '../../algorithm.ts'
import { rowOf } from '../history.ts'

/** Items that a model does not know, each among known ones that are like it. In shared memory, so that all workers have them. */
export interface PlacedItems {
  /** (placed) Their rows, after those of the model; {@link noRow} where one has none. */
  readonly rows: Uint32Array
  /** (placed × items) The known items that each is like, with weights whose sum is 1. */
  readonly similar: Csr
  /** (items × placed) The same by known item. */
  readonly bySimilar: Csr
}

/** Stands for the row of an item that has none. */
export const noRow = 0xffff_ffff

/** Known items and how much an item is like each, above 0. */
export interface SimilarKnownItems {
  readonly items: readonly number[]
  readonly weights: readonly number[]
}

/** Of items that are each like some of `items` known ones: what {@link PlacedItems} has beside their rows. */
export function similaritiesOf(
  alike: readonly SimilarKnownItems[],
  items: number,
): Pick<PlacedItems, 'similar' | 'bySimilar'> {
  const indptr = new BigUint64Array(alike.length + 1)
  alike.forEach((own, place) => {
    indptr[place + 1] = indptr[place]! + BigInt(own.items.length)
  })
  const total = Number(indptr.at(-1))
  const [indices, weights] = [new Uint32Array(total), new Float32Array(total)]
  let at = 0
  for (const own of alike) {
    const sum = own.weights.reduce((all, weight) => all + weight, 0)
    for (const place of [...own.items.keys()].sort((a, b) => own.items[a]! - own.items[b]!)) {
      indices[at] = own.items[place]!
      weights[at++] = own.weights[place]! / sum
    }
  }
  const similar: Csr = { rows: alike.length, columns: items, indptr, indices, weights }
  return { similar: shared(similar), bySimilar: shared(transposed(similar)) }
}

function shared({ rows, columns, indptr, indices, weights }: Csr): Csr {
  const copy = {
    indptr: sharedArray(BigUint64Array, indptr.length),
    indices: sharedArray(Uint32Array, indices.length),
    weights: sharedArray(Float32Array, weights.length),
  }
  copy.indptr.set(indptr)
  copy.indices.set(indices)
  copy.weights.set(weights)
  return { rows, columns, ...copy }
}

/**
 * What placed items score beside those of a list, by their places: the mean of what their neighbours do, by weight, of which those count
 * `floor` that the list does not have. Items without a neighbour above that are left out.
 */
export function placedScores(list: ItemList, floor: number, { bySimilar }: PlacedItems): Map<number, number> {
  const { indptr, indices, weights } = bySimilar
  const scores = new Map<number, number>()
  list.items.forEach((item, at) => {
    const above = list.scores[at]! - floor
    if (item >= bySimilar.rows || !(above > 0)) return
    const end = Number(indptr[item + 1])
    for (let pair = Number(indptr[item]); pair < end; pair++) {
      const place = indices[pair]!
      scores.set(place, (scores.get(place) ?? floor) + weights[pair]! * above)
    }
  })
  return scores
}

/**
 * Copies the vectors of `items` to `rows` (items × width): of known ones those of `vectors` (known × width), of placed ones the means of their
 * neighbours' by weight; others keep what `rows` has.
 */
export function copyVectors(
  items: Uint32Array,
  { data, factors: width }: { readonly data: Float32Array; readonly factors: number },
  placed: PlacedItems | undefined,
  rows: Float32Array,
): void {
  const known = width === 0 ? 0 : data.length / width
  const places = new Map<number, number>()
  if (items.some(item => item >= known))
    for (const [place, row] of (placed?.rows ?? []).entries()) places.set(row, place)
  items.forEach((item, at) => {
    const place = places.get(item)
    if (item < known) rows.set(data.subarray(item * width, (item + 1) * width), at * width)
    if (place === undefined) return
    const { indices, weights } = rowOf(placed!.similar, place)
    indices.forEach((neighbour, pair) => {
      for (let factor = 0; factor < width; factor++) {
        rows[at * width + factor]! += weights[pair]! * data[neighbour * width + factor]!
      }
    })
  })
}

/** What an item scores at the most that is not in `list`, for which `limit` were asked. */
export function floorOf({ scores }: ItemList, limit: number): number {
  const last = scores.at(-1) ?? 0
  return scores.length < limit ? Math.min(0, last) : last
}
