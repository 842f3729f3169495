import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Evaluation, evaluate } from '../evaluation/evaluate.ts'
import { heldOut, type Pairs } from '../evaluation/held-out.ts'
import { type Metric, metricNames, metricNotes, parseMetrics } from '../evaluation/metrics.ts'
import { parseSplit, splitDataset } from '../evaluation/split.ts'
import type { Algorithm } from '../models/algorithm.ts'
import { Artifact, recordMetrics } from '../models/artifact.ts'
import { ModelPool } from '../models/model-pool.ts'
import { algorithms } from '../models/registry.ts'
import { trainModel } from '../models/train.ts'
import { Pool } from '../parallel/pool.ts'
import { Dataset, writeDataset } from '../storage/dataset.ts'
import { asGiven, oneOf } from '../storage/expectation.ts'
import { addAlgorithmOptions, algorithmNotes, parseAlgorithmOptions } from './algorithm-options.ts'
import { asOption, asUsage, parseOptions, type Register, several, text, UsageError, wholeNumber } from './command.ts'
import { addSourceOptions, idColumns, importFile, importOptions, sourceFlags } from './source-options.ts'
import { interruptible } from './terminal/interrupt.ts'
import { ProgressBar } from './terminal/progress.ts'
import { table } from './terminal/table.ts'
import { inWorkspace } from './terminal/workspace.ts'

const Options = z.object({
  train: text('a dataset, file or glob').optional(),
  test: text('a dataset, file or glob').optional(),
  split: z.string().optional(),
  ...sourceFlags,
  model: z.array(z.string()),
  metrics: z.string(),
  seen: oneOf(['allow', 'exclude']),
  splitSeed: wholeNumber(0, 0xffff_ffff),
  record: z.boolean().default(false),
  threads: wholeNumber(1, 1024).optional(),
  json: z.boolean().default(false),
})

type Options = z.output<typeof Options>

/**
 * `aurochs evaluate`: trains on one part of the data, or takes a saved model, and measures how well all items are
 * ranked for each user with held-out pairs, the user's training items left out unless --seen allow. See
 * src/evaluation/metrics.ts for what is measured and src/evaluation/held-out.ts for the users that are judged.
 */
