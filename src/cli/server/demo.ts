import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { withCatalogue } from '../../catalogue/idle-catalogue.ts'
import { sampleItemOf } from '../../catalogue/sample-items.ts'
import { evaluate } from '../../evaluation/evaluate.ts'
import { parseMetrics } from '../../evaluation/metrics/metrics.ts'
import { heldOut } from '../../evaluation/splits/held-out.ts'
import { splitDataset } from '../../evaluation/splits/split.ts'
import type { ImportOptions } from '../../ingest/import.ts'
import { writeSample } from '../../ingest/sample.ts'
import type { Algorithm, TrainProgress } from '../../models/algorithm.ts'
import { ModelPool } from '../../models/open/model-pool.ts'
import { algorithmNamed, algorithms, baselineAlgorithm, defaultAlgorithm } from '../../models/registry.ts'
import { trainModel } from '../../models/training/train.ts'
import { Pool } from '../../parallel/pool.ts'
import { loadServer, serve } from '../../serve/serve.ts'
import { Dataset, writeDataset } from '../../storage/dataset.ts'
import { oneOf } from '../../storage/expectation.ts'
import { parseOptions, type Register, text, UsageError, wholeNumber } from '../command.ts'
import { addSourceOptions, idColumns, importFile, importOptions, sourceFlags } from '../data/source-options.ts'
import { endSignals, interruptible } from '../terminal/interrupt.ts'
import { openLog } from '../terminal/log.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { table } from '../terminal/table.ts'
import { inWorkspace } from '../terminal/workspace.ts'
import { addAlgorithmOptions, parseAlgorithmOptions } from '../training/algorithm-options.ts'
import { visit } from './demo-visit.ts'

const Options = z.looseObject({
  ...sourceFlags,
  model: oneOf(algorithms.map(({ name }) => name)),
  out: text('a directory').optional(),
  port: wholeNumber(0, 65535),
  threads: wholeNumber(1, 1024).optional(),
  exit: z.boolean().default(false),
})

type Options = z.output<typeof Options>

/** `aurochs demo`, what `npm start` runs: every step from interactions to a list that changes with each event. */
export const register: Register = program => {
  const command = program
    .command('demo')
    .description('every step at once: import, train, measure, serve, and a visitor whose list changes live')
    .argument('[FILE]', 'interactions: CSV, TSV, NDJSON or Parquet (default: a sample that is made up, with structure)')
    .option('--model <name>', 'the algorithm', defaultAlgorithm.name)
    .option('--out <directory>', 'keep dataset, model and events here (default: a folder that goes at the end)')
    .option('-p, --port <port>', 'port to serve at; 0 takes one that is free', '0')
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--exit', 'end after the demonstration instead of serving until Ctrl-C')
  command.optionsGroup('Reading of FILE:')
  addSourceOptions(command)
  addAlgorithmOptions(command)
  command.action(async (file: string | undefined, given: Record<string, unknown>) => {
    const options = parseOptions(Options, given)
    if (file !== undefined && file !== '-' && !existsSync(file)) throw new UsageError(`there is no file ${file}`)
    const source = file === undefined ? undefined : { file, ...(await idColumns(options, file)) }
    const algorithm = algorithmNamed(options.model)
    const chosen = { algorithm, options: parseAlgorithmOptions([algorithm], given).get(algorithm)! }
    // Found before the training, not after.
    await loadServer()
    const show = (folder: string) => demonstrate(folder, source, options, chosen)
    if (options.out === undefined) return inWorkspace(show)
    if (existsSync(options.out)) throw new UsageError(`${options.out} exists: choose another place for --out`)
    await mkdir(options.out, { recursive: true })
    return show(options.out)
  })
}

/** What is trained. */
interface Chosen {
  readonly algorithm: Algorithm
  readonly options: Readonly<Record<string, unknown>>
}

/** The file of interactions, and its columns of ids. */
interface SourceFile {
  readonly file: string
  readonly user: string
  readonly item: string
}

