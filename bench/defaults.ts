/**
 * ALS without options beside ALS after a search by `tune` and implicit after a search as long, on datasets whose test parts none of
 * them sees: NDCG@20. The searches choose by the same validation part of the training part.
 *
 * `--dataset NAME` and `--factors 64` take one of each, `--minutes 2` shortens the searches (10; brunch 30).
 */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { evaluate } from '../src/evaluation/evaluate.ts'
import { parseMetrics } from '../src/evaluation/metrics/metrics.ts'
import { heldOut } from '../src/evaluation/splits/held-out.ts'
import { chooseOptions } from '../src/evaluation/tune/choose-options.ts'
import { tune } from '../src/evaluation/tune/tune.ts'
import { withValidation } from '../src/evaluation/tune/validation.ts'
import { als } from '../src/models/factors/als/index.ts'
import { ModelPool } from '../src/models/open/model-pool.ts'
import { trainModel } from '../src/models/training/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import { openSafetensors, vector, writeSafetensors } from '../src/storage/safetensors.ts'
import { benchCache } from './data/brunch-data.ts'
import { type PublicData, publicData, publicDataNames } from './data/public-data.ts'
import { factorRanker } from './peers/factor-ranker.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { atLeast, type Bar, type BenchOptions } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** What the quality without options must be, in times of the better of both searches. */
const share = 0.97

interface Run extends PublicData {
  readonly factors: number
  readonly minutes: number
  readonly pool: Pool
  /** For models and parts. */
  readonly folder: string
  readonly print: (line: object) => void
}

export async function run({ json, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({
    args: rest,
    options: { dataset: { type: 'string' }, factors: { type: 'string' }, minutes: { type: 'string' } },
  })
  const names = values.dataset === undefined ? publicDataNames : [values.dataset]
  const sizes = values.factors === undefined ? [64, 256] : [positiveInteger('factors', values.factors)]
  const python = peersPython('main', ['implicit', 'scipy', 'numpy'])
  const print = printer(json)
  const pool = new Pool({ threads: 2 })
  const folder = await mkdtemp(join(benchCache, 'defaults-'))
  const bars: Bar[] = []
  try {
    for (const name of names) {
      const data = await publicData(name)
      const minutes =
        values.minutes === undefined ? (name === 'brunch' ? 30 : 10) : positiveInteger('minutes', values.minutes)
      for (const factors of sizes) {
        const one = { ...data, factors, minutes, pool, folder, print }
        const ours = await withoutOptions(one)
        const searched = await afterTune(one)
        const peer = await implicitSearched(one, python)
        const best = Math.max(searched.ndcg, peer.ndcg)
        print({
          dataset: name,
          factors,
          minutes,
          'without options': ours,
          tune: searched,
          implicit: peer,
          share: ours.ndcg / best,
        })
        bars.push(
          atLeast(
            `${name}, k = ${factors}: NDCG@20 of als without options ÷ that of the best search`,
            ours.ndcg / best,
            share,
          ),
        )
      }
    }
  } finally {
    await pool.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return bars
}

interface Found {
  readonly ndcg: number
  /** Of the choice and the training. */
  readonly seconds: number
  /** Of the training alone. */
  readonly training?: number
  readonly options?: Readonly<Record<string, unknown>>
}

/** What `aurochs train --factors K` does. */
async function withoutOptions({ train, test, factors, pool, folder }: Run): Promise<Found> {
  const begun = performance.now()
  const { options } = await chooseOptions(train, als, { factors }, { pool, folder })
  return trainedAndJudged({ train, test, pool, folder, options, begun })
}

async function afterTune({ train, test, factors, minutes, pool, folder }: Run): Promise<Found> {
  const begun = performance.now()
  const algorithms = new Map([[als, { factors }]])
  const { best } = await tune(train, { algorithms, budget: 60 * minutes, folder, pool })
  return trainedAndJudged({ train, test, pool, folder, options: best.options, begun })
}

async function trainedAndJudged({
  train,
  test,
  pool,
  folder,
  options,
  begun,
}: Pick<Run, 'train' | 'test' | 'pool' | 'folder'> & {
  readonly options: Readonly<Record<string, unknown>>
  readonly begun: number
}): Promise<Found> {
  const directory = join(folder, 'model')
  const chosen = performance.now()
  await trainModel(train, directory, als, options, { pool, replace: true, checkpointSeconds: Number.POSITIVE_INFINITY })
  const ended = performance.now()
  const models = await ModelPool.open(directory, { pool, verify: false })
  const { metrics } = await evaluate(models, heldOut(test, train), parseMetrics('ndcg@20'))
  await models.close()
  return { ndcg: metrics['ndcg@20']!, seconds: (ended - begun) / 1000, training: (ended - chosen) / 1000, options }
}

async function implicitSearched(
  { train, test, factors, minutes, pool, folder, print }: Run,
  python: string,
): Promise<Found> {
  const begun = performance.now()
  const [judged, out] = [join(folder, 'judged.safetensors'), join(folder, 'implicit.safetensors')]
  await withValidation(train, {}, folder, async parts => {
    const { held } = parts
    const known = held.users.every(user => user >= 0)
    if (!known) throw new Error('a judged user has nothing to learn from')
    const { users, indptr, items, sizes } = held
    rmSync(judged, { force: true })
    await writeSafetensors(judged, {
      users: vector(Uint32Array.from(users)),
      indptr: vector(indptr),
      items: vector(items),
      sizes: vector(sizes),
    })
    const args = [parts.train.directory, judged, factors, 60 * minutes, train.directory, out].map(String)
    const trials = await runPeer<{ ndcg: number }>(python, 'als-search.py', args)
    print({ implicit: 'searched', trials: trials.length, best: trials.reduce((a, b) => (b.ndcg > a.ndcg ? b : a)) })
  })
  const seconds = (performance.now() - begun) / 1000
  const file = openSafetensors(out)
  const matrix = (name: string) => (file.tensors[name]!.data as Float32Array).slice()
  const ranker = factorRanker(pool, { users: matrix('users'), items: matrix('items'), factors, history: train.byUser })
  const { metrics } = await evaluate(ranker, heldOut(test, train), parseMetrics('ndcg@20'))
  file.close()
  return { ndcg: metrics['ndcg@20']!, seconds }
}
