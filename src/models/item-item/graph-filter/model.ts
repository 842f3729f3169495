import type { GraphFilter } from '../../../binding.d.ts'
import { native } from '../../../native.ts'
import { concat, pointers, type Row, splitLists } from '../../../search/item-lists.ts'
import { valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { rowOf } from '../../open/history.ts'
import { isWeighted } from '../../weighting/options.ts'
import { type GraphFilterOptions, graphFilterOptions } from './options.ts'
import { responseOf } from './polynomial.ts'

/** Singular vectors of the low-pass: no more than users or items; 0 where there is no low-pass. */
export function factorsOf(options: GraphFilterOptions, { users, items }: { users: number; items: number }): number {
  if (!responseOf(options).lowPass) return 0
  const most = Math.min(users, items)
  const standard = Math.min(256, Math.max(16, Math.floor(most / 16)))
  return Math.min(options.factors ?? standard, most)
}

/**
 * What the artifact holds, float32: `userScales` (users), the diagonal of D_U^-a; `itemScales` (items), that of D_I^-b; where there is a
 * low-pass, `vectors` (items × k), the right singular vectors V of R̃, and `response` (⌈items / 64⌉ × k × 64), the rows of
 * g(P) D_I^b V, 64 items side by side, 0 beyond the last. The pairs are those of the artifact.
 */
export function graphFilterTensors(artifact: Artifact) {
  const { users, items } = artifact.manifest.dataset
  const factors = factorsOf(graphFilterOptions.parse(artifact.manifest.options), { users, items })
  const tile = native.filterTile()
  return {
    factors,
    userScales: artifact.tensor('userScales', Float32Array, [users]),
    itemScales: artifact.tensor('itemScales', Float32Array, [items]),
    ...(factors > 0 && {
      vectors: artifact.tensor('vectors', Float32Array, [items, factors]),
      response: artifact.tensor('response', Float32Array, [Math.ceil(items / tile), factors, tile]),
    }),
  }
}

export function openGraphFilter(artifact: Artifact): Model {
  return new GraphFilterModel(artifact)
}

export function verifyGraphFilter(artifact: Artifact): void {
  const { factors, userScales, itemScales, vectors, response } = graphFilterTensors(artifact)
  for (const [name, tensor] of Object.entries({ userScales, itemScales })) {
    const values = valuesIn(tensor, 0, tensor.shape[0]!)
    const place = values.findIndex(value => !(value >= 0 && value < Number.POSITIVE_INFINITY))
    if (place < 0) continue
    throw artifact.damaged(name, `place ${place} must be finite and not below 0, but is ${values[place]}`)
  }
  if (!vectors || !response) return
  for (const [name, tensor] of Object.entries({ vectors, response })) {
    const place = native.firstNotFinite(tensor.operand)
    if (place === null) continue
    const width = tensor.shape.at(-1)!
    throw artifact.damaged(name, `row ${Math.floor(place / width)}, column ${place % width} must be finite, but is not`)
  }
  const tile = native.filterTile()
  const { items } = artifact.manifest.dataset
  const size = response.shape[0]! * factors * tile
  const rest = valuesIn(response, size - factors * tile, size)
  const beyond = rest.findIndex((value, place) => size / factors - tile + (place % tile) >= items && value !== 0)
  if (beyond >= 0) throw artifact.damaged('response', `beyond the last item it must be 0, but is ${rest[beyond]}`)
}

const nothing = new Float32Array(0)

/** Ranks by the filtered history, of any user alike. */
class GraphFilterModel implements Model {
  /** Where there is a low-pass: its part of the scores is the inner product of these with the vectors of items. */
  readonly foldIn?: (histories: readonly Row[]) => Float32Array
  /** Where there is a low-pass: what it knows of users, and how it answers by items. */
  readonly vectors?: (side: 'users' | 'items') => { readonly data: Float32Array; readonly factors: number }
  readonly #filter: GraphFilter

  constructor(artifact: Artifact) {
    const options = graphFilterOptions.parse(artifact.manifest.options)
    const { factors, userScales, itemScales, vectors, response } = graphFilterTensors(artifact)
    const { history } = artifact
    this.#filter = {
      interactions: history.operand,
      weighted: isWeighted(options),
      userScales: userScales.operand,
      itemScales: itemScales.operand,
      polynomial: Float32Array.from(responseOf(options).linear),
      factors,
      vectors: vectors?.operand ?? nothing,
      response: response?.operand ?? nothing,
    }
    if (!response) return
    const { users, items } = artifact.manifest.dataset
    this.foldIn = histories => this.#folded(histories)
    this.vectors = side => {
      if (side === 'items') return { data: rowsOf(response.data, items, factors), factors }
      const histories = Array.from({ length: users }, (_, user) => rowOf(history, user))
      return { data: this.#folded(histories), factors }
    }
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    return this.#lists(
      requests.map(({ history, limit, exclude, only, allowed }) => ({
        items: history.indices,
        weights: history.weights,
        limit,
        exclude,
        ...(only && { only }),
        ...(allowed && { allowed }),
      })),
    )
  }

  /** The items that a user with this one alone would get. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return this.#lists(
      requests.map(({ item, limit, allowed }) => {
        const items = Uint32Array.of(item)
        return { items, weights: Float32Array.of(1), limit, exclude: items, ...(allowed && { allowed }) }
      }),
    )
  }

  #lists(requests: Parameters<typeof native.rankByFilter>[1]): ItemList[] {
    const { indptr, items, scores } = native.rankByFilter(this.#filter, requests)
    return splitLists(indptr, { items, scores })
  }

  #folded(histories: readonly Row[]): Float32Array {
    const lengths = histories.map(({ indices }) => indices.length)
    const indices = concat(
      Uint32Array,
      histories.map(row => row.indices),
    )
    const weights = concat(
      Float32Array,
      histories.map(row => row.weights),
    )
    return native.filterFoldIn(this.#filter, {
      indptr: BigUint64Array.from(pointers(lengths), BigInt),
      indices,
      weights,
    })
  }
}

/** The rows (items × factors) of a tiled response. */
function rowsOf(tiles: Float32Array, items: number, factors: number): Float32Array {
  const tile = native.filterTile()
  const rows = new Float32Array(items * factors)
  for (let item = 0; item < items; item++) {
    const begin = Math.floor(item / tile) * factors * tile + (item % tile)
    for (let f = 0; f < factors; f++) rows[item * factors + f] = tiles[begin + f * tile]!
  }
  return rows
}