async function demonstrate(
  folder: string,
  source: SourceFile | undefined,
  options: Options,
  chosen: Chosen,
): Promise<void> {
  const say = (text: string) => process.stdout.write(`${text}\n`)
  const model = join(folder, 'model')
  const { threads, port } = options
  await interruptible(async signal => {
    const bar = new ProgressBar()
    const pool = new Pool(threads === undefined ? {} : { threads })
    try {
      const dataset = await load(folder, source, options, { signal, bar, say })
      if (!source) await describeItems(join(folder, 'state'), dataset)
      await measure(dataset, chosen, folder, { pool, signal, bar, say })
      const onProgress = (progress: TrainProgress) => bar.training('training on all', progress)
      const begun = performance.now()
      await trainModel(dataset, model, chosen.algorithm, chosen.options, { pool, signal, onProgress })
      signal.throwIfAborted()
      bar.stop()
      say(`trained ${chosen.algorithm.name} on all of it in ${since(begun)}`)
    } finally {
      bar.stop()
      await pool.close()
    }
  })

  const signals = endSignals()
  const server = await serve({ model, state: join(folder, 'state'), port, threads, log: openLog('warn') })
  try {
    say(`serving at ${server.url}\n`)
    await visit(server.url, say)
    if (signals.exitCode !== undefined) throw new UsageError('interrupted', signals.exitCode)
    if (options.exit) return
    say(`\nStill serving, until Ctrl-C. Open the page in a browser, choose items, and watch the list move:`)
    say(`  page        ${server.url}/`)
    say(`  stream      ${server.url.replace('http', 'ws')}/v1/stream`)
    const paths = ['/v1/recommend/visitor', '/v1/info', '/metrics']
    if (!source) paths.splice(1, 0, '/v1/recommend/visitor?tags=jazz', '/v1/search_items?text=silver')
    for (const path of paths) say(`              ${server.url}${path}`)
    say(
      `  changes     what hides, boosts, pins or swaps asks for an admin key, which everybody shows once there is one:`,
    )
    say(`              aurochs keys create --state ${join(folder, 'state')} --name me --admin`)
    await signals.first
    say('\nshutting down')
  } finally {
    await server.close()
  }
}

/** How a step of the demonstration shows what it does, and is interrupted. */
interface StepContext {
  readonly signal: AbortSignal
  readonly bar: ProgressBar
  readonly say: (text: string) => void
}

/** Imports the file, or a sample that is made for the purpose. */
async function load(
  folder: string,
  source: SourceFile | undefined,
  options: Options,
  { signal, bar, say }: StepContext,
): Promise<Dataset> {
  let columns: Pick<ImportOptions, 'user' | 'item' | 'time'> & { readonly file: string }
  if (source) columns = { time: options.time, ...source }
  else {
    const begun = performance.now()
    columns = { file: join(folder, 'sample.csv'), user: 'user', item: 'item', time: 'time' }
    await writeSample(columns.file, { signal })
    say(`made a sample of a million plays in ${since(begun)}`)
  }
  const begun = performance.now()
  const { file, ...named } = columns
  const manifest = await importFile({
    ...(source && importOptions(options)),
    ...named,
    sources: [file],
    out: join(folder, 'dataset'),
    signal,
    onProgress: ({ stage, done }) => bar.show(stage, done),
  })
  bar.stop()
  const count = (n: number) => n.toLocaleString('en')
  say(
    `imported ${count(manifest.pairs)} pairs of ${count(manifest.users)} users and ${count(manifest.items)} items in ${since(begun)}`,
  )
  return Dataset.open(join(folder, 'dataset'))
}

/** The sample's items get titles and tags in the catalogue of the server to come. */
async function describeItems(state: string, { items }: Dataset): Promise<void> {
  const described = Array.from({ length: items.size }, (_, row) => sampleItemOf(String(items.at(row))))
  await withCatalogue(state, async catalogue => catalogue.put(described))
}

/** Trains on nine tenths, and prints how well the rest is found, beside the baseline. */
async function measure(
  dataset: Dataset,
  { algorithm, options }: Chosen,
  folder: string,
  { pool, signal, bar, say }: StepContext & { readonly pool: Pool },
): Promise<void> {
  const { train, test } = splitDataset(dataset, { kind: 'random', share: 0.1, seed: 0 })
  await writeDataset(join(folder, 'train'), train)
  const training = Dataset.open(join(folder, 'train'))
  const held = heldOut(test, training)
  const metrics = parseMetrics('recall@20,ndcg@20')
  const rows = [['held-out tenth', ...metrics.map(({ name }) => name)]]
  const compared = new Map([[algorithm, options]])
  if (algorithm !== baselineAlgorithm) compared.set(baselineAlgorithm, {})
  for (const [each, given] of compared) {
    const directory = join(folder, `measured-${each.name}`)
    const onProgress = (progress: TrainProgress) => bar.training(`training ${each.name}`, progress)
    await trainModel(training, directory, each, given, { pool, signal, onProgress })
    signal.throwIfAborted()
    const models = await ModelPool.open(directory, { threads: pool.threads })
    try {
      const { metrics: found } = await evaluate(models, held, metrics, { signal })
      rows.push([each.name, ...metrics.map(({ name }) => found[name].toFixed(4))])
    } finally {
      await models.close()
      await rm(directory, { recursive: true, force: true })
    }
  }
  bar.stop()
  say(`\n${table(rows)}`)
}

function since(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`
}
