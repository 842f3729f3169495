/**
 * ALS beside implicit and rusket, on the same pairs in the same run: seconds an epoch, seconds to the loss that implicit has
 * in the end, loss, quality, memory. For quality, ours and implicit are each tried with three settings on a validation part
 * of the training pairs; that with the best NDCG@20 there is trained on all of them and measured on the test part.
 *
 * `--data FILE` takes another Parquet file of reads (columns user and item); `--factors 64` compares only models of that
 * size.
 */
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { evaluate } from '../src/evaluation/evaluate.ts'
import { type HeldOut, heldOut } from '../src/evaluation/held-out.ts'
import { parseMetrics } from '../src/evaluation/metrics.ts'
import { splitDataset } from '../src/evaluation/split.ts'
import type { Trained } from '../src/models/algorithm.ts'
import { type AlsOptions, alsOptions } from '../src/models/als/options.ts'
import { trainAls } from '../src/models/als/train.ts'
import { valuesOf } from '../src/models/trained-tensor.ts'
import { Pool } from '../src/parallel/pool.ts'
import type { Csr } from '../src/storage/csr.ts'
import { Dataset, writeDataset } from '../src/storage/dataset.ts'
import { openSafetensors, writeSafetensors } from '../src/storage/safetensors.ts'
import { atLeast, atMost, type Bar, type BenchOptions } from './bar.ts'
import { benchCache, brunchSplit } from './brunch-data.ts'
import { median } from './numbers.ts'
import { type FactorModel, factorRanker } from './peers/factor-ranker.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { printer } from './print.ts'

const epochs = 10
/** λ and α that implicit is tried with: the settings of its published figures. */
const settings = [
  [0.01, 1],
  [1, 10],
  [10, 40],
] as const
type Setting = (typeof settings)[number]
/** The setting whose loss is compared epoch by epoch, and with which ours is timed. */
const timed = settings[1]

/** α and λ that ours is tried with. A small initial deviation ranks a little better and ends at a slightly higher loss. */
const tried: readonly Partial<AlsOptions>[] = [
  { alpha: 8, regularization: 30 },
  { alpha: 15, regularization: 60 },
  { alpha: 25, regularization: 100 },
].map(each => ({ ...each, frequencyExponent: 0, unobservedWeight: 1, initialDeviation: 0.02 }))

interface Size {
  readonly factors: number
  /** How many times faster an epoch is to be than the faster peer's. */
  readonly faster: number
}

const sizes: readonly Size[] = [
  { factors: 64, faster: 3 },
  { factors: 128, faster: 2.5 },
]

interface Epoch {
  readonly epoch: number
  readonly seconds: number
  /** From the call that trains to the end of the epoch, what it takes to begin included. */
  readonly total: number
  readonly loss?: number
}

/** Pairs to train on, and those to measure with. */
interface Parts {
  readonly train: Dataset
  readonly held: HeldOut
}

interface Run extends Parts {
  readonly python: string
  readonly validation: Parts
  readonly print: (line: object) => void
  /** GFLOP/s of a matrix product on this machine. */
  readonly gemm: number
}

