/** SQLite as every durable state of ours uses it: opened, made or refused by version, and changed in transactions. */
import type { DatabaseSync as Database } from 'node:sqlite'

export const { DatabaseSync } = withoutWarning(() => process.getBuiltinModule('node:sqlite'))

export interface DatabaseFormat {
  /** Four characters that mark the file as one of this kind (`PRAGMA application_id`). */
  readonly applicationId: string
  /** The only version that is read and written. */
  readonly version: number
  /** SQL that makes the tables. */
  readonly schema: string
  /** What the file holds and what to do where it cannot be used, for people. */
  readonly title: string
  readonly remedy: string
}

/** In ms: how long a connection waits for another that has the database locked. */
export const busyTimeout = 5000

/**
 * Opens the database `file`, or makes it. What is committed is on disk: WAL, synced at each commit.
 *
 * @throws Error when it is not of `format`, naming both versions and the remedy.
 */
export function openDatabase(file: string, format: DatabaseFormat): Database {
  const database = new DatabaseSync(file)
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`)
    prepareSchema(database, file, format)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Does `work` in one transaction, on disk when this returns.
 *
 * @throws what `work` throws, or why the disk refused; then nothing of it was done.
 */
export function transact(database: Database, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    // SQLite itself rolls back on some failures, such as a full disk; then there is nothing left to end.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Makes the tables where there are none: in one transaction, since another process may do so at the same time. */
function prepareSchema(database: Database, file: string, format: DatabaseFormat): void {
  const { applicationId, version, schema, title, remedy } = format
  const id = Buffer.from(applicationId, 'latin1').readInt32BE()
  const pragma = (name: string): number => Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
  const isPrepared = () => pragma('application_id') === id && pragma('user_version') === version
  if (isPrepared()) return
  transact(database, () => {
    if (isPrepared()) return
    const found = pragma('user_version')
    const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }
    if (found > 0 || tables.count > 0) {
      const what = pragma('application_id') === id ? `holds ${title} of version ${found}` : `does not hold ${title}`
      throw new Error(`${file} ${what}, and this Aurochs reads version ${version}: ${remedy}`)
    }
    database.exec(`${schema} PRAGMA application_id = ${id}; PRAGMA user_version = ${version}`)
  })
}

/** Node calls the module experimental, which is of no use to whoever runs a program that needs it. */
function withoutWarning<Value>(load: () => Value): Value {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return load()
  } finally {
    process.emitWarning = emitWarning
  }
}