export const register: Register = program => {
  const command = program
    .command('evaluate')
    .description('measure how well a model ranks what was held out of its training')
    .option('--train <source>', 'dataset, file or glob to train on')
    .option('--test <source>', 'dataset, file or glob with the held-out pairs; users and items are matched by id')
    .option(
      '--split <how>',
      'hold out a part of --train: random:SHARE, last:PAIRS of each user, or time:DATE and later; these two by --time',
    )
    .requiredOption('--model <model>', `${names}, or the directory of a trained model; several are compared`, several)
    .option('--metrics <list>', `of ${metricNames.join(', ')}, each @ a cut`, 'recall@20,ndcg@20')
    .option('--seen <how>', "the user's training items in lists and in what is held out: allow or exclude", 'exclude')
    .option('--split-seed <n>', 'seed of random splits', '0')
    .option('--record', 'write the metrics to the manifest of a saved model, too')
    .option('--threads <n>', 'threads that train and rank (default: all of the machine)')
    .option('--json', 'print one JSON object a model')
  command.addHelpText('after', () => `${algorithmNotes()}\n${metricNotes}\n`)
  command.optionsGroup('Where --train and --test are files:')
  addSourceOptions(command)
  addAlgorithmOptions(command)
  command.action(async (given: Record<string, unknown>) => {
    const options = parseOptions(Options, given)
    const metrics = asOption(() => parseMetrics(options.metrics))
    check(options)
    const trained = options.model.flatMap(name => algorithms.find(algorithm => algorithm.name === name) ?? [])
    const algorithmOptions = parseAlgorithmOptions(trained, given)
    const pool = new Pool(options.threads === undefined ? {} : { threads: options.threads })
    const bar = new ProgressBar()
    try {
      await interruptible(signal =>
        inWorkspace(async folder => {
          const { train, test } = await parts(options, { folder, signal, bar })
          const context: MeasureContext = {
            algorithmOptions,
            train,
            test,
            metrics,
            seen: options.seen,
            folder,
            pool,
            signal,
            bar,
          }
          const measured: Measured[] = []
          for (const name of options.model) {
            const result = await measure(name, context)
            measured.push(result)
            bar.stop()
            if (options.record) await saveMetrics(name, result.metrics)
            if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
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

async function saveMetrics(directory: string, metrics: Evaluation['metrics']): Promise<void> {
  const artifact = Artifact.open(directory)
  try {
    await recordMetrics(artifact, metrics)
  } finally {
    artifact.close()
  }
}

const names = algorithms.map(({ name }) => name).join(', ')

/** Finds contradictions before anything is read. */
function check({ train, test, split, splitSeed, model, record }: Options): void {
  const saved = model.filter(name => algorithms.every(algorithm => algorithm.name !== name))
  for (const name of saved) {
    if (!existsSync(name)) {
      throw new UsageError(
        `--model must be ${names} or the directory of a model, got ${asGiven(name)}: nothing is there`,
      )
    }
  }
  if (split !== undefined) {
    asOption(() => parseSplit(split, splitSeed))
    if (test !== undefined) throw new UsageError('--split takes the test from --train: leave --test out, or --split')
    if (train === undefined) throw new UsageError('--split cuts what --train names: add --train')
    if (saved.length > 0) {
      throw new UsageError(`--split would judge ${saved[0]} by pairs that it may have learned from: give --test`)
    }
  } else if (test === undefined) throw new UsageError('what is held out must be named: by --test, or by --split')
  if (saved.length < model.length) {
    if (record) throw new UsageError(`--record needs saved models only: ${names} leave none behind here`)
    if (train === undefined) {
      throw new UsageError(`${names} learn from --train: add it, or give the directory of a model`)
    }
  }
}

/** Opens what the options name; cuts it where they say so. */
async function parts(
  options: Options,
  { folder, signal, bar }: { folder: string; signal: AbortSignal; bar: ProgressBar },
): Promise<{ train?: Dataset; test: Pairs }> {
  const open = async (source: string, name: string): Promise<Dataset> => {
    if (existsSync(join(source, 'manifest.json'))) return Dataset.open(source, { verify: true })
    const out = join(folder, name)
    const ids = await idColumns(options, source)
    // What is held out is not cut: it is matched with what is left of the training.
    const uncut = name === 'test' ? { minUser: undefined, minItem: undefined } : {}
    const onProgress = ({ done }: { done: number }) => bar.show(`importing ${source}`, done)
    await importFile({ ...importOptions(options), ...uncut, ...ids, sources: [source], out, signal, onProgress })
    return Dataset.open(out)
  }
  if (options.split === undefined) {
    const test = await open(options.test!, 'test')
    return options.train === undefined ? { test } : { train: await open(options.train, 'train'), test }
  }
  const whole = await open(options.train!, 'whole')
  const { train, test } = asUsage(() => splitDataset(whole, parseSplit(options.split!, options.splitSeed)))
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

/** What all models of one call are measured with. */
interface MeasureContext {
  readonly algorithmOptions: ReadonlyMap<Algorithm, Readonly<Record<string, unknown>>>
  readonly train: Dataset | undefined
  readonly test: Pairs
  readonly metrics: readonly Metric[]
  readonly seen: Options['seen']
  readonly folder: string
  readonly pool: Pool
  readonly signal: AbortSignal
  readonly bar: ProgressBar
}

/** Trains the algorithm `name`, or opens the model there, and measures it as it would be served. */
async function measure(name: string, context: MeasureContext): Promise<Measured> {
  const { test, metrics, seen, pool, signal, bar } = context
  const begun = performance.now()
  const models = await ModelPool.open(await trainedModel(name, context), { threads: pool.threads })
  try {
    const { history, users, items, manifest } = models.artifact
    const ready = performance.now()
    const held = heldOut(test, { byUser: history, users, items }, seen)
    if (held.unknownPairs > 0 && held.items.length === 0 && held.users.every(user => user < 0)) {
      throw new UsageError(
        `${name} knows neither users nor items of the test: its ids are ${items.kind}s like ${items.at(0)}, and the test has ids like ${test.items.at(0)}`,
      )
    }
    const onProgress = (share: number) => bar.show(`ranking by ${name}`, share)
    const { metrics: found, ...judged } = await evaluate(models, held, metrics, { signal, onProgress })
    const seconds = (from: number, to: number) => Math.round(to - from) / 1000
    return {
      model: name,
      options: manifest.options,
      train: { users: history.rows, items: history.columns, pairs: history.indices.length },
      test: judged,
      metrics: found,
      seconds: { train: seconds(begun, ready), rank: seconds(ready, performance.now()) },
    }
  } finally {
    await models.close()
  }
}

/** The directory of the model. */
async function trainedModel(name: string, context: MeasureContext): Promise<string> {
  const { algorithmOptions, train, folder, pool, signal, bar } = context
  const algorithm = [...algorithmOptions.keys()].find(chosen => chosen.name === name)
  if (!algorithm) return name
  const directory = join(folder, `model-${name}`)
  await trainModel(train!, directory, algorithm, algorithmOptions.get(algorithm)!, {
    pool,
    signal,
    replace: true,
    onProgress: progress => bar.training(`training ${name}`, progress),
  })
  signal.throwIfAborted()
  return directory
}

function forPeople(measured: readonly Measured[], metrics: readonly Metric[]): string {
  const { train, test } = measured[0]
  const rows = measured.map(({ model, metrics: found, seconds }) => [
    model,
    ...metrics.map(({ name }) => found[name].toFixed(5)),
    ...[`${seconds.train}`, `${seconds.rank}`],
  ])
  return (
    `${train.users} users, ${train.items} items and ${train.pairs} pairs to learn from; ` +
    `${test.users} users judged by ${test.pairs} held-out pairs ` +
    `(unknown to the training: ${test.unknownUsers} of the users, the items of ${test.unknownPairs} of the pairs)\n` +
    table([['model', ...metrics.map(({ name }) => name), 's until ready', 's to rank'], ...rows])
  )
}
