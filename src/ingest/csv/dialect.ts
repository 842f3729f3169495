/** How the text of a CSV file is divided into rows and columns. */
import { type Database, identifier, literal } from '../database.ts'
import type { Compression } from '../files/content.ts'
import type { SourceFile } from '../files/file.ts'
import { SourceError } from '../source-error.ts'
import { byPosition, type Column, columnNamed, listOf, patternOf } from '../table.ts'

/** What the caller says about text files; the rest is guessed. */
export interface DialectOptions {
  /** Between two columns: 1 to 4 bytes. */
  readonly delimiter?: string | undefined
  /** Whether the first line names the columns. */
  readonly header?: boolean | undefined
}

export interface Dialect {
  readonly delimiter: string
  /** Empty where there is none; so are the next two. */
  readonly quote: string
  readonly escapedBy: string
  readonly comment: string
  /** Lines before the header, or before the first row. */
  readonly skip: number
  readonly hasHeader: boolean
  /** With the types that DuckDB guesses from the first rows. */
  readonly columns: readonly Column[]
  /** Of dates and timestamps, for strptime; nothing where they are ISO 8601. */
  readonly dateFormat: string | undefined
  readonly timestampFormat: string | undefined
}

/** A file of which the dialect is sought. */
export interface CsvFile {
  readonly file: SourceFile
  readonly compression: Compression
  /** Columns that must be there: they help to find delimiter and header. */
  readonly needed: readonly string[]
}

/**
 * The first dialect, from DuckDB's own guess on, by which the needed columns are there; else its own guess.
 *
 * DuckDB's guess of the delimiter can be wrong where rows are broken, and that of a header where all is text.
 *
 * @throws SourceError when no dialect fits, or the names of needed columns are not unique.
 */
export async function dialectOf(db: Database, csv: CsvFile, options: DialectOptions): Promise<Dialect> {
  const { file, needed } = csv
  const own = await guess(db, csv, options)
  if (!own) {
    throw new SourceError(
      `${file.name} cannot be read as CSV: expected rows with the same number of columns, found no delimiter that makes such; ` +
        'name it by --delimiter, or the format by --format',
    )
  }
  for await (const dialect of dialects(db, csv, options, own)) {
    if (!hasAll(dialect, needed)) continue
    if (dialect.hasHeader && needed.some(name => columnNamed(dialect.columns, `${name}_1`))) {
      await refuseRepeatedColumns(db, csv, dialect)
    }
    return dialect
  }
  return own
}

/** Dialects to try, the likeliest first. */
async function* dialects(db: Database, csv: CsvFile, options: DialectOptions, own: Dialect): AsyncGenerator<Dialect> {
  const isByPosition = csv.needed.length > 0 && csv.needed.every(name => byPosition.test(name))
  const isDivided = own.columns.length > 1
  // DuckDB itself guesses neither of the last two. Positions would fit any delimiter that makes columns enough.
  const delimiters = isDivided && isByPosition ? [] : [',', '\t', ';', '|', ...(isDivided ? [] : ['::', ' '])]
  const separated = delimiters.map(delimiter => ({ ...options, delimiter }))
  const all = options.delimiter === undefined ? [options, ...separated] : [options]
  for (const each of all) {
    yield* alternatives(each === options ? own : await guess(db, csv, each), each)
    yield* alternatives(await sniff(db, csv, each, true), each)
  }

  async function* alternatives(found: Dialect | undefined, given: DialectOptions): AsyncGenerator<Dialect> {
    if (!found) return
    yield found
    if (options.header !== undefined) return
    // Text alone does not tell a header from a row: names by position then say that there is none.
    if (!isByPosition || (found.hasHeader && !isSurelyHeader(found))) {
      const other = await guess(db, csv, { ...given, header: !isByPosition })
      if (other) yield other
    }
  }
}

const idName = /(^|[ _-])(id|ID|Id)$|[a-z]I[dD]$/
const usualName =
  /^(user|item|customer|product|movie|book|track|artist|song|listener|session|article|event|action|kind|rating|weight|time|timestamp|date)s?([ _-]?(name|key))?$/i

