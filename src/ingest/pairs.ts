/**
 * Rows become pairs, pairs are cut and numbered. All of it happens in tables of DuckDB, which spills what is too large:
 *
 *     pairs         (u, i, w, t)                    one row a pair; u and i as the source has them
 *     users, items  (id, code, pairs, place, rank)  `code` is what stands in `pairs` or `coded` for `id`; `place` is
 *                                                   by descending pairs, then id; `rank` by id
 *     coded         (u, i, w, t)                    `pairs` with places for ids
 */
import type { Reading } from './columns.ts'
import type { Database } from './database.ts'
import { guarded, type Reader } from './faults.ts'
import type { Progress } from './progress.ts'
import { SourceError } from './source-error.ts'

export const duplicates = ['sum', 'last', 'max', 'count'] as const
export type Duplicates = (typeof duplicates)[number]

export interface Counts {
  readonly users: number
  readonly items: number
  readonly pairs: number
}

/** Reads everything and merges the rows of a pair. Gives the number of rows. */
export async function gather(db: Database, readers: readonly Reader[], merge: Duplicates): Promise<number> {
  const isOrdered = merge === 'last'
  const hasTimes = readers[0]!.time !== undefined
  // Keeping the order of rows costs memory and, where they are counted, all threads but one.
  await db.run(`set preserve_insertion_order = ${isOrdered}`)
  const selects = readers.map((reader, index) => select(reader, readers, isOrdered ? index : undefined))
  const merged: Record<Duplicates, string> = {
    sum: readers[0]!.weight ? 'sum(w)' : 'count(*)::double',
    max: 'max(w)',
    count: 'count(*)::double',
    last: `arg_max(w, (${hasTimes ? 't, ' : ''}source, place))`,
  }
  await db.run(
    `create table pairs as
     select u, i, ${merged[merge]} as w, ${hasTimes ? 'max(t) as t, ' : ''}count(*) as "rows"
     from (${selects.join(' union all ')}) group by u, i`,
  )
  const [found] = await db.rows<{ rows: number | null; tooHeavy: number }>(
    `select sum("rows")::double as "rows", count(*) filter (where w > 3.4028234e38)::double as "tooHeavy" from pairs`,
  )
  if (!found?.rows) throw new SourceError(`there is not one row in ${placesOf(readers)}`)
  if (found.tooHeavy) {
    throw new SourceError(`the weights of a pair must stay below 3.4e38 when merged; ${found.tooHeavy} pairs exceed it`)
  }
  await db.run('alter table pairs drop "rows"')
  return found.rows
}

/** The rows of one table, checked; with the number of the table and their place in it if that is given. */
function select(reader: Reader, readers: readonly Reader[], source: number | undefined): string {
  const { table, user, item, weight, time } = reader
  const asText = (role: 'user' | 'item') => (readers.some(other => other[role].kind !== 'integer') ? '::varchar' : '')
  const columns = [
    `${guarded(user.value, reader.readings)}${asText('user')} as u, ${item.value}${asText('item')} as i`,
    `${weight?.value ?? 1} as w`,
    ...(time ? [`${time.value} as t`] : []),
    ...(source === undefined ? [] : [`${source} as source, row_number() over () as place`]),
  ]
  const needed = reader.readings.map(({ column }) => column)
  return `select ${columns.join(', ')} from ${table.from(table.files, needed)}`
}

/** Leaves pairs of no weight out. Gives their number. */
export async function dropWeightless(db: Database): Promise<number> {
  const dropped = await db.run('delete from pairs where w::float = 0')
  const [left] = dropped ? await db.rows('select 1 from pairs limit 1') : [true]
  if (!left) throw new SourceError(`all ${dropped} pairs weigh 0: nothing is left`)
  return dropped
}

/**
 * Cuts users and items with too few pairs, to a fixed point, and numbers the rest: makes `users`, `items` and `coded`
 * of `pairs`.
 */
