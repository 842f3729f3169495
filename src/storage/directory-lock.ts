import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { manifestName } from './directory.ts'
import { connect } from './sqlite.ts'

/** The name of the file that holds a lock. */
export const lockFile = 'lock.db'

/** A directory that this process has locked. */
export interface DirectoryLock {
  /** The file that holds the lock. */
  readonly file: string
  close(): void
}

/**
 * Locks `directory`, which is made if need be, until the lock is closed or the process ends, however it ends: the lock
 * is the operating system's, held through an open SQLite transaction, so none is ever left behind.
 *
 * @throws Error naming the process that has it, or saying why it must not hold a state.
 */
export function lockDirectory(directory: string): DirectoryLock {
  makeStateDirectory(directory)
  const owner = join(directory, 'server.pid')
  const file = join(directory, lockFile)
  const lock = lockByFile(file)
  if (!lock) {
    throw new Error(
      `${directory} is in use by another server (process ${readOwner(owner)}): stop it, or name another --state`,
    )
  }
  writeFileSync(owner, `${process.pid}\n`)
  return lock
}

/**
 * Does `work` with a store of the state `directory`, which is made if need be, while no server uses that.
 *
 * @throws Error when a server uses the state, and what `open` and `work` throw.
 */
export async function withLockedStore<Store extends { close(): void }, Result>(
  directory: string,
  open: () => Store,
  work: (store: Store) => Promise<Result>,
): Promise<Result> {
  const lock = lockDirectory(directory)
  try {
    const store = open()
    try {
      return await work(store)
    } finally {
      store.close()
    }
  } finally {
    lock.close()
  }
}

/**
 * Does `work` while no other process or thread changes `directories`, datasets and models that are replaced whole. The locks are
 * files beside them, which stay.
 *
 * @throws Error naming the directory that another process or thread is changing, and what `work` throws.
 */
export async function withLocks<Result>(directories: readonly string[], work: () => Promise<Result>): Promise<Result> {
  const locks: DirectoryLock[] = []
  try {
    for (const place of new Set(directories.map(directory => resolve(directory)))) {
      mkdirSync(dirname(place), { recursive: true })
      const lock = lockByFile(join(dirname(place), `.${basename(place)}.lock`))
      if (!lock) throw new Error(`${place} is being retrained or changed by another process: try again later`)
      locks.push(lock)
    }
    return await work()
  } finally {
    for (const lock of locks) lock.close()
  }
}

/** Locks by `file`, which is made if need be, until the lock is closed or the process ends; undefined where another has it. */
export function lockByFile(file: string): DirectoryLock | undefined {
  const db = connect(file)
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE')
    return { file, close: () => db.close() }
  } catch (error) {
    db.close()
    if ((error as { errcode?: number }).errcode === 5) return undefined
    throw error
  }
}

/** @throws Error saying why `directory` cannot be made, or must not hold a state. */
export function makeStateDirectory(directory: string): void {
  assertForState(directory)
  makeDirectory(resolve(directory))
}

function assertForState(directory: string): void {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (found && !found.isDirectory()) throw new Error(`${directory} must be a directory: name another --state`)
  if (!existsSync(join(directory, manifestName))) return
  throw new Error(
    `${directory} holds a dataset or a model: whatever replaces that would take the events with it; name another --state`,
  )
}

/** Not by the option `recursive` of mkdir, which never ends where nothing can be made, as in /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another server may make it at the same time.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw new Error(`the directory ${path} cannot be made: ${(error as Error).message}; name another --state`)
  }
}

function readOwner(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
