/**
 * BPR beside buffalo, rusket and implicit, at 64 and 128 factors: samples a second, and NDCG@20 on the validation part after as many
 * samples.
 *
 * Settings are searched alike at the smallest size: the same list, the same number of epochs (of as many samples as there are pairs),
 * the same limit of time; other sizes take what was best there. The list has the sampler of negatives, too: ours and buffalo draw them
 * evenly or by popularity, implicit and rusket have no choice, and are tried with the other settings of the list alone. Lists of items
 * are made as each library makes them: ours by vectors folded in from the histories, the peers by the trained ones, biases included.
 * Rates are medians over the epochs of trainings for speed alone, without the first, ours before and after the
 * peers.
 *
 * A sample reads two rows of items and writes them back, the user's row staying in cache; printed beside the rates is that at which two
 * workers read rows at random from a matrix as large as that of the items.
 */

import { join } from 'node:path'
import type { Trained } from '../../src/models/algorithm.ts'
import { saveArtifact } from '../../src/models/artifact/artifact.ts'
import { type BprOptions, bprOptions } from '../../src/models/factors/bpr/options.ts'
import { trainBpr } from '../../src/models/factors/bpr/train.ts'
import { rowOf } from '../../src/models/open/history.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { Pool, workerModuleUrl } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { alignedArray, sharedArray } from '../../src/storage/shared-array.ts'
import { benchCache } from '../data/brunch-data.ts'
import { peersPython } from '../peers/python.ts'
import { atLeast, type Bar } from '../support/bar.ts'
import {
  Clock,
  type Epoch,
  type Factors,
  factorsOf,
  type Library,
  peerLibrary,
  type Run,
  secondsPerEpoch,
} from './library.ts'
import type { ModelBenchOptions } from './options.ts'
import { brunchParts } from './parts.ts'
import type { RandomReads } from './random-reads.ts'
import { printTable, type Row } from './report.ts'
import { type Found, searchSettings } from './search.ts'

interface Setting {
  readonly learningRate: number
  readonly regularization: number
  /** Negatives are drawn in proportion to the users of items to the power of this. */
  readonly popularityExponent: 0 | 1
}

/** Factors, and how many times the samples a second of the fastest peer ours is to have. */
const sizes = [
  { factors: 64, times: 3 },
  { factors: 128, times: 2 },
] as const

/** Libraries that draw negatives in one way. */
const withOneSampler: readonly string[] = ['rusket', 'implicit']

/** Of a trial. */
const trialEpochs = 10
/** Of a training for speed. */
const timedEpochs = 4

const settings: readonly Setting[] = [
  { learningRate: 0.05, regularization: 0.01, popularityExponent: 1 },
  { learningRate: 0.05, regularization: 0.01, popularityExponent: 0 },
  { learningRate: 0.02, regularization: 0.01, popularityExponent: 1 },
  { learningRate: 0.1, regularization: 0.01, popularityExponent: 1 },
  { learningRate: 0.05, regularization: 0.002, popularityExponent: 1 },
]

export async function bprPeers(options: ModelBenchOptions): Promise<Bar[]> {
  const { report, quick, factors: only, searchSeconds } = options
  const main = peersPython('main', ['implicit', 'rusket', 'scipy', 'numpy'])
  const peers = [
    peerLibrary<Setting>('buffalo', peersPython('buffalo', ['buffalo', 'h5py']), 'bpr.py'),
    peerLibrary<Setting>('rusket', main, 'bpr.py'),
    peerLibrary<Setting>('implicit', main, 'bpr.py'),
  ]
  const parts = await brunchParts(options)
  const { users, items, pairs } = parts.train.manifest
  report.print({ users, items, pairs })
  const pool = new Pool({ threads: 2 })
  const bars: Bar[] = []
  /** What each library's search found. */
  const known = new Map<string, Setting>()
  try {
    const measured = only?.map(sizeOf) ?? sizes.slice(0, quick ? 1 : undefined)
    for (const { factors, times } of measured) {
      const found = new Map<string, Found<Setting>>()
      for (const library of [ours, ...peers]) {
        const before = known.get(library.name)
        const hasChoice = !withOneSampler.includes(library.name)
        const own = settings.filter(({ popularityExponent }) => hasChoice || popularityExponent === 1)
        const tried = before ? [before] : own.slice(0, quick ? 2 : undefined)
        const epochs = quick ? 3 : trialEpochs
        const search = { settings: tried, parts, factors, epochs, seconds: searchSeconds, pool, report }
        const best = await searchSettings(library, search)
        found.set(library.name, best)
        known.set(library.name, best.setting)
      }
      const timed = (library: Library<Setting>) =>
        epochsOf(library, { train: parts.train, setting: known.get(library.name)!, factors, epochs: timedEpochs })
      const before = await timed(ours)
      const traces = new Map<string, readonly (readonly Epoch[])[]>()
      for (const peer of peers) traces.set(peer.name, [await timed(peer)])
      traces.set(ours.name, [before, await timed(ours)])
      const rateOf = (name: string) => pairs / secondsPerEpoch(traces.get(name)!)
      const row = ({ name }: Library<Setting>): Row => {
        const { setting, validation, test, trials } = found.get(name)!
        return {
          library: name,
          'Msamples/s': rateOf(name) / 1e6,
          'CPU s/epoch': secondsPerEpoch(traces.get(name)!, 'cpu'),
          trials,
          'rate, λ, p': `${setting.learningRate}, ${setting.regularization}, ${setting.popularityExponent}`,
          'NDCG@20': validation.ndcg,
          'test NDCG@20': test.ndcg,
          'test Recall@20': test.recall,
        }
      }
      printTable(report, `bpr, ${factors} factors`, [ours, ...peers].map(row))
      const rows = await randomReadRate(items, factors)
      report.print({
        factors,
        randomRowsPerSecond: rows,
        gigabytesPerSecond: (rows * factors * 4) / 1e9,
        rowsOfSamplesOverThat: (2 * rateOf(ours.name)) / rows,
      })
      const fastest = Math.max(...peers.map(({ name }) => rateOf(name)))
      const best = Math.max(...peers.map(({ name }) => found.get(name)!.validation.ndcg))
      bars.push(
        atLeast(
          `bpr k = ${factors}: times the samples a second of the fastest peer`,
          rateOf(ours.name) / fastest,
          times,
        ),
        atLeast(
          `bpr k = ${factors}: NDCG@20 after equal samples over the best peer's`,
          found.get(ours.name)!.validation.ndcg / best,
          1,
        ),
      )
    }
  } finally {
    await pool.close()
  }
  return bars
}

