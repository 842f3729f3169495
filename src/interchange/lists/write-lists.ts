/** Lists for all users of a model, as Parquet. */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Database, literal } from '../../ingest/database.ts'
import { itemSources, noEvents, type Ranking } from '../../models/algorithm.ts'
import { ModelPool } from '../../models/open/model-pool.ts'
import { concat } from '../../search/item-lists.ts'
import { sync, withDraft } from '../../storage/directory.ts'
import type { IdMap } from '../../storage/ids.ts'
import { appendIds, idTypeOf } from '../id-columns.ts'
import {
  assertSameLists,
  type ListsManifest,
  listsFilesIn,
  listsManifestName,
  partName,
  readListsManifest,
  writeListsManifest,
} from './manifest.ts'

export interface WriteListsOptions {
  /** Items a list, from 1. Default: 10. */
  readonly limit?: number | undefined
  /** Whether items that the user has already may come. Default: `exclude`. */
  readonly seen?: 'allow' | 'exclude' | undefined
  /** Workers. Default: as many as the machine runs at once. */
  readonly threads?: number | undefined
  /** Users whose lists appear together. Default: about as many as make a million rows. */
  readonly usersInPart?: number | undefined
  /** Take the place of lists that are there, in place of going on with them. */
  readonly replace?: boolean | undefined
  /** Aborting it ends the work with the signal's reason; parts that are whole stay. */
  readonly signal?: AbortSignal | undefined
  /** Called with how many users have their lists, of how many, and how many of them from an earlier run. */
  readonly onProgress?: ((progress: ListsProgress) => void) | undefined
}

export interface ListsProgress {
  readonly users: number
  readonly total: number
  readonly before: number
}

const rowsInPart = 1_000_000
/** Lists that are ranked at a time have about as many rows, and are at most this many. */
const rowsAtOnce = 500_000
const usersAtOnce = 8192

/**
 * Writes the lists of all users of the model in `model` to the directory `out`: files `part-00000.parquet` and so on, with a row for each item of a list
 * (`user`, `rank` from 1, `item`, `score`, `source`), and `lists.json`, which says of which model and how they are. A part appears whole, by
 * a rename once the disk has it. Where parts of the same lists are there, the others are added: what was interrupted goes on.
 *
 * @returns the manifest.
 * @throws Error when there is no model, `out` holds something else or other lists, or the disk is full; the signal's reason when it is aborted.
 */
export async function writeLists(model: string, out: string, options: WriteListsOptions = {}): Promise<ListsManifest> {
  const { limit = 10, seen = 'exclude', threads, replace = false, signal } = options
  const usersInPart = options.usersInPart ?? Math.max(100, Math.floor(rowsInPart / limit))
  // What is to be replaced may be damaged.
  const before = replace && listsFilesIn(out).includes(listsManifestName) ? undefined : readListsManifest(out)
  const models = await ModelPool.open(model, { threads })
  try {
    const { checksum, manifest } = models.artifact
    const begun: ListsManifest = {
      format: 'aurochs-lists',
      version: 1,
      model: checksum,
      users: manifest.dataset.users,
      limit,
      seen,
      usersInPart,
      now: Date.now(),
      complete: false,
    }
    if (before) assertSameLists(out, before, begun)
    const lists = before ?? begun
    if (replace) for (const name of listsFilesIn(out)) await rm(join(out, name))
    await mkdir(out, { recursive: true })
    if (!before) await writeListsManifest(out, lists)
    await writeParts(models, out, lists, { ...options, signal })
    const complete = { ...lists, complete: true }
    if (!lists.complete) await writeListsManifest(out, complete)
    return complete
  } finally {
    await models.close()
  }
}

