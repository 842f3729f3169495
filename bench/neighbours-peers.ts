/**
 * Neighbours beside implicit: seconds from the call that trains to the neighbours of all items, on the same pairs in the same run,
 * ours before and after the peer. `--data FILE` takes another Parquet file of reads (columns user and item); `--neighbours 20`:
 * those kept of each item.
 */
import { parseArgs } from 'node:util'
import { type NeighboursOptions, neighboursOptions } from '../src/models/neighbours/options.ts'
import { trainNeighbours } from '../src/models/neighbours/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import type { Dataset } from '../src/storage/dataset.ts'
import { atLeast, type Bar, type BenchOptions } from './bar.ts'
import { brunchSplit } from './brunch-data.ts'
import { median } from './numbers.ts'
import { positiveInteger } from './options.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { printer } from './print.ts'

/** What both have. Of the cosine implicit has no shrinkage, ours is measured with its default, too. */
const compared = [
  { similarity: 'cosine', shrinkage: 0, isBar: true },
  { similarity: 'cosine', shrinkage: 10, isBar: false },
  { similarity: 'bm25', shrinkage: 0, isBar: true },
  { similarity: 'tfidf', shrinkage: 0, isBar: false },
] as const

export async function run({ json, data, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({ args: rest, options: { neighbours: { type: 'string', default: '20' } } })
  const neighbours = positiveInteger('neighbours', values.neighbours)
  const python = peersPython({ implicit: 'implicit==0.7.3', scipy: 'scipy', numpy: 'numpy' })
  const { train } = await brunchSplit(data)
  const print = printer(json)
  const { users, items, pairs } = train.manifest
  print({ users, items, pairs, neighbours })
  const bars: Bar[] = []
  for (const { similarity, shrinkage, isBar } of compared) {
    const options = neighboursOptions.parse({ similarity, shrinkage, neighbours })
    const before = [await seconds(train, options, 2), await seconds(train, options, 2)]
    const args = [train.directory, similarity, String(neighbours), 'none']
    const [peer] = await runPeer<{ seconds: number }>(python, 'neighbours.py', args)
    const ours = median([...before, await seconds(train, options, 2)])
    const alone = await seconds(train, options, 1)
    const times = peer!.seconds / ours
    print({ similarity, shrinkage, ours, oneWorker: alone, implicit: peer!.seconds, times })
    if (isBar) bars.push(atLeast(`neighbours by ${similarity}: times faster than implicit's fit`, times, 4))
  }
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
