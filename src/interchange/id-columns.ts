/** Ids as columns of tables. */
import type { IdMap } from '../storage/ids.ts'

const atOnce = 65_536

/** The type of their column. */
export function idTypeOf(ids: IdMap): 'bigint' | 'varchar' {
  return ids.kind === 'integer' ? 'bigint' : 'varchar'
}

/** Calls `append` with the ids of rows from `first` on, `count` in all, in pieces: the row of the first of them, and them. */
export function appendIds(
  ids: IdMap,
  first: number,
  count: number,
  append: (row: number, values: BigInt64Array | string[]) => void,
): void {
  for (let row = first; row < first + count; row += atOnce) {
    const length = Math.min(atOnce, first + count - row)
    const piece = Array.from({ length }, (_, at) => ids.at(row + at))
    append(row, ids.kind === 'integer' ? BigInt64Array.from(piece, id => BigInt(id)) : piece.map(String))
  }
}
