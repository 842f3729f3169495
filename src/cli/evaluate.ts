import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Evaluation, evaluate } from '../evaluation/evaluate.ts'
import { heldOut, type Pairs, type Training } from '../evaluation/held-out.ts'
import { type Metric, parseMetrics } from '../evaluation/metrics.ts'
import { parseSplit, splitDataset } from '../evaluation/split.ts'
import { importDataset } from '../ingest/import.ts'
import { type AlsProgress, trainAls } from '../models/als/train.ts'
import { Model, recordMetrics } from '../models/model.ts'
import { popularRanker } from '../models/popular.ts'
import type { Ranker } from '../models/ranker.ts'
import { Pool } from '../parallel/pool.ts'
import { factorRanker } from '../search/factor-ranker.ts'
import { Dataset, writeDataset } from '../storage/dataset.ts'
import { addAlsOptions, parseAlsOptions } from './als-options.ts'
import { asUsage, parseOptions, type Register, several, UsageError, wholeNumber } from './command.ts'
import { interruptible } from './terminal/interrupt.ts'
import { ProgressBar } from './terminal/progress.ts'
import { table } from './terminal/table.ts'
import { inWorkspace } from './terminal/workspace.ts'

const Options = z.object({
  train: z.string().optional(),
  test: z.string().optional(),
  split: z.string().optional(),
  user: z.string().optional(),
  item: z.string().optional(),
  weight: z.string().optional(),
  time: z.string().optional(),
  model: z.array(z.string()),
  metrics: z.string(),
  record: z.boolean().default(false),
  threads: wholeNumber(1, 1024).optional(),
  json: z.boolean().default(false),
})

type Options = z.output<typeof Options>

/**
 * `aurochs evaluate`: trains on one part of the data, or takes a saved model, and measures how well all items are
 * ranked for each user with held-out pairs, the user's training items left out. See src/models/metrics.ts for what is
 * measured and src/models/held-out.ts for who is judged.
 */
export const register: Register = program => {
  const command = program
    .command('evaluate')
    .description('measure how well a model ranks what was held out of its training')
    .option('--train <source>', 'dataset, file or glob to train on')
    .option('--test <source>', 'dataset, file or glob with the held-out pairs; users and items are matched by id')
    .option(
      '--split <how>',
      'hold out a part of --train: random:SHARE, last:PAIRS of each user, or time:DATE and later',
    )
    .option('--user <column>', 'column of user ids, where sources are files')
    .option('--item <column>', 'column of item ids')
    .option('--weight <column>', 'column of weights (default: each row weighs 1)')
    .option('--time <column>', 'column of times; last and time split by it')
    .requiredOption(
      '--model <model>',
      'als, popular, or the directory of a trained model; several are compared',
      several,
    )
    .option(
      '--metrics <list>',
      'of recall, precision, ndcg, hit, mrr, map, coverage, each @ a cut',
      'recall@20,ndcg@20',
    )
    .option('--record', 'write the metrics to the manifest of a saved model, too')
    .option('--threads <n>', 'threads that train and rank (default: all of the machine)')
    .option('--json', 'print one JSON object a model')
  addAlsOptions(command.optionsGroup('Training of als (--seed also seeds random splits):'))
  command.action(async (given: Record<string, unknown>) => {
    const options = parseOptions(Options, given)
    const metrics = asUsage(() => parseMetrics(options.metrics))
    const seed = parseAlsOptions(given).seed
    check(options, seed)
    const pool = new Pool(options.threads === undefined ? {} : { threads: options.threads })
    const bar = new ProgressBar()
    try {
      await interruptible(signal =>
        inWorkspace(async folder => {
          const { train, test } = await parts(options, { seed, folder, signal, bar })
          const measured: Measured[] = []
          for (const name of options.model) {
            measured.push(await measure(name, { given, train, test, metrics, pool, signal, bar }))
            bar.stop()
            if (options.record) await recordMetrics(Model.open(name), measured.at(-1)!.metrics)
            if (options.json) process.stdout.write(`${JSON.stringify(measured.at(-1))}\n`)
          }
          if (!options.json) process.stdout.write(forPeople(measured, metrics))
        }),
      )
    } finally {
      bar.stop()
      await pool.close()
    }
  })
}

/** Algorithms that can be trained; any other `--model` is a directory. */
const algorithms = ['als', 'popular']

/** Finds contradictions before anything is read. */
function check({ train, test, split, model, record }: Options, seed: number): void {
  const saved = model.filter(name => !algorithms.includes(name))
  for (const name of saved) {
    if (!existsSync(name)) {
      throw new UsageError(
        `--model must be ${algorithms.join(', ')} or the directory of a model, and there is no ${name}`,
      )
    }
  }
  if (split !== undefined) {
    asUsage(() => parseSplit(split, seed))
    if (test !== undefined) throw new UsageError('--split takes the test from --train: leave --test out, or --split')
    if (train === undefined) throw new UsageError('--split cuts what --train names: add --train')
    if (saved.length > 0) {
      throw new UsageError(`--split would judge ${saved[0]} by pairs that it may have learned from: give --test`)
    }
  } else if (test === undefined) throw new UsageError('what is held out must be named: by --test, or by --split')
  if (record && saved.length < model.length) {
    throw new UsageError('--record needs saved models only: als and popular leave none behind here')
  }
  if (saved.length < model.length && train === undefined) {
    throw new UsageError('als and popular learn from --train: add it, or give the directory of a model')
  }
}