/** Whether the first line differs from the others by type, or has a name such as `user_id`, or only usual names. */
function isSurelyHeader({ columns }: Dialect): boolean {
  const isNamed = columns.some(({ name }) => idName.test(name)) || columns.every(({ name }) => usualName.test(name))
  return isNamed || columns.some(({ type }) => type !== 'VARCHAR')
}

function hasAll({ columns }: Dialect, needed: readonly string[]): boolean {
  return needed.every(name => columnNamed(columns, name))
}

/**
 * DuckDB's guess; with broken rows left out where that finds more columns, or skips no lines at the beginning: it takes
 * rows above a broken one for a preamble. Nothing where it finds no dialect.
 */
async function guess(db: Database, csv: CsvFile, options: DialectOptions): Promise<Dialect | undefined> {
  const strict = await sniff(db, csv, options, false)
  if (strict && strict.columns.length > 1 && strict.skip === 0) return strict
  const lenient = await sniff(db, csv, options, true)
  if (!strict || !lenient) return strict ?? lenient
  const isDivided = lenient.columns.length > 1
  return isDivided && (strict.columns.length === 1 || lenient.skip === 0) ? lenient : strict
}

interface Sniffed {
  readonly Delimiter: string
  readonly Quote: string
  readonly Escape: string
  readonly Comment: string
  readonly SkipRows: number
  readonly HasHeader: boolean
  readonly Columns: readonly Column[]
  readonly DateFormat: string | null
  readonly TimestampFormat: string | null
}

async function sniff(
  db: Database,
  { file, compression }: CsvFile,
  { delimiter, header }: DialectOptions,
  ignoreErrors: boolean,
): Promise<Dialect | undefined> {
  const settings = [
    `compression = '${compression}', ignore_errors = ${ignoreErrors}`,
    delimiter !== undefined && `delim = ${literal(delimiter)}`,
    header !== undefined && `header = ${header}`,
  ].filter(setting => setting !== false)
  const [found] = await db.rows<Sniffed>(`from sniff_csv(${patternOf(file)}, ${settings.join(', ')})`).catch(() => {
    db.throwIfAborted()
    return [undefined]
  })
  if (!found) return undefined
  const orEmpty = (value: string) => (value === '(empty)' ? '' : value)
  // The guess is made from the first rows; quotes may first come later.
  const quote = orEmpty(found.Quote) || (/[,;]/.test(found.Delimiter) ? '"' : '')
  return {
    delimiter: delimiter ?? found.Delimiter,
    quote,
    escapedBy: orEmpty(found.Escape) || quote,
    comment: orEmpty(found.Comment),
    skip: Number(found.SkipRows),
    hasHeader: found.HasHeader,
    columns: found.Columns.map(({ name, type }) => ({ name, type })),
    dateFormat: found.DateFormat ?? undefined,
    timestampFormat: found.TimestampFormat ?? undefined,
  }
}

/** The settings of read_csv by which every column is read as text. */
export function readSettings(dialect: Dialect, compression: Compression): string {
  const { delimiter, quote, escapedBy, comment, skip, hasHeader, columns } = dialect
  const types = columns.map(({ name }) => `${literal(name)}: 'VARCHAR'`)
  return [
    `auto_detect = false, header = ${hasHeader}, skip = ${skip}, columns = {${types.join(', ')}}`,
    `delim = ${literal(delimiter)}, quote = ${literal(quote)}, escape = ${literal(escapedBy)}`,
    `comment = ${literal(comment)}, compression = '${compression}'`,
  ].join(', ')
}

/** DuckDB adds numbers to columns of one name, so it is unknown which is meant. */
async function refuseRepeatedColumns(
  db: Database,
  { file, compression, needed }: CsvFile,
  dialect: Dialect,
): Promise<void> {
  const settings = readSettings({ ...dialect, hasHeader: false }, compression)
  const [header = {}] = await db.rows<Record<string, string>>(
    `from read_csv(${listOf([file])}, ${settings}, ignore_errors = true) limit 1`,
  )
  for (const name of needed) {
    const same = Object.values(header).filter(title => title?.toLowerCase() === name.toLowerCase())
    if (same.length > 1 && same.filter(title => title === name).length !== 1) {
      throw new SourceError(
        `${file.name} has ${same.length} columns ${identifier(name)}: rename them so that they differ`,
      )
    }
  }
}
