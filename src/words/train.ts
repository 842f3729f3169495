import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withInstructions } from '../models/training/instructions.ts'
import type { Pool } from '../parallel/pool.ts'
import { topKIndexBytes, topKIndexPieces } from '../search/topk.ts'
import { checkMemory } from '../skip-gram/memory.ts'
import { SkipGramTrainer } from '../skip-gram/trainer.ts'
import { assertReplaceable } from '../storage/directory.ts'
import { faultIn } from '../storage/expectation.ts'
import type { FactorMatrix } from '../storage/factors.ts'
import { WordsArtifact, type WordsManifest, type WrittenTensor, writeWords } from './artifact.ts'
import { type WordsOptions, wordsOptions } from './options.ts'
import { type Grams, gramsOf, subwordParts } from './subwords.ts'
import { readText, type TextCorpus } from './text-corpus.ts'

export type { WordsManifest } from './artifact.ts'

/** Lines of text, one by one or in batches. */
export type Lines = AsyncIterable<string | readonly string[]> | Iterable<string | readonly string[]>

export interface TrainWords {
  readonly pool: Pool
  /** Take the place of word vectors that are there. */
  readonly replace?: boolean | undefined
  /** Go on from the word vectors that are there: the same text and options, but perhaps more epochs. */
  readonly resume?: boolean | undefined
  /** Save what is so far after an epoch once this many seconds have passed since the last time. Default: 300. */
  readonly checkpointSeconds?: number | undefined
  /** Aborting it ends the reading with its reason, or the training after the running epoch; what is so far is saved. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: WordsProgress) => void) | undefined
}

/** How far a training has come. */
export interface WordsProgress {
  readonly stage: 'reading' | 'training'
  /** Words of the text that were read, or that were trained on in this run, those that are too rare left out. */
  readonly words: number
  readonly wordsPerSecond: number
  /** Share of the training that is done, 0 to 1. */
  readonly done: number
  /** Infinity while unknown. */
  readonly secondsLeft: number
  readonly epochs: { readonly done: number; readonly total: number }
  /** Mean loss of a sample in each epoch. */
  readonly loss: readonly number[]
}

/**
 * Learns vectors of the words of a text by skip-gram with negative sampling (Mikolov et al. 2013), of their n-grams, too, where
 * the options say so (Bojanowski et al. 2017), and saves them to `directory`; `WordVectors` opens them. The text is read once, as
 * integers to a file in the folder for temporary files, of which no more than a piece is in memory. The same bits come out for
 * any number of workers.
 *
 * @param options see `aurochs words --help`; those left out have their defaults or, to resume, are those of before.
 * @returns the manifest, whose `complete` tells whether it came to its end.
 * @throws TypeError naming the option that is wrong; RangeError when no word occurs often enough, or the vectors cannot fit in
 *   memory; Error when something is at `directory` that may not be replaced, or the training diverges.
 */
export async function trainWords(
  lines: Lines,
  directory: string,
  given: Partial<WordsOptions>,
  context: TrainWords,
): Promise<WordsManifest> {
  const { replace = false, resume = false, signal, onProgress } = context
  const fault = faultIn(wordsOptions, given)
  if (fault) throw new TypeError(`options of words: ${fault}`)
  if (replace && resume) throw new TypeError('word vectors are either replaced (--replace) or resumed (--resume)')
  if (replace || resume) assertReplaceable(directory, 'aurochs-words')
  else if (existsSync(directory)) {
    throw new Error(
      `${directory} exists: choose another place, replace it (replace, --replace) or go on from it (resume, --resume)`,
    )
  }
  const from = resume ? WordsArtifact.open(directory) : undefined
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-words-'))
  const clear = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', clear)
  try {
    const wanted = from ? optionsToContinue(from, given) : wordsOptions.parse(given)
    const options = withInstructions(wanted, from?.manifest.options)
    if (options.minGram > options.maxGram) {
      throw new TypeError(
        `options of words: minGram must be at most maxGram, got ${options.minGram} and ${options.maxGram}`,
      )
    }
    const begun = performance.now()
    const onWords = (words: number) =>
      onProgress?.({
        stage: 'reading',
        words,
        wordsPerSecond: words / ((performance.now() - begun) / 1000),
        done: 0,
        secondsLeft: Number.POSITIVE_INFINITY,
        epochs: { done: 0, total: options.epochs },
        loss: [],
      })
    const text = await readText(lines, { minCount: options.minCount, folder, signal, onWords })
    return await new WordsTraining(text, options, directory, context).run(from)
  } finally {
    from?.close()
    process.off('exit', clear)
    clear()
  }
}

function optionsToContinue({ directory, manifest }: WordsArtifact, given: Partial<WordsOptions>): WordsOptions {
  const options = wordsOptions.parse({ ...manifest.options, ...given })
  for (const [name, value] of Object.entries(options)) {
    const before = manifest.options[name as keyof WordsOptions]
    if (name !== 'epochs' && value !== before) {
      throw new Error(`${directory} was trained with ${name} ${before}, not ${value}: resume it with the same`)
    }
  }
  if (options.epochs < manifest.epochs) {
    throw new Error(
      `${directory} has had ${manifest.epochs} epochs already: epochs (--epochs) must be as many in all or more, got ${options.epochs}`,
    )
  }
  return options
}

/** One training of the words of a text. */
class WordsTraining {
  readonly #text: TextCorpus
  readonly #options: WordsOptions
  readonly #directory: string
  readonly #context: TrainWords
  readonly #trainer: SkipGramTrainer
  readonly #grams: Grams | undefined
  readonly #parts: FactorMatrix | undefined
  #epoch = 0
  #loss: number[] = []
  #isOurs = false