export async function run({ json, data, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({ args: rest, options: { factors: { type: 'string' } } })
  const compared = sizes.filter(({ factors }) => values.factors === undefined || Number(values.factors) === factors)
  if (compared.length === 0) {
    throw new TypeError(
      `--factors expects one of ${sizes.map(({ factors }) => factors).join(', ')}, got ${values.factors}`,
    )
  }
  const python = peersPython({ implicit: 'implicit==0.7.3', rusket: 'rusket==0.1.101', scipy: 'scipy', numpy: 'numpy' })
  const { train, test } = await brunchSplit(data)
  const [{ gflops: gemm }] = (await runPeer<{ gflops: number }>(python, 'als.py', ['gemm'])) as [{ gflops: number }]
  const print = printer(json)
  const { users, items, pairs } = train.manifest
  print({ users, items, pairs, gemmGflops: Math.round(gemm) })
  const bars: Bar[] = []
  const held = heldOut(test, train)
  const validation = await validationOf(train)
  for (const size of compared) bars.push(...(await compare(size, { python, train, held, validation, print, gemm })))
  return bars
}

/** A tenth of the training pairs held out of the others. */
async function validationOf(whole: Dataset): Promise<Parts> {
  const { train, test } = splitDataset(whole, { kind: 'random', share: 0.1, seed: 1 })
  const directory = join(benchCache, 'validation')
  await writeDataset(directory, train, { replace: true })
  const dataset = Dataset.open(directory)
  return { train: dataset, held: heldOut(test, dataset) }
}

async function compare({ factors, faster }: Size, bench: Run): Promise<Bar[]> {
  const { python, train, print, gemm } = bench
  const [regularization, alpha] = timed
  const asImplicit = {
    regularization,
    alpha,
    confidence: 'implicit',
    unobservedWeight: 1,
    frequencyExponent: 0,
  } as const

  // Ours before and after the peers, so that a machine that drifts favours nobody.
  const before = await ours(train, 2, { ...asImplicit, factors })
  const peer = await implicit(factors, timed, bench, ['--loss'])
  const rusketArgs = ['rusket', train.directory, ...[factors, 4, 1, 10].map(String)]
  const [rusket] = await runPeer<Epoch>(python, 'als.py', rusketArgs)
  print({ peer: 'rusket', factors, secondsPerEpoch: rusket!.seconds })
  const after = await ours(train, 2, { ...asImplicit, factors })
  const alone = await ours(train, 1, { ...asImplicit, factors })
  const seconds = median([...before.seconds, ...after.seconds])
  const flops = epochFlops(train, factors, alsOptions.parse({}).steps)
  const rate = { gflops: Math.round(flops / seconds / 1e9), shareOfGemm: flops / seconds / 1e9 / gemm }
  print({ ours: 'als', factors, workers: 2, secondsPerEpoch: seconds, ...rate, loss: after.loss })
  print({ ours: 'als', factors, workers: 1, secondsPerEpoch: median(alone.seconds) })

  const file = join(benchCache, `ours-${factors}.safetensors`)
  await saveFactors(file, after.tensors)
  const lossArgs = ['loss', train.directory, ...[factors, 0, regularization, alpha].map(String), file]
  const [check] = await runPeer<{ loss: number }>(python, 'als.py', lossArgs)
  rmSync(file)
  const target = peer.loss.at(-1)!
  const reached = after.loss.findIndex(loss => loss <= target)
  const toLoss = { implicit: peer.total, ours: after.totals[reached] ?? Number.POSITIVE_INFINITY }
  print({ factors, loss: target, epochs: { implicit: epochs, ours: reached + 1 }, seconds: toLoss })
  const theirs = await tuned(
    settings,
    async (setting, parts) => (await implicit(factors, setting, parts)).tensors,
    bench,
  )
  print({ peer: 'implicit', factors, regularization: theirs.setting[0], alpha: theirs.setting[1], ...theirs.found })
  const best = await tuned(
    tried,
    async (each, parts) => (await ours(parts.train, 2, { ...each, factors })).tensors,
    bench,
  )
  print({ ours: 'als', factors, ...best.setting, epochs, ...best.found })
  const memory = await peakMemory(train, factors)
  print({ ours: 'als', factors, peakMiB: memory.peak / 2 ** 20, csrAndFactorsMiB: memory.needed / 2 ** 20 })

  const name = (what: string) => `als k = ${factors}: ${what}`
  const worst = Math.max(...peer.loss.map((loss, epoch) => after.loss[epoch]! / loss))
  return [
    atLeast(
      name('times faster an epoch than the faster of implicit and rusket'),
      Math.min(peer.seconds, rusket!.seconds) / seconds,
      faster,
    ),
    atLeast(name('times faster with a second worker'), median(alone.seconds) / seconds, 1.85),
    atLeast(name("times faster to implicit's loss after 10 epochs, start included"), toLoss.implicit / toLoss.ours, 2),
    atMost(name("loss over implicit's, the worst of all epochs"), worst, 1),
    atMost(name('reported loss off that of its definition'), Math.abs(after.loss.at(-1)! / check!.loss - 1), 1e-4),
    atLeast(name("Recall@20 over implicit's"), best.found['recall@20']! / theirs.found['recall@20']!, 1),
    atLeast(name("NDCG@20 over implicit's"), best.found['ndcg@20']! / theirs.found['ndcg@20']!, 1),
    atMost(name('peak memory of the process over CSR both ways and factors'), memory.peak / memory.needed, 1.6),
  ]
}

async function ours(train: Dataset, threads: number, given: Partial<AlsOptions>) {
  const seconds: number[] = []
  const totals: number[] = []
  const called = performance.now()
  let begun: number | undefined
  const endEpoch = () => {
    const now = performance.now()
    totals.push((now - called) / 1000)
    // The first epoch also draws the dataset into memory: it is not timed.
    if (begun !== undefined) seconds.push((now - begun) / 1000)
    begun = now
  }
  const options = alsOptions.parse({ ...given, epochs, seed: 7 })
  const pool = new Pool({ threads })
  const { tensors, loss } = await trainAls(train, options, { pool, onCheckpoint: endEpoch })
  // There is no checkpoint after the last epoch.
  endEpoch()
  await pool.close()
  return { tensors, loss, seconds, totals }
}

/** What implicit trains: seconds of the median epoch and of all with its start, loss after each with `--loss`, factors. */
async function implicit(
  factors: number,
  [regularization, alpha]: Setting,
  { python, train }: Pick<Run, 'python' | 'train'>,
  more: readonly string[] = [],
) {
  const out = join(benchCache, `implicit-${factors}.safetensors`)
  const args = ['implicit', train.directory, ...[factors, epochs, regularization, alpha].map(String), out, ...more]
  const lines = await runPeer<Epoch>(python, 'als.py', args)
  const { tensors } = openSafetensors(out)
  rmSync(out)
  return {
    seconds: median(lines.map(epoch => epoch.seconds)),
    total: lines.at(-1)!.total,
    loss: lines.map(epoch => epoch.loss!),
    tensors,
  }
}

/**
 * The one of `settings` that ranks the validation part best, by NDCG@20, and what it finds of the test part when it is
 * trained on the whole.
 */
async function tuned<Setting>(
  settings: readonly Setting[],
  train: (setting: Setting, parts: Parts & Pick<Run, 'python'>) => Promise<Trained['tensors']>,
  { validation, ...whole }: Run,
) {
  let best: { readonly setting: Setting; readonly ndcg: number } | undefined
  for (const setting of settings) {
    const found = await quality(await train(setting, { ...whole, ...validation }), validation)
    const ndcg = found['ndcg@20']!
    whole.print({ validation: setting, ...found })
    if (!best || ndcg > best.ndcg) best = { setting, ndcg }
  }
  const { setting } = best!
  return { setting, found: await quality(await train(setting, whole), whole) }
}

/** Of the lists that trained factors give, whoever trained them. */
async function quality(tensors: Trained['tensors'], { train, held }: Parts) {
  const pool = new Pool({ threads: 2 })
  const ranker = factorRanker(pool, { ...factorsIn(tensors), history: train.byUser })
  const { metrics } = await evaluate(ranker, held, parseMetrics('recall@20,ndcg@20'))
  await pool.close()
  return metrics
}

async function saveFactors(file: string, tensors: Trained['tensors']): Promise<void> {
  rmSync(file, { force: true })
  const { users, items, factors } = factorsIn(tensors)
  const matrix = (data: Float32Array) => ({ data, shape: [data.length / factors, factors] })
  await writeSafetensors(file, { users: matrix(users), items: matrix(items) })
}

function factorsIn({ users, items }: Trained['tensors']): Omit<FactorModel, 'history'> {
  if (!users || !items) throw new Error('the factors of users or items are missing')
  return { users: valuesOf(users, Float32Array), items: valuesOf(items, Float32Array), factors: items.shape[1]! }
}

/** Highest resident memory of `aurochs train` as a process, and what it cannot do without, in bytes. */
async function peakMemory(train: Dataset, factors: number) {
  const out = join(benchCache, `model-${factors}`)
  const cli = join(import.meta.dirname, '../dist/cli/main.js')
  const args = [cli, 'train', train.directory, '--out', out, '--replace', '--threads', '2', '--epochs', '3']
  const child = spawn(process.execPath, [...args, '--factors', String(factors)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  let peak = 0
  const watching = setInterval(() => {
    try {
      peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? peak / 1024) * 1024
    } catch {
      // It has just ended.
    }
  }, 20)
  const code = await new Promise(resolve => child.on('exit', resolve))
  clearInterval(watching)
  rmSync(out, { recursive: true, force: true })
  if (code !== 0) throw new Error(`aurochs train ended with ${code}`)
  const bytes = ({ indptr, indices, weights }: Csr) => indptr.byteLength + indices.byteLength + weights.byteLength
  const rows = train.manifest.users + train.manifest.items
  return { peak, needed: bytes(train.byUser) + bytes(train.byItem) + 4 * rows * factors }
}

/** Floating-point operations of an epoch as our kernels do them: both Gramians, the rotations, and each row's solver. */
function epochFlops({ byUser, byItem }: Dataset, k: number, steps: number): number {
  const dual = 6 // entries up to which a row is solved by its dual (crates/kernels/src/als/row.rs)
  const rows = byUser.rows + byItem.rows
  let flops = rows * k * k + 2 * rows * 2 * k * k
  for (const { indptr } of [byUser, byItem]) {
    for (let row = 0; row + 1 < indptr.length; row++) {
      const n = Number(indptr[row + 1]! - indptr[row]!)
      flops += n <= dual ? n * n * k + n ** 3 / 3 + 2 * n * k : (4 * (steps + 1) + 3) * n * k
    }
  }
  return flops
}
