import { native } from '../native.ts'
import { TopKIndex, topKIndexBytes } from '../search/topk.ts'
import { closedOnError } from '../storage/closing.ts'
import type { MappedTensor } from '../storage/safetensors.ts'
import { valuesIn } from '../storage/safetensors.ts'
import { WordsArtifact, type WordsManifest } from './artifact.ts'
import { bucketsOf } from './grams.ts'
import { tokensOf } from './tokens.ts'

export interface NearWord {
  readonly word: string
  /** Cosine. */
  readonly similarity: number
}

export interface TextVectorOptions {
  /**
   * a of a word's weight a / (a + p), p being its share of the text that was learned: what is everywhere counts less (Arora, Liang
   * & Ma 2017). Above 0; Infinity: all words weigh alike. Default: 0.001.
   */
  readonly smoothing?: number | undefined
}

/** Vectors of words that `trainWords` learned, mapped from disk. */
export class WordVectors {
  readonly manifest: WordsManifest
  readonly #artifact: WordsArtifact
  readonly #vectors: MappedTensor<Float32Array>
  readonly #index: TopKIndex
  readonly #counts: MappedTensor<Float64Array>
  readonly #total: number
  readonly #grams: { readonly buckets: Uint32Array; readonly vectors: MappedTensor<Float32Array> } | undefined

  /**
   * `verify` reads all of it.
   *
   * @throws Error naming the file that is missing, damaged or of another format.
   */
  static open(directory: string, { verify = true } = {}): WordVectors {
    return closedOnError(WordsArtifact.open(directory, { verify }), artifact => {
      const vectors = new WordVectors(artifact)
      if (verify) vectors.#verify()
      return vectors
    })
  }

  private constructor(artifact: WordsArtifact) {
    const { options, text } = artifact.manifest
    const { factors } = options
    this.manifest = artifact.manifest
    this.#artifact = artifact
    this.#vectors = artifact.tensor('words', Float32Array, [text.words, factors])
    const bytes = topKIndexBytes({ rows: text.words, rank: factors })
    const buffer = artifact.tensor('index', Uint8Array, [bytes]).operand
    this.#index = TopKIndex.of({ buffer, factors: this.#vectors.operand, rank: factors })
    this.#counts = artifact.tensor('counts', Float64Array, [text.words])
    this.#total = valuesIn(this.#counts, 0, text.words).reduce((sum, count) => sum + count, 0)
    if (options.subwords !== 'none') {
      const buckets = artifact.tensor('buckets', Uint32Array, [text.grams])
      const grams = artifact.tensor('grams', Float32Array, [text.grams, factors])
      this.#grams = { buckets: valuesIn(buckets, 0, text.grams), vectors: grams }
    }
  }

  /** How many words have a vector of their own. */
  get size(): number {
    return this.manifest.text.words
  }

  /** Dimensions of the vectors. */
  get factors(): number {
    return this.manifest.options.factors
  }