async function writeParts(
  models: ModelPool,
  out: string,
  lists: ListsManifest,
  { threads = availableParallelism(), signal, onProgress }: WriteListsOptions,
): Promise<void> {
  const { users, usersInPart } = lists
  const parts = Array.from({ length: Math.ceil(users / usersInPart) }, (_, part) => part)
  const missing = parts.filter(part => !existsSync(join(out, partName(part))))
  const sizeOf = (part: number) => Math.min(usersInPart, users - part * usersInPart)
  const before = users - missing.reduce((sum, part) => sum + sizeOf(part), 0)
  let done = before
  const report = (count: number) => {
    done += count
    onProgress?.({ users: done, total: users, before })
  }
  report(0)
  if (missing.length === 0) return
  const spill = join(out, '.spill')
  const db = await Database.open({ spill, memory: '1GiB', threads, signal })
  try {
    await createIds(db, 'items', models.artifact.items)
    for (const part of missing) {
      const first = part * usersInPart
      const path = join(out, partName(part))
      await withDraft(path, async draft => {
        const file = join(draft, 'part.parquet')
        await writePart(models, db, file, lists, { first, count: sizeOf(part), signal, report })
        await sync(file)
        await rename(file, path)
        await sync(out)
      })
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    db.close()
    await rm(spill, { recursive: true, force: true })
  }
}

interface Part {
  readonly first: number
  readonly count: number
  readonly signal: AbortSignal | undefined
  readonly report: (users: number) => void
}

async function writePart(
  models: ModelPool,
  db: Database,
  file: string,
  { limit, seen, now }: ListsManifest,
  { first, count, signal, report }: Part,
): Promise<void> {
  const { users } = models.artifact
  await createIds(db, 'users', users, first, count)
  const rows = await db.createTable('lists', {
    u: 'uinteger',
    r: 'uinteger',
    i: 'uinteger',
    score: 'float',
    source: 'utinyint',
  })
  const atOnce = Math.max(1, Math.min(usersAtOnce, Math.floor(rowsAtOnce / limit)))
  const exclude = new Uint32Array(0)
  const rank = (begin: number) => {
    const length = Math.min(atOnce, first + count - begin)
    const requests = Array.from({ length }, (_, at) => {
      return { user: begin + at, recent: noEvents, now, seen, limit, exclude } as const
    })
    return models.rank(requests, signal)
  }
  // Workers rank the next users while these are appended.
  let next = rank(first)
  for (let begin = first; begin < first + count; begin += atOnce) {
    const lists = await next
    if (begin + atOnce < first + count) {
      next = rank(begin + atOnce)
      // It is awaited in the next round, if there is one.
      next.catch(() => {})
    }
    const columns = columnsOf(begin, lists)
    rows.append(columns[0].length, columns)
    report(lists.length)
  }
  rows.finish()
  const names = `[${itemSources.map(literal).join(', ')}]`
  await db.run(
    `copy (
       select users.id as "user", r as "rank", items.id as item, score, ${names}[source + 1] as source
       from lists join users on users.row = u join items on items.row = i order by u, r
     ) to ${literal(file)} (format parquet, compression zstd)`,
  )
  await db.run('drop table lists')
  await db.run('drop table users')
}

/** Users, ranks, items, scores and sources of the lists, a row for each item. */
function columnsOf(first: number, lists: readonly Ranking[]) {
  const size = lists.reduce((sum, { items }) => sum + items.length, 0)
  const [users, ranks] = [new Uint32Array(size), new Uint32Array(size)]
  let at = 0
  lists.forEach(({ items }, row) => {
    users.fill(first + row, at, at + items.length)
    for (let place = 1; place <= items.length; place++) ranks[at++] = place
  })
  const joined = [
    concat(
      Uint32Array,
      lists.map(({ items }) => items),
    ),
    concat(
      Float32Array,
      lists.map(({ scores }) => scores),
    ),
    concat(
      Uint8Array,
      lists.map(({ sources }) => sources),
    ),
  ] as const
  return [users, ranks, ...joined] as const
}

/** A table of ids by row. */
async function createIds(db: Database, table: string, ids: IdMap, first = 0, count = ids.size): Promise<void> {
  const rows = await db.createTable(table, { row: 'uinteger', id: idTypeOf(ids) })
  appendIds(ids, first, count, (row, values) => {
    const places = Uint32Array.from({ length: values.length }, (_, at) => row + at)
    rows.append(places.length, [places, values])
  })
  rows.finish()
}
