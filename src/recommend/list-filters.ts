import type { Generation } from './generation.ts'

/** What a list for a user may hold, by id. Ids that the model does not know filter nothing. */
export interface ListFilters {
  readonly limit: number
  /** Whether items that the user already has may come again. */
  readonly seen: 'allow' | 'exclude'
  /** Never these. */
  readonly exclude: readonly string[]
  /** None but these. */
  readonly only?: readonly string[] | undefined
}

/** The items of filters as rows, ascending. */
export interface FilterRows {
  readonly exclude: Uint32Array
  readonly only: Uint32Array | undefined
}

/** Filters that look their ids up once for each generation, however many lists share them. */
export class ResolvedFilters {
  readonly filters: ListFilters
  #resolved: { readonly generation: Generation; readonly rows: FilterRows } | undefined

  constructor(filters: ListFilters) {
    this.filters = filters
  }

  rowsIn(generation: Generation): FilterRows {
    if (this.#resolved?.generation !== generation) {
      this.#resolved = { generation, rows: rowsOf(this.filters, generation) }
    }
    return this.#resolved.rows
  }
}

function rowsOf({ exclude, only }: ListFilters, { artifact }: Generation): FilterRows {
  const rows = (ids: readonly string[]): Uint32Array =>
    Uint32Array.from(new Set(artifact.items.indicesOf(ids).filter(row => row >= 0))).sort()
  return { exclude: rows(exclude), only: only && rows(only) }
}
