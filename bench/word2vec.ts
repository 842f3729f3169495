/**
 * word2vec beside gensim's in the same run, two workers each: words a second and the recall of the next item, on the brunch
 * reads in order of time, and words a second on a text.
 *
 * Items: the last item of each user with five or more is held out. Both learn the same sessions with the same options, and
 * gensim's vectors are saved as a model of ours, so that both rank alike. `--data FILE` takes another Parquet file of reads
 * (columns user, item, hour). Text: `--text FILE`, by default the reviews of NSMC. `--factors N` (128), `--epochs N` (5),
 * `--only items` or `--only text`.
 */
import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { evaluate } from '../src/evaluation/evaluate.ts'
import { heldOut, type Pairs } from '../src/evaluation/held-out.ts'
import { parseMetrics } from '../src/evaluation/metrics.ts'
import { splitDataset } from '../src/evaluation/split.ts'
import { importDataset } from '../src/ingest/import.ts'
import type { TrainProgress } from '../src/models/algorithm.ts'
import { saveArtifact } from '../src/models/artifact.ts'
import { ModelPool } from '../src/models/model-pool.ts'
import { word2vec } from '../src/models/word2vec/index.ts'
import { word2vecTrainedTensors } from '../src/models/word2vec/model.ts'
import { type Word2vecOptions, word2vecOptions } from '../src/models/word2vec/options.ts'
import { type ItemCorpus, itemCorpus } from '../src/models/word2vec/sessions.ts'
import { Pool } from '../src/parallel/pool.ts'
import { sequenceEnd } from '../src/skip-gram/corpus.ts'
import { SkipGramTrainer } from '../src/skip-gram/trainer.ts'
import { Dataset, writeDataset } from '../src/storage/dataset.ts'
import type { FactorMatrix } from '../src/storage/factors.ts'
import { openSafetensors } from '../src/storage/safetensors.ts'
import { linesOf } from '../src/words/lines.ts'
import { wordsOptions } from '../src/words/options.ts'
import { readText } from '../src/words/text-corpus.ts'
import { tokensOf } from '../src/words/tokens.ts'
import { atLeast, type Bar, type Bench } from './bar.ts'
import { benchCache } from './brunch-data.ts'
import { positiveInteger } from './options.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { printer } from './print.ts'

const reads = join(import.meta.dirname, '../../shared/data/brunch/reads.parquet')
const reviews = join(import.meta.dirname, '../../shared/data/nsmc/reviews.parquet')
const measures = 'recall@20,ndcg@20'

/** What peers/word2vec.py prints. */
interface PeerRun {
  readonly words: number
  readonly reading: number
  readonly seconds: number
}

type Print = (line: object) => void

export const run: Bench = async ({ json, data, rest }) => {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      factors: { type: 'string', default: '128' },
      epochs: { type: 'string', default: '5' },
      text: { type: 'string', default: reviews },
      only: { type: 'string', default: 'all' },
    },
  })
  const factors = positiveInteger('factors', values.factors)
  const epochs = positiveInteger('epochs', values.epochs)
  const python = peersPython({ gensim: 'gensim==4.4.0', numpy: 'numpy' })
  const print = printer(json)
  await mkdir(benchCache, { recursive: true })
  const pool = new Pool({ threads: 2 })
  try {
    const bars: Bar[] = []
    if (values.only !== 'text') bars.push(...(await items(data ?? reads, { factors, epochs, python, print, pool })))
    if (values.only !== 'items') bars.push(...(await text(values.text, { factors, epochs, python, print, pool })))
    return bars
  } finally {
    await pool.close()
  }
}

interface Context {
  readonly factors: number
  readonly epochs: number
  readonly python: string
  readonly print: Print
  readonly pool: Pool
}

async function items(source: string, { factors, epochs, python, print, pool }: Context): Promise<Bar[]> {
  const { train, test } = await lastOut(source)
  const options = word2vecOptions.parse({ factors, epochs })
  const corpus = itemCorpus(train.events!, options)
  const file = join(benchCache, 'sessions.txt')
  await writeSessions(file, corpus)

  let last: TrainProgress | undefined
  const begun = performance.now()
  const trained = await word2vec.train(train, options, {
    pool,
    onProgress: progress => {
      last = progress
    },
  })
  const seconds = (performance.now() - begun) / 1000
  const ours = await quality(join(benchCache, 'word2vec-ours'), trained.tensors, { train, test, options, pool })
  const events = corpus.corpus.positions
  print({ model: 'aurochs', events, seconds, eventsPerSecond: last!.rowsPerSecond, ...ours })

  const out = join(benchCache, 'gensim.safetensors')
  const [peer] = await runPeer<PeerRun>(
    python,
    'word2vec.py',
    peerArgs(file, { ...options, power: options.negativeExponent }, out),
  )
  const { tensors } = openSafetensors(out)
  const matrix = (name: string): FactorMatrix => ({
    rows: tensors[name]!.shape[0]!,
    rank: factors,
    stride: factors,
    data: tensors[name]!.data as Float32Array,
  })
  const theirTensors = word2vecTrainedTensors({ inputs: matrix('inputs'), outputs: matrix('outputs') }, corpus, options)
  const theirs = await quality(join(benchCache, 'word2vec-gensim'), theirTensors, { train, test, options, pool })
  const rate = (peer!.words * epochs) / peer!.seconds
  print({ model: 'gensim', ...peer, eventsPerSecond: rate, ...theirs })
  const recall = 'recall@20'
  return [
    atLeast(`events a second beside gensim, k = ${factors}, two workers`, last!.rowsPerSecond / rate, 1),
    atLeast(`${recall} of the next item beside gensim`, ours[recall]! / theirs[recall]!, 0.99),
  ]
}

