/** SQLite as every durable state of ours uses it: opened, made or refused by version, and changed in transactions. */
import { existsSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import type { DatabaseSync } from 'node:sqlite'
import { type DatabaseName, namedError, naming } from './sqlite-errors.ts'

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
  /** Whether an empty file is refused, since what was in it is missed where all begins anew. Default: tables are made in it. */
  readonly refusesEmpty?: boolean
}

/** In ms: so long another process may take to write the first page of a file that it makes. */
const makingTime = 1000

/** What databases are called, by their connections. */
const names = new WeakMap<DatabaseSync, DatabaseName>()

/** In ms: how long a connection waits for another that has the database locked. */
export const busyTimeout = 5000

/** SQLITE_BUSY. */
const sqliteBusy = 5

type Sqlite = typeof import('node:sqlite')

/**
 * A connection to the database `file`, which is made where there is none.
 *
 * @throws Error when this Node has no `node:sqlite`.
 */
export function connect(file: string, { readOnly = false }: { readonly readOnly?: boolean } = {}): DatabaseSync {
  assertHasSqlite()
  // Loaded only now: the rest of the package runs where there is none. Node calls it experimental, which is no news for who
  // runs a program that needs it.
  const { DatabaseSync } = withoutWarning(() => process.getBuiltinModule('node:sqlite') as Sqlite)
  return new DatabaseSync(file, { readOnly })
}

/** @throws Error when this Node has no `node:sqlite`, in which events are kept. */
export function assertHasSqlite(): void {
  if (isBuiltin('node:sqlite')) return
  throw new Error(
    `events are kept by node:sqlite, which Node has from 22.13 on, and this is ${process.version}: ` +
      'run it under Node 22, as npx -y -p node@22 node does, or recommend without a state',
  )
}

function withoutWarning<Value>(load: () => Value): Value {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return load()
  } finally {
    process.emitWarning = emitWarning
  }
}

/**
 * Opens the database `file`, or makes it, or brings one of an older version to the present one. What is committed is on
 * disk: WAL, synced at each commit.
 *
 * @throws Error when it is not of `format`, naming both versions and the remedy; when it is damaged or cannot be written, naming it.
 */
export function openDatabase(file: string, format: DatabaseFormat): DatabaseSync {
  if (format.refusesEmpty) assertNotEmpty(file, format)
  const name = { file, title: format.title }
  const database = naming(name, () => connect(file))
  try {
    naming(name, () => {
      database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
      whileLocked(() => database.exec('PRAGMA journal_mode = WAL'))
      database.exec('PRAGMA synchronous = FULL')
      prepareSchema(database, file, format)
    })
    names.set(database, name)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Another process may be making the file just now. */
function assertNotEmpty(file: string, { title }: DatabaseFormat): void {
  const until = performance.now() + makingTime
  while (statSync(file, { throwIfNoEntry: false })?.size === 0) {
    if (performance.now() > until) {
      throw new Error(
        `${file} is empty, and should hold ${title}: put a backup back in its place, or remove the file where nothing was in it yet`,
      )
    }
    pause()
  }
}

/**
 * Does `work` again for as long as a connection waits for another, while another has the database locked: where several connections turn a new
 * file to WAL at once, SQLite has only one of them wait.
 */
function whileLocked(work: () => void): void {
  for (const until = performance.now() + busyTimeout; ; pause()) {
    try {
      work()
      return
    } catch (error) {
      if (!isLocked(error) || performance.now() > until) throw error
    }
  }
}

function isLocked(error: unknown): boolean {
  const { errcode = 0 } = error as { readonly errcode?: number }
  // Extended codes say more in their higher bytes.
  return (errcode & 0xff) === sqliteBusy
}

/** Of this thread, for some ms. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
}

/**
 * Opens the database `file` to read it, while another connection may write it.
 *
 * @throws Error when it is not there, or not of `format` in its present version.
 */
export function openReadOnly(file: string, format: DatabaseFormat): DatabaseSync {
  if (!existsSync(file)) throw new Error(`there is no ${file}: expected one that holds ${format.title}`)
  if (format.refusesEmpty) assertNotEmpty(file, format)
  const name = { file, title: format.title }
  const database = naming(name, () => connect(file, { readOnly: true }))
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    if (naming(name, () => isCurrent(database, format))) return database
    throw otherVersion(file, format, versionOf(database, format))
  } catch (error) {
    database.close()
    throw error
  }
}

/** Whether `file` is there and has tables: while another process makes it, it has none. */
export function isMade(file: string): boolean {
  if (!existsSync(file)) return false
  const database = connect(file, { readOnly: true })
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    return (database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }).count > 0
  } finally {
    database.close()
  }
}

/**
 * Does `work` in one transaction, on disk when this returns.
 *
 * @throws what `work` throws, or why the disk refused; then nothing of it was done.
 */
export function transact(database: DatabaseSync, work: () => void): void {
  try {
    database.exec('BEGIN IMMEDIATE')
    work()
    database.exec('COMMIT')
  } catch (error) {
    // SQLite itself rolls back on some failures, such as a full disk; then there is nothing left to end.
    if (database.isTransaction) database.exec('ROLLBACK')
    const name = names.get(database)
    throw name ? namedError(error, name) : error
  }
}

/** Makes the tables where there are none: in one transaction, since another process may do so at the same time. */
function prepareSchema(database: DatabaseSync, file: string, format: DatabaseFormat): void {
  if (isCurrent(database, format)) return
  const { version, schema, migrations = {} } = format
  transact(database, () => {
    while (!isCurrent(database, format)) {
      const { isOurs, found } = versionOf(database, format)
      if (isOurs && Object.hasOwn(migrations, found)) {
        makeVersion(database, { ...format, version: found + 1, schema: migrations[found]! })
        continue
      }
      const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }
      if (found > 0 || tables.count > 0) throw otherVersion(file, format, { isOurs, found })
      makeVersion(database, { ...format, version, schema })
    }
  })
}

function isCurrent(database: DatabaseSync, format: DatabaseFormat): boolean {
  const { isOurs, found } = versionOf(database, format)
  return isOurs && found === format.version
}

function makeVersion(database: DatabaseSync, { applicationId, version, schema }: DatabaseFormat): void {
  database.exec(`${schema} PRAGMA application_id = ${numberOf(applicationId)}; PRAGMA user_version = ${version}`)
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
