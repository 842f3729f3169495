import { createHash } from 'node:crypto'
import { type Narrowing, narrowingKey } from '../../catalogue/narrowing.ts'
import { hasBit } from '../../search/bitmap.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import type { Generation } from '../generations/generation.ts'
import { type Spread, spreadDepth } from './spread-rankings.ts'

/** What a list for a user may hold, by id. Ids that the model does not know filter nothing. */
export interface ListFilters extends Narrowing {
  /** Items in the list at most. Default: 10. */
  readonly limit?: number | undefined
  /** Whether items that the user already has may come again. Default: `exclude`. */
  readonly seen?: 'allow' | 'exclude' | undefined
  /** How far to lean on context, 0 to 1, of models that weigh it. Default: as they do. */
  readonly contextWeight?: number | undefined
  /** Never these. Default: none. */
  readonly exclude?: readonly string[] | undefined
  /** None but these. */
  readonly only?: readonly string[] | undefined
  /** 0 to 1: how much it counts that an item is unlike those before it; scores then need not fall. Default: 0. */
  readonly diversity?: number | undefined
  /** Items with the same tag at most; the list may be shorter for it. Default: any number. */
  readonly perTag?: number | undefined
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
  readonly contextWeight: number | undefined
  readonly #ids: Pick<ListFilters, 'exclude' | 'only'>
  /** How items are to differ, if they are. */
  readonly spread: Spread | undefined
  /** Items that are ranked: of these the list is made. */
  readonly depth: number
  /** Undefined where nothing is asked for. */
  readonly narrowing: Narrowing | undefined
  /** For how many items of which generation. */
  #resolved: { readonly generation: Generation; readonly items: number; readonly rows: FilterRows } | undefined

  /** @throws RangeError where `limit` is no number of items. */
  constructor({ limit = 10, seen = 'exclude', contextWeight, diversity = 0, perTag, ...filters }: ListFilters) {
    const { tags, allTags, noTags, categories, ...ids } = filters
    assertWholeNumber('limit', limit, 1)
    if (!(diversity >= 0 && diversity <= 1)) throw new RangeError(`diversity must be from 0 to 1, got ${diversity}`)
    if (perTag !== undefined) assertWholeNumber('perTag', perTag, 1)
    const isSpread = diversity > 0 || perTag !== undefined
    this.spread = isSpread ? { diversity, perTag: perTag ?? Number.POSITIVE_INFINITY } : undefined
    this.depth = isSpread ? spreadDepth(limit) : limit
    this.limit = limit
    this.contextWeight = contextWeight
    this.seen = seen
    this.#ids = ids
    const narrowing = { tags, allTags, noTags, categories }
    this.narrowing = narrowingKey(narrowing) === undefined ? undefined : narrowing
  }

  /** Equal where the filters are. */
  get key(): string {
    const { exclude = [], only } = this.#ids
    const narrowing = this.narrowing && ` ${hashOf(narrowingKey(this.narrowing)!)}`
    const spread = this.spread && ` ${this.spread.diversity}/${this.spread.perTag}`
    const lean = this.contextWeight === undefined ? '' : ` lean ${this.contextWeight}`
    const kind = `${this.limit} ${this.seen}${lean}${narrowing ?? ''}${spread ?? ''}`
    if (exclude.length === 0 && only === undefined) return kind
    const ids = [exclude.toSorted(), only?.toSorted() ?? null]
    return `${kind} ${hashOf(JSON.stringify(ids))}`
  }

  /** Whether the catalogue decides which items may come. */
  get isNarrowed(): boolean {
    return this.narrowing !== undefined
  }

  /** What must be made before {@link allowedIn} can say which items may come, if anything must. */
  prepare({ visibility }: Generation): Promise<void> | undefined {
    if (!this.narrowing || visibility.narrowed(this.narrowing)) return undefined
    return visibility.make(this.narrowing)
  }

  /** The items that may come by what the catalogue says, a bit each, or undefined where all may. */
  allowedIn({ visibility }: Generation): Uint32Array | undefined {
    return this.narrowing ? visibility.narrowed(this.narrowing) : visibility.allowed
  }

  /** Whether all of these may still come. */
  admits({ visibility }: Generation, rows: Uint32Array): boolean {
    if (!visibility.hasAll(rows)) return false
    const narrowed = this.narrowing && visibility.narrowed(this.narrowing)
    return !narrowed || rows.every(row => hasBit(narrowed, row))
  }

  rowsIn(generation: Generation): FilterRows {
    const items = generation.itemRows.size
    if (this.#resolved?.generation !== generation || this.#resolved.items !== items) {
      this.#resolved = { generation, items, rows: rowsOf(this.#ids, generation) }
    }
    return this.#resolved.rows
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}

function rowsOf({ exclude = [], only }: Pick<ListFilters, 'exclude' | 'only'>, { itemRows }: Generation): FilterRows {
  const rows = (ids: readonly string[]): Uint32Array =>
    Uint32Array.from(new Set(itemRows.indicesOf(ids).filter(row => row >= 0))).sort()
  return { exclude: rows(exclude), only: only && rows(only) }
}
