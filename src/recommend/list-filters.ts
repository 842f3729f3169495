import { createHash } from 'node:crypto'
import { assertWholeNumber } from '../storage/whole-number.ts'
import type { Generation } from './generation.ts'

/** What a list for a user may hold, by id. Ids that the model does not know filter nothing. */
export interface ListFilters {
  /** Items in the list at most. Default: 10. */
  readonly limit?: number | undefined
  /** Whether items that the user already has may come again. Default: `exclude`. */
  readonly seen?: 'allow' | 'exclude' | undefined
  /** Never these. Default: none. */
  readonly exclude?: readonly string[] | undefined
  /** None but these. */
  readonly only?: readonly string[] | undefined
}

/** The items of filters as rows, ascending. */
export interface FilterRows {
  readonly exclude: Uint32Array
  readonly only: Uint32Array | undefined
}

/** Filters that look their ids up once for all items of a generation, however many lists share them. */
export class ResolvedFilters {
  readonly limit: number
  readonly seen: 'allow' | 'exclude'
  readonly #ids: Pick<ListFilters, 'exclude' | 'only'>
  /** For how many items of which generation. */
  #resolved: { readonly generation: Generation; readonly items: number; readonly rows: FilterRows } | undefined

  /** @throws RangeError where `limit` is no number of items. */
  constructor({ limit = 10, seen = 'exclude', ...ids }: ListFilters) {
    assertWholeNumber('limit', limit, 1)
    this.limit = limit
    this.seen = seen
    this.#ids = ids
  }

  /** Equal where the filters are. */
  get key(): string {
    const { exclude = [], only } = this.#ids
    const kind = `${this.limit} ${this.seen}`
    if (exclude.length === 0 && only === undefined) return kind
    const ids = [exclude.toSorted(), only?.toSorted() ?? null]
    return `${kind} ${createHash('sha256').update(JSON.stringify(ids)).digest('base64')}`
  }

  rowsIn(generation: Generation): FilterRows {
    const items = generation.itemRows.size
    if (this.#resolved?.generation !== generation || this.#resolved.items !== items) {
      this.#resolved = { generation, items, rows: rowsOf(this.#ids, generation) }
    }
    return this.#resolved.rows
  }
}

function rowsOf({ exclude = [], only }: Pick<ListFilters, 'exclude' | 'only'>, { itemRows }: Generation): FilterRows {
  const rows = (ids: readonly string[]): Uint32Array =>
    Uint32Array.from(new Set(itemRows.indicesOf(ids).filter(row => row >= 0))).sort()
  return { exclude: rows(exclude), only: only && rows(only) }
}
