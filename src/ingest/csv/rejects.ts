/** Lines of CSV files that are no rows: how many, where the first is, and what is wrong with it. */
import { type Database, identifier } from '../database.ts'
import type { SourceFile } from '../files/file.ts'
import { lineAt } from '../files/read.ts'
import type { CsvTable } from '../table.ts'

/** A line that is no row. */
export interface Reject {
  readonly file: SourceFile
  /** From 1. */
  readonly line: number
  /** Where the line is, what was expected, what came. */
  readonly message: string
}

/** Those of one file. */
export interface Rejects {
  readonly file: SourceFile
  readonly count: number
  /** Whether quotes are among what is wrong. An open quote takes all up to the next one, or up to the end, for one row. */
  readonly hasBrokenQuotes: boolean
  readonly first: Reject
}

interface Found {
  readonly path: string
  readonly count: number
  readonly hasBrokenQuotes: boolean
  readonly byte: number
  readonly type: string
  readonly message: string
}

/** Reads the columns `needed` of a table, for nothing but its rejects: of each file that has some, in order of files. */
export async function rejectsOf(db: Database, table: CsvTable, needed: readonly string[]): Promise<Rejects[]> {
  const columns = needed.map(name => `count(${identifier(name)})`)
  await db.run(`select ${columns.join(', ')} from ${table.from(table.files, needed, 'store')}`)
  // At some places DuckDB gives the beginning of the line before as line_byte_position, and that line as csv_line.
  const first = '(line, byte_position)'
  const found = await db.rows<Found>(
    `select file_path as path, count(distinct line)::double as "count",
       bool_or(error_type = 'UNQUOTED VALUE') as "hasBrokenQuotes", arg_min(byte_position - 1, ${first})::double as byte,
       arg_min(error_type, ${first})::varchar as type, arg_min(error_message, ${first}) as message
     from reject_errors join reject_scans using (scan_id, file_id) group by file_path`,
  )
  await db.run('drop table reject_errors')
  await db.run('drop table reject_scans')
  const byPath = new Map(found.map(each => [each.path, each]))
  const rejects: Rejects[] = []
  for (const file of table.files) {
    const each = byPath.get(file.path)
    if (!each) continue
    const { count, hasBrokenQuotes, byte } = each
    const { line, text } = await lineAt(file, table.compression, byte)
    const message = `${file.name}, line ${line}: ${reasonOf(each, table)}: ${shortened(text)}`
    rejects.push({ file, count, hasBrokenQuotes, first: { file, line, message } })
  }
  return rejects
}

function reasonOf({ type, message }: Found, { columns }: CsvTable): string {
  switch (type) {
    case 'MISSING COLUMNS':
      return `expected ${columns.length} columns, got ${/Found: (\d+)/.exec(message)?.[1] ?? 'fewer'}`
    case 'TOO MANY COLUMNS':
      return `expected ${columns.length} columns, got more`
    case 'UNQUOTED VALUE':
      return 'expected a quoted value to be closed before the next delimiter, got an open quote or text after it'
    case 'INVALID ENCODING':
      return 'expected UTF-8 (as iconv -f CP1252 -t UTF-8 makes it), got other bytes'
    case 'LINE SIZE OVER MAXIMUM':
      return 'expected a row of at most 2 MB, got more'
    default:
      return `expected a row of CSV, got ${type.toLowerCase()}`
  }
}

function shortened(text: string): string {
  const line = text.trimEnd()
  return line.length > 60 ? `${line.slice(0, 60)}…` : line
}
