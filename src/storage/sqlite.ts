/** SQLite as every durable state of ours uses it: opened, made or refused by version, and changed in transactions. */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

export interface DatabaseFormat {
  /** Four characters that mark the file as one of this kind (`PRAGMA application_id`). */
  readonly applicationId: string
  /** The version that is read and written. */
  readonly version: number
  /** SQL that makes the tables. */
  readonly schema: string
  /** SQL that makes the next version of an older one, by the older one's number. Default: none is known. */
  readonly migrations?: Readonly<Record<number, string>> | undefined
  /** What the file holds and what to do where it cannot be used, for people. */
  readonly title: string
  readonly remedy: string
}

/** In ms: how long a connection waits for another that has the database locked. */
export const busyTimeout = 5000

/**
 * Opens the database `file`, or makes it, or brings one of an older version to the present one. What is committed is on
 * disk: WAL, synced at each commit.
 *
 * @throws Error when it is not of `format`, naming both versions and the remedy.
 */
export function openDatabase(file: string, format: DatabaseFormat): DatabaseSync {
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
 * Opens the database `file` to read it, while another connection may write it.
 *
 * @throws Error when it is not there, or not of `format` in its present version.
 */
export function openReadOnly(file: string, format: DatabaseFormat): DatabaseSync {
  if (!existsSync(file)) throw new Error(`there is no ${file}: expected one that holds ${format.title}`)
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    const { isOurs, found } = versionOf(database, format)
    if (isOurs && found === format.version) return database
    throw otherVersion(file, format, { isOurs, found })
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
export function transact(database: DatabaseSync, work: () => void): void {
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

function prepareSchema(database: DatabaseSync, file: string, format: DatabaseFormat): void {
  const { version, schema, migrations = {} } = format
  const { isOurs, found } = versionOf(database, format)
  if (isOurs && found === version) return
  if (isOurs && Object.hasOwn(migrations, found)) {
    migrate(database, { ...format, version: found + 1, schema: migrations[found]! })
    prepareSchema(database, file, format)
    return
  }
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }
  if (found > 0 || tables.count > 0) throw otherVersion(file, format, { isOurs, found })
  migrate(database, { ...format, version, schema })
}

/** Makes the tables of a version, in one transaction. */
function migrate(database: DatabaseSync, { applicationId, version, schema }: DatabaseFormat): void {
  transact(database, () => {
    database.exec(`
      ${schema}
      PRAGMA application_id = ${numberOf(applicationId)};
      PRAGMA user_version = ${version};
    `)
  })
}

interface FoundVersion {
  readonly isOurs: boolean
  readonly found: number
}

function versionOf(database: DatabaseSync, { applicationId }: DatabaseFormat): FoundVersion {
  const pragma = (name: string): number => Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
  return { isOurs: pragma('application_id') === numberOf(applicationId), found: pragma('user_version') }
}

function otherVersion(
  file: string,
  { version, title, remedy }: DatabaseFormat,
  { isOurs, found }: FoundVersion,
): Error {
  const what = isOurs ? `holds ${title} of version ${found}` : `does not hold ${title}`
  return new Error(`${file} ${what}, and this Aurochs reads version ${version}: ${remedy}`)
}

function numberOf(applicationId: string): number {
  return Buffer.from(applicationId, 'latin1').readInt32BE()
}
