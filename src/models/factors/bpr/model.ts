import { native } from '../../../native.ts'
import { concat, pointers, type Row } from '../../../search/item-lists.ts'
import { TopKIndex, topKIndexBytes } from '../../../search/topk.ts'
import { elements, type MappedTensor, valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarMeasure, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { listsByIndex } from '../../open/index-lists.ts'
import { meanSquareOf, SimilarItems } from '../../open/similar-items.ts'
import { hasOwnVector, type UserVectorSource, userVectorsOf } from '../user-vectors.ts'
import { bprOptions, widthOf } from './options.ts'

/**
 * α₀ and λ of fold-ins. NDCG@20 on a fifth of the pairs held out, of every fourth user, whom the items' training (50 epochs, k = 64) did
 * not have, folded in from the other pairs; beside it the same users trained with the others:
 *
 * | vectors | MovieLens 100K | hetrec-lastfm | citeulike-a |
 * | --- | --- | --- | --- |
 * | trained | .411 | .216 | .119 |
 * | gradient descent, 10 sweeps, 256 negatives | .409 | .204 | |
 * | gradient descent, 30 sweeps, a fresh negative each | | .220 | |
 * | α₀ = .003, λ = 300 | .402 | .222 | .146 |
 * | α₀ = .003, λ = 1000 | .415 | .213 | .142 |
 * | α₀ = .03, λ = 100 | .361 | .227 | |
 * | α₀ = .03, λ = 300 | .397 | .231 | .164 |
 * | α₀ = .03, λ = 1000 | .416 | .235 | |
 * | α₀ = .1, λ = 1000 | .408 | .232 | |
 *
 * Trained vectors are the sums of a few dozen steps against single negatives; the regression is against all items at once. So users
 * whom the training knew are folded in, too, unless `userVectors` is `trained`.
 */
const unobservedWeight = 0.03
const foldInRegularization = 1000

/**
 * What the artifact holds: `users` (users × width) and `items` (items × width), float32, whose inner products are the
 * scores; `gramian` (width × width), float64, YᵀY of the items' rows Y; `index` (bytes), uint8, the top-k index of `items`. Where items have biases, the width is one more than the
 * factors: the last value of an item is its bias, that of a user 1; `factorIndex`, uint8, is the top-k index of the items without
 * their biases, by which similar items are found.
 */
export function bprTensors(artifact: Artifact) {
  const options = bprOptions.parse(artifact.manifest.options)
  const width = widthOf(options)
  const { users, items } = artifact.manifest.dataset
  const indexOf = (name: string, rank: number) =>
    artifact.tensor(name, Uint8Array, [topKIndexBytes({ rows: items, rank })])
  return {
    options,
    width,
    users: artifact.tensor('users', Float32Array, [users, width]),
    items: artifact.tensor('items', Float32Array, [items, width]),
    gramian: artifact.tensor('gramian', Float64Array, [width, width]),
    index: indexOf('index', width),
    factorIndex: options.biases === 'item' ? indexOf('factorIndex', options.factors) : undefined,
  }
}

type BprTensors = ReturnType<typeof bprTensors>

export function openBpr(artifact: Artifact): Model {
  return new BprModel(artifact, bprTensors(artifact))
}

export function verifyBpr(artifact: Artifact): void {
  const tensors = bprTensors(artifact)
  const { width, users, items } = tensors
  for (const [name, tensor] of Object.entries({ users, items })) {
    const place = native.firstNotFinite(tensor.operand)
    if (place === null) continue
    const [row, column] = [Math.floor(place / width), place % width]
    throw artifact.damaged(name, `row ${row}, column ${column} must be finite, but is not`)
  }
  if (!native.isPositiveDefinite(unobservedOf(tensors), width)) {
    throw artifact.damaged('gramian', 'it must be the Gramian of the items, but it is none')
  }
  const { index, factorIndex } = tensors
  for (const [name, parts] of Object.entries({
    index: partsOf(tensors, index, width),
    ...(factorIndex && { factorIndex: partsOf(tensors, factorIndex, tensors.options.factors) }),
  })) {
    const fault = TopKIndex.fault(parts)
    if (fault !== undefined) throw artifact.damaged(name, fault)
  }
}

function partsOf({ items, width }: BprTensors, index: MappedTensor<Uint8Array>, rank: number) {
  return { buffer: index.operand, factors: items.operand, rank, stride: width }
}

/** Ranks by the inner product of the items' vectors with the user's: one folded in from the whole history, or the trained one. */
class BprModel implements Model {
  readonly similarBy: readonly SimilarMeasure[]
  readonly #users: UserVectorSource
  readonly #tensors: BprTensors
  readonly #index: TopKIndex
  readonly #similar: SimilarItems
  readonly #unobserved: Float64Array

  constructor(artifact: Artifact, tensors: BprTensors) {
    const { index, factorIndex, users, items, width, options } = tensors
    const { factors, userVectors } = options
    this.#tensors = tensors
    this.#users = { artifact, users, width, factors, userVectors, foldIn: histories => this.foldIn(histories) }
    this.#unobserved = unobservedOf(tensors)
    this.#index = TopKIndex.of(partsOf(tensors, index, width))
    // By the items' factors, without their biases.
    const vectors = factorIndex ? TopKIndex.of(partsOf(tensors, factorIndex, factors)) : this.#index
    this.#similar = new SimilarItems(artifact, vectors, () => meanSquareOf(items.data, factors, width), 'neighbours')
    this.similarBy = this.#similar.by
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    return listsByIndex(this.#index, requests, userVectorsOf(requests, this.#users))
  }

  knows(user: number): boolean {
    return hasOwnVector(this.#users, user)
  }

  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return this.#similar.similar(requests)
  }

  /** Ridge regression of each history on the items: see crates/kernels/src/bpr/fold_in.rs. */
  foldIn(histories: readonly Row[]): Float32Array {
    const { items, width } = this.#tensors
    return native.bprFoldIn(
      { items: items.operand, width, unobserved: this.#unobserved },
      pointers(histories.map(({ indices }) => indices.length)),
      concat(
        Uint32Array,
        histories.map(({ indices }) => indices),
      ),
      concat(
        Float32Array,
        histories.map(({ weights }) => weights),
      ),
    )
  }

  vectors(side: 'users' | 'items'): { readonly data: Float32Array; readonly factors: number } {
    return { data: this.#tensors[side].data, factors: this.#tensors.width }
  }
}

/**
 * α₀ YᵀY + λ I, the part of the equations of a fold-in that no history changes; λ in units of the mean square of a value of Y, so
 * that the scale of the items does not matter.
 */
function unobservedOf({ gramian, items, width }: BprTensors): Float64Array {
  // Copied: a view would keep the map of all tensors alive.
  const unobserved = valuesIn(gramian, 0, width * width)
  let trace = 0
  for (let at = 0; at < unobserved.length; at += width + 1) trace += unobserved[at]
  const lambda = (foldInRegularization * trace) / elements(items.shape)
  for (let at = 0; at < unobserved.length; at++) unobserved[at] *= unobservedWeight
  // Where all factors are 0, too, there is a solution.
  for (let at = 0; at < unobserved.length; at += width + 1) unobserved[at] += Math.max(lambda, 1e-30)
  return unobserved
}
