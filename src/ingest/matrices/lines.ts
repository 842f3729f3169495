/** Files of text whose lines are divided by white space, as tables in SQL: DuckDB streams them. */
import type { Content } from '../files/content.ts'
import type { SourceFile } from '../files/file.ts'
import { SourceError } from '../source-error.ts'
import { type Column, listOf, type Table } from '../table.ts'

type Compression = Content['compression']

/** A line of an adjacency list has all items of a user. */
const longestLine = 2 ** 24

/** The lines of files that are not empty, from line `skip` on, each as a list of words `p`. */
function wordsIn(files: readonly SourceFile[], compression: Compression, skip: number): string {
  // One column: no text has this byte.
  const settings = `auto_detect = false, header = false, skip = ${skip}, columns = {'line': 'VARCHAR'}, delim = '\u0001', quote = '', escape = '',
    comment = '', strict_mode = false, compression = '${compression}', max_line_size = ${longestLine}, buffer_size = ${4 * longestLine}`
  return `(select string_split_regex(trim(line, e' \\t\\r'), '\\s+') as p from read_csv(${listOf(files)}, ${settings})
    where trim(line, e' \\t\\r') <> '')`
}

/** Lists as LightGCN's data has them: a line a user, who is followed by its items. */
export function adjacencyTable(file: SourceFile, compression: Compression): Table & { readonly format: 'adjacency' } {
  return {
    format: 'adjacency',
    files: [file],
    columns: ['user', 'item'].map(name => ({ name, type: 'VARCHAR' })),
    from: files => `(select p[1] as "user", unnest(p[2:]) as item from ${wordsIn(files, compression, 0)})`,
  }
}

/** What the header of a Matrix Market file says. */
interface MatrixHeader {
  readonly isPattern: boolean
  readonly rows: number
  readonly columns: number
  readonly entries: number
  /** Lines before the entries. */
  readonly lines: number
}

/**
 * A sparse matrix of Matrix Market (https://math.nist.gov/MatrixMarket/formats.html): coordinate, of real numbers, integers or a pattern, general. Indices count
 * from 0, as scipy reads them; each entry of a pattern is 1.
 *
 * @throws SourceError naming the file when it is of another kind.
 */
export function matrixMarketTable(
  file: SourceFile,
  { compression, head }: Content,
): Table & { readonly format: 'matrix-market' } {
  const { isPattern, rows, columns, entries, lines } = headerOf(file, head)
  const index = (place: number, count: number) => {
    const [word, number] = [`p[${place}]`, `try_cast(p[${place}] as bigint)`]
    return `case when ${number} between 1 and ${count} then (${number} - 1)::varchar else coalesce(${word}, '') || ' of ${count}' end`
  }
  const width = isPattern ? 2 : 3
  // A line of another number of words has no value: that is a fault.
  const value = `case when len(p) = ${width} then ${isPattern ? `'1'` : 'p[3]'} end`
  const indexed = (name: string, count: number): Column => ({
    name,
    type: 'VARCHAR',
    expected: `an index from 1 to ${count}`,
  })
  return {
    format: 'matrix-market',
    files: [file],
    entries,
    columns: [indexed('row', rows), indexed('column', columns), { name: 'value', type: 'VARCHAR' }],
    from: files =>
      `(select ${index(1, rows)} as "row", ${index(2, columns)} as "column", ${value} as "value" from ${wordsIn(files, compression, lines)})`,
  }
}

function headerOf({ name }: SourceFile, head: string): MatrixHeader {
  const lines = head.split(/\r?\n/)
  const [, object, format, field, symmetry] = lines[0]!.toLowerCase().trim().split(/\s+/)
  const refuse = (expected: string, got: string | undefined, remedy: string) =>
    new SourceError(`${name}: expected ${expected}, got ${got ?? 'nothing'}; ${remedy}`)
  const remedy = 'write it anew by scipy.io.mmwrite of a sparse matrix'
  if (object !== 'matrix' || format !== 'coordinate')
    throw refuse('a matrix in coordinate format', `${object} ${format}`, remedy)
  if (!['real', 'double', 'integer', 'pattern'].includes(field ?? '')) {
    throw refuse('numbers that are real or integer, or a pattern', field, remedy)
  }
  if (symmetry !== 'general') {
    throw refuse('a general matrix', symmetry, "write it whole, as by scipy.io.mmwrite(…, symmetry='general')")
  }
  const place = lines.findIndex((line, at) => at > 0 && line.trim() !== '' && !line.startsWith('%'))
  const [rows, columns, entries, ...more] = lines[place]?.trim().split(/\s+/).map(Number) ?? []
  const isSize = [rows, columns, entries].every(size => Number.isSafeInteger(size) && size! >= 0) && more.length === 0
  // The last line of what was looked at may go on.
  if (place < 0 || place === lines.length - 1 || !isSize) {
    throw refuse('a line with the numbers of rows, columns and entries after the comments', lines[place], remedy)
  }
  return { isPattern: field === 'pattern', rows: rows!, columns: columns!, entries: entries!, lines: place + 1 }
}

/** @throws SourceError where files have not as many entries as their headers say: they are cut off. */
export function assertEntries(tables: readonly Table[], found: number): void {
  const counted = tables.filter(({ entries }) => entries !== undefined)
  if (counted.length < tables.length || counted.length === 0) return
  const expected = counted.reduce((sum, { entries, files }) => sum + entries! * files.length, 0)
  if (found === expected) return
  const names = counted.flatMap(({ files }) => files.map(({ name }) => name))
  throw new SourceError(
    `${names.join(', ')}: expected ${expected} entries, as the header says, got ${found}; copy or write it again`,
  )
}
