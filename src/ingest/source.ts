/** The tables that a source consists of: files that are alike form one, and so does a query. */
import { statSync } from 'node:fs'
import { type Database, identifier, literal } from './database.ts'
import { SourceError, toSourceError } from './source-error.ts'

export interface Column {
  readonly name: string
  /** DuckDB's name of the type. In text files: of what the text looks like. */
  readonly type: string
}

export interface Table {
  readonly format: Format | 'query'
  /** None for a query. */
  readonly files: readonly string[]
  readonly columns: readonly Column[]
  /** SQL that selects the rows of some of the files. `needed` are the columns that will be used. */
  readonly from: (files: readonly string[], needed: readonly string[]) => string
}

export const formats = ['csv', 'json', 'parquet'] as const
export type Format = (typeof formats)[number]

export interface SourceOptions {
  /** Format of all files. Default: by their names; CSV if these have no known ending. */
  readonly format?: Format | undefined
  /** Columns that will be needed: they help to find the header of a text file. */
  readonly needed: readonly string[]
}

const endings: readonly [RegExp, Format][] = [
  [/\.(parquet|pq)$/i, 'parquet'],
  [/\.(json|ndjson|jsonl)(\.(gz|zst))?$/i, 'json'],
]

/**
 * The files that `sources` name, which may have globs, sorted within each. A name that exists as it stands is no glob.
 *
 * @throws RangeError naming the source that leads to no file, SourceError naming the file that is empty.
 */
export async function findFiles(db: Database, sources: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const source of sources) {
    if (/^\w+:\/\//.test(source)) throw new RangeError(`${source} is not on this machine: download it first`)
    const found = statSync(source, { throwIfNoEntry: false })
    if (found?.isDirectory())
      throw new RangeError(`${source} is a directory: name its files, as in '${source}/*.parquet'`)
    if (found) files.push(source)
    else files.push(...(await glob(db, source)))
  }
  for (const file of files) {
    if (statSync(file).size === 0) throw new SourceError(`${file} is empty`)
  }
  return files
}

/** Inspects `files`. Neighbours that are alike form one table: the tables one after the other keep the order of files. */
export async function tablesOf(db: Database, files: readonly string[], options: SourceOptions): Promise<Table[]> {
  const groups: (Table & { readonly key: string; readonly files: string[] })[] = []
  for (const file of files) {
    const format = options.format ?? endings.find(([ending]) => ending.test(file))?.[1] ?? 'csv'
    const { from, columns } = await inspectors[format](db, file, options.needed).catch(error => {
      throw toSourceError(error, file)
    })
    const key = JSON.stringify([format, columns, from([''], options.needed)])
    const last = groups.at(-1)
    if (last?.key === key) last.files.push(file)
    else groups.push({ key, format, columns, from, files: [file] })
  }
  return groups
}

/** The result of `query` as a table. In it, `source` stands for all rows of `files`. */
export async function tableOfQuery(db: Database, query: string, files: readonly string[], options: SourceOptions) {
  const tables = await tablesOf(db, files, options)
  if (tables.length > 0) {
    const selects = tables.map(table => `select * from ${reader(table.format as Format, table.files)}`)
    await db.run(`create temp view source as ${selects.join(' union all by name ')}`)
  }
  // On lines of its own: the query may end in a comment.
  const sql = `(\n${query.replace(/;\s*$/, '')}\n)`
  const columns = await describe(db, sql).catch(error => {
    throw toSourceError(error, 'the query')
  })
  return { format: 'query', files: [], columns, from: () => sql } satisfies Table
}

type Inspection = Pick<Table, 'columns' | 'from'>
type Inspector = (db: Database, file: string, needed: readonly string[]) => Promise<Inspection>

const inspectors: Record<Format, Inspector> = { csv: inspectCsv, json: inspectJson, parquet: inspectParquet }

interface Dialect {
  readonly Delimiter: string
  readonly Quote: string
  readonly Escape: string
  readonly Comment: string
  readonly SkipRows: number
  readonly HasHeader: boolean
  readonly Columns: readonly Column[]
}

/**
 * Columns of a text file are read as text: only so do ids like `007` stay what they are, and faults have a row.
 *
 * DuckDB's guess of where the header is can be wrong in files that are all text; the columns that must be there help.
 */
async function inspectCsv(db: Database, file: string, needed: readonly string[]): Promise<Inspection> {
  const dialect = await dialectWith(db, file, needed)
  const { Delimiter, Quote, Escape, Comment, SkipRows, HasHeader, Columns } = dialect
  const orEmpty = (value: string) => (value === '(empty)' ? '' : value)
  // The guess is made from the first rows; quotes may first come later.
  const quote = orEmpty(Quote) || (/[,;]/.test(Delimiter) ? '"' : '')
  const columns = Columns.map(({ name }) => ({ name, type: 'VARCHAR' }))
  const types = columns.map(({ name, type }) => `${literal(name)}: '${type}'`)
  const settings = [
    `auto_detect = false, header = ${HasHeader}, skip = ${SkipRows}, columns = {${types.join(', ')}}`,
    `delim = ${literal(Delimiter)}, quote = ${literal(quote)}, escape = ${literal(orEmpty(Escape) || quote)}`,
    `comment = ${literal(orEmpty(Comment))}`,
  ].join(', ')
  if (HasHeader && needed.some(name => columnNamed(Columns, `${name}_1`)))
    await refuseRepeatedColumns(db, file, settings, needed)
  return { columns, from: files => `read_csv(${list(files)}, ${settings})` }
}

