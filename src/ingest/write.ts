/** From the tables with indices to the files of a dataset, row after row. */
import { join } from 'node:path'
import { MappedCsr } from '../storage/csr.ts'
import { datasetFiles } from '../storage/dataset.ts'
import { type Id, writeIds } from '../storage/ids.ts'
import { SafetensorsWriter } from '../storage/safetensors.ts'
import { sequencesLayout } from '../storage/sequences.ts'
import { type Database, numbers } from './database.ts'
import { type Events, eventsInOrder } from './events.ts'
import type { Counts } from './indices.ts'
import type { Progress } from './progress.ts'
import { type CsrPart, transposedParts } from './transpose.ts'

/** Pairs that are transposed in one go: 8 bytes each. */
export const transposedAtOnce = 2 ** 25

/** Writes all files of the dataset but its manifest to `draft`. */
export async function writeParts(
  db: Database,
  draft: string,
  { users, items, pairs }: Counts,
  events: Events | undefined,
  progress: Progress,
): Promise<void> {
  const path = (file: keyof typeof datasetFiles) => join(draft, datasetFiles[file])
  const userBounds = await writeIdsOf(db, 'users', users, path('users'))
  const itemBounds = await writeIdsOf(db, 'items', items, path('items'))
  if (events) {
    progress.begin('writing events', events.count)
    await writeEvents(db, events, path('events'), users, progress)
    await db.run('drop table events')
  }
  progress.begin('writing pairs', pairs * 2)
  await writeCsr(path('byUser'), userBounds, pairsByUser(db), progress.add)
  const csr = MappedCsr.open(path('byUser'), items)
  try {
    await writeCsr(path('byItem'), itemBounds, transposedParts(csr, itemBounds, transposedAtOnce), progress.add)
  } finally {
    csr.close()
  }
}

async function* pairsByUser(db: Database): AsyncGenerator<CsrPart> {
  for await (const chunk of db.chunks('select i, w from coded order by u, i')) {
    yield { indices: numbers(chunk, 0, Uint32Array), weights: numbers(chunk, 1, Float32Array) }
  }
}

/** Writes the ids of one table by index. Gives where each one's pairs begin: (count + 1). */
async function writeIdsOf(db: Database, table: string, count: number, path: string): Promise<BigUint64Array> {
  const bounds = new BigUint64Array(count + 1)
  const sorted = new Uint32Array(count)
  const ids: Id[] = []
  for await (const chunk of db.chunks(`select pairs::ubigint, id_order, id from ${table} order by index`)) {
    const pairs = numbers(chunk, 0, BigUint64Array)
    numbers(chunk, 1, Uint32Array).forEach((order, row) => {
      const index = ids.length + row
      sorted[order] = index
      bounds[index + 1] = bounds[index]! + pairs[row]!
    })
    ids.push(...(chunk.getColumnValues(2) as Id[]))
  }
  await writeIds(path, ids, sorted)
  return bounds
}

/** Writes a matrix whose rows begin and end at `bounds` and come in `parts`; calls `onPairs` with how many were written more. */
export async function writeCsr(
  path: string,
  bounds: BigUint64Array,
  parts: Iterable<CsrPart> | AsyncIterable<CsrPart>,
  onPairs: (count: number) => void,
): Promise<void> {
  const pairs = Number(bounds.at(-1))
  const file = await SafetensorsWriter.create(path, {
    indptr: { dtype: 'U64', shape: [bounds.length] },
    indices: { dtype: 'U32', shape: [pairs] },
    weights: { dtype: 'F32', shape: [pairs] },
  })
  try {
    await file.append('indptr', bounds)
    for await (const { indices, weights } of parts) {
      await file.append('indices', indices)
      await file.append('weights', weights)
      onPairs(indices.length)
    }
    await file.finish()
  } finally {
    await file.close()
  }
}

async function writeEvents(
  db: Database,
  events: Events,
  path: string,
  users: number,
  progress: Progress,
): Promise<void> {
  const { count, hasWeights, kinds } = events
  const layout = sequencesLayout(users, count, { hasWeights, hasKinds: kinds !== undefined })
  const file = await SafetensorsWriter.create(path, layout)
  const perUser = new Float64Array(users)
  try {
    for await (const chunk of db.chunks(eventsInOrder(events))) {
      for (const user of numbers(chunk, 0, Uint32Array)) perUser[user]! += 1
      await file.append('items', numbers(chunk, 1, Uint32Array))
      await file.append('times', numbers(chunk, 2, BigInt64Array))
      if (hasWeights) await file.append('weights', numbers(chunk, 3, Float32Array))
      if (kinds) await file.append('kinds', numbers(chunk, hasWeights ? 4 : 3, Uint8Array))
      progress.add(chunk.rowCount)
    }
    await file.append('indptr', boundsOf(perUser))
    await file.finish()
  } finally {
    await file.close()
  }
}

/** Where each part begins and the last ends, of parts with these sizes: (parts + 1). */
export function boundsOf(sizes: Float64Array): BigUint64Array {
  const bounds = new BigUint64Array(sizes.length + 1)
  sizes.forEach((size, part) => {
    bounds[part + 1] = bounds[part]! + BigInt(size)
  })
  return bounds
}
