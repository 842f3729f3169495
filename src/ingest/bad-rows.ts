/** Rows that cannot be used, where they are left out and counted. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { copyWithoutBrokenQuotes } from './csv/quotes.ts'
import { type Reject, rejectsOf } from './csv/rejects.ts'
import type { Database } from './database.ts'
import { firstFault, type TableReader } from './faults.ts'
import type { SourceFile } from './files/file.ts'
import type { FileTable } from './source.ts'
import { isCsv } from './table.ts'

/** Tables of which the lines that are no rows can be left out one by one, and how many there are. */
export interface Counted {
  readonly tables: readonly FileTable[]
  readonly rejects: number
  readonly first: Reject | undefined
}

export interface CountOptions {
  /** Columns that will be read; all if nothing is said. */
  readonly needed?: readonly string[] | undefined
  /** A folder for files whose broken quotes would take good rows with them: copies without such lines. */
  readonly copies: string
  readonly signal?: AbortSignal | undefined
}

/** Reads the files of CSV among `tables` for the lines in them that are no rows. */
export async function countRejects(
  db: Database,
  tables: readonly FileTable[],
  { needed, copies, signal }: CountOptions,
): Promise<Counted> {
  let rejects = 0
  let copied = 0
  let first: Reject | undefined
  const counted: FileTable[] = []
  for (const table of tables) {
    if (!isCsv(table)) {
      counted.push(table)
      continue
    }
    const columns = needed ?? table.columns.map(({ name }) => name)
    let found = await rejectsOf(db, table, columns)
    first ??= found[0]?.first
    const replaced = new Map<SourceFile, SourceFile>()
    for (const { file } of found.filter(({ hasBrokenQuotes }) => hasBrokenQuotes)) {
      await mkdir(copies, { recursive: true })
      const copy = join(copies, `unbroken-${copied++}`)
      rejects += await copyWithoutBrokenQuotes(file, copy, { ...table, signal })
      replaced.set(file, { path: copy, name: file.name })
    }
    const whole = { ...table, files: table.files.map(file => replaced.get(file) ?? file) }
    if (replaced.size > 0) found = await rejectsOf(db, whole, columns)
    for (const { count } of found) rejects += count
    counted.push(whole)
  }
  return { tables: counted, rejects, first }
}

/** Where the first bad row is and what is wrong with it, if there is one. */
export async function firstBadRow(
  db: Database,
  readers: readonly TableReader[],
  reject: Reject | undefined,
): Promise<string | undefined> {
  const fault = await firstFault(db, readers, 'skip')
  if (!fault) return reject?.message
  if (!reject) return fault.message
  const names = readers.flatMap(({ table }) => table.files.map(({ name }) => name))
  const [faultAt, rejectAt] = [names.indexOf(fault.file ?? ''), names.indexOf(reject.file.name)]
  // Up to the first reject, rows are lines.
  const isFaultFirst = faultAt < rejectAt || (faultAt === rejectAt && fault.line < reject.line)
  return fault.file !== undefined && isFaultFirst ? fault.message : reject.message
}
