import { native } from '../native.ts'
import { type Pool, sharedCounter, workerModuleUrl } from '../parallel/pool.ts'
import { allocateFactors, type FactorMatrix } from '../storage/factors.ts'
import { sharedArray } from '../storage/shared-array.ts'
import type { Corpus } from './corpus.ts'
import type { DrawArgs, FollowArgs, Incidence, RoundSamples } from './jobs.ts'
import type { SkipGramOptions } from './options.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Positions that a worker draws the samples of at a time, at most. */
const mostChunkPositions = 4096
/** Words of the samples of a round: 64 MiB. Each round costs some milliseconds in which workers wait for each other. */
const roundWords = 2 ** 24
/** Rows that a worker initialises, or composes, at a time. */
const rowsInChunk = 1024
/** The learning rate falls no lower than this share of the first one. */
const leastRate = 1e-4

/** Vectors of the parts that words are made of; see crates/kernels/src/word2vec/subwords.rs. */
export interface SubwordParts {
  /** (parts × factors) */
  readonly parts: FactorMatrix
  /** The parts of each word. */
  readonly partsOf: Incidence
  /** The words of each part. */
  readonly wordsOf: Incidence
}

export interface TrainerParts {
  readonly pool: Pool
  readonly subwords?: SubwordParts | undefined
}

/** Skip-gram with negative sampling: the vectors of a training, and its epochs. */
export class SkipGramTrainer {
  /** (rows × factors) v, in the order of the vocabulary; with subwords the means of the parts. */
  readonly inputs: FactorMatrix
  /** (rows × factors) u */
  readonly outputs: FactorMatrix
  readonly #corpus: Corpus
  readonly #options: SkipGramOptions
  readonly #pool: Pool
  readonly #subwords: (SubwordParts & { readonly before: FactorMatrix }) | undefined
  readonly #keep: Uint32Array
  readonly #negativesOf: Uint32Array
  readonly #round: RoundSamples
  readonly #chunks: number
  readonly #chunkPositions: number
  #position = 0

