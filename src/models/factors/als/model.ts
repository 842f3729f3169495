import { native } from '../../../native.ts'
import { concat, pointers, type Row } from '../../../search/item-lists.ts'
import { TopKIndex, topKIndexBytes, topKIndexPieces } from '../../../search/topk.ts'
import { type FactorMatrix, unpaddedPieces } from '../../../storage/factors.ts'
import { valuesIn } from '../../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarMeasure, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import type { TrainedTensor } from '../../artifact/trained-tensor.ts'
import { listsByIndex } from '../../open/index-lists.ts'
import { SimilarItems } from '../../open/similar-items.ts'
import { hasOwnVector, type UserVectorSource, userVectorsOf } from '../user-vectors.ts'
import { alsObjective, alsOptions } from './options.ts'

/**
 * What the artifact holds, all in the eigenbasis of the items' Gramian: `users` (users × factors) and `items` (items ×
 * factors), float32; `spectrum` (factors), float64, the Gramian's diagonal, falling; off it the Gramian is 0; `index`
 * (bytes), uint8, the top-k index of `items`.
 */
export function alsTensors(artifact: Artifact) {
  const { factors } = alsOptions.parse(artifact.manifest.options)
  const { users, items } = artifact.manifest.dataset
  return {
    factors,
    users: artifact.tensor('users', Float32Array, [users, factors]),
    items: artifact.tensor('items', Float32Array, [items, factors]),
    spectrum: spectrumOf(artifact, factors),
    index: artifact.tensor('index', Uint8Array, [topKIndexBytes({ rows: items, rank: factors })]),
  }
}

function spectrumOf(artifact: Artifact, factors: number): Float64Array {
  // Copied: a view would keep the map of all tensors alive.
  const spectrum = valuesIn(artifact.tensor('spectrum', Float64Array, [factors]), 0, factors)
  const fault = spectrum.find(value => !(value >= 0 && value < Number.POSITIVE_INFINITY))
  if (fault === undefined) return spectrum
  throw artifact.damaged('spectrum', `its values must be finite and not below 0, but one is ${fault}`)
}

/** The tensors of a model of these factors: what {@link alsTensors} reads. */
export function alsTrainedTensors(
  users: FactorMatrix,
  items: FactorMatrix,
  spectrum: Float64Array,
): Readonly<Record<'users' | 'items' | 'spectrum' | 'index', TrainedTensor>> {
  const tensorOf = (matrix: FactorMatrix): TrainedTensor => {
    return { dtype: 'F32', shape: [matrix.rows, matrix.rank], pieces: () => unpaddedPieces(matrix) }
  }
  return {
    users: tensorOf(users),
    items: tensorOf(items),
    spectrum: { data: spectrum, shape: [spectrum.length] },
    index: { dtype: 'U8', shape: [topKIndexBytes(items)], pieces: () => topKIndexPieces(items) },
  }
}

export function openAls(artifact: Artifact): Model {
  return new AlsModel(artifact)
}

export function verifyAls(artifact: Artifact): void {
  const { factors, users, items, index } = alsTensors(artifact)
  for (const [name, tensor] of Object.entries({ users, items })) {
    const place = native.firstNotFinite(tensor.operand)
    if (place === null) continue
    const [row, column] = [Math.floor(place / factors), place % factors]
    throw artifact.damaged(name, `row ${row}, column ${column} must be finite, but is not`)
  }
  const fault = TopKIndex.fault({ buffer: index.operand, factors: items.operand, rank: factors })
  if (fault !== undefined) throw artifact.damaged('index', fault)
}

/** Ranks by the inner product of the items' factors with those of the user: folded in from the whole history, or trained. */
class AlsModel implements Model {
  readonly similarBy: readonly SimilarMeasure[]
  readonly #users: UserVectorSource
  readonly #tensors: ReturnType<typeof alsTensors>
  readonly #objective: ReturnType<typeof alsObjective>
  readonly #index: TopKIndex
  readonly #similar: SimilarItems

  constructor(artifact: Artifact) {
    this.#tensors = alsTensors(artifact)
    const options = alsOptions.parse(artifact.manifest.options)
    this.#objective = alsObjective(options)
    const { index, users, items, factors, spectrum } = this.#tensors
    const foldIn = (histories: readonly Row[]) => this.foldIn(histories)
    this.#users = { artifact, users, width: factors, factors, userVectors: options.userVectors, foldIn }
    this.#index = TopKIndex.of({ buffer: index.operand, factors: items.operand, rank: factors })
    // The trace of the Gramian is the sum of the squared norms.
    const meanSquare = () => spectrum.reduce((sum, value) => sum + value, 0) / artifact.manifest.dataset.items
    this.#similar = new SimilarItems(artifact, this.#index, meanSquare, 'neighbours')
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

  /** One exact half-step of ALS each, as if the training's last half-step had seen the history. */
  foldIn(histories: readonly Row[]): Float32Array {
    const { items, factors, spectrum } = this.#tensors
    const lengths = histories.map(({ indices }) => indices.length)
    return native.alsFoldIn({
      entries: {
        indptr: BigUint64Array.from(pointers(lengths), BigInt),
        indices: concat(
          Uint32Array,
          histories.map(({ indices }) => indices),
        ),
        weights: concat(
          Float32Array,
          histories.map(({ weights }) => weights),
        ),
      },
      fixed: items.operand,
      fixedStride: factors,
      spectrum,
      objective: this.#objective,
    })
  }

  vectors(side: 'users' | 'items'): { readonly data: Float32Array; readonly factors: number } {
    return { data: this.#tensors[side].data, factors: this.#tensors.factors }
  }
}
