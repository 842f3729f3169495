import { native } from '../../../native.ts'
import type { Row } from '../../../search/item-lists.ts'
import { concat } from '../../../search/item-lists.ts'
import { TopKIndex, topKIndexBytes, topKIndexPieces } from '../../../search/topk.ts'
import { sequenceEnd } from '../../../skip-gram/corpus.ts'
import type { SkipGramTrainer } from '../../../skip-gram/trainer.ts'
import type { FactorMatrix } from '../../../storage/factors.ts'
import type { ItemList, Model, ResolvedRequest, SimilarMeasure, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import type { TrainedTensor } from '../../artifact/trained-tensor.ts'
import { rowOf as pairsOf } from '../../open/history.ts'
import { listsByIndex } from '../../open/index-lists.ts'
import { meanSquareOf, SimilarItems } from '../../open/similar-items.ts'
import { type RecentItems, recentItems } from '../../sequential/sessions/recent-items.ts'
import { type Word2vecOptions, word2vecOptions } from './options.ts'
import type { ItemCorpus } from './sessions.ts'

/**
 * What the artifact holds: `items` (items × factors), float32, the input vectors; `outputs` (items × (factors + 1)), float32,
 * the output vectors, each followed by the logarithm of the item's count; items of which nothing was learned have zeros in
 * both. `index` and `outputIndex` (bytes), uint8, are their top-k indices, the second one only where it ranks.
 */
export function word2vecTensors(artifact: Artifact) {
  const { factors, ranking } = word2vecOptions.parse(artifact.manifest.options)
  const { items } = artifact.manifest.dataset
  const index = (name: string, rank: number) =>
    artifact.tensor(name, Uint8Array, [topKIndexBytes({ rows: items, rank })])
  return {
    factors,
    items: artifact.tensor('items', Float32Array, [items, factors]),
    outputs: artifact.tensor('outputs', Float32Array, [items, factors + 1]),
    index: index('index', factors),
    outputIndex: ranking === 'outputs' ? index('outputIndex', factors + 1) : undefined,
  }
}

/** The tensors of a training: what {@link word2vecTensors} reads. */
export function word2vecTrainedTensors(
  { inputs, outputs }: Pick<SkipGramTrainer, 'inputs' | 'outputs'>,
  { rowOf, vocabulary }: ItemCorpus,
  { ranking }: Word2vecOptions,
): Readonly<Record<string, TrainedTensor>> {
  const items = byItem(inputs, rowOf, inputs.rank)
  const targets = byItem(outputs, rowOf, outputs.rank + 1)
  rowOf.forEach((row, item) => {
    if (row !== sequenceEnd) targets.data[item * targets.stride + outputs.rank] = Math.log(vocabulary.counts[row]!)
  })
  const index = (matrix: FactorMatrix): TrainedTensor => {
    return { dtype: 'U8', shape: [topKIndexBytes(matrix)], pieces: () => topKIndexPieces(matrix) }
  }
  return {
    items: { data: items.data, shape: [items.rows, items.rank] },
    outputs: { data: targets.data, shape: [targets.rows, targets.rank] },
    index: index(items),
    ...(ranking === 'outputs' && { outputIndex: index(targets) }),
  }
}

/** The vectors in the order of the items, without padding in rows of `width`; zeros for items without. */
function byItem({ rank, stride, data }: FactorMatrix, rowOf: Uint32Array, width: number): FactorMatrix {
  const all = new Float32Array(rowOf.length * width)
  rowOf.forEach((row, item) => {
    if (row !== sequenceEnd) all.set(data.subarray(row * stride, row * stride + rank), item * width)
  })
  return { rows: rowOf.length, rank: width, stride: width, data: all }
}

export function openWord2vec(artifact: Artifact): Model {
  return new Word2vecModel(artifact)
}

export function verifyWord2vec(artifact: Artifact): void {
  const { factors, items, outputs, index, outputIndex } = word2vecTensors(artifact)
  for (const [name, tensor, rank] of [
    ['items', items, factors],
    ['outputs', outputs, factors + 1],
  ] as const) {
    const place = native.firstNotFinite(tensor.operand)
    if (place === null) continue
    const [row, column] = [Math.floor(place / rank), place % rank]
    throw artifact.damaged(name, `row ${row}, column ${column} must be finite, but is not`)
  }
  const fault = TopKIndex.fault({ buffer: index.operand, factors: items.operand, rank: factors })
  if (fault !== undefined) throw artifact.damaged('index', fault)
  if (!outputIndex) return
  const outputFault = TopKIndex.fault({ buffer: outputIndex.operand, factors: outputs.operand, rank: factors + 1 })
  if (outputFault !== undefined) throw artifact.damaged('outputIndex', outputFault)
}

/** Ranks by the mean vector of the items that the user had last, those that came later weighing more. */
class Word2vecModel implements Model {
  readonly #artifact: Artifact
  readonly #options: Word2vecOptions
  readonly #tensors: ReturnType<typeof word2vecTensors>
  readonly similarBy: readonly SimilarMeasure[]
  readonly #similar: SimilarItems
  readonly #targets: TopKIndex
  #unknown: Uint32Array | undefined

  constructor(artifact: Artifact) {
    this.#artifact = artifact
    this.#options = word2vecOptions.parse(artifact.manifest.options)
    this.#tensors = word2vecTensors(artifact)
    const { factors, items, outputs, index, outputIndex } = this.#tensors
    const inputs = TopKIndex.of({ buffer: index.operand, factors: items.operand, rank: factors })
    this.#similar = new SimilarItems(artifact, inputs, () => meanSquareOf(items.data, factors), 'cosine')
    this.similarBy = this.#similar.by
    this.#targets = outputIndex
      ? TopKIndex.of({ buffer: outputIndex.operand, factors: outputs.operand, rank: factors + 1 })
      : inputs
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { events } = this.#artifact
    const means = this.#means(requests.map(request => recentItems(request, events, this.#options)))
    const { rank: width } = this.#targets
    const { ranking, popularityWeight } = this.#options
    const queries = new Float32Array(requests.length * width)
    means.forEach((mean, at) => {
      queries.set(mean, at * width)
      if (ranking === 'outputs') queries[(at + 1) * width - 1] = popularityWeight
    })
    const measure = ranking === 'outputs' ? 'product' : 'cosine'
    this.#unknown ??= zeroRows(this.#tensors.items.data, this.#tensors.factors)
    const unknown = this.#unknown
    const known = requests.map(request => ({ ...request, exclude: union(request.exclude, unknown) }))
    return listsByIndex(this.#targets, known, queries, measure)
  }

  /** By the items' input vectors, or the users that they share. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return this.#similar.similar(requests).map(withoutUnknown)
  }

  /** The means of the items' vectors: histories have no order. */
  foldIn(histories: readonly Row[]): Float32Array {
    const recent = histories.map(({ indices }) => ({
      items: indices,
      weights: new Float32Array(indices.length).fill(1),
    }))
    return concat(Float32Array, this.#means(recent))
  }

  /** Items have their input vectors; a user, the mean of those that came last, as to rank. */
  vectors(side: 'users' | 'items'): { readonly data: Float32Array; readonly factors: number } {
    const { factors, items } = this.#tensors
    if (side === 'items') return { data: items.data, factors }
    const { history, events } = this.#artifact
    const nothing = new Uint32Array(0)
    const recent = { items: nothing, weights: new Float32Array(0), times: new Float64Array(0) }
    const data = new Float32Array(history.rows * factors)
    for (let user = 0; user < history.rows; user++) {
      const items = recentItems({ user, history: pairsOf(history, user), recent }, events, this.#options)
      data.set(this.#means([items])[0]!, user * factors)
    }
    return { data, factors }
  }

  /** The weighted mean of the input vectors of each list of items; of unit vectors where cosines rank. */
  #means(lists: readonly Pick<RecentItems, 'items' | 'weights'>[]): Float32Array[] {
    const { factors, items } = this.#tensors
    const rows = native.topKRows(
      items.operand,
      factors,
      concat(
        Uint32Array,
        lists.map(list => list.items),
      ),
    )
    let at = 0
    return lists.map(({ weights }) => {
      const mean = new Float64Array(factors)
      let sum = 0
      for (const weight of weights) {
        const row = rows.subarray(at, at + factors)
        at += factors
        const norm = this.#options.ranking === 'inputs' ? Math.hypot(...row) : 1
        if (norm === 0) continue
        sum += weight
        for (let f = 0; f < factors; f++) mean[f]! += (weight / norm) * row[f]!
      }
      return Float32Array.from(mean, value => (sum > 0 ? value / sum : 0))
    })
  }
}

/** The rows that are zeros: items without a vector, since those of others are drawn at random. O(rows). */
function zeroRows(data: Float32Array, width: number): Uint32Array {
  const rows: number[] = []
  for (let begin = 0; begin < data.length; begin += width) {
    if (data[begin] === 0 && data.subarray(begin, begin + width).every(value => value === 0)) rows.push(begin / width)
  }
  return Uint32Array.from(rows)
}

/** What either has, ascending as both are. */
function union(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (b.length === 0) return a
  return Uint32Array.from(new Set([...a, ...b])).sort()
}

/** Without the items of which nothing is known: their cosine is 0 to the bit, whatever the query. */
function withoutUnknown({ items, scores }: ItemList): ItemList {
  return { items: items.filter((_, at) => scores[at] !== 0), scores: scores.filter(score => score !== 0) }
}
