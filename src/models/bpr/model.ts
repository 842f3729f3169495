import { native } from '../../native.ts'
import { concat, pointers, type Row } from '../../search/item-lists.ts'
import { TopKIndex, topKIndexBytes } from '../../search/topk.ts'
import { type MappedTensor, valuesIn } from '../../storage/safetensors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarRequest } from '../algorithm.ts'
import type { Artifact } from '../artifact.ts'
import { type BprOptions, bprOptions, widthOf } from './options.ts'

/** Stands after the last item of a list that is shorter than its limit. */
const none = 0xffff_ffff

/**
 * What the artifact holds: `users` (users × width) and `items` (items × width), float32, whose inner products are the
 * scores; `index` (bytes), uint8, the top-k index of `items`. Where items have biases, the width is one more than the
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
    index: indexOf('index', width),
    factorIndex: options.biases === 'item' ? indexOf('factorIndex', options.factors) : undefined,
  }
}

type BprTensors = ReturnType<typeof bprTensors>

export function openBpr(artifact: Artifact): Model {
  return new BprModel(bprTensors(artifact))
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

/** Ranks by the inner product of the items' vectors with the user's: the trained one, or one folded in. */
class BprModel implements Model {
  readonly #tensors: BprTensors
  readonly #index: TopKIndex
  readonly #factorIndex: TopKIndex

  constructor(tensors: BprTensors) {
    const { index, factorIndex, width, options } = tensors
    this.#tensors = tensors
    this.#index = TopKIndex.of(partsOf(tensors, index, width))
    this.#factorIndex = factorIndex ? TopKIndex.of(partsOf(tensors, factorIndex, options.factors)) : this.#index
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { width } = this.#tensors
    const vectors = this.#vectorsOf(requests)
    const lists: ItemList[] = []
    for (const group of groupsByFilter(requests)) {
      const limit = Math.max(...group.map(row => requests[row].limit))
      const queries = concat(
        Float32Array,
        group.map(row => vectors.subarray(row * width, (row + 1) * width)),
      )
      const excluded = group.map(row => requests[row].exclude)
      const exclude = {
        indptr: pointers(excluded.map(({ length }) => length)),
        indices: concat(Uint32Array, excluded),
      }
      const found = this.#index.search(queries, { limit, exclude, only: requests[group[0]].only })
      group.forEach((row, at) => {
        lists[row] = listAt(found, at * limit, requests[row].limit)
      })
    }
    return lists
  }

  /** By the cosine of the items' factors, without their biases. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    const limit = Math.max(...requests.map(request => request.limit))
    const found = this.#factorIndex.similar(
      Uint32Array.from(requests, ({ item }) => item),
      { limit },
    )
    return requests.map((request, at) => listAt(found, at * limit, request.limit))
  }

  /** Gradient descent on each user's vector alone, from 0, as the training would: see crates/kernels/src/bpr/fold_in.rs. */
  foldIn(histories: readonly Row[]): Float32Array {
    const { items, width, options } = this.#tensors
    return native.bprFoldIn(
      { items: items.operand, width, ...foldInSteps(options) },
      pointers(histories.map(({ indices }) => indices.length)),
      concat(
        Uint32Array,
        histories.map(({ indices }) => indices),
      ),
    )
  }

  vectors(side: 'users' | 'items'): { readonly data: Float32Array; readonly factors: number } {
    return { data: this.#tensors[side].data, factors: this.#tensors.width }
  }

  /** (requests × width) Trained vectors of users who did nothing since the training; those of others are folded in. */
  #vectorsOf(requests: readonly ResolvedRequest[]): Float32Array {
    const { users, width } = this.#tensors
    const vectors = new Float32Array(requests.length * width)
    const changed: number[] = []
    requests.forEach(({ user, recent }, row) => {
      if (user < 0 || recent.items.length > 0) changed.push(row)
      else vectors.set(valuesIn(users, user * width, (user + 1) * width), row * width)
    })
    if (changed.length === 0) return vectors
    const folded = this.foldIn(changed.map(row => requests[row].history))
    changed.forEach((row, at) => {
      vectors.set(folded.subarray(at * width, (at + 1) * width), row * width)
    })
    return vectors
  }
}

function foldInSteps({ biases, learningRate, regularization, seed }: BprOptions) {
  return { biases: biases === 'item', rate: learningRate, regularization, sweeps: 40, seed }
}

/** Requests for any item are searched for together; each that names its only items, alone. */
function groupsByFilter(requests: readonly ResolvedRequest[]): number[][] {
  const rows = [...requests.keys()]
  const free = rows.filter(row => !requests[row].only)
  return [free, ...rows.filter(row => requests[row].only).map(row => [row])].filter(group => group.length > 0)
}

function listAt(found: ItemList, begin: number, limit: number): ItemList {
  const items = found.items.subarray(begin, begin + limit)
  const end = items.indexOf(none)
  const length = end < 0 ? limit : end
  return { items: items.subarray(0, length), scores: found.scores.subarray(begin, begin + length) }
}
