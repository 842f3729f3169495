/**
 * ALS beside implicit, buffalo and rusket, at 64, 128 and 256 factors, all minimising the objective of {@link alsLoss}.
 *
 * Settings (α, λ) are searched alike: the same list, the same number of epochs, the same limit of time, by NDCG@20 on the validation
 * part. Then each peer is traced with the best ones, at the smallest size with each number of inner steps that it may have: the one
 * that is first within .2 % of the lowest loss that any of them reaches serves it best, and is taken at all sizes. In a trace the factors of
 * each epoch are measured, in a time that does not count.
 *
 * Compared are, of each peer, with total times from the call that trains on:
 * - seconds an epoch, the median of the trace; ours before and after the peers;
 * - seconds to the loss that the peer ends its trace with; ours with the peer's α and λ, so that both have the same minimum;
 * - seconds to 99 % of the best NDCG@20 of the peer's trace (what is left is noise from one epoch to the next); ours with its own.
 *
 * Of epochs that rusket was not traced after, the first after the last that had not reached a target counts as the one that did.
 */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Trained } from '../../src/models/algorithm.ts'
import { type AlsOptions, alsOptions } from '../../src/models/factors/als/options.ts'
import { trainAls } from '../../src/models/factors/als/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Csr } from '../../src/storage/csr.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { benchCache } from '../data/brunch-data.ts'
import { peersPython, runPeer } from '../peers/python.ts'
import { atLeast, atMost, type Bar } from '../support/bar.ts'
import { trainProcess } from '../support/train-process.ts'
import { Clock, type Epoch, factorsOf, type Library, peerLibrary, type Run, secondsPerEpoch } from './library.ts'
import { alsLoss, type Objective } from './loss.ts'
import { type Quality, qualityOf } from './measure.ts'
import type { ModelBenchOptions } from './options.ts'
import { brunchParts, type Parts } from './parts.ts'
import { printTable, type Report, type Row } from './report.ts'
import { searchSettings } from './search.ts'

/** Inner steps of a half-step; ours has its default. */
interface Setting extends Objective {
  readonly steps: number | 'ialspp'
}

const sizes = [64, 128, 256]
/** Of a trial of the search. */
const trialEpochs = 5
/** Of a peer's trace at the most. */
const fullTrace = 10
/** Ours has so many times the epochs to reach what a peer did. */
const patience = 3

/** From the published settings of implicit to those that weigh pairs, and keep factors small, as iALS does. */
const objectives: readonly Objective[] = [
  { alpha: 16, regularization: 60 },
  { alpha: 40, regularization: 10 },
  { alpha: 8, regularization: 30 },
  { alpha: 25, regularization: 100 },
  { alpha: 10, regularization: 1 },
]

/** Of each peer, its default first: that of the search. */
const innerSteps: Readonly<Record<string, readonly Setting['steps'][]>> = {
  implicit: [3, 1, 2, 5],
  buffalo: [3, 1, 2, 5, 'ialspp'],
  rusket: [5, 1, 2, 3],
}

/** An epoch, and what its factors are like. */
interface Point extends Epoch {
  readonly loss: number
  readonly validation: Quality
  readonly test: Quality
}

interface Trace {
  readonly setting: Setting
  readonly points: readonly Point[]
}

interface Bench {
  readonly parts: Parts
  /** For what is measured. */
  readonly pool: Pool
  readonly report: Report
  readonly traceSeconds: number
  readonly traceEpochs: number
  readonly factors: number
}

