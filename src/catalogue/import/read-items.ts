/** Items of files of CSV, NDJSON and Parquet. */
import { type ReadRowsOptions, type Rows, readRows, type SoughtColumn } from '../../ingest/rows.ts'
import type { ItemPatch } from '../item.ts'
import { type ItemColumn, itemColumns, itemOfTexts } from './fields.ts'

export interface ReadItemsOptions extends Omit<ReadRowsOptions<ItemColumn, ItemPatch>, 'columns' | 'parse'> {
  /** Names of columns. Default: of those in {@link itemColumns} the first that there is. */
  readonly columns: { readonly [Name in ItemColumn]?: string | undefined }
  /** Between two values of a list. */
  readonly separator: string
}

/**
 * The items of the files in order, some thousands at a time.
 *
 * @throws as `readRows`.
 */
export function readItems({ columns, separator, ...options }: ReadItemsOptions): AsyncGenerator<Rows<ItemPatch>> {
  const sought = Object.entries(itemColumns).map(([field, known]): [ItemColumn, SoughtColumn] => {
    const given = columns[field as ItemColumn]
    const title = `--${field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
    const names = given === undefined ? known : [given]
    return [field as ItemColumn, { names, isNeeded: given !== undefined || field === 'id', title }]
  })
  return readRows({
    ...options,
    columns: Object.fromEntries(sought) as Record<ItemColumn, SoughtColumn>,
    parse: texts => itemOfTexts(texts, separator),
  })
}
