/** Where in the source a fault is. The fast way through only knows that there is one; this goes row by row. */
import { anyFaulty, complaint, type Reading } from './columns.ts'
import { type Database, literal } from './database.ts'
import type { Table } from './source.ts'
import { retold, SourceError } from './source-error.ts'

/** A table and how its columns are read. */
export interface Reader {
  readonly table: Table
  readonly user: Reading
  readonly item: Reading
  readonly weight?: Reading | undefined
  readonly time?: Reading | undefined
  /** All of the above. */
  readonly readings: readonly Reading[]
}

const mark = 'aurochs: a faulty row'

/** SQL for `value` that fails the query where one of `readings` is faulty. */
export function guarded(value: string, readings: readonly Reading[]): string {
  return `case when ${anyFaulty(readings)} then error(${literal(mark)}) else ${value} end`
}

/** What to tell people of `error`, with which reading failed. */
export async function explained(db: Database, readers: readonly Reader[], error: unknown): Promise<unknown> {
  if (error instanceof SourceError) return error
  if (error instanceof Error && error.message.includes(mark)) return (await firstFault(db, readers)) ?? vanished()
  return retold(error)
}

async function firstFault(db: Database, readers: readonly Reader[]): Promise<SourceError | undefined> {
  await db.run('set preserve_insertion_order = true')
  for (const { table, readings } of readers) {
    const needed = readings.map(({ column }) => column)
    for (const file of table.format === 'query' ? ['the query'] : table.files) {
      const [fault] = await db.rows<{ row: bigint; complaint: string }>(
        `select "row", ${complaint(readings)} as complaint
         from (select *, row_number() over () as "row" from ${table.from([file], needed)})
         where ${anyFaulty(readings)} limit 1`,
      )
      if (!fault) continue
      const row = table.format === 'csv' ? `row ${fault.row} after the header` : `row ${fault.row}`
      const remedy = 'mend it, or choose rows with --query'
      return new SourceError(`${file}, ${row}, ${fault.complaint}; ${remedy}`)
    }
  }
  return undefined
}

function vanished(): SourceError {
  return new SourceError('a row could not be used, but was gone when looked for again: did a file change meanwhile?')
}