function sizeOf(factors: number): { readonly factors: number; readonly times: number } {
  return { factors, times: sizes.find(size => size.factors >= factors)?.times ?? sizes.at(-1)!.times }
}

async function epochsOf(library: Library<Setting>, run: Omit<Run<Setting>, 'wanted'>): Promise<Epoch[]> {
  const epochs: Epoch[] = []
  await library.train({ ...run, wanted: 'none' }, epoch => {
    epochs.push(epoch)
    return false
  })
  return epochs
}

const ours: Library<Setting> = {
  name: 'aurochs',
  async train({ train, setting, factors, epochs, wanted }: Run<Setting>, onEpoch) {
    // As the peers sample: every pair alike.
    const options = bprOptions.parse({ ...setting, factors, epochs, seed: 7, weighting: 'none' })
    const clock = new Clock()
    const pool = new Pool({ threads: 2 })
    let epoch = 0
    const end = async (trained: Trained) => {
      const passed = clock.pause()
      epoch++
      const isWanted = wanted === 'all' || (wanted === 'last' && epoch === epochs)
      await onEpoch({ epoch, ...passed }, isWanted ? await servedFactors(trained, train, options) : undefined)
      clock.resume()
    }
    try {
      // There is no checkpoint after the last epoch.
      await end(await trainBpr(train, options, { pool, onCheckpoint: end }))
    } finally {
      await pool.close()
    }
  },
}

/** The items' vectors, and those of users as the model makes them of their histories. */
async function servedFactors(trained: Trained, dataset: Dataset, options: BprOptions): Promise<Factors> {
  const directory = join(benchCache, 'bpr')
  await saveArtifact(directory, { algorithm: 'bpr', options, dataset, trained }, { replace: true })
  const model = OpenModel.open(directory)
  const { items, factors } = factorsOf(trained.tensors)
  const { byUser } = dataset
  const users = sharedArray(Float32Array, byUser.rows * factors)
  const many = 1024
  for (let first = 0; first < byUser.rows; first += many) {
    const rows = Array.from({ length: Math.min(many, byUser.rows - first) }, (_, at) => rowOf(byUser, first + at))
    users.set(model.foldIn(rows), first * factors)
  }
  model.close()
  return { users, items, factors }
}

/** Calls of a worker that reads at random: about a second. */
const calls = 20_000

/** Rows of `rank` floats that two workers read a second, at random, from `rows` of them. */
async function randomReadRate(rows: number, rank: number): Promise<number> {
  const matrix = alignedArray(Float32Array, rows * rank).fill(1)
  const pool = new Pool({ threads: 2 })
  const module = workerModuleUrl('./random-reads', import.meta.url)
  const read = async (calls: number) => {
    const begun = performance.now()
    const jobs = [1, 2].map(seed => {
      const args: RandomReads = { data: matrix, rank, seed, calls }
      return pool.run<number>(module, 'readRows', args)
    })
    const counts = await Promise.all(jobs)
    return (counts.reduce((sum, count) => sum + count, 0) * 1000) / (performance.now() - begun)
  }
  try {
    await read(100)
    return await read(calls)
  } finally {
    await pool.close()
  }
}
