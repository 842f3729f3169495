/** The brunch reads in order of time, users and items by number. */
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

export interface BrunchReads {
  /** (users) The ids of the file. */
  readonly userIds: readonly number[]
  /** (items) */
  readonly itemIds: readonly string[]
  /** (items) The hour of its first read. */
  readonly begun: Uint16Array
  /** (reads) each; hours since {@link firstHour}, never falling. */
  readonly users: Uint32Array
  readonly items: Uint32Array
  readonly hours: Uint16Array
  /** (hours + 2) Where the reads of each hour begin. */
  readonly bounds: Uint32Array
  /** How many hours there are. */
  readonly end: number
}

/** 2018-10-01 00:00 UTC, in hours since 1970. */
export const firstHour = 1_538_352_000 / 3600

export async function brunchReads(folder: string): Promise<BrunchReads> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '2GB' })
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run(`
      CREATE TABLE reads AS
      SELECT "user", item, (epoch(hour) / 3600)::INT - ${firstHour} AS hour FROM '${join(folder, 'reads.parquet')}'`)
    await connection.run(`
      CREATE TABLE users AS SELECT "user", (row_number() OVER (ORDER BY "user") - 1)::INT AS number FROM (SELECT DISTINCT "user" FROM reads)`)
    await connection.run(`
      CREATE TABLE items AS
      SELECT item, (row_number() OVER (ORDER BY item) - 1)::INT AS number, min(hour) AS begun FROM reads GROUP BY item`)
    const column = async (sql: string) => (await connection.runAndReadAll(sql)).getColumns()[0]!
    const total = Number((await column('SELECT count(*) FROM reads'))[0])
    const [users, items, hours] = [new Uint32Array(total), new Uint32Array(total), new Uint16Array(total)]
    const rows = await connection.stream(`
      SELECT users.number, items.number, hour FROM reads JOIN users USING ("user") JOIN items USING (item)
      ORDER BY hour, users.number, items.number`)
    let at = 0
    for (let chunk = await rows.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await rows.fetchChunk()) {
      const [user, item, hour] = [0, 1, 2].map(place => chunk!.getColumnVector(place))
      for (let row = 0; row < chunk.rowCount; row++, at++) {
        users[at] = user!.getItem(row) as number
        items[at] = item!.getItem(row) as number
        hours[at] = hour!.getItem(row) as number
      }
    }
    const end = hours.at(-1)! + 1
    return {
      userIds: (await column('SELECT "user" FROM users ORDER BY number')).map(Number),
      itemIds: (await column('SELECT item FROM items ORDER BY number')) as string[],
      begun: Uint16Array.from((await column('SELECT begun FROM items ORDER BY number')) as number[]),
      users,
      items,
      hours,
      bounds: boundsOf(hours, end),
      end,
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

function boundsOf(hours: Uint16Array, end: number): Uint32Array {
  const bounds = new Uint32Array(end + 2)
  for (let hour = 0, at = 0; hour <= end + 1; hour++) {
    while (at < hours.length && hours[at]! < hour) at++
    bounds[hour] = at
  }
  return bounds
}
