import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { manifestName } from './directory.ts'

/**
 * Locks `directory`, which is made if need be, until the lock is closed or the process ends, however it ends: the lock
 * is the operating system's, held through an open SQLite transaction, so none is ever left behind.
 *
 * @throws Error naming the process that has it, or saying why it must not hold a state.
 */
export function lockDirectory(directory: string): { close(): void } {
  assertForState(directory)
  mkdirSync(directory, { recursive: true })
  const owner = join(directory, 'server.pid')
  const db = new DatabaseSync(join(directory, 'lock.db'))
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE')
  } catch (error) {
    db.close()
    if ((error as { errcode?: number }).errcode !== 5) throw error
    throw new Error(
      `${directory} is in use by another server (process ${readOwner(owner)}): stop it, or name another --state`,
    )
  }
  writeFileSync(owner, `${process.pid}\n`)
  return db
}

function assertForState(directory: string): void {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (found && !found.isDirectory()) throw new Error(`${directory} must be a directory: name another --state`)
  if (!existsSync(join(directory, manifestName))) return
  throw new Error(
    `${directory} holds a dataset or a model: whatever replaces that would take the events with it; name another --state`,
  )
}

function readOwner(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
