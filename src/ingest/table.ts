/** Files that are alike, or the result of a query, as a table in SQL. */
import type { Dialect } from './csv/dialect.ts'
import { identifier, literal } from './database.ts'
import type { Compression, Format } from './files/content.ts'
import type { SourceFile } from './files/file.ts'

export interface Column {
  readonly name: string
  /** DuckDB's name of the type. In text files: of what the text looks like. */
  readonly type: string
  /** What a value that is an index must be, in words; absent where any is an id. */
  readonly expected?: string
}

/** What reading does at lines that are no rows: fail, leave them out, or leave them out and say why in reject_errors. */
export type AtRejects = 'fail' | 'skip' | 'store'

export interface Table {
  readonly format: Format | 'query'
  /** None for a query. */
  readonly files: readonly SourceFile[]
  readonly columns: readonly Column[]
  /** Rows of each file, where its header says that. */
  readonly entries?: number
  /** SQL that selects the rows of some of the files. `needed` are the columns that will be used. */
  readonly from: (files: readonly SourceFile[], needed: readonly string[], atRejects: AtRejects) => string
}

/** Of text with delimiters. */
export interface CsvTable extends Table {
  readonly format: 'csv'
  readonly dialect: Dialect
  readonly compression: Compression
}

export function isCsv(table: Table): table is CsvTable {
  return table.format === 'csv'
}

/** The names of the columns of text without a header. */
export const byPosition = /^column\d+$/i

/**
 * The column of that name: as it stands if there is one, else whatever the case, as in SQL, unless it may be either of two:
 * of columns that differ only by case, DuckDB calls the second `ID_1`.
 */
export function columnNamed(columns: readonly Column[], name: string): Column | undefined {
  const exact = columns.find(column => column.name === name)
  if (exact || columns.some(column => column.name.replace(/_\d+$/, '') === name)) return exact
  const folded = name.toLowerCase()
  return columns.find(column => column.name.toLowerCase() === folded)
}

/** Names of columns, as they stand in messages. */
export function listed(columns: readonly Column[]): string {
  const names = columns.slice(0, 20).map(({ name }) => identifier(name))
  return names.join(', ') + (columns.length > 20 ? ` and ${columns.length - 20} more` : '')
}

/** The files in SQL, for functions that take several. */
export function listOf(files: readonly SourceFile[]): string {
  return `[${files.map(patternOf).join(', ')}]`
}

/** A pattern, as DuckDB takes them everywhere, that matches `file` alone. */
export function patternOf({ path }: SourceFile): string {
  return literal(path.replace(/[[*?]/g, '[$&]'))
}
