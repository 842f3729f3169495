/** Finds the row of a fault in the source. The import itself only detects that there is one. */
import { anyFaulty, type ColumnReader, faultMessage } from './columns.ts'
import { rejectsOf } from './csv/rejects.ts'
import { type Database, literal } from './database.ts'
import { SourceError, toSourceError } from './source-error.ts'
import { type AtRejects, isCsv, type Table } from './table.ts'

/** A table and how its columns are read. */
export interface TableReader {
  readonly table: Table
  readonly user: ColumnReader
  readonly item: ColumnReader
  readonly weight?: ColumnReader | undefined
  readonly time?: ColumnReader | undefined
  readonly kind?: ColumnReader | undefined
  /** All of the above. */
  readonly columns: readonly ColumnReader[]
}

const mark = 'aurochs: a faulty row'

/** SQL for `value` that fails the query where one of `columns` has a fault, or is null there. */
export function guarded(value: string, columns: readonly ColumnReader[], badRows: 'refuse' | 'skip'): string {
  const atFault = badRows === 'skip' ? 'null' : `error(${literal(mark)})`
  return `case when ${anyFaulty(columns)} then ${atFault} else ${value} end`
}

const skip = 'leave bad rows out with --bad-rows skip'
const remedy = `correct it, select rows with --query, or ${skip}`

/** What was being read. */
export interface Reading {
  /** Of the files. */
  readonly tables: readonly Table[]
  /** Of the files, or of the query; none as long as their types are looked at. */
  readonly readers: readonly TableReader[]
  /** Columns that are read of `tables`; all if nothing is said. */
  readonly needed?: readonly string[] | undefined
}

/** The error to show for `error`, with which reading failed. */
export async function faultOf(db: Database, reading: Reading, error: unknown): Promise<unknown> {
  if (error instanceof SourceError || !(error instanceof Error)) return error
  if (error.message.includes('CSV Error')) {
    const reject = await firstReject(db, reading)
    return reject ? new SourceError(`${reject}; correct it, or ${skip}`) : toSourceError(error)
  }
  if (!error.message.includes(mark)) return toSourceError(error)
  const found = await firstFault(db, reading.readers, 'fail')
  return new SourceError(
    found
      ? `${found.message}; ${remedy}`
      : 'a row could not be used, but was gone on a second look: did a file change meanwhile?',
  )
}

async function firstReject(db: Database, { tables, needed }: Reading): Promise<string | undefined> {
  for (const table of tables.filter(isCsv)) {
    const [found] = await rejectsOf(db, table, needed ?? table.columns.map(({ name }) => name))
    if (found) return found.first.message
  }
  return undefined
}

export interface Fault {
  /** Name of the file; nothing for a query. */
  readonly file: string | undefined
  /** In a file of text: the line, if none before it is a reject and each row is a line. Elsewhere the row. */
  readonly line: number
  /** Where the row is, its column, what was expected, what came. */
  readonly message: string
}

/** The first row with a value that cannot be used. */
export async function firstFault(
  db: Database,
  readers: readonly TableReader[],
  atRejects: AtRejects,
): Promise<Fault | undefined> {
  await db.run('set preserve_insertion_order = true')
  for (const { table, columns } of readers) {
    const needed = columns.map(({ column }) => column)
    const [before, after] =
      isCsv(table) && table.dialect.hasHeader ? [table.dialect.skip + 1, ' after the header'] : [0, '']
    for (const file of table.format === 'query' ? [undefined] : table.files) {
      const [fault] = await db.rows<{ row: number; message: string }>(
        `select "row of it" as "row", ${faultMessage(columns)} as message
         from (select *, (row_number() over ())::double as "row of it"
           from ${table.from(file ? [file] : [], needed, atRejects)})
         where ${anyFaulty(columns)} limit 1`,
      )
      if (!fault) continue
      const message = `${file?.name ?? 'the query'}, row ${fault.row}${after}, ${fault.message}`
      return { file: file?.name, line: fault.row + before, message }
    }
  }
  return undefined
}
