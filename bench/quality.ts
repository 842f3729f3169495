/**
 * Quality beside published figures. On Gowalla (the split of LightGCN: Recall@20 as hits ÷ held-out, NDCG@20, all items ranked, those
 * of the training left out): models with the settings of their papers, and what `tune` finds, of als and of any model, by a
 * validation part of the training part alone. On other datasets, a fifth of whose pairs are held out at random: all models as
 * `aurochs train --model NAME` makes them, with 95 % intervals over users. Beside each, what `aurochs train` takes as a process with
 * two workers: seconds, and memory at its peak, mapped files included.
 *
 * `--dataset NAME` takes one, `--model NAME` one model and the search of it alone, `--minutes 60` is what each search gets on Gowalla
 * (0: leaves them out).
 */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { flagArguments } from '../src/cli/training/algorithm-options.ts'
import { evaluate } from '../src/evaluation/evaluate.ts'
import { parseMetrics } from '../src/evaluation/metrics/metrics.ts'
import { bootstrapIntervals } from '../src/evaluation/significance/bootstrap.ts'
import { heldOut } from '../src/evaluation/splits/held-out.ts'
import { tune } from '../src/evaluation/tune/tune.ts'
import type { Algorithm } from '../src/models/algorithm.ts'
import { ModelPool } from '../src/models/open/model-pool.ts'
import { algorithmNamed, algorithms } from '../src/models/registry.ts'
import { Pool } from '../src/parallel/pool.ts'
import { benchCache } from './data/brunch-data.ts'
import { type PublicData, publicData } from './data/public-data.ts'
import { atLeast, type Bar, type BenchOptions } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'
import { trainProcess } from './support/train-process.ts'

type Options = Readonly<Record<string, unknown>>

interface Published {
  readonly name: string
  readonly model: string
  readonly options: Options
  /** Recall@20 and NDCG@20 that are to be reached, and those that were published. */
  readonly bars: readonly [number, number]
  readonly published: readonly [number, number]
}

const gowalla: readonly Published[] = [
  { name: 'ease', model: 'ease', options: {}, bars: [0.1755, 0.1457], published: [0.1765, 0.1467] },
  {
    name: 'graph-filter, GF-CF',
    model: 'graph-filter',
    options: { filter: 'gf-cf', itemExponent: 0.5, lowPassWeight: 0.3, factors: 256 },
    bars: [0.185, 0.152],
    published: [0.1849, 0.1518],
  },
  {
    name: 'graph-filter, BSPM',
    model: 'graph-filter',
    options: {
      filter: 'bspm',
      itemExponent: 0.5,
      lowPassWeight: 0.2,
      factors: 448,
      sharpeningSolver: 'rk4',
      sharpeningTime: 2.5,
    },
    bars: [0.192, 0.1597],
    published: [0.192, 0.1597],
  },
]

/** What `tune` searches among on Gowalla, by a validation part of the training part alone, and what the best is to reach. */
const searches = [
  { name: 'als, k = 256', models: ['als'], fixed: { factors: 256 }, bars: [0.1746, 0.1461] },
  { name: 'any model', models: ['als', 'graph-filter', 'neighbours', 'blend'], fixed: {}, bars: [0.19, 0.158] },
] as const

const others = ['ml-100k', 'citeulike-a', 'hetrec-lastfm'] as const

interface Run extends PublicData {
  readonly pool: Pool
  readonly folder: string
  readonly print: (line: object) => void
}

export async function run({ json, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({
    args: rest,
    options: { dataset: { type: 'string' }, model: { type: 'string' }, minutes: { type: 'string', default: '60' } },
  })
  const { dataset, model } = values
  const minutes = values.minutes === '0' ? 0 : positiveInteger('minutes', values.minutes)
  if (model !== undefined) algorithmNamed(model)
  const names = ['gowalla', ...others]
  if (dataset !== undefined && !names.includes(dataset)) {
    throw new RangeError(`--dataset must be one of ${names.join(', ')}, got ${dataset}`)
  }
  const print = printer(json)
  const pool = new Pool({ threads: 2 })
  const folder = await mkdtemp(join(benchCache, 'quality-'))
  const bars: Bar[] = []
  try {
    if (dataset === undefined || dataset === 'gowalla') {
      const one = { ...(await publicData('gowalla')), pool, folder, print }
      bars.push(...(await publishedOn(one, model)))
      if (minutes > 0) bars.push(...(await tunedOn(one, minutes, model)))
    }
    for (const name of others) {
      if (dataset !== undefined && dataset !== name) continue
      const one = { ...(await publicData(name)), pool, folder, print }
      for (const algorithm of algorithms) {
        // Of these pairs no times are known.
        if (algorithm.name === 'word2vec' || (model !== undefined && algorithm.name !== model)) continue
        print({ dataset: name, model: algorithm.name, ...(await judged(one, algorithm, {})) })
      }
    }
  } finally {
    await pool.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return bars
}

async function publishedOn(one: Run, only: string | undefined): Promise<Bar[]> {
  const bars: Bar[] = []
  for (const { name, model, options, bars: wanted, published } of gowalla) {
    if (only !== undefined && only !== model) continue
    const found = await judged(one, algorithmNamed(model), options)
    one.print({ dataset: 'gowalla', model: name, options, ...found, published })
    bars.push(...barsOf(name, found, wanted))
  }
  return bars
}

async function tunedOn(one: Run, minutes: number, only: string | undefined): Promise<Bar[]> {
  const bars: Bar[] = []
  for (const { name, models, fixed, bars: wanted } of searches) {
    if (only !== undefined && String(models) !== only) continue
    const found = await tune(one.train, {
      algorithms: new Map(models.map(model => [algorithmNamed(model), fixed])),
      budget: 60 * minutes,
      folder: one.folder,
      pool: one.pool,
    })
    const { algorithm, options, score } = found.best
    const quality = await judged(one, algorithm, options)
    const about = { minutes, trials: found.trials.length, validation: score, options }
    one.print({ dataset: 'gowalla', model: `tune, ${name}: ${algorithm.name}`, ...about, ...quality })
    bars.push(...barsOf(`${name}, by tune: ${algorithm.name}`, quality, wanted))
  }
  return bars
}

function barsOf(
  name: string,
  { recall, ndcg }: { recall: number; ndcg: number },
  bars: readonly [number, number],
): Bar[] {
  return [
    atLeast(`Gowalla, ${name}: Recall@20`, Number(recall.toFixed(4)), bars[0]),
    atLeast(`Gowalla, ${name}: NDCG@20`, Number(ndcg.toFixed(4)), bars[1]),
  ]
}

async function judged({ train, test, pool, folder }: Run, algorithm: Algorithm, options: Options) {
  const directory = join(folder, 'model')
  const { seconds, peak } = await trainProcess(train, directory, ['--model', algorithm.name, ...flagArguments(options)])
  const models = await ModelPool.open(directory, { pool, verify: false })
  const held = heldOut(test, train)
  const ranking = performance.now()
  const { metrics, perUser } = await evaluate(models, held, parseMetrics('recall@20,ndcg@20'))
  const listsPerSecond = held.users.length / ((performance.now() - ranking) / 1000)
  await models.close()
  const intervals = bootstrapIntervals([perUser])
  return {
    recall: metrics['recall@20']!,
    ndcg: metrics['ndcg@20']!,
    intervals,
    seconds,
    peakMiB: peak / 2 ** 20,
    listsPerSecond,
  }
}
