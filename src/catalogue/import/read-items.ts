/** Items of files of CSV, NDJSON and Parquet. */
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { countRejects } from '../../ingest/bad-rows.ts'
import { Database, identifier } from '../../ingest/database.ts'
import { faultOf } from '../../ingest/faults.ts'
import { findFiles } from '../../ingest/files/find.ts'
import { assertWhole } from '../../ingest/files/whole.ts'
import { type FileTable, type SourceOptions, tablesOf } from '../../ingest/source.ts'
import { SourceError, withNames } from '../../ingest/source-error.ts'
import { columnNamed, isCsv, listed, type Table } from '../../ingest/table.ts'
import type { ItemPatch } from '../item.ts'
import { type ItemColumn, itemColumns, itemOfTexts } from './fields.ts'

export interface ReadItemsOptions extends Omit<SourceOptions, 'signal'> {
  /** Files and globs, or `-` for standard input. */
  readonly sources: readonly string[]
  /** Names of columns. Default: of those in {@link itemColumns} the first that there is. */
  readonly columns: { readonly [Name in ItemColumn]?: string | undefined }
  /** Between two values of a list. */
  readonly separator: string
  /** A folder for what must be written meanwhile; it goes at the end. */
  readonly folder: string
  readonly signal: AbortSignal
}

/** Some of the rows of the files. */
export interface ItemRows {
  /** In the order of the files. */
  readonly items: readonly ItemPatch[]
  /** Rows that were left out so far, and where the first is and what is wrong with it. */
  readonly badRows: number
  readonly firstBadRow: string | undefined
}

/**
 * The rows of the files in order, some thousands at a time.
 *
 * @throws RangeError where a file or a column is not there; SourceError naming the row that cannot be used, unless such are skipped.
 */
export async function* readItems(options: ReadItemsOptions): AsyncGenerator<ItemRows> {
  const { sources, folder, badRows, signal, separator } = options
  const db = await Database.open({ spill: `${folder}/spill`, memory: '1GiB', threads: availableParallelism(), signal })
  let tables: readonly FileTable[] = []
  try {
    const files = await findFiles(db, sources, { copies: folder, signal })
    const named = Object.values(options.columns).filter(name => name !== undefined)
    const inspected = await tablesOf(db, files, named, { ...options, signal }, table => columnsIn(table, options))
    for (const file of files) await assertWhole(file, signal)
    const counted = badRows === 'skip' ? await countRejects(db, inspected, { copies: folder, signal }) : undefined
    tables = counted?.tables ?? inspected
    let [bad, first] = [counted?.rejects ?? 0, counted?.first?.message]
    for (const table of tables) {
      const columns = columnsIn(table, options)
      const needed = columns.map(([, column]) => column)
      for (const file of table.files) {
        let row = 0
        const from = table.from([file], needed, badRows === 'skip' ? 'skip' : 'fail')
        const fields = columns.map(([, column]) => textOf(table, column))
        const rows = db.chunks(`select ${fields.join(', ')} from ${from}`)
        for await (const chunk of rows) {
          const items: ItemPatch[] = []
          for (const values of chunk.getRows()) {
            row++
            const texts = Object.fromEntries(columns.map(([field], at) => [field, values[at] as string | null]))
            try {
              items.push(itemOfTexts(texts, separator))
            } catch (error) {
              const after = isCsv(table) && table.dialect.hasHeader ? ' after the header' : ''
              const message = `${file.name}, row ${row}${after}, ${(error as Error).message}`
              if (badRows === 'refuse')
                throw new SourceError(`${message}; correct it, or leave bad rows out with --bad-rows skip`)
              first ??= message
              bad++
            }
          }
          yield { items, badRows: bad, firstBadRow: first }
        }
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    throw withNames(
      await faultOf(db, { tables, readers: [] }, error),
      tables.flatMap(({ files }) => files),
    )
  } finally {
    db.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Which column of a table holds what. @throws RangeError where one is not there. */
function columnsIn(table: Table, { columns }: ReadItemsOptions): [ItemColumn, string][] {
  const found: [ItemColumn, string][] = []
  for (const field of Object.keys(itemColumns) as ItemColumn[]) {
    const names = columns[field] === undefined ? itemColumns[field] : [columns[field]]
    const column = names.map(name => columnNamed(table.columns, name)).find(column => column !== undefined)
    if (column) found.push([field, column.name])
    else if (columns[field] !== undefined || field === 'id') {
      const flag = field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
      const expected = columns[field] === undefined ? `one of ${names.join(', ')}` : identifier(columns[field])
      throw new RangeError(`--${flag} must name a column: expected ${expected}, and there are ${listed(table.columns)}`)
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
