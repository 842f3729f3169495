import type { SparseMatrix } from '../../../binding.d.ts'
import { native } from '../../../native.ts'
import { concat, pointers, type Row } from '../../../search/item-lists.ts'
import { TopKIndex, topKIndexBytes } from '../../../search/topk.ts'
import { elements, type MappedTensor } from '../../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarMeasure, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { listsByIndex } from '../../open/index-lists.ts'
import { meanSquareOf, SimilarItems } from '../../open/similar-items.ts'
import { momentNames } from './layers.ts'
import { autoencoderOptions, networkWidths } from './options.ts'

/** Items of the highest scores that a refinement counts with beside those of the history: 200 do as well as all. */
const likelyItems = 500

/** Users whose hidden states are asked for at a time. */
const usersInPiece = 1024

export interface AutoencoderTensors {
  readonly factors: number
  readonly networks: number
  readonly refinement: number
  readonly tagCount: number
  readonly inputs: MappedTensor<Float32Array>
  readonly items: MappedTensor<Float32Array>
  readonly tags: MappedTensor<Float32Array> | undefined
  readonly biases: MappedTensor<Float32Array>
  readonly index: MappedTensor<Uint8Array>
  readonly factorIndex: MappedTensor<Uint8Array>
  readonly moments: MappedTensor<Float32Array>[] | undefined
}

/**
 * What the artifact holds: `inputs` ((items + tags + 1) × factors), float32, the input vectors of items, of tags, and the bias of the
 * hidden layer; `items` (items × (factors + 1)) and `tags` (tags × (factors + 1)), float32, the output vectors, each followed by its
 * bias; the latter only where there are tags. Vectors are those of the networks one after the other, biases the means of theirs, which
 * `biases` ((items + tags) × networks), float32, has apart. `index` and `factorIndex` (bytes), uint8, are the top-k indices of `items`
 * with their biases, by which lists are ranked, and without them, for cosines. A model that is not complete has what its training goes
 * on from: {@link momentNames} (rows × (factors + networks)), each network's with its bias last, which is 0 of inputs.
 */
export function autoencoderTensors(artifact: Artifact): AutoencoderTensors {
  const options = autoencoderOptions.parse(artifact.manifest.options)
  const { factors, refinement } = options
  const networks = networkWidths(options).length
  const { items } = artifact.manifest.dataset
  const inputs = artifact.tensor('inputs', Float32Array)
  const tags = Math.max(0, elements(inputs.shape) / factors - items - 1)
  const matrix = (name: string, rows: number, columns: number) => artifact.tensor(name, Float32Array, [rows, columns])
  const indexOf = (name: string, rank: number) =>
    artifact.tensor(name, Uint8Array, [topKIndexBytes({ rows: items, rank })])
  return {
    factors,
    networks,
    refinement,
    tagCount: tags,
    inputs: matrix('inputs', items + tags + 1, factors),
    items: matrix('items', items, factors + 1),
    tags: tags > 0 ? matrix('tags', tags, factors + 1) : undefined,
    biases: matrix('biases', items + tags, networks),
    index: indexOf('index', factors + 1),
    factorIndex: indexOf('factorIndex', factors),
    moments: artifact.manifest.complete
      ? undefined
      : momentNames.map(name => matrix(name, items + tags + (name.startsWith('inputs') ? 1 : 0), factors + networks)),
  }
}

export function openAutoencoder(artifact: Artifact): AutoencoderModel {
  return new AutoencoderModel(artifact, autoencoderTensors(artifact))
}

export function verifyAutoencoder(artifact: Artifact): void {
  const tensors = autoencoderTensors(artifact)
  const { factors, networks, inputs, items, tags, biases, moments = [] } = tensors
  const all = [
    ['inputs', inputs, factors] as const,
    ['items', items, factors + 1] as const,
    ...(tags ? [['tags', tags, factors + 1] as const] : []),
    ['biases', biases, networks] as const,
    ...momentNames.flatMap((name, at) => (moments[at] ? [[name, moments[at], factors + networks] as const] : [])),
  ]
  for (const [name, tensor, width] of all) {
    const place = native.firstNotFinite(tensor.operand)
    if (place === null) continue
    const [row, column] = [Math.floor(place / width), place % width]
    throw artifact.damaged(name, `row ${row}, column ${column} must be finite, but is not`)
  }
  for (const [name, rank] of [
    ['index', factors + 1],
    ['factorIndex', factors],
  ] as const) {
    const fault = TopKIndex.fault(indexParts(tensors, name, rank))
    if (fault !== undefined) throw artifact.damaged(name, fault)
  }
}

function indexParts(tensors: AutoencoderTensors, name: 'index' | 'factorIndex', rank: number) {
  const { items, factors } = tensors
  return { buffer: tensors[name].operand, factors: items.operand, rank, stride: factors + 1 }
}

/** What is known of a user or playlist: its items and its tags, by their rows, each ascending. */
export interface TaggedHistory {
  readonly items: Row
  readonly tags: Row
}

/** Ranks by the scores of the output layer: the inner product of an item's vector with the hidden state of the history, and its bias. */
export class AutoencoderModel implements Model {
  readonly similarBy: readonly SimilarMeasure[]
  readonly #artifact: Artifact
  readonly #tensors: AutoencoderTensors
  readonly #index: TopKIndex
  readonly #similar: SimilarItems

