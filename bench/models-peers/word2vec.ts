/**
 * word2vec beside gensim's, two workers each: words a second and the recall of the next item, on the reads in order of time, and
 * words a second on a text, the reviews of NSMC.
 *
 * Items: the last item of each user with five or more is held out. Both learn the same sessions with the same options, and
 * gensim's vectors are saved as a model of ours, so that both rank alike. Rates are those of the epochs, without what comes before;
 * gensim reads its corpus from a file in each of them (corpus_file, its fastest way), ours from memory. Ours is trained before and
 * after gensim.
 */
import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { evaluate } from '../../src/evaluation/evaluate.ts'
import { parseMetrics } from '../../src/evaluation/metrics/metrics.ts'
import { heldOut, type Pairs } from '../../src/evaluation/splits/held-out.ts'
import { splitDataset } from '../../src/evaluation/splits/split.ts'
import { importDataset } from '../../src/ingest/import.ts'
import { saveArtifact } from '../../src/models/artifact/artifact.ts'
import { word2vecTrainedTensors } from '../../src/models/factors/word2vec/model.ts'
import { type Word2vecOptions, word2vecOptions } from '../../src/models/factors/word2vec/options.ts'
import { type ItemCorpus, itemCorpus } from '../../src/models/factors/word2vec/sessions.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { sequenceEnd } from '../../src/skip-gram/corpus.ts'
import { SkipGramTrainer } from '../../src/skip-gram/trainer.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import type { FactorMatrix } from '../../src/storage/factors.ts'
import { openSafetensors } from '../../src/storage/safetensors.ts'
import { linesOf } from '../../src/words/lines.ts'
import { wordsOptions } from '../../src/words/options.ts'
import { readText } from '../../src/words/text-corpus.ts'
import { tokensOf } from '../../src/words/tokens.ts'
import { benchCache, reads } from '../data/brunch-data.ts'
import { peersPython, runPeer } from '../peers/python.ts'
import { atLeast, type Bar } from '../support/bar.ts'
import type { ModelBenchOptions } from './options.ts'
import { printTable, type Report } from './report.ts'

const reviews = join(import.meta.dirname, '../../../shared/data/nsmc/reviews.parquet')
const measures = 'recall@20,ndcg@20'

/** Of the options that both have; the others are ours by default. */
const standardFactors = 128
const epochs = 5

/** What peers/word2vec.py prints. */
interface PeerRun {
  readonly words: number
  readonly reading: number
  readonly seconds: number
}

interface Context {
  readonly factors: number
  readonly quick: boolean
  readonly python: string
  readonly report: Report
  readonly pool: Pool
}

export async function word2vecPeers({
  report,
  data,
  quick,
  factors: [factors] = [standardFactors],
}: ModelBenchOptions): Promise<Bar[]> {
  const python = peersPython('main', ['gensim', 'numpy'])
  await mkdir(benchCache, { recursive: true })
  const pool = new Pool({ threads: 2 })
  const context: Context = { factors, quick, python, report, pool }
  try {
    return [...(await items(data ?? reads, context)), ...(await text(reviews, context))]
  } finally {
    await pool.close()
  }
}

async function items(source: string, { factors, quick, python, report, pool }: Context): Promise<Bar[]> {
  const { train, test } = await lastOut(source, quick)
  const options = word2vecOptions.parse({ factors, epochs })
  const corpus = itemCorpus(train.events!, options)
  const file = join(benchCache, 'sessions.txt')
  await writeSessions(file, corpus)
  const parts = { train, test, options, pool }

  const { positions } = corpus.corpus
  const ours = async () => {
    const trainer = new SkipGramTrainer(corpus.corpus, options, { pool })
    return { trainer, seconds: await trainedIn(trainer) }
  }
  const before = await ours()
  const out = join(benchCache, 'gensim.safetensors')
  const args = peerArgs(file, options, out)
  const [peer] = await runPeer<PeerRun>(python, 'word2vec.py', args)
  const after = await ours()
  const [fast, slow] = [before, after].map(({ seconds }) => seconds).sort((a, b) => a - b) as [number, number]

  const { tensors } = openSafetensors(out)
  const matrix = (name: string): FactorMatrix => ({
    rows: tensors[name]!.shape[0]!,
    rank: factors,
    stride: factors,
    data: tensors[name]!.data as Float32Array,
  })
  const [own, theirs] = [
    await quality(join(benchCache, 'word2vec-ours'), word2vecTrainedTensors(after.trainer, corpus, options), parts),
    await quality(
      join(benchCache, 'word2vec-gensim'),
      word2vecTrainedTensors({ inputs: matrix('inputs'), outputs: matrix('outputs') }, corpus, options),
      parts,
    ),
  ]
  const events = positions - sessionsOf(corpus)
  const rate = (seconds: number) => (events * epochs) / seconds
  const theirRate = (peer!.words * epochs) / peer!.seconds
  printTable(report, `word2vec, ${factors} factors, ${events} events of items, ${epochs} epochs`, [
    { model: 'aurochs', 'events/s': rate((fast + slow) / 2), least: rate(slow), most: rate(fast), ...own },
    { model: 'gensim', 'events/s': theirRate, ...theirs },
  ])
  const recall = 'recall@20'
  return [
    atLeast(`word2vec k = ${factors}: events a second over gensim's`, rate((fast + slow) / 2) / theirRate, 1),
    // Equal but for what the order of the samples, which differs, does by chance.
    atLeast(`word2vec k = ${factors}: ${recall} of the next item over gensim's`, own[recall]! / theirs[recall]!, 0.99),
  ]
}

