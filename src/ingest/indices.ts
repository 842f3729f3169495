/**
 * Users and items with too few pairs are left out, and the rest get indices. This happens in tables of DuckDB:
 *
 *     users, items  (id, code, pairs, index, id_order)  `code` stands for `id` in `pairs` and `events`; `index` is by
 *                                                       descending pairs, then id; `id_order` by id
 *     coded         (u, i, w)                           `pairs` with indices for codes
 */
import type { ColumnReader } from './columns.ts'
import type { Database } from './database.ts'
import type { TableReader } from './faults.ts'
import type { Progress } from './progress.ts'
import { SourceError } from './source-error.ts'

export interface Counts {
  readonly users: number
  readonly items: number
  readonly pairs: number
}

/**
 * Cuts users and items with too few pairs, to a fixed point, and gives indices to the rest: makes `users`, `items` and
 * `coded` of `pairs`.
 */
export async function assignIndices(
  db: Database,
  readers: readonly TableReader[],
  { minUser, minItem }: { readonly minUser: number; readonly minItem: number },
  progress: Progress,
): Promise<Counts> {
  progress.begin('indexing users')
  const userColumns = readers.map(({ user }) => user)
  await list(db, 'users', 'u', userColumns)
  progress.begin('indexing items')
  const itemColumns = readers.map(({ item }) => item)
  await list(db, 'items', 'i', itemColumns)
  progress.begin('indexing pairs')
  if (minUser > 1 || minItem > 1) {
    // Cutting reads the pairs many times: small integers are quicker to compare than ids.
    await code(db, 'pairs', 'ordered', { from: 'code', to: 'id_order' })
    await cut(db, minUser, minItem)
    await relist(db, 'users', 'u')
    await relist(db, 'items', 'i')
    await code(db, 'ordered', 'coded', { from: 'former_order', to: 'index' })
  } else {
    await code(db, 'pairs', 'coded', { from: 'code', to: 'index' })
  }
  const [counts] = await db.rows<Counts>(
    `select (select count(*) from users)::double as users, (select count(*) from items)::double as items,
       (select count(*) from coded)::double as pairs`,
  )
  if (!counts?.pairs) {
    throw new SourceError(
      `no pair is left: there are no users and items with at least ${minUser} and ${minItem} of each other: require fewer`,
    )
  }
  return counts
}

/** Makes the table `name` of the ids in column `column` of `pairs`. */
async function list(db: Database, name: string, column: 'u' | 'i', readers: readonly ColumnReader[]): Promise<void> {
  await db.run(`create table codes as select ${column} as code, count(*) as pairs from pairs group by ${column}`)
  const id = (await areIntegers(db, readers)) ? 'code::bigint' : 'code'
  await db.run(`create table ${name} as ${indexed(`select ${id} as id, code, pairs from codes`)}`)
  await db.run('drop table codes')
}

/** Whether all of `codes` are integers in the way that integers are written. */
async function areIntegers(db: Database, readers: readonly ColumnReader[]): Promise<boolean> {
  if (readers.every(({ idType }) => idType === 'integer')) return true
  if (readers.some(({ idType }) => idType === 'string')) return false
  const other = await db.rows(
    'select 1 from codes where try_cast(code as bigint)::varchar is distinct from code limit 1',
  )
  return other.length === 0
}

/** Makes the table `name` anew of what is left of it in `ordered`; `former_order` is what stands there for an id. */
async function relist(db: Database, name: string, column: 'u' | 'i'): Promise<void> {
  const left = `select ${column} as former_order, count(*) as pairs from ordered group by ${column}`
  await db.run(`create or replace table ${name} as
    ${indexed(`select id, code, former_order, l.pairs from ${name} join (${left}) as l on former_order = id_order`)}`)
}

function indexed(ids: string): string {
  // Ids are compared only once: in the second sort their order stands for them.
  return `select *, (row_number() over (order by pairs desc, id_order) - 1)::uinteger as index
    from (select *, (row_number() over (order by id) - 1)::uinteger as id_order from (${ids}))`
}

/** Replaces the pairs of table `table` by table `coded`, in which other columns of `users` and `items` stand for ids. */
async function code(
  db: Database,
  table: string,
  coded: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  await db.run(
    `create table ${coded} as select users.${to} as u, items.${to} as i, w::float as w
     from ${table} join users on users.${from} = u join items on items.${from} = i`,
  )
  await db.run(`drop table ${table}`)
}

async function cut(db: Database, minUser: number, minItem: number): Promise<void> {
  const drop = (column: 'u' | 'i', least: number) =>
    db.run(
      `delete from ordered where ${column} in (select ${column} from ordered group by ${column} having count(*) < ${least})`,
    )
  do await drop('u', minUser)
  while ((await drop('i', minItem)) > 0)
}