export async function alsPeers(options: ModelBenchOptions): Promise<Bar[]> {
  const { report, quick, factors: only, searchSeconds, traceSeconds } = options
  const main = peersPython('main', ['implicit', 'rusket', 'scipy', 'numpy'])
  const peers = [
    peerLibrary<Setting>('implicit', main, 'als.py'),
    peerLibrary<Setting>('buffalo', peersPython('buffalo', ['buffalo', 'h5py']), 'als.py'),
    peerLibrary<Setting>('rusket', main, 'als.py'),
  ]
  const [{ gflops: gemm }] = (await runPeer<{ gflops: number }>(main, 'gemm.py', [])) as [{ gflops: number }]
  const parts = await brunchParts(options)
  const { users, items, pairs } = parts.train.manifest
  report.print({ users, items, pairs, gemmGflops: gemm })
  const pool = new Pool({ threads: 2 })
  const bars: Bar[] = []
  /** Of each library, its best setting at the size before. */
  const known = new Map<string, Setting>()
  try {
    for (const factors of only ?? (quick ? [16] : sizes)) {
      const bench: Bench = { parts, pool, report, traceSeconds, traceEpochs: quick ? 3 : fullTrace, factors }
      const search = async (library: Library<Setting>) => {
        const before = known.get(library.name)
        const steps = before?.steps ?? innerSteps[library.name]?.[0] ?? ourSteps
        const settings = objectives
          .toSorted((a, b) => Number(isSame(b, before)) - Number(isSame(a, before)))
          .map(objective => ({ ...objective, steps }))
          .slice(0, quick ? 2 : undefined)
        const found = await searchSettings(library, {
          settings,
          parts,
          factors,
          epochs: trialEpochs,
          seconds: searchSeconds,
          pool,
          report,
        })
        return found.setting
      }
      const own = await search(ours)
      const timed: Epoch[] = []
      const speed = { train: parts.train, setting: own, factors, epochs: 4, wanted: 'none' } as const
      const into = (epochs: Epoch[]) => (epoch: Epoch) => epochs.push(epoch) < 0
      await ours.train(speed, into(timed))
      const traces = new Map<string, Trace>()
      for (const peer of peers) {
        const setting = await search(peer)
        const all = innerSteps[peer.name]!.slice(0, quick ? 2 : undefined)
        const candidates = known.has(peer.name) ? [setting.steps] : all
        const tried: Trace[] = []
        for (const steps of candidates) tried.push(await traced(peer, { ...setting, steps }, bench))
        const trace = soonest(tried)
        known.set(peer.name, trace.setting)
        traces.set(peer.name, trace)
      }
      known.set(ours.name, own)
      bars.push(...(await compare(own, timed, traces, gemm, bench)))
      const [alone, both]: [Epoch[], Epoch[]] = [[], []]
      await oursWith(1).train(speed, into(alone))
      await ours.train(speed, into(both))
      const secondWorker = secondsPerEpoch([alone]) / secondsPerEpoch([both])
      const memory = await peakMemory(parts.train, factors)
      report.print({
        factors,
        secondWorker,
        peakMiB: memory.peak / 2 ** 20,
        csrAndFactorsMiB: memory.needed / 2 ** 20,
      })
      bars.push(
        atLeast(`als k = ${factors}: times faster with a second worker`, secondWorker, 1.85),
        atMost(
          `als k = ${factors}: peak memory of the process over CSR both ways and factors`,
          memory.peak / memory.needed,
          1.6,
        ),
      )
    }
  } finally {
    await pool.close()
  }
  return bars
}

function isSame(objective: Objective, other: Objective | undefined): boolean {
  return objective.alpha === other?.alpha && objective.regularization === other.regularization
}

/** Traces `library` until it has had `traceEpochs` epochs or its time, or until `isEnough`. */
async function traced(
  library: Library<Setting>,
  setting: Setting,
  { parts, pool, report, traceSeconds, traceEpochs, factors }: Bench,
  { epochs = traceEpochs, isEnough = (_: Point): boolean => false } = {},
): Promise<Trace> {
  const points: Point[] = []
  let spent = 0
  await library.train({ train: parts.train, setting, factors, epochs, wanted: 'all' }, async (passed, found) => {
    const point: Point = {
      ...passed,
      loss: await alsLoss(found!, setting, parts.train, pool),
      validation: await qualityOf(found!, parts.validation, pool),
      test: await qualityOf(found!, parts.test, pool),
    }
    const { epoch, total, loss, validation } = point
    report.print({ trace: library.name, factors, ...setting, epoch, seconds: total, loss, ndcg: validation.ndcg })
    points.push(point)
    // Where an epoch is a training of its own, all of them count.
    spent = library.name === 'rusket' ? spent + total : total
    return spent > traceSeconds || isEnough(point)
  })
  return { setting, points }
}

/** The trace that is first near the lowest loss that any of them reaches. */
function soonest(traces: readonly Trace[]): Trace {
  const target = 1.002 * Math.min(...traces.map(({ points }) => points.at(-1)!.loss))
  const seconds = (trace: Trace) => reached(trace.points, ({ loss }) => loss <= target)
  return traces.toSorted((a, b) => seconds(a) - seconds(b))[0]!
}

/** Seconds to the first epoch of which `isThere` holds; where epochs before it were left out, to the first of these. */
function reached(points: readonly Point[], isThere: (point: Point) => boolean): number {
  const place = points.findIndex(isThere)
  if (place < 0) return Number.POSITIVE_INFINITY
  const { epoch, total } = points[place]!
  const before = points[place - 1]
  return before ? before.total + (total - before.total) / (epoch - before.epoch) : total
}

