import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Database } from './database.ts'
import { findFiles } from './files/find.ts'
import { type SourceOptions, tablesOf } from './source.ts'
import { listed } from './table.ts'

/**
 * The columns of the first file of `source`, as they stand in messages; nothing where it cannot be looked at, or can be
 * read but once. For errors: it never throws.
 */
export async function columnsOf(source: string, options: Omit<SourceOptions, 'badRows'>): Promise<string | undefined> {
  const found = source === '-' ? undefined : statSync(source, { throwIfNoEntry: false })
  if (source === '-' || (found && !found.isFile())) return undefined
  const db = await Database.open({ spill: tmpdir(), memory: '128MiB', threads: 1 })
  try {
    const [file] = await findFiles(db, [source], { copies: '' })
    const [table] = await tablesOf(db, file ? [file] : [], [], { ...options, badRows: 'skip' })
    return table && listed(table.columns)
  } catch {
    return undefined
  } finally {
    db.close()
  }
}
