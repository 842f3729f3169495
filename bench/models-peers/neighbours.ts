/**
 * Neighbours beside implicit's fit: seconds from the call that trains to the neighbours of all items, pairs in memory, and CPU seconds.
 * Every pair counts 1 for both.
 */
import { type NeighboursOptions, neighboursOptions } from '../../src/models/item-item/neighbours/options.ts'
import { trainNeighbours } from '../../src/models/item-item/neighbours/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { brunchSplit } from '../data/brunch-data.ts'
import { peersPython, runPeer } from '../peers/python.ts'
import { atLeast, type Bar } from '../support/bar.ts'
import { median } from '../support/numbers.ts'
import type { ModelBenchOptions } from './options.ts'
import { printTable, type Row } from './report.ts'

/** What both have. Of the cosine implicit has no shrinkage, ours is measured with its default, too. */
const compared = [
  { similarity: 'cosine', shrinkage: 0, isBar: true },
  { similarity: 'cosine', shrinkage: 10, isBar: false },
  { similarity: 'bm25', shrinkage: 0, isBar: true },
  { similarity: 'tfidf', shrinkage: 0, isBar: false },
] as const

/** Kept of each item: implicit's default. */
const neighbours = 20

export async function neighboursPeers({ report, data, quick }: ModelBenchOptions): Promise<Bar[]> {
  const python = peersPython('main', ['implicit', 'scipy', 'numpy'])
  const { train } = await brunchSplit(data, { quick })
  const { users, items, pairs } = train.manifest
  report.print({ users, items, pairs, neighbours })
  const bars: Bar[] = []
  const rows: Row[] = []
  for (const { similarity, shrinkage, isBar } of compared) {
    const options = neighboursOptions.parse({ similarity, shrinkage, neighbours, weighting: 'none' })
    const ours = () => trained(train, options, 2)
    // Before and after the peer, so that a machine that drifts favours nobody.
    const before = [await ours(), await ours()]
    const args = [train.directory, similarity, String(neighbours)]
    const [fit] = await runPeer<Fit>(python, 'neighbours.py', args)
    const all = [...before, await ours()]
    const seconds = median(all.map(fit => fit.seconds))
    const times = fit!.seconds / seconds
    rows.push({
      similarity: shrinkage ? `${similarity}, shrunk` : similarity,
      'ours s': seconds,
      least: Math.min(...all.map(fit => fit.seconds)),
      most: Math.max(...all.map(fit => fit.seconds)),
      CPU: median(all.map(fit => fit.cpu)),
      'one worker s': (await trained(train, options, 1)).seconds,
      'implicit s': fit!.seconds,
      'its CPU': fit!.cpu,
      times,
    })
    report.print(rows.at(-1)!)
    if (isBar) bars.push(atLeast(`neighbours by ${similarity}: times faster than implicit's fit`, times, 4))
  }
  printTable(report, `neighbours: seconds of fit, ${neighbours} of each item`, rows)
  return bars
}

/** Seconds on the clock, and those of all threads together, which say more where others use the machine. */
interface Fit {
  readonly seconds: number
  readonly cpu: number
}

async function trained(train: Dataset, options: NeighboursOptions, threads: number): Promise<Fit> {
  const pool = new Pool({ threads })
  const [begun, used] = [performance.now(), process.cpuUsage()]
  await trainNeighbours(train, options, { pool })
  const { user, system } = process.cpuUsage(used)
  const seconds = (performance.now() - begun) / 1000
  await pool.close()
  return { seconds, cpu: (user + system) / 1e6 }
}