  constructor(text: TextCorpus, options: WordsOptions, directory: string, context: TrainWords) {
    this.#text = text
    this.#options = options
    this.#directory = directory
    this.#context = context
    const { factors } = options
    const sizes = { kind: 'words', rows: text.words.length, factors, corpusBytes: 0 }
    checkMemory(sizes)
    this.#grams = options.subwords === 'none' ? undefined : gramsOf(text.words, options)
    if (this.#grams) checkMemory({ ...sizes, grams: this.#grams.buckets.length })
    const subwords = this.#grams && subwordParts(this.#grams, text.arrangement.formerOf, factors)
    this.#parts = subwords?.parts
    this.#trainer = new SkipGramTrainer(text.corpus, options, { pool: context.pool, subwords })
  }

  async run(from: WordsArtifact | undefined): Promise<WordsManifest> {
    const { signal, onProgress, checkpointSeconds = 300 } = this.#context
    if (from) await this.#goOnFrom(from)
    else await this.#trainer.initialise()
    const [begun, before] = [performance.now(), this.#epoch]
    const report = () => onProgress?.(this.#progress(before, (performance.now() - begun) / 1000))
    const ticking = onProgress && setInterval(report, 200)
    let savedAt = begun
    try {
      while (this.#epoch < this.#options.epochs && !signal?.aborted) {
        this.#loss.push(await this.#trainer.epoch(this.#epoch))
        this.#epoch++
        report()
        if (this.#epoch < this.#options.epochs && performance.now() - savedAt >= checkpointSeconds * 1000) {
          await this.#trainer.compose()
          await this.#save()
          savedAt = performance.now()
        }
      }
    } finally {
      clearInterval(ticking)
    }
    await this.#trainer.compose()
    return this.#save()
  }

  #progress(before: number, seconds: number): WordsProgress {
    const { epochs } = this.#options
    const inThisRun = this.#epoch - before + this.#trainer.fraction
    const words = inThisRun * this.#text.corpus.positions
    return {
      stage: 'training',
      words,
      wordsPerSecond: words / Math.max(seconds, 1e-9),
      done: epochs > 0 ? (before + inThisRun) / epochs : 1,
      secondsLeft: inThisRun > 0 ? (seconds / inThisRun) * (epochs - before - inThisRun) : Number.POSITIVE_INFINITY,
      epochs: { done: this.#epoch, total: epochs },
      loss: [...this.#loss],
    }
  }

  /** @throws Error when the text is another one. */
  async #goOnFrom(artifact: WordsArtifact): Promise<void> {
    const { directory, manifest } = artifact
    const { words, arrangement, checksum } = this.#text
    const { factors } = this.#options
    if (manifest.text.checksum !== checksum || manifest.text.words !== words.length) {
      throw new Error(`${directory} was learned of another text: name its own, or learn the words anew (--replace)`)
    }
    const shape = [words.length, factors]
    const { rowOf } = arrangement
    setRows(this.#trainer.outputs, rowOf, artifact.tensor('outputs', Float32Array, shape).data)
    if (this.#grams && this.#parts) {
      const { buckets } = this.#grams
      const places = Uint32Array.from(buckets.keys(), place => words.length + place)
      setRows(this.#parts, rowOf, artifact.tensor('own', Float32Array, shape).data)
      setRows(this.#parts, places, artifact.tensor('grams', Float32Array, [buckets.length, factors]).data)
      await this.#trainer.compose()
    } else setRows(this.#trainer.inputs, rowOf, artifact.tensor('words', Float32Array, shape).data)
    this.#epoch = manifest.epochs
    this.#loss = [...manifest.loss]
  }

  async #save(): Promise<WordsManifest> {
    const { inputs, outputs } = this.#trainer
    const { words, counts, arrangement, read, checksum } = this.#text
    const { rowOf } = arrangement
    const ordered = inOrder(inputs, rowOf)
    const tensors: Record<string, WrittenTensor> = {
      words: written(ordered),
      outputs: written(inOrder(outputs, rowOf)),
      counts: { dtype: 'F64', shape: [words.length], pieces: () => [counts] },
      index: { dtype: 'U8', shape: [topKIndexBytes(ordered)], pieces: () => topKIndexPieces(ordered) },
    }
    if (this.#grams && this.#parts) {
      const { buckets } = this.#grams
      const places = Uint32Array.from(buckets.keys(), place => words.length + place)
      tensors.own = written(inOrder(this.#parts, rowOf))
      tensors.grams = written(inOrder(this.#parts, places))
      tensors.buckets = { dtype: 'U32', shape: [buckets.length], pieces: () => [buckets] }
    }
    const { replace = false, resume = false } = this.#context
    const manifest = await writeWords(this.#directory, words, tensors, {
      options: this.#options,
      text: { words: words.length, grams: this.#grams?.buckets.length ?? 0, read, checksum },
      epochs: this.#epoch,
      complete: this.#epoch >= this.#options.epochs,
      loss: [...this.#loss],
      replace: replace || resume || this.#isOurs,
    })
    this.#isOurs = true
    return manifest
  }
}

/** Rows `places` of a matrix, one after the other without padding. */
function inOrder({ rank, stride, data }: FactorMatrix, places: Uint32Array): FactorMatrix {
  const all = new Float32Array(places.length * rank)
  places.forEach((row, at) => {
    all.set(data.subarray(row * stride, row * stride + rank), at * rank)
  })
  return { rows: places.length, rank, stride: rank, data: all }
}

/** The opposite of {@link inOrder}. */
function setRows({ rank, stride, data }: FactorMatrix, places: Uint32Array, values: Float32Array): void {
  places.forEach((row, at) => {
    data.set(values.subarray(at * rank, (at + 1) * rank), row * stride)
  })
}

function written({ rows, rank, data }: FactorMatrix): WrittenTensor {
  return { dtype: 'F32', shape: [rows, rank], pieces: () => [data] }
}