async function compare(
  own: Setting,
  timed: readonly Epoch[],
  traces: ReadonlyMap<string, Trace>,
  gemm: number,
  bench: Bench,
): Promise<Bar[]> {
  const { parts, report, factors, traceEpochs } = bench
  const ndcgOf = ({ validation }: Point) => validation.ndcg
  const targets = [...traces].map(([name, { setting, points }]) => ({
    name,
    setting,
    points,
    loss: points.at(-1)!.loss,
    ndcg: 0.99 * Math.max(...points.map(ndcgOf)),
  }))
  const highest = Math.max(...targets.map(({ ndcg }) => ndcg))
  const epochs = patience * traceEpochs
  const ownTrace = await traced(ours, own, bench, {
    epochs,
    isEnough: point => point.epoch >= traceEpochs && ndcgOf(point) >= highest,
  })
  const lossTraces: Trace[] = []
  for (const { setting, loss } of targets) {
    const toLoss = (trace: Trace) => isSame(trace.setting, setting) && trace.points.some(point => point.loss <= loss)
    if (isSame(own, setting) && toLoss(ownTrace)) continue
    const objective = { ...setting, steps: ourSteps }
    lossTraces.push(await traced(ours, objective, bench, { epochs, isEnough: point => point.loss <= loss }))
  }
  const ownTraces = [timed, ownTrace.points, ...lossTraces.map(({ points }) => points)]
  const seconds = secondsPerEpoch(ownTraces)
  const row = (name: string, { setting, points }: Trace, all: readonly (readonly Epoch[])[]): Row => {
    const best = points.reduce((a, b) => (ndcgOf(b) > ndcgOf(a) ? b : a))
    return {
      library: name,
      'α, λ': `${setting.alpha}, ${setting.regularization}`,
      steps: setting.steps,
      's/epoch': secondsPerEpoch(all),
      'CPU s/epoch': secondsPerEpoch(all, 'cpu'),
      epochs: points.at(-1)!.epoch,
      loss: points.at(-1)!.loss,
      'NDCG@20': ndcgOf(best),
      'test NDCG@20': best.test.ndcg,
      'test Recall@20': best.test.recall,
    }
  }
  printTable(report, `als, ${factors} factors`, [
    row('aurochs', ownTrace, ownTraces),
    ...targets.map(({ name, setting, points }) => row(name, { setting, points }, [points])),
  ])
  const rate = epochFlops(parts.train, factors, ourSteps) / seconds / 1e9
  report.print({ factors, gflops: rate, shareOfGemm: rate / gemm })

  const compared = targets.map(({ name, setting, points, loss, ndcg }) => {
    const own = [ownTrace, ...lossTraces].filter(trace => isSame(trace.setting, setting))
    return {
      name,
      epoch: secondsPerEpoch([points]),
      toLoss: reached(points, point => point.loss <= loss),
      ourToLoss: Math.min(...own.map(trace => reached(trace.points, point => point.loss <= loss))),
      toNdcg: reached(points, point => ndcgOf(point) >= ndcg),
      ourToNdcg: reached(ownTrace.points, point => ndcgOf(point) >= ndcg),
    }
  })
  printTable(
    report,
    `als, ${factors} factors: seconds to each peer's last loss, and to 99 % of its best NDCG@20`,
    compared.map(({ name, epoch, toLoss, ourToLoss, toNdcg, ourToNdcg }) => ({
      peer: name,
      'to loss s': toLoss,
      'ours s': ourToLoss,
      'times faster': toLoss / ourToLoss,
      'to NDCG s': toNdcg,
      'ours to it s': ourToNdcg,
      'times as fast': toNdcg / ourToNdcg,
      'epoch, times': epoch / seconds,
    })),
  )
  const least = (ratio: (peer: (typeof compared)[number]) => number) => Math.min(...compared.map(ratio))
  const name = (what: string) => `als k = ${factors}: times faster ${what} than the fastest peer`
  return [
    atLeast(
      name('an epoch'),
      least(({ epoch }) => epoch / seconds),
      1,
    ),
    atLeast(
      name('to equal loss'),
      least(({ toLoss, ourToLoss }) => toLoss / ourToLoss),
      1,
    ),
    atLeast(
      name('to equal NDCG@20'),
      least(({ toNdcg, ourToNdcg }) => toNdcg / ourToNdcg),
      1,
    ),
  ]
}

const ourSteps = alsOptions.parse({}).steps

const ours = oursWith(2)

function oursWith(threads: number): Library<Setting> {
  return {
    name: 'aurochs',
    async train({ train, setting: { alpha, regularization }, factors, epochs, wanted }: Run<Setting>, onEpoch) {
      const given: Partial<AlsOptions> = { confidence: 'implicit', unobservedWeight: 1, frequencyExponent: 0 }
      const options = alsOptions.parse({ ...given, alpha, regularization, factors, epochs, seed: 7 })
      const clock = new Clock()
      const pool = new Pool({ threads })
      const enough = new AbortController()
      let epoch = 0
      const end = async ({ tensors }: Trained) => {
        const passed = clock.pause()
        epoch++
        const isWanted = wanted === 'all' || (wanted === 'last' && epoch === epochs)
        if (await onEpoch({ epoch, ...passed }, isWanted ? factorsOf(tensors) : undefined)) enough.abort()
        clock.resume()
      }
      try {
        const last = await trainAls(train, options, { pool, onCheckpoint: end, signal: enough.signal })
        // There is no checkpoint after the last epoch.
        if (!enough.signal.aborted) await end(last)
      } finally {
        await pool.close()
      }
    },
  }
}

/** Highest resident memory of `aurochs train` as a process, and what it cannot do without, in bytes. */
async function peakMemory(train: Dataset, factors: number) {
  const out = join(benchCache, `als-${factors}`)
  const { peak } = await trainProcess(train, out, ['--no-tune', '--epochs', '3', '--factors', String(factors)])
  rmSync(out, { recursive: true, force: true })
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