  /** The words, most frequent first. @throws RangeError when there is no such word. */
  wordAt(index: number): string {
    return String(this.#artifact.words.at(index))
  }

  /** How often a word occurs in the text that was learned; 0 where it has no vector of its own. */
  countOf(word: string): number {
    const [row] = this.#rowsOf([word])
    return row! < 0 ? 0 : valuesIn(this.#counts, row!, row! + 1)[0]!
  }

  /**
   * The vector of a word as the text has it (see `tokensOf`). Words that were not learned have the mean of the n-grams that
   * were, where n-grams were learned; else, undefined.
   */
  vector(word: string): Float32Array | undefined {
    return this.#vectorsOf([word])[0]
  }

  /**
   * The words whose vectors are most similar to that of a word, or to a vector, most similar first. A word is not in its own
   * list.
   *
   * @throws RangeError when the word has no vector.
   */
  nearest(to: string | Float32Array, limit = 10): NearWord[] {
    const query = typeof to === 'string' ? this.vector(to) : to
    if (!query) {
      throw new RangeError(
        `${JSON.stringify(to)} must be a word that was learned, or have n-grams that were: the most frequent are ` +
          `${Array.from({ length: Math.min(3, this.size) }, (_, at) => this.wordAt(at)).join(', ')}`,
      )
    }
    if (query.length !== this.factors)
      throw new RangeError(`a vector must have ${this.factors} values, got ${query.length}`)
    const own = typeof to === 'string' ? this.#rowsOf([to]).filter(row => row >= 0) : new Int32Array(0)
    const exclude = { indptr: Uint32Array.of(0, own.length), indices: Uint32Array.from(own) }
    const { items, scores } = this.#index.search(query, { limit, measure: 'cosine', exclude })
    return Array.from(items, (row, at) => ({ row, similarity: scores[at]! }))
      .filter(({ row }) => row < this.size)
      .map(({ row, similarity }) => ({ word: this.wordAt(row), similarity }))
  }

  /**
   * The weighted mean of the vectors of a text's words: zeros where none has one.
   *
   * @throws RangeError when `smoothing` is not above 0.
   */
  textVector(text: string, { smoothing = 1e-3 }: TextVectorOptions = {}): Float32Array {
    if (!(smoothing > 0)) throw new RangeError(`smoothing must be above 0, got ${smoothing}`)
    const tokens = tokensOf(text)
    const rows = this.#rowsOf(tokens)
    const mean = new Float64Array(this.factors)
    let sum = 0
    this.#vectorsOf(tokens, rows).forEach((vector, at) => {
      if (!vector) return
      const count = rows[at]! < 0 ? 0 : valuesIn(this.#counts, rows[at]!, rows[at]! + 1)[0]!
      const weight = Number.isFinite(smoothing) ? smoothing / (smoothing + count / this.#total) : 1
      sum += weight
      for (let f = 0; f < mean.length; f++) mean[f]! += weight * vector[f]!
    })
    return Float32Array.from(mean, value => (sum > 0 ? value / sum : 0))
  }

  close(): void {
    this.#artifact.close()
  }

  #rowsOf(words: readonly string[]): Int32Array {
    return this.#artifact.words.indicesOf(words)
  }

  #vectorsOf(words: readonly string[], rows = this.#rowsOf(words)): (Float32Array | undefined)[] {
    const known = Uint32Array.from(rows.filter(row => row >= 0))
    const vectors = native.topKRows(this.#vectors.operand, this.factors, known)
    let at = 0
    return words.map((word, index) => {
      if (rows[index]! < 0) return this.#composed(word)
      return vectors.subarray(at++ * this.factors, at * this.factors)
    })
  }

  /** The mean of the vectors of the n-grams of a word. */
  #composed(word: string): Float32Array | undefined {
    if (!this.#grams) return undefined
    const { buckets, vectors } = this.#grams
    const places = bucketsOf(word, this.manifest.options)
      .map(bucket => placeOf(buckets, bucket))
      .filter(place => place < buckets.length)
    if (places.length === 0) return undefined
    const rows = native.topKRows(vectors.operand, this.factors, places)
    return Float32Array.from({ length: this.factors }, (_, f) => {
      let sum = 0
      for (let at = f; at < rows.length; at += this.factors) sum += rows[at]!
      return sum / places.length
    })
  }

  /** @throws Error naming the tensor that holds what no training writes. */
  #verify(): void {
    const { options, text } = this.manifest
    const artifact = this.#artifact
    artifact.words.assertOrder(artifact.directory)
    if (artifact.words.size !== text.words) {
      throw new Error(`${artifact.directory} must have ${text.words} words, but has ${artifact.words.size}`)
    }
    const rows = { words: text.words, outputs: text.words, own: text.words, grams: text.grams }
    const names =
      options.subwords === 'none' ? (['words', 'outputs'] as const) : (Object.keys(rows) as (keyof typeof rows)[])
    for (const name of names) {
      const tensor = artifact.tensor(name, Float32Array, [rows[name], options.factors])
      const place = native.firstNotFinite(tensor.operand)
      if (place !== null) throw artifact.damaged(name, `value ${place} must be finite, but is not`)
    }
    const fault = TopKIndex.fault(this.#index.parts)
    if (fault !== undefined) throw artifact.damaged('index', fault)
    const counts = valuesIn(this.#counts, 0, text.words)
    const wrong = counts.findIndex((count, at) => !(count >= 1 && count <= (counts[at - 1] ?? Number.MAX_VALUE)))
    if (wrong >= 0)
      throw artifact.damaged('counts', `place ${wrong} must be from 1 to the count before, but is ${counts[wrong]}`)
    const { buckets } = this.#grams ?? {}
    const unordered =
      buckets?.findIndex((bucket, at) => bucket >= options.buckets || bucket <= (buckets[at - 1] ?? -1)) ?? -1
    if (unordered >= 0)
      throw artifact.damaged('buckets', `place ${unordered} must be above the one before and below ${options.buckets}`)
  }
}

/** Where `value` is among `sorted`, which ascends; else, its length. */
function placeOf(sorted: Uint32Array, value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return sorted[low] === value ? low : sorted.length
}