/** Opens what the options name; cuts it where they say so. */
async function parts(
  options: Options,
  { seed, folder, signal, bar }: { seed: number; folder: string; signal: AbortSignal; bar: ProgressBar },
): Promise<{ train?: Dataset; test: Pairs }> {
  const open = async (source: string, name: string): Promise<Dataset> => {
    if (existsSync(join(source, 'manifest.json'))) return Dataset.open(source, { verify: true })
    const { user, item, weight, time } = options
    if (user === undefined || item === undefined) {
      throw new UsageError(`${source} is no dataset, and of a file --user and --item must name the columns of ids`)
    }
    const out = join(folder, name)
    const columns = { user, item, ...(weight && { weight }), ...(time && { time }) }
    const onProgress = ({ done }: { done: number }) => bar.show(`importing ${source}`, done)
    await importDataset({ sources: [source], ...columns, out, signal, onProgress })
    return Dataset.open(out)
  }
  if (options.split === undefined) {
    const test = await open(options.test!, 'test')
    return options.train === undefined ? { test } : { train: await open(options.train, 'train'), test }
  }
  const whole = await open(options.train!, 'whole')
  const { train, test } = asUsage(() => splitDataset(whole, parseSplit(options.split!, seed)))
  await writeDataset(join(folder, 'train'), train)
  return { train: Dataset.open(join(folder, 'train')), test }
}

interface Measured {
  readonly model: string
  readonly options?: object
  readonly train: { readonly users: number; readonly items: number; readonly pairs: number }
  readonly test: Omit<Evaluation, 'metrics'>
  readonly metrics: Evaluation['metrics']
  readonly seconds: { readonly train?: number; readonly rank: number }
}

interface Asked {
  readonly given: Record<string, unknown>
  readonly train: Dataset | undefined
  readonly test: Pairs
  readonly metrics: readonly Metric[]
  readonly pool: Pool
  readonly signal: AbortSignal
  readonly bar: ProgressBar
}

async function measure(name: string, asked: Asked): Promise<Measured> {
  const { test, metrics, signal, bar } = asked
  const begun = performance.now()
  const { ranker, training, options } = await fitted(name, asked)
  const ready = performance.now()
  const onProgress = (share: number) => bar.show(`ranking by ${name}`, share)
  const { metrics: found, ...judged } = await evaluate(ranker, heldOut(test, training), metrics, { signal, onProgress })
  const { rows: users, columns: items, indices } = training.byUser
  const seconds = (from: number, to: number) => Math.round(to - from) / 1000
  return {
    ...{ model: name, ...(options && { options }) },
    train: { users, items, pairs: indices.length },
    ...{ test: judged, metrics: found },
    seconds: { train: seconds(begun, ready), rank: seconds(ready, performance.now()) },
  }
}

async function fitted(
  name: string,
  { given, train, pool, signal, bar }: Asked,
): Promise<{ ranker: Ranker; training: Training; options?: object }> {
  if (name === 'popular') return { ranker: popularRanker(train!.byUser), training: train! }
  if (name === 'als') {
    const options = parseAlsOptions(given)
    const onProgress = (progress: AlsProgress) => bar.training('training als', progress)
    const { users, items } = await trainAls(train!, options, { pool, signal, onProgress })
    signal.throwIfAborted()
    return { ranker: factorRanker(pool, { users, items, history: train!.byUser }), training: train!, options }
  }
  const model = Model.open(name)
  const { history, users, items, rank, userFactors, itemFactors } = model
  const strided = (data: Float32Array) => ({ data, stride: rank, rank })
  return {
    ranker: factorRanker(pool, { users: strided(userFactors), items: strided(itemFactors), history }),
    training: { byUser: history, users, items },
    options: model.manifest.options,
  }
}

function forPeople(measured: readonly Measured[], metrics: readonly Metric[]): string {
  const { train, test } = measured[0]!
  const rows = measured.map(({ model, metrics: found, seconds }) => [
    model,
    ...metrics.map(({ name }) => found[name]!.toFixed(5)),
    ...[`${seconds.train}`, `${seconds.rank}`],
  ])
  return (
    `${train.users} users, ${train.items} items and ${train.pairs} pairs to learn from; ` +
    `${test.users} users judged by ${test.pairs} held-out pairs ` +
    `(unknown to the training: ${test.unknownUsers} of the users, the items of ${test.unknownPairs} of the pairs)\n` +
    table([['model', ...metrics.map(({ name }) => name), 's until ready', 's to rank'], ...rows])
  )
}
