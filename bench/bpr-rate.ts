/**
 * Samples a second of BPR at 64 and 128 factors, by two workers and by one, beside the rate at which two workers read rows of
 * as many floats at random from a matrix as large as that of the items: a sample reads two rows of items and writes them back.
 *
 * `--data DATASET` names the directory of a dataset; without it the training part of the brunch reads. `--epochs N` (4), of
 * which the first is not timed, as it draws the dataset into memory; the others' median counts.
 */
import { parseArgs } from 'node:util'
import { type BprOptions, bprOptions } from '../src/models/bpr/options.ts'
import { trainBpr } from '../src/models/bpr/train.ts'
import { Pool, workerModuleUrl } from '../src/parallel/pool.ts'
import { Dataset } from '../src/storage/dataset.ts'
import { alignedArray } from '../src/storage/shared-array.ts'
import type { Bench } from './bar.ts'
import type { RandomReads } from './bpr/random-reads.ts'
import { brunchSplit } from './brunch-data.ts'
import { median } from './numbers.ts'
import { positiveInteger } from './options.ts'
import { printer } from './print.ts'

const sizes = [64, 128]
/** Calls of a worker that reads at random: about a second. */
const calls = 20_000

export const run: Bench = async ({ json, data, rest }) => {
  const { values } = parseArgs({ args: [...rest], options: { epochs: { type: 'string', default: '4' } } })
  const epochs = positiveInteger('epochs', values.epochs)
  const print = printer(json)
  const dataset = data === undefined ? (await brunchSplit()).train : Dataset.open(data)
  const { users, items, pairs } = dataset.manifest
  print({ users, items, pairs })
  for (const factors of sizes) {
    for (const workers of [2, 1]) {
      const seconds = median(await epochSeconds(dataset, workers, bprOptions.parse({ factors, epochs: epochs + 1 })))
      print({ factors, workers, secondsPerEpoch: seconds, samplesPerSecond: pairs / seconds })
    }
    const rowsPerSecond = await randomReadRate(items, factors)
    print({
      factors,
      workers: 2,
      randomRowsPerSecond: rowsPerSecond,
      gigabytesPerSecond: (rowsPerSecond * factors * 4) / 1e9,
    })
  }
  return []
}

/** Seconds of each epoch but the first. */
async function epochSeconds(dataset: Dataset, threads: number, options: BprOptions): Promise<number[]> {
  const ends: number[] = []
  const pool = new Pool({ threads })
  try {
    await trainBpr(dataset, options, { pool, onCheckpoint: () => void ends.push(performance.now() / 1000) })
    // There is no checkpoint after the last epoch.
    ends.push(performance.now() / 1000)
  } finally {
    await pool.close()
  }
  return ends.slice(1).map((end, at) => end - ends[at]!)
}

/** Rows of `rank` floats that two workers read a second, at random, from `rows` of them. */
async function randomReadRate(rows: number, rank: number): Promise<number> {
  const matrix = alignedArray(Float32Array, rows * rank).fill(1)
  const pool = new Pool({ threads: 2 })
  const module = workerModuleUrl('./bpr/random-reads', import.meta.url)
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
