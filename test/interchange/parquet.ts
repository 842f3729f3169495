import { Database } from '../../src/ingest/database.ts'
import { freshFolder } from '../storage/folder.ts'

export type Value = string | number | readonly number[] | null

/** The rows of a query of DuckDB's SQL; integers as numbers, lists as arrays. */
export async function rowsOf(sql: string): Promise<Record<string, Value>[]> {
  const db = await Database.open({ spill: freshFolder(), memory: '256MiB', threads: 1 })
  try {
    const rows = await db.rows<Record<string, unknown>>(sql)
    return rows.map(row => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])))
  } finally {
    db.close()
  }
}

/** Runs a statement, as to write a file. */
export async function run(sql: string): Promise<void> {
  await rowsOf(sql)
}

function plain(value: unknown): Value {
  return typeof value === 'bigint' ? Number(value) : (value as Value)
}