  /** The vectors are 0 until they are initialised or set. */
  constructor(corpus: Corpus, options: SkipGramOptions, { pool, subwords }: TrainerParts) {
    const { counts, blocks } = corpus.vocabulary
    this.#corpus = corpus
    this.#options = options
    this.#pool = pool
    this.inputs = allocateFactors(counts.length, options.factors)
    this.outputs = allocateFactors(counts.length, options.factors)
    this.#subwords = subwords && { ...subwords, before: allocateFactors(counts.length, options.factors) }
    this.#keep = sharedCopy(keptShares(counts, options.subsampling))
    this.#negativesOf = sharedArray(Uint32Array, 2 * counts.length)
    if (counts.length > 0)
      native.aliasTable(
        counts.map(count => count ** options.negativeExponent),
        this.#negativesOf,
      )
    const roomOf = (positions: number) =>
      native.skipGramRoom(positions, options.window, options.negatives, blocks.length - 1)
    let chunkPositions = mostChunkPositions
    while (chunkPositions > 1 && roomOf(chunkPositions) > roundWords) chunkPositions /= 2
    const room = roomOf(chunkPositions)
    this.#chunkPositions = chunkPositions
    this.#chunks = Math.max(1, Math.min(Math.ceil(corpus.positions / chunkPositions), Math.floor(roundWords / room)))
    this.#round = {
      samples: sharedArray(Uint32Array, this.#chunks * room),
      room,
      bounds: sharedArray(Uint32Array, this.#chunks * ((blocks.length - 1) ** 2 + 1)),
    }
  }

  /** Draws the input vectors; the output vectors begin at 0, as in the original. */
  async initialise(): Promise<void> {
    const { factors, seed } = this.#options
    // As wide as uniform numbers from -2/k to 2/k. With a quarter of that, as in the original, or half, as in gensim 4, steps are small
    // for long. Recall@20 of the next item, of 3,491 brunch users with 298,316 events before, one run each (seeds differ by .003):
    // widths of .5/k, 1/k, 2/k and 4/k reached .087, .098, .110, .118 in 5 epochs (gensim .104) and .170, .171, .173, .176 in 20.
    const deviation = 2 / (factors * Math.sqrt(3))
    const drawn = this.#subwords?.parts ?? this.inputs
    await this.#pool.phase(work, 'initialise', { factors: drawn, chunkRows: rowsInChunk, deviation, seed })
    await this.compose()
  }

  /** Makes the words' vectors of their parts, where there are some. */
  async compose(): Promise<void> {
    if (!this.#subwords) return
    const { parts, partsOf, before } = this.#subwords
    const args = { incidence: partsOf, parts, words: this.inputs, before, chunkRows: rowsInChunk }
    await this.#pool.phase(work, 'compose', args)
  }

  /** Share of the running epoch that is done. */
  get fraction(): number {
    return this.#corpus.positions > 0 ? this.#position / this.#corpus.positions : 0
  }

  /** Positions of the corpus that the running epoch has done. */
  get position(): number {
    return this.#position
  }

  /**
   * Passes over the corpus once; gives the mean loss of a sample, before its own step.
   *
   * @param epoch counted from 0.
   * @throws Error when the loss shows that the vectors run away, with the remedy.
   */
  async epoch(epoch: number): Promise<number> {
    const { positions } = this.#corpus
    const { blocks } = this.#corpus.vocabulary
    const losses = sharedArray(Float64Array, 2 * (blocks.length - 1) ** 2)
    const roundPositions = this.#chunks * this.#chunkPositions
    for (let first = 0; first < positions; first += roundPositions) {
      const end = Math.min(first + roundPositions, positions)
      await this.#draw(epoch, first, end)
      await this.#follow(epoch, first, end, losses)
      this.#position = end
      if (!losses.every(Number.isFinite)) throw this.#diverged(epoch, 'is no number any more')
    }
    this.#position = 0
    // Summed in the order of the pairs of blocks: the loss, too, has the same bits however many workers there are.
    let [loss, samples] = [0, 0]
    for (let pair = 0; pair < losses.length; pair += 2) {
      loss += losses[pair]!
      samples += losses[pair + 1]!
    }
    const mean = samples > 0 ? loss / samples : 0
    // Vectors of zeros have ln 2.
    if (mean > 2 * Math.LN2) throw this.#diverged(epoch, `is ${mean.toPrecision(4)}, twice that of no model at all`)
    return mean
  }

  async #draw(epoch: number, first: number, end: number): Promise<void> {
    const { window, negatives, seed } = this.#options
    const { tokens, vocabulary } = this.#corpus
    const args: DrawArgs = {
      corpus: {
        tokens,
        keep: this.#keep,
        negativesOf: this.#negativesOf,
        blocks: vocabulary.blocks,
        blockOf: vocabulary.blockOf,
        window,
        negatives,
        seed,
        epoch,
      },
      first,
      end,
      chunkPositions: this.#chunkPositions,
      round: this.#round,
    }
    await this.#pool.phase(work, 'draw', args)
  }

  async #follow(epoch: number, first: number, end: number, losses: Float64Array): Promise<void> {
    const { blocks } = this.#corpus.vocabulary
    const chunkPositions = this.#chunkPositions
    const { instructions } = this.#options
    const rates = new Float32Array(Math.ceil((end - first) / chunkPositions))
    const args: Omit<FollowArgs, 'shift'> = {
      round: this.#round,
      rates: rates.map((_, chunk) => this.#rate(epoch, first + chunk * chunkPositions)),
      vectors: {
        inputs: this.inputs.data,
        outputs: this.outputs.data,
        rank: this.inputs.rank,
        blocks,
        losses,
        ...(instructions && { simd: instructions }),
      },
    }
    const phases = blocks.length - 1
    await this.compose()
    for (let shift = 0; shift < phases; shift++) {
      await this.#pool.phase(work, 'follow', { ...args, shift }, sharedCounter())
      this.#position = first + ((end - first) * (shift + 1)) / phases
    }
    if (!this.#subwords) return
    const { parts, wordsOf, before } = this.#subwords
    const spread = { incidence: wordsOf, parts, words: this.inputs, before, chunkRows: rowsInChunk }
    await this.#pool.phase(work, 'spread', spread)
  }

  #rate(epoch: number, position: number): number {
    const { learningRate, epochs } = this.#options
    return learningRate * Math.max(leastRate, 1 - (epoch + position / this.#corpus.positions) / epochs)
  }

  #diverged(epoch: number, what: string): Error {
    const { learningRate } = this.#options
    return new Error(
      `the training diverged in epoch ${epoch + 1}: the loss of a sample ${what}; train anew with a smaller step ` +
        `(learningRate, --learning-rate), now ${learningRate}`,
    )
  }
}

/** (rows) How often, of 2³², an occurrence of each row is kept by subsampling (Mikolov et al. 2013, as in their program). */
export function keptShares(counts: Float64Array, threshold: number): Uint32Array {
  const most = 0xffff_ffff
  if (threshold === 0) return new Uint32Array(counts.length).fill(most)
  const total = counts.reduce((sum, count) => sum + count, 0)
  return Uint32Array.from(counts, count => {
    const ratio = (threshold * total) / Math.max(count, 1e-9)
    return Math.min(most, Math.floor((Math.sqrt(ratio) + ratio) * 2 ** 32))
  })
}

function sharedCopy(values: Uint32Array): Uint32Array {
  const copy = sharedArray(Uint32Array, values.length)
  copy.set(values)
  return copy
}
