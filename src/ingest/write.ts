/** From the numbered tables to the files of a dataset, row after row. */
import { join } from 'node:path'
import { datasetFiles } from '../storage/dataset.ts'
import { type Id, writeIds } from '../storage/ids.ts'
import { SafetensorsWriter } from '../storage/safetensors.ts'
import { type Database, numbers } from './database.ts'
import type { Counts } from './pairs.ts'

export interface WriteParts extends Counts {
  readonly times: boolean
  /** Is told how many more pairs were written; both ways, so twice the pairs in all. */
  readonly onPairs: (count: number) => void
}

/** Writes all files of the dataset but its manifest to `draft`. */
export async function writeParts(db: Database, draft: string, parts: WriteParts): Promise<void> {
  const { users, items, pairs, times, onPairs } = parts
  const userBounds = await writeIdsOf(db, 'users', users, join(draft, datasetFiles.users))
  const itemBounds = await writeIdsOf(db, 'items', items, join(draft, datasetFiles.items))
  const byUser = `select i, w${times ? ', t' : ''} from coded order by u, i`
  await writeCsr(db, byUser, { path: join(draft, datasetFiles.byUser), bounds: userBounds, pairs, times, onPairs })
  const byItem = 'select u, w from coded order by i, u'
  await writeCsr(db, byItem, {
    path: join(draft, datasetFiles.byItem),
    bounds: itemBounds,
    pairs,
    times: false,
    onPairs,
  })
}

/** Writes the ids of one table by place. Gives where each one's pairs begin: (count + 1). */
async function writeIdsOf(db: Database, table: string, count: number, path: string): Promise<BigUint64Array> {
  const bounds = new BigUint64Array(count + 1)
  const order = new Uint32Array(count)
  const ids: Id[] = []
  for await (const chunk of db.chunks(`select pairs::ubigint, rank, id from ${table} order by place`)) {
    const pairs = numbers(chunk, 0, BigUint64Array)
    numbers(chunk, 1, Uint32Array).forEach((rank, row) => {
      const place = ids.length + row
      order[rank] = place
      bounds[place + 1] = bounds[place]! + pairs[row]!
    })
    ids.push(...(chunk.getColumnValues(2) as Id[]))
  }
  await writeIds(path, ids, order)
  return bounds
}

interface CsrFile extends Pick<WriteParts, 'pairs' | 'times' | 'onPairs'> {
  readonly path: string
  readonly bounds: BigUint64Array
}

/** Writes what `sql` selects: index, weight and, if asked, time of each pair, sorted by row and index. */
async function writeCsr(db: Database, sql: string, { path, bounds, pairs, times, onPairs }: CsrFile): Promise<void> {
  const file = await SafetensorsWriter.create(path, {
    indptr: { dtype: 'U64', shape: [bounds.length] },
    indices: { dtype: 'U32', shape: [pairs] },
    weights: { dtype: 'F32', shape: [pairs] },
    ...(times && { times: { dtype: 'I64', shape: [pairs] } as const }),
  })
  try {
    await file.append('indptr', bounds)
    for await (const chunk of db.chunks(sql)) {
      await file.append('indices', numbers(chunk, 0, Uint32Array))
      await file.append('weights', numbers(chunk, 1, Float32Array))
      if (times) await file.append('times', numbers(chunk, 2, BigInt64Array))
      onPairs(chunk.rowCount)
    }
    await file.finish()
  } finally {
    await file.close()
  }
}
