/** Rows of files of CSV, NDJSON and Parquet, each parsed from the texts of its columns. */
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { countRejects } from './bad-rows.ts'
import { Database, identifier } from './database.ts'
import { faultOf } from './faults.ts'
import { findFiles } from './files/find.ts'
import { assertWhole } from './files/whole.ts'
import { type FileTable, type SourceOptions, tablesOf } from './source.ts'
import { SourceError, withNames } from './source-error.ts'
import { columnNamed, isCsv, listed, type Table } from './table.ts'

/** A column that is looked for. */
export interface SoughtColumn {
  /** The first of these that there is. */
  readonly names: readonly string[]
  /** Whether it must be there. */
  readonly isNeeded: boolean
  /** How it is called where it is missing: `--id`. */
  readonly title: string
}

export interface ReadRowsOptions<Field extends string, Row> extends Omit<SourceOptions, 'signal'> {
  /** Files and globs, or `-` for standard input. */
  readonly sources: readonly string[]
  readonly columns: Readonly<Record<Field, SoughtColumn>>
  /** A row from the texts of its columns; null where one has nothing. What it throws says what is wrong with the row. */
  readonly parse: (texts: { readonly [Name in Field]?: string | null }) => Row
  /** A folder for what must be written meanwhile; it goes at the end. */
  readonly folder: string
  readonly signal: AbortSignal
}

/** Some of the rows of the files. */
export interface Rows<Row> {
  /** In the order of the files. */
  readonly rows: readonly Row[]
  /** Rows that were left out so far, and where the first is and what is wrong with it. */
  readonly badRows: number
  readonly firstBadRow: string | undefined
}

/**
 * The rows of the files in order, some thousands at a time.
 *
 * @throws RangeError where a file or a column is not there; SourceError naming the row that cannot be used, unless such are skipped.
 */
export async function* readRows<Field extends string, Row>(
  options: ReadRowsOptions<Field, Row>,
): AsyncGenerator<Rows<Row>> {
  const { sources, folder, badRows, signal, parse } = options
  const db = await Database.open({ spill: `${folder}/spill`, memory: '1GiB', threads: availableParallelism(), signal })
  let tables: readonly FileTable[] = []
  try {
    const files = await findFiles(db, sources, { copies: folder, signal })
    const sought: SoughtColumn[] = Object.values(options.columns)
    const named = sought.filter(({ isNeeded, names }) => isNeeded && names.length === 1).map(({ names }) => names[0]!)
    const inspected = await tablesOf(db, files, named, { ...options, signal }, table =>
      columnsIn(table, options.columns),
    )
    for (const file of files) await assertWhole(file, signal)
    const counted = badRows === 'skip' ? await countRejects(db, inspected, { copies: folder, signal }) : undefined
    tables = counted?.tables ?? inspected
    let [bad, first] = [counted?.rejects ?? 0, counted?.first?.message]
    for (const table of tables) {
      const columns = columnsIn(table, options.columns)
      const needed = columns.map(([, column]) => column)
      for (const file of table.files) {
        let row = 0
        const from = table.from([file], needed, badRows === 'skip' ? 'skip' : 'fail')
        const fields = columns.map(([, column]) => textOf(table, column))
        for await (const chunk of db.chunks(`select ${fields.join(', ')} from ${from}`)) {
          const rows: Row[] = []
          for (const values of chunk.getRows()) {
            row++
            const texts = Object.fromEntries(columns.map(([field], at) => [field, values[at] as string | null]))
            try {
              rows.push(parse(texts as { readonly [Name in Field]?: string | null }))
            } catch (error) {
              const after = isCsv(table) && table.dialect.hasHeader ? ' after the header' : ''
              const message = `${file.name}, row ${row}${after}, ${(error as Error).message}`
              if (badRows === 'refuse')
                throw new SourceError(`${message}; correct it, or leave bad rows out with --bad-rows skip`)
              first ??= message
              bad++
            }
          }
          yield { rows, badRows: bad, firstBadRow: first }
        }
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    throw withNames(
      // A mistake of the caller's is none of the rows.
      error instanceof RangeError ? error : await faultOf(db, { tables, readers: [] }, error),
      tables.flatMap(({ files }) => files),
    )
  } finally {
    db.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Which column of a table holds what. @throws RangeError where one is not there. */
function columnsIn<Field extends string>(
  table: Table,
  columns: Readonly<Record<Field, SoughtColumn>>,
): [Field, string][] {
  const found: [Field, string][] = []
  for (const [field, { names, isNeeded, title }] of Object.entries(columns) as [Field, SoughtColumn][]) {
    const column = names.map(name => columnNamed(table.columns, name)).find(column => column !== undefined)
    if (column) found.push([field, column.name])
    else if (isNeeded) {
      const expected = names.length > 1 ? `one of ${names.join(', ')}` : identifier(names[0]!)
      throw new RangeError(`${title} must name a column: expected ${expected}, and there are ${listed(table.columns)}`)
    }
  }
  return found
}

/** SQL for a column as text; lists as JSON. */
function textOf({ columns, format }: Table, name: string): string {
  const type = columns.find(column => column.name === name)?.type ?? 'VARCHAR'
  const column = identifier(name)
  // Text files are read as text, whatever it looks like.
  if (format !== 'parquet') return `${column}::varchar`
  if (/\[\d*\]$/.test(type)) return `to_json(${column})::varchar`
  // As ISO 8601 says it.
  if (type.startsWith('TIMESTAMP')) return `epoch_ms(${column})::varchar`
  return `${column}::varchar`
}
