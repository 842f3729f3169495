/** The tables that a source consists of: files that are alike form one, and so does a query. */
import { type Dialect, type DialectOptions, dialectOf, readSettings } from './csv/dialect.ts'
import { type Database, literal } from './database.ts'
import { type Content, contentOf, type Format } from './files/content.ts'
import { assertShallow } from './files/depth.ts'
import type { SourceFile } from './files/file.ts'
import { adjacencyTable, matrixMarketTable } from './matrices/lines.ts'
import { movielensDialect } from './matrices/movielens.ts'
import { npzTable } from './matrices/npz.ts'
import { SourceError, toSourceError } from './source-error.ts'
import { type AtRejects, type Column, type CsvTable, columnNamed, listed, listOf, type Table } from './table.ts'

export interface SourceOptions extends DialectOptions {
  /** Format of all files. Default: by their contents and names. */
  readonly format?: Format | undefined
  /** Whether rows that cannot be used are left out. */
  readonly badRows: 'refuse' | 'skip'
  /** Aborting it ends the inspection with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** A table of files. */
export type FileTable = CsvTable | (Table & { readonly format: Exclude<Format, 'csv' | 'movielens'> })

/**
 * Inspects `files`. Neighbours that are alike form one table: the tables one after the other keep the order of files.
 *
 * @param needed columns that will be needed: they help to find delimiter and header of text files.
 * @param check gets each new table as soon as its first file is inspected: what it throws ends the inspection.
 */
export async function tablesOf(
  db: Database,
  files: readonly SourceFile[],
  needed: readonly string[],
  options: SourceOptions,
  check: (table: Table) => void = () => undefined,
): Promise<FileTable[]> {
  const groups: { readonly key: string; readonly files: SourceFile[]; readonly table: FileTable }[] = []
  const inspected = new Map<string, FileTable>()
  for (const file of files) {
    const content = contentOf(file, options.format)
    const inspectionKey = inspectionKeyOf(content)
    let table = inspectionKey === undefined ? undefined : inspected.get(inspectionKey)
    if (!table) {
      table = await inspect(db, file, content, needed, options).catch(error => {
        throw toSourceError(error, file.name)
      })
      if (inspectionKey !== undefined && isHeaderFirst(table)) inspected.set(inspectionKey, table)
    }
    const key = JSON.stringify([table.format, table.columns, table.entries, table.from([], needed, 'fail')])
    const last = groups.at(-1)
    if (last?.key === key) last.files.push(file)
    else {
      check(table)
      groups.push({ key, files: [file], table })
    }
  }
  return groups.map(({ table, files }) => ({ ...table, files }))
}

/**
 * The same for text files with delimiters whose dialect must be the same if they have a header: those with the same
 * first line in which the same characters of special meaning occur.
 */
function inspectionKeyOf({ format, compression, head }: Content): string | undefined {
  const end = head.indexOf('\n')
  if (format !== 'csv' || end < 0) return undefined
  const special = ['"', "'", '#', '\\'].filter(character => head.includes(character))
  return JSON.stringify([compression, head.slice(0, end), special])
}

function isHeaderFirst(table: FileTable): boolean {
  return table.format === 'csv' && table.dialect.hasHeader && table.dialect.skip === 0
}

function inspect(
  db: Database,
  file: SourceFile,
  content: Content,
  needed: readonly string[],
  options: SourceOptions,
): Promise<FileTable> {
  const { format, compression } = content
  const inspectors: Record<Format, () => Promise<FileTable>> = {
    csv: () => inspectCsv(db, { file, compression, needed }, options),
    json: () => inspectJson(db, file, compression, options),
    parquet: () => inspectParquet(db, file),
    npz: () => npzTable(db, file),
    'matrix-market': async () => matrixMarketTable(file, content),
    adjacency: async () => adjacencyTable(file, compression),
    movielens: async () => csvTable(file, compression, movielensDialect(file, content.head)),
  }
  return inspectors[format]()
}

/** Columns of a text file are read as text: only so do ids like `007` stay what they are, and faults have a row. */
async function inspectCsv(
  db: Database,
  csv: Parameters<typeof dialectOf>[1],
  options: SourceOptions,
): Promise<CsvTable> {
  return csvTable(csv.file, csv.compression, await dialectOf(db, csv, options))
}

function csvTable(file: SourceFile, compression: Content['compression'], dialect: Dialect): CsvTable {
  const settings = readSettings(dialect, compression)
  const atRejectsSettings = { fail: '', skip: ', ignore_errors = true', store: ', store_rejects = true' }
  return {
    format: 'csv',
    files: [file],
    dialect,
    compression,
    columns: dialect.columns.map(({ name }) => ({ name, type: 'VARCHAR' })),
    from: (files, _needed, atRejects) => `read_csv(${listOf(files)}, ${settings}${atRejectsSettings[atRejects]})`,
  }
}

/**
 * As of CSV, the columns are read as text; what is no column in one line or another is null there, and so is all of a
 * line that is no JSON, where it does not fail. Where all columns are needed, they have the types that DuckDB sees.
 */
async function inspectJson(
  db: Database,
  file: SourceFile,
  compression: Content['compression'],
  { badRows, signal }: SourceOptions,
): Promise<FileTable> {
  const settings = (atRejects: AtRejects) =>
    `compression = '${compression === 'none' ? 'uncompressed' : compression}', ignore_errors = ${atRejects !== 'fail'}, union_by_name = true`
  // Before DuckDB reads any of it.
  await assertShallow(file, compression, signal)
  const atInspection = settings(badRows === 'skip' ? 'skip' : 'fail')
  const columns = await describe(db, `read_json(${listOf([file])}, ${atInspection})`)
  const from: Table['from'] = (files, needed, atRejects) => {
    const types = needed.map(name => `${literal(columnNamed(columns, name)?.name ?? name)}: 'VARCHAR'`)
    const read = types.length > 0 ? `, columns = {${types.join(', ')}}` : ''
    return `read_json(${listOf(files)}, ${settings(atRejects)}${read})`
  }
  return { format: 'json', files: [file], columns, from }
}

async function inspectParquet(db: Database, file: SourceFile): Promise<FileTable> {
  // Many writers do not mark bytes as text.
  const from = (files: readonly SourceFile[]) =>
    `read_parquet(${listOf(files)}, union_by_name = true, binary_as_string = true)`
  return { format: 'parquet', files: [file], columns: await describe(db, from([file])), from }
}

/**
 * The result of `query` as a table. In it, `source` stands for all rows of `tables`.
 *
 * @throws SourceError when the query is none.
 */
export async function tableOfQuery(
  db: Database,
  query: string,
  tables: readonly Table[],
  atRejects: AtRejects,
): Promise<Table> {
  if (tables.length > 0) {
    const selects = tables.map(table => `select * from ${table.from(table.files, [], atRejects)}`)
    await db.run(`create temp view source as ${selects.join(' union all by name ')}`)
  }
  // On lines of its own: the query may end in a comment.
  const sql = `(\n${query.replace(/;\s*$/, '')}\n)`
  const columns = await describe(db, sql).catch(error => {
    const failed = toSourceError(error, 'the query')
    if (failed instanceof SourceError) failed.message += hintOf(failed.message, tables)
    throw failed
  })
  return { format: 'query', files: [], columns, from: () => sql }
}

/** Where a query takes text for something else: the columns of text, which are so for what some of their values are. */
function hintOf(message: string, tables: readonly Table[]): string {
  if (!message.includes('VARCHAR')) return ''
  const texts = tables.flatMap(({ columns }) => columns.filter(({ type }) => type === 'VARCHAR'))
  return texts.length === 0
    ? ''
    : `; of source, these columns are text, for not all of their values are numbers or times: ${listed(texts)}`
}

/** The number of rows in `files`, from their footers. */
export async function parquetRows(db: Database, files: readonly SourceFile[]): Promise<number> {
  const [sum] = await db.rows<{ rows: number }>(
    `select sum(num_rows)::double as "rows" from parquet_file_metadata(${listOf(files)})`,
  )
  return sum?.rows ?? 0
}

async function describe(db: Database, from: string): Promise<Column[]> {
  const rows = await db.rows<{ column_name: string; column_type: string }>(`describe select * from ${from}`)
  return rows.map(row => ({ name: row.column_name, type: row.column_type }))
}