/** The first dialect, from DuckDB's own guess on, by which the columns `needed` are there; else its own guess. */
async function dialectWith(db: Database, file: string, needed: readonly string[]): Promise<Dialect> {
  const isHeaderless = needed.length > 0 && needed.every(name => /^column\d+$/.test(name))
  // Fields may differ in number: the read itself will then say where.
  const separated = [',', '\t', ';', '|'].map(d => `, header = true, delim = ${literal(d)}, ignore_errors = true`)
  const first = await sniff(db, file, isHeaderless ? ', header = false' : '')
  if (hasAll(first, needed)) return first
  for (const guess of [', header = true', ...separated]) {
    const guessed = await sniff(db, file, guess).catch(() => undefined)
    if (guessed && hasAll(guessed, needed)) return guessed
  }
  return first
}

function hasAll({ Columns }: Dialect, needed: readonly string[]): boolean {
  return needed.every(name => columnNamed(Columns, name))
}

async function sniff(db: Database, file: string, guess: string): Promise<Dialect> {
  const [dialect] = await db.rows<Dialect>(`from sniff_csv(${pattern(file)}${guess})`)
  return dialect!
}

/** DuckDB adds numbers to columns of one name, so it is unknown which is meant. */
async function refuseRepeatedColumns(
  db: Database,
  file: string,
  settings: string,
  needed: readonly string[],
): Promise<void> {
  const [header = {}] = await db.rows<Record<string, string>>(
    `from read_csv(${pattern(file)}, ${settings.replace('header = true', 'header = false')}) limit 1`,
  )
  for (const name of needed) {
    const same = Object.values(header).filter(title => title?.toLowerCase() === name.toLowerCase())
    if (same.length > 1 && same.filter(title => title === name).length !== 1) {
      throw new SourceError(`${file} has ${same.length} columns ${identifier(name)}: rename them so that they differ`)
    }
  }
}

/** As of CSV, the columns are read as text; what is no column in one line or another is null there. */
async function inspectJson(db: Database, file: string): Promise<Inspection> {
  const columns = await describe(db, reader('json', [file]))
  const from = (files: readonly string[], needed: readonly string[]) => {
    const types = needed.map(name => `${literal(columnNamed(columns, name)?.name ?? name)}: 'VARCHAR'`)
    return `read_json(${list(files)}, columns = {${types.join(', ')}})`
  }
  return { columns, from }
}

async function inspectParquet(db: Database, file: string): Promise<Inspection> {
  return { columns: await describe(db, reader('parquet', [file])), from: files => reader('parquet', files) }
}

/** The number of rows in `files`, from their footers. */
export async function parquetRows(db: Database, files: readonly string[]): Promise<number> {
  const [sum] = await db.rows<{ rows: number }>(
    `select sum(num_rows)::double as "rows" from parquet_file_metadata(${list(files)})`,
  )
  return sum?.rows ?? 0
}

/** SQL that reads files with all types as DuckDB sees them. */
function reader(format: Format, files: readonly string[]): string {
  // Many writers do not mark bytes as text.
  const settings = format === 'parquet' ? ', binary_as_string = true' : ''
  return `read_${format}(${list(files)}, union_by_name = true${settings})`
}

async function describe(db: Database, from: string): Promise<Column[]> {
  const rows = await db.rows<{ column_name: string; column_type: string }>(`describe select * from ${from}`)
  return rows.map(row => ({ name: row.column_name, type: row.column_type }))
}

/** The column of that name: as it stands if there is one, else whatever the case, as in SQL. */
export function columnNamed(columns: readonly Column[], name: string): Column | undefined {
  const folded = name.toLowerCase()
  return columns.find(column => column.name === name) ?? columns.find(column => column.name.toLowerCase() === folded)
}

/** Names of columns, as they stand in messages. */
export function listed(columns: readonly Column[]): string {
  const names = columns.slice(0, 20).map(({ name }) => identifier(name))
  return names.join(', ') + (columns.length > 20 ? ` and ${columns.length - 20} more` : '')
}

async function glob(db: Database, source: string): Promise<string[]> {
  const found = await db.rows<{ file: string }>(`select file from glob(${literal(source)}) order by file`)
  if (found.length === 0) throw new RangeError(`there is no file ${source}: check the path, and quote globs`)
  return found.map(({ file }) => file)
}

function list(files: readonly string[]): string {
  return `[${files.map(pattern).join(', ')}]`
}

/** A pattern, as DuckDB takes them everywhere, that matches `file` alone. */
function pattern(file: string): string {
  return literal(file.replace(/[[*?]/g, '[$&]'))
}
