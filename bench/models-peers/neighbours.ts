/**
 * Neighbours beside implicit: seconds from the call that trains to the neighbours of all items, pairs in memory.
 */
import { type NeighboursOptions, neighboursOptions } from '../../src/models/neighbours/options.ts'
import { trainNeighbours } from '../../src/models/neighbours/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { atLeast, type Bar } from '../bar.ts'
import { brunchSplit } from '../brunch-data.ts'
import { median } from '../numbers.ts'
import { peersPython, runPeer } from '../peers/python.ts'
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
    const options = neighboursOptions.parse({ similarity, shrinkage, neighbours })
    // Ours before and after the peer, so that a machine that drifts favours nobody.
    const before = [await seconds(train, options, 2), await seconds(train, options, 2)]
    const args = [train.directory, similarity, String(neighbours)]
    const [fit] = await runPeer<{ seconds: number }>(python, 'neighbours.py', args)
    const all = [...before, await seconds(train, options, 2)]
    const ours = median(all)
    const times = fit!.seconds / ours
    rows.push({
      similarity: shrinkage ? `${similarity}, shrunk` : similarity,
      'ours s': ours,
      'least s': Math.min(...all),
      'most s': Math.max(...all),
      'one worker s': await seconds(train, options, 1),
      'implicit s': fit!.seconds,
      times,
    })
    report.print(rows.at(-1)!)
    if (isBar) bars.push(atLeast(`neighbours by ${similarity}: times faster than implicit's fit`, times, 4))
  }
  printTable(report, `neighbours: seconds of fit, ${neighbours} of each item`, rows)
  return bars
}

async function seconds(train: Dataset, options: NeighboursOptions, threads: number): Promise<number> {
  const pool = new Pool({ threads })
  const begun = performance.now()
  await trainNeighbours(train, options, { pool })
  const took = (performance.now() - begun) / 1000
  await pool.close()
  return took
}