function peerArgs(
  file: string,
  options: Pick<
    Word2vecOptions,
    'factors' | 'epochs' | 'window' | 'negatives' | 'subsampling' | 'learningRate' | 'minCount'
  > & {
    readonly power: number
  },
  ...out: string[]
): string[] {
  const { factors, epochs, window, negatives, subsampling, power, learningRate, minCount } = options
  return [file, ...[factors, epochs, window, negatives, subsampling, power, learningRate, minCount].map(String), ...out]
}

/** The reads without the last item of each user, and these. */
async function lastOut(source: string): Promise<{ train: Dataset; test: Pairs }> {
  if (!existsSync(source))
    throw new Error(`${source} is not there: name a Parquet file with user, item, hour by --data`)
  const whole = join(benchCache, 'brunch-in-time')
  if (!existsSync(whole)) {
    const query = `select "user", item, hour from source
      where "user" in (select "user" from source group by "user" having count(distinct item) >= 5)`
    await importDataset({ sources: [source], user: 'user', item: 'item', time: 'hour', query, out: whole })
  }
  const { train, test } = splitDataset(Dataset.open(whole), { kind: 'last', pairs: 1 })
  const part = join(benchCache, 'brunch-in-time-train')
  await writeDataset(part, train, { replace: true })
  return { train: Dataset.open(part), test }
}

async function quality(
  directory: string,
  tensors: ReturnType<typeof word2vecTrainedTensors>,
  parts: { readonly train: Dataset; readonly test: Pairs; readonly options: Word2vecOptions; readonly pool: Pool },
): Promise<Readonly<Record<string, number>>> {
  const { train, test, options, pool } = parts
  const trained = { tensors, epochs: options.epochs, complete: true, loss: [] }
  await saveArtifact(directory, { algorithm: 'word2vec', options, dataset: train, trained }, { replace: true })
  const models = await ModelPool.open(directory, { pool, verify: false })
  const { history, users, items } = models.artifact
  const held = heldOut(test, { byUser: history, users, items }, 'exclude')
  const { metrics } = await evaluate(models, held, parseMetrics(measures))
  await models.close()
  return metrics
}

/** The sessions as gensim reads them: rows as words. */
async function writeSessions(file: string, { corpus }: ItemCorpus): Promise<void> {
  const out = createWriteStream(file)
  let line: number[] = []
  for (const row of corpus.tokens as Uint32Array) {
    if (row !== sequenceEnd) {
      line.push(row)
      continue
    }
    // It splits longer lines itself.
    if (!out.write(`${line.join(' ')}\n`)) await once(out, 'drain')
    line = []
  }
  out.end()
  await finished(out)
}

async function text(source: string, { factors, epochs, python, print, pool }: Context): Promise<Bar[]> {
  if (!existsSync(source)) throw new Error(`${source} is not there: name a text file by --text`)
  const file = join(benchCache, 'text.txt')
  await writeWords(file, await linesOfText(source))
  const options = wordsOptions.parse({ factors, epochs })
  const folder = join(benchCache, `words-${process.pid}`)
  await mkdir(folder)
  const begun = performance.now()
  const read = await readText(linesOf([file]), { minCount: options.minCount, folder })
  const reading = (performance.now() - begun) / 1000
  const trainer = new SkipGramTrainer(read.corpus, options, { pool })
  await trainer.initialise()
  const started = performance.now()
  for (let epoch = 0; epoch < epochs; epoch++) await trainer.epoch(epoch)
  const seconds = (performance.now() - started) / 1000
  // As gensim counts: all words of the text, those that are too rare included.
  const wordsPerSecond = (read.read * epochs) / seconds
  print({ model: 'aurochs', words: read.read, vocabulary: read.words.length, reading, seconds, wordsPerSecond })
  const [peer] = await runPeer<PeerRun>(python, 'word2vec.py', peerArgs(file, options))
  const rate = (peer!.words * epochs) / peer!.seconds
  print({ model: 'gensim', ...peer, wordsPerSecond: rate })
  return [atLeast(`words a second of a text beside gensim, k = ${factors}, two workers`, wordsPerSecond / rate, 1)]
}

async function linesOfText(source: string): Promise<AsyncIterable<readonly string[]>> {
  if (!source.endsWith('.parquet')) return linesOf([source])
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const reader = await connection.runAndReadAll(`select review from '${source}' where review is not null`)
  const lines = reader.getColumns()[0]!.map(String)
  return (async function* () {
    yield lines
  })()
}

async function writeWords(file: string, lines: AsyncIterable<readonly string[]>): Promise<void> {
  const out = createWriteStream(file)
  for await (const batch of lines) {
    for (const line of batch) out.write(`${tokensOf(line).join(' ')}\n`)
  }
  out.end()
  await finished(out)
}
