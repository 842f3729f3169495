/** Lines of CSV files that are no rows: how many, where the first is, and what is wrong with it. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { type Database, identifier } from '../database.ts'
import type { Compression } from '../files/content.ts'
import type { SourceFile } from '../files/file.ts'
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
  readonly text: string | null
}

/** Reads the columns `needed` of a table, for nothing but its rejects: of each file that has some, in order of files. */
export async function rejectsOf(db: Database, table: CsvTable, needed: readonly string[]): Promise<Rejects[]> {
  const columns = needed.map(name => `count(${identifier(name)})`)
  await db.run(`select ${columns.join(', ')} from ${table.from(table.files, needed, 'store')}`)
  const first = '(line_byte_position, byte_position)'
  const found = await db.rows<Found>(
    `select file_path as path, count(distinct line_byte_position)::double as "count",
       bool_or(error_type = 'UNQUOTED VALUE') as "hasBrokenQuotes", min(line_byte_position)::double as byte,
       arg_min(error_type, ${first})::varchar as type, arg_min(error_message, ${first}) as message,
       arg_min(csv_line, ${first}) as "text"
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
    const line = await lineAt(file, table.compression, byte)
    const message = `${file.name}, line ${line}: ${reasonOf(each, table)}`
    rejects.push({ file, count, hasBrokenQuotes, first: { file, line, message } })
  }
  return rejects
}

function reasonOf({ type, message, text }: Found, { columns }: CsvTable): string {
  const line = (text ?? '').split(/\r?\n/, 1)[0]!
  const got = `: ${line.length > 60 ? `${line.slice(0, 60)}…` : line}`
  switch (type) {
    case 'MISSING COLUMNS':
      return `expected ${columns.length} columns, got ${/Found: (\d+)/.exec(message)?.[1] ?? 'fewer'}${got}`
    case 'TOO MANY COLUMNS':
      return `expected ${columns.length} columns, got more${got}`
    case 'UNQUOTED VALUE':
      return `expected a quoted value to be closed before the next delimiter, got an open quote or text after it${got}`
    case 'INVALID ENCODING':
      return `expected UTF-8, got other bytes${got}`
    case 'LINE SIZE OVER MAXIMUM':
      return `expected a row of at most 2 MB, got more${got}`
    default:
      return `expected a row of CSV, got ${type.toLowerCase()}${got}`
  }
}

/** The line, counted from 1, in which byte number `byte` stands. Reads the file up to there. */
async function lineAt(file: SourceFile, compression: Compression, byte: number): Promise<number> {
  let line = 1
  let begin = 0
  for await (const piece of contentsOf(file, compression) as AsyncIterable<Buffer>) {
    for (let at = piece.indexOf(10); at >= 0 && begin + at < byte; at = piece.indexOf(10, at + 1)) line++
    begin += piece.length
    if (begin >= byte) break
  }
  return line
}

/** The bytes of a file, decompressed. */
export function contentsOf({ path }: SourceFile, compression: Compression): Readable {
  const bytes = createReadStream(path)
  if (compression === 'none') return bytes
  const decompress = compression === 'gzip' ? createGunzip() : createZstdDecompress()
  bytes.on('error', error => decompress.destroy(error))
  return bytes.pipe(decompress)
}