/** Seconds of all epochs. */
async function trainedIn(trainer: SkipGramTrainer): Promise<number> {
  await trainer.initialise()
  const begun = performance.now()
  for (let epoch = 0; epoch < epochs; epoch++) await trainer.epoch(epoch)
  return (performance.now() - begun) / 1000
}

function sessionsOf({ corpus }: ItemCorpus): number {
  let sessions = 0
  for (let at = 0; at < corpus.positions; at++) if (corpus.tokens[at] === sequenceEnd) sessions++
  return sessions
}

function peerArgs(
  file: string,
  options: Pick<
    Word2vecOptions,
    'factors' | 'epochs' | 'window' | 'negatives' | 'subsampling' | 'learningRate' | 'minCount'
  > & {
    readonly negativeExponent: number
  },
  ...out: string[]
): string[] {
  const { factors, epochs, window, negatives, subsampling, negativeExponent, learningRate, minCount } = options
  return [
    file,
    ...[factors, epochs, window, negatives, subsampling, negativeExponent, learningRate, minCount].map(String),
    ...out,
  ]
}

/** The reads without the last item of each user, and these; of a fiftieth of the users for a quick run. */
async function lastOut(source: string, quick: boolean): Promise<{ train: Dataset; test: Pairs }> {
  if (!existsSync(source)) {
    throw new Error(`${source} is not there: name a Parquet file with columns user, item and hour by --data`)
  }
  const whole = join(
    benchCache,
    `${quick ? 'quick' : 'brunch'}-in-time-${Buffer.from(source).toString('hex').slice(-24)}`,
  )
  if (!existsSync(whole)) {
    const query = `select "user", item, hour from source
      where "user" in (select "user" from source group by "user" having count(distinct item) >= 5)
        ${quick ? `and substr(md5("user"::varchar), 1, 2) < '05'` : ''}`
    await importDataset({ sources: [source], user: 'user', item: 'item', time: 'hour', query, out: whole })
  }
  const { train, test } = splitDataset(Dataset.open(whole), { kind: 'last', pairs: 1 })
  const part = `${whole}-train`
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

async function text(source: string, { factors, quick, python, report, pool }: Context): Promise<Bar[]> {
  if (!existsSync(source)) {
    report.print({ skipped: `words a second on a text: ${source} is not there` })
    return []
  }
  const file = join(benchCache, 'text.txt')
  await writeWords(file, await linesOfText(source, quick ? 10_000 : 1_000_000))
  const options = wordsOptions.parse({ factors, epochs })
  const folder = join(benchCache, `words-${process.pid}`)
  await mkdir(folder)
  try {
    const read = await readText(linesOf([file]), { minCount: options.minCount, folder })
    const ours = () => trainedIn(new SkipGramTrainer(read.corpus, options, { pool }))
    const before = await ours()
    const [peer] = await runPeer<PeerRun>(python, 'word2vec.py', peerArgs(file, options))
    const after = await ours()
    // As gensim counts: all words of the text, those that are too rare included.
    const rate = (seconds: number) => (read.read * epochs) / seconds
    const own = rate((before + after) / 2)
    const theirs = (peer!.words * epochs) / peer!.seconds
    printTable(report, `word2vec, ${factors} factors, a text of ${read.read} words, ${read.words.length} different`, [
      { model: 'aurochs', 'words/s': own, least: rate(Math.max(before, after)), most: rate(Math.min(before, after)) },
      { model: 'gensim', 'words/s': theirs },
    ])
    return [atLeast(`word2vec k = ${factors}: words of a text a second over gensim's`, own / theirs, 1)]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function linesOfText(source: string, most: number): Promise<AsyncIterable<readonly string[]>> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const reader = await connection.runAndReadAll(`select review from '${source}' where review is not null limit ${most}`)
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
