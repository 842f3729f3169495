/**
 * Rows become pairs. This happens in tables of DuckDB, which spills what is too large:
 *
 *     events  (u, i, w, t, k)  the rows of the source in its order, which is that of `rowid`; only where order counts
 *     pairs   (u, i, w)        what the rows of one user and item weigh together
 *
 * `u` and `i` are as the source has them; the columns `w`, `t` and `k` are there if the source has them.
 */
import { mostWeight } from './columns.ts'
import type { Database } from './database.ts'
import { guarded, type TableReader } from './faults.ts'
import { SourceError } from './source-error.ts'

export const duplicates = ['sum', 'last', 'max', 'count'] as const
export type Duplicates = (typeof duplicates)[number]

export interface ReadOptions {
  readonly duplicates: Duplicates
  /** Whether rows that cannot be used fail the query, or are left out. */
  readonly badRows: 'refuse' | 'skip'
}

/** How many rows were used, and how many left out. */
export interface Rows {
  readonly rows: number
  readonly faulty: number
}

/** Reads everything and merges the rows of a pair: makes `pairs`, and `events` if the source has times. */
export async function readPairs(
  db: Database,
  readers: readonly TableReader[],
  { duplicates: merge, badRows }: ReadOptions,
): Promise<Rows> {
  const hasTimes = readers[0]?.time !== undefined
  const hasWeights = readers[0]?.weight !== undefined
  const isOrdered = hasTimes || (hasWeights && merge === 'last')
  const rows = readers.map(reader => select(reader, readers, badRows)).join(' union all ')
  let faulty = 0
  if (isOrdered) {
    await db.run('set preserve_insertion_order = true')
    await db.run(`create table events as ${rows}`)
    if (badRows === 'skip') faulty = await db.run('delete from events where u is null')
  }
  // Nothing below depends on the order of rows, and to keep it costs memory.
  await db.run('set preserve_insertion_order = false')
  const merged: Record<Duplicates, string> = {
    sum: hasWeights ? 'sum(w)' : 'count(*)::double',
    max: hasWeights ? 'max(w)' : '1::double',
    count: 'count(*)::double',
    last: hasWeights ? `arg_max(w, ${hasTimes ? '(t, rowid)' : 'rowid'})` : '1::double',
  }
  await db.run(
    `create table pairs as
     select u, i, ${merged[merge]} as w, count(*) as "rows" from ${isOrdered ? 'events' : `(${rows})`} group by u, i`,
  )
  if (isOrdered && !hasTimes) await db.run('drop table events')
  const [found] = await db.rows<{ rows: number; faulty: number; tooHeavy: number }>(
    `select coalesce(sum("rows") filter (where u is not null), 0)::double as "rows",
       coalesce(sum("rows") filter (where u is null), 0)::double as "faulty",
       count(*) filter (where u is not null and w > ${mostWeight})::double as "tooHeavy" from pairs`,
  )
  if (found?.faulty) {
    await db.run('delete from pairs where u is null')
    faulty = found.faulty
  }
  if (found?.tooHeavy) {
    throw new SourceError(`the weights of a pair must stay below 3.4e38 when merged; ${found.tooHeavy} pairs exceed it`)
  }
  await db.run('alter table pairs drop "rows"')
  return { rows: found?.rows ?? 0, faulty }
}

/** The rows of one table, checked. */
function select(reader: TableReader, readers: readonly TableReader[], badRows: ReadOptions['badRows']): string {
  const { table, user, item, weight, time, kind } = reader
  const asText = (role: 'user' | 'item') => (readers.some(other => other[role].idType !== 'integer') ? '::varchar' : '')
  const columns = [
    `${guarded(user.value, reader.columns, badRows)}${asText('user')} as u`,
    // One group takes all bad rows.
    `${badRows === 'skip' ? guarded(item.value, reader.columns, badRows) : item.value}${asText('item')} as i`,
    weight && `${weight.value} as w`,
    time && `${time.value} as t`,
    kind && `${kind.value} as k`,
  ]
  const needed = reader.columns.map(({ column }) => column)
  return `select ${columns.filter(Boolean).join(', ')} from ${table.from(table.files, needed, badRows === 'skip' ? 'skip' : 'fail')}`
}

/** Leaves pairs out whose weight is not above 0. Gives their number. */
export async function dropWeightless(db: Database): Promise<number> {
  // What is not more than 2^-150 is 0 in single precision.
  const dropped = await db.run(`delete from pairs where w <= ${2 ** -150}`)
  const [left] = dropped ? await db.rows('select 1 from pairs limit 1') : [true]
  if (!left) throw new SourceError(`all ${dropped} pairs weigh 0 or less: nothing is left`)
  return dropped
}

/** The source, as it stands in messages. */
export function placesOf(readers: readonly TableReader[]): string {
  const files = readers.flatMap(({ table }) => table.files.map(({ name }) => name))
  if (files.length === 0) return 'the result of the query'
  return files.length > 3 ? `${files[0]} and ${files.length - 1} more files` : files.join(', ')
}