  constructor(artifact: Artifact, tensors: AutoencoderTensors) {
    const { factors, items } = tensors
    this.#artifact = artifact
    this.#tensors = tensors
    this.#index = TopKIndex.of(indexParts(tensors, 'index', factors + 1))
    const vectors = TopKIndex.of(indexParts(tensors, 'factorIndex', factors))
    this.#similar = new SimilarItems(artifact, vectors, () => meanSquareOf(items.data, factors, factors + 1), 'cosine')
    this.similarBy = this.#similar.by
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    return this.rankBy(requests, this.foldIn(requests.map(({ history }) => history)))
  }

  /** Lists by given hidden states (requests × factors), in place of those of the requests' histories. */
  rankBy(requests: readonly ResolvedRequest[], hidden: Float32Array): ItemList[] {
    return listsByIndex(this.#index, requests, this.#queriesOf(hidden))
  }

  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return this.#similar.similar(requests)
  }

  /** Hidden states, refined. */
  foldIn(histories: readonly Row[]): Float32Array {
    const matrix = matrixOf(histories)
    return this.#refine(matrix, this.#encode(matrix))
  }

  /** Hidden states (histories × factors) of histories with tags; zeros where one has neither items nor tags. */
  foldInTagged(histories: readonly TaggedHistory[]): Float32Array {
    const items = this.#artifact.manifest.dataset.items
    const both = histories.map(({ items: own, tags }) => ({
      indices: concat(Uint32Array, [own.indices, tags.indices.map(tag => items + tag)]),
      weights: concat(Float32Array, [own.weights, tags.weights]),
    }))
    return this.#refine(matrixOf(histories.map(history => history.items)), this.#encode(matrixOf(both)))
  }

  /** (histories × tags) Scores of all tags by hidden states: of one history they are comparable. */
  tagScores(hidden: Float32Array): Float32Array {
    const { factors, tags, tagCount } = this.#tensors
    const count = hidden.length / factors
    const scores = new Float32Array(count * tagCount)
    const data = tags?.data ?? new Float32Array(0)
    for (let row = 0; row < count; row++) {
      for (let tag = 0; tag < tagCount; tag++) {
        const begin = tag * (factors + 1)
        let score = data[begin + factors]!
        for (let k = 0; k < factors; k++) score += hidden[row * factors + k]! * data[begin + k]!
        scores[row * tagCount + tag] = score
      }
    }
    return scores
  }

  /** Of items and tags the output vectors without their biases; of users the hidden states of their items. One space, for cosines. */
  vectors(side: 'users' | 'items' | 'tags'): { readonly data: Float32Array; readonly factors: number } {
    const { factors, items, tags } = this.#tensors
    if (side === 'users') return { data: this.#ofUsers(), factors }
    const from = (side === 'items' ? items : tags)?.data ?? new Float32Array(0)
    const rows = from.length / (factors + 1)
    const data = new Float32Array(rows * factors)
    for (let row = 0; row < rows; row++) {
      data.set(from.subarray(row * (factors + 1), row * (factors + 1) + factors), row * factors)
    }
    return { data, factors }
  }

  tagVectors(): { readonly data: Float32Array; readonly factors: number } {
    return this.vectors('tags')
  }

  #ofUsers(): Float32Array {
    const { history } = this.#artifact
    const { factors } = this.#tensors
    const data = new Float32Array(history.rows * factors)
    for (let first = 0; first < history.rows; first += usersInPiece) {
      const count = Math.min(usersInPiece, history.rows - first)
      data.set(this.foldIn(Array.from({ length: count }, (_, at) => history.row(first + at))), first * factors)
    }
    return data
  }

  /** Hidden states divided by the number of networks, so that scores are the means of theirs. */
  #encode(histories: SparseMatrix): Float32Array {
    const { inputs, factors, networks } = this.#tensors
    const hidden = native.autoencoderEncode(inputs.operand, factors, this.#artifact.manifest.dataset.items, histories)
    return networks === 1 ? hidden : hidden.map(value => value / networks)
  }

  #refine(histories: SparseMatrix, hidden: Float32Array): Float32Array {
    const { factors, networks, items, refinement } = this.#tensors
    if (refinement === 0 || hidden.length === 0) return hidden
    const { items: found } = this.#index.search(this.#queriesOf(hidden), { limit: likelyItems })
    return native.autoencoderRefine(items.operand, factors, refinement / networks, histories, found, hidden)
  }

  /** The hidden states each with a 1 for the bias of an item. */
  #queriesOf(hidden: Float32Array): Float32Array {
    const { factors } = this.#tensors
    const count = hidden.length / factors
    const queries = new Float32Array(count * (factors + 1)).fill(1)
    for (let row = 0; row < count; row++) {
      queries.set(hidden.subarray(row * factors, (row + 1) * factors), row * (factors + 1))
    }
    return queries
  }
}

function matrixOf(rows: readonly Row[]): SparseMatrix {
  return {
    indptr: BigUint64Array.from(pointers(rows.map(({ indices }) => indices.length)), BigInt),
    indices: concat(
      Uint32Array,
      rows.map(({ indices }) => indices),
    ),
    weights: concat(
      Float32Array,
      rows.map(({ weights }) => weights),
    ),
  }
}