export async function number(
  db: Database,
  readers: readonly Reader[],
  { minUser, minItem }: { readonly minUser: number; readonly minItem: number },
  progress: Progress,
): Promise<Counts> {
  progress.begin('numbering users')
  const userReadings = readers.map(({ user }) => user)
  await list(db, 'users', 'u', userReadings)
  progress.begin('numbering items')
  const itemReadings = readers.map(({ item }) => item)
  await list(db, 'items', 'i', itemReadings)
  progress.begin('coding pairs')
  if (minUser > 1 || minItem > 1) {
    // Cutting goes over and over the pairs: ranks are quicker to compare than ids, and sort as they do.
    await code(db, 'pairs', 'ranked', 'rank')
    await cut(db, minUser, minItem)
    await relist(db, 'users', 'u')
    await relist(db, 'items', 'i')
    await code(db, 'ranked', 'coded', 'place')
  } else {
    await code(db, 'pairs', 'coded', 'place')
  }
  const [counts] = await db.rows<Counts>(
    `select (select count(*) from users)::double as users, (select count(*) from items)::double as items,
       (select count(*) from coded)::double as pairs`,
  )
  if (!counts?.pairs) {
    throw new SourceError(
      `no pair is left: there are no users and items with at least ${minUser} and ${minItem} of each other; ask for fewer`,
    )
  }
  return counts
}

/** Makes the table `name` of the ids in column `column` of `pairs`. */
async function list(db: Database, name: string, column: 'u' | 'i', readings: readonly Reading[]): Promise<void> {
  const codes = `select ${column} as code, count(*) as pairs from pairs group by ${column}`
  await db.run(`create table codes as ${codes}`)
  const id = (await areIntegers(db, readings)) ? 'code::bigint' : 'code'
  await db.run(`create table ${name} as ${placed(`select ${id} as id, code, pairs from codes`)}`)
  await db.run('drop table codes')
}

/** Whether all of `codes` are integers in the way that integers are written. */
async function areIntegers(db: Database, readings: readonly Reading[]): Promise<boolean> {
  if (readings.every(({ kind }) => kind === 'integer')) return true
  if (readings.some(({ kind }) => kind === 'string')) return false
  const other = await db.rows(
    'select 1 from codes where try_cast(code as bigint)::varchar is distinct from code limit 1',
  )
  return other.length === 0
}

/** Makes the table `name` anew of what is left of it in `ranked`. */
async function relist(db: Database, name: string, column: 'u' | 'i'): Promise<void> {
  const left = `select ${column} as code, count(*) as pairs from ranked group by ${column}`
  await db.run(`create or replace table ${name} as
    ${placed(`select id, now.code, now.pairs from ${name} join (${left}) as now on now.code = ${name}.rank`)}`)
}

function placed(ids: string): string {
  return `select id, code, pairs, (row_number() over (order by pairs desc, id) - 1)::uinteger as place,
    (row_number() over (order by id) - 1)::uinteger as rank from (${ids})`
}

/** Turns the table `from` into `to`: codes become places or ranks. */
async function code(db: Database, from: string, to: string, by: 'place' | 'rank'): Promise<void> {
  await db.run(
    `create table ${to} as select ${from}.* replace (users.${by} as u, items.${by} as i, w::float as w)
     from ${from} join users on users.code = ${from}.u join items on items.code = ${from}.i`,
  )
  await db.run(`drop table ${from}`)
}

async function cut(db: Database, minUser: number, minItem: number): Promise<void> {
  const drop = (column: 'u' | 'i', least: number) =>
    db.run(
      `delete from ranked where ${column} in (select ${column} from ranked group by ${column} having count(*) < ${least})`,
    )
  do await drop('u', minUser)
  while ((await drop('i', minItem)) > 0)
}

function placesOf(readers: readonly Reader[]): string {
  const files = readers.flatMap(({ table }) => table.files)
  if (files.length === 0) return 'the result of the query'
  return files.length > 3 ? `${files[0]} and ${files.length - 1} more files` : files.join(', ')
}
