/** Finds the row of a fault in the source. The import itself only detects that there is one. */
import { anyFaulty, type ColumnReader, faultMessage } from './columns.ts'
import { type Database, literal } from './database.ts'
import type { Table } from './source.ts'
import { SourceError, toSourceError } from './source-error.ts'

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

/** SQL for `value` that fails the query where one of `columns` has a fault. */
export function guarded(value: string, columns: readonly ColumnReader[]): string {
  return `case when ${anyFaulty(columns)} then error(${literal(mark)}) else ${value} end`
}

/** The error to show for `error`, with which reading failed. */
export async function faultOf(db: Database, readers: readonly TableReader[], error: unknown): Promise<unknown> {
  if (error instanceof SourceError) return error
  if (!(error instanceof Error && error.message.includes(mark))) return toSourceError(error)
  const found = await firstFault(db, readers)
  return (
    found ?? new SourceError('a row could not be used, but was gone on a second look: did a file change meanwhile?')
  )
}

async function firstFault(db: Database, readers: readonly TableReader[]): Promise<SourceError | undefined> {
  await db.run('set preserve_insertion_order = true')
  for (const { table, columns } of readers) {
    const needed = columns.map(({ column }) => column)
    for (const file of table.format === 'query' ? ['the query'] : table.files) {
      const [fault] = await db.rows<{ row: bigint; message: string }>(
        `select "row", ${faultMessage(columns)} as message
         from (select *, row_number() over () as "row" from ${table.from([file], needed)})
         where ${anyFaulty(columns)} limit 1`,
      )
      if (!fault) continue
      const row = table.format === 'csv' ? `row ${fault.row} after the header` : `row ${fault.row}`
      return new SourceError(`${file}, ${row}, ${fault.message}; correct it, or select rows with --query`)
    }
  }
  return undefined
}
