import { hasBit, sharedBitmap, writeBit } from '../search/bitmap.ts'
import { type Demand, demandsOf, type LabelKind, meets, type Narrowing, narrowingKey } from './narrowing.ts'
import { type ItemState, isAvailable } from './rows.ts'

/** Rows of a model's items by id. */
export interface RowLookup {
  readonly size: number
  indicesOf(ids: readonly string[]): ArrayLike<number>
}

/** Gives the numbers of the items with a label. */
export type ItemsWith = (kind: LabelKind, name: string) => Promise<Uint32Array>

/** A bitmap of the items that meet demands and are available. */
interface Narrowed {
  readonly demands: readonly Demand[]
  readonly bitmap: Uint32Array
}

/** Bytes of the bitmaps of narrowings of one model that are kept, and how many at the least. */
const mostBytes = 64 * 2 ** 20
const leastKept = 16

/**
 * Which items of one model lists may have: the catalogue's items by rows of the model, as bitmaps in shared memory, by which workers
 * search. Only this thread writes them. Items that the catalogue lacks are available.
 */
export class Visibility {
  readonly #items: RowLookup
  readonly #itemsWith: ItemsWith
  readonly #available: Uint32Array
  #unavailable = 0
  /** Of items by number: the row + 1, or 0 where the model lacks the item. */
  #rows = new Uint32Array(1024)
  /** In order of last use. */
  readonly #narrowed = new Map<string, Narrowed>()
  /** Narrowings whose bitmaps are being made. */
  readonly #making = new Map<string, Promise<void>>()
  /** Of those: what changed since they are made, each. */
  readonly #changedMeanwhile = new Set<ItemState[]>()
  isClosed = false

  constructor(items: RowLookup, itemsWith: ItemsWith) {
    this.#items = items
    this.#itemsWith = itemsWith
    this.#available = sharedBitmap(items.size, true)
  }

  /** Items of the model that no list may have. */
  get unavailable(): number {
    return this.#unavailable
  }

  /** Whether lists may have the item of this row. */
  has(row: number): boolean {
    return hasBit(this.#available, row)
  }

  /** Whether lists may have all of these. */
  hasAll(rows: Uint32Array): boolean {
    return this.#unavailable === 0 || rows.every(row => hasBit(this.#available, row))
  }

  /** The items that lists may have, or undefined where these are all. */
  get allowed(): Uint32Array | undefined {
    return this.#unavailable > 0 ? this.#available : undefined
  }

  /** The available items that meet `narrowing`, undefined until {@link make} has made the bitmap. */
  narrowed(narrowing: Narrowing): Uint32Array | undefined {
    const key = narrowingKey(narrowing)
    if (key === undefined) return this.#available
    const found = this.#narrowed.get(key)
    if (!found) return undefined
    this.#narrowed.delete(key)
    this.#narrowed.set(key, found)
    return found.bitmap
  }

  /** Makes the bitmap of `narrowing`, unless it is there. @throws Error when the catalogue cannot be read. */
  make(narrowing: Narrowing): Promise<void> {
    const key = narrowingKey(narrowing)
    if (key === undefined || this.#narrowed.has(key)) return Promise.resolve()
    const making =
      this.#making.get(key) ?? this.#make(key, demandsOf(narrowing)).finally(() => this.#making.delete(key))
    this.#making.set(key, making)
    return making
  }

  /** Takes over how items are now; gives which kinds of changes that made in what lists may have. */
  apply(states: readonly ItemState[], now: number): VisibilityChange {
    const rows = this.#items.indicesOf(states.map(({ id }) => id))
    let change = noChange
    for (const changed of this.#changedMeanwhile) changed.push(...states)
    states.forEach((state, at) => {
      const row = rows[at]!
      this.#noteRow(state.number, row)
      if (row < 0) return
      const isVisible = isAvailable(state, now)
      if (this.#writeAvailable(row, isVisible)) change = withChange(change, isVisible, 'all')
      for (const { demands, bitmap } of this.#narrowed.values()) {
        const isIn = isVisible && meets(demands, state)
        if (writeBit(bitmap, row, isIn)) change = withChange(change, isIn, 'narrowed')
      }
    })
    return change
  }

  /** Rows of items, of those that have one. */
  rowsOf(ids: readonly string[]): number[] {
    return Array.from(this.#items.indicesOf(ids)).filter(row => row >= 0)
  }

  /** No list may have the item of this row, which is new, until {@link admit} or {@link apply} says what it may. */
  hold(row: number): void {
    this.#writeAvailable(row, false)
  }

  /** The catalogue lacks the item of this row: lists may have it that ask for no label. */
  admit(row: number): void {
    this.#writeAvailable(row, true)
    for (const { demands, bitmap } of this.#narrowed.values()) {
      if (meets(demands, { tags: [], categories: [] })) writeBit(bitmap, row, true)
    }
  }

  #writeAvailable(row: number, isVisible: boolean): boolean {
    const isChange = writeBit(this.#available, row, isVisible)
    if (isChange) this.#unavailable += isVisible ? -1 : 1
    return isChange
  }

  #noteRow(number: number, row: number): void {
    if (number >= this.#rows.length) {
      const rows = new Uint32Array(Math.max(number + 1, 2 * this.#rows.length))
      rows.set(this.#rows)
      this.#rows = rows
    }
    this.#rows[number] = row + 1
  }

  async #make(key: string, demands: readonly Demand[]): Promise<void> {
    const changed: ItemState[] = []
    this.#changedMeanwhile.add(changed)
    let found: Uint32Array[][]
    try {
      found = await Promise.all(
        demands.map(({ kind, names }) => Promise.all(names.map(name => this.#itemsWith(kind, name)))),
      )
    } finally {
      this.#changedMeanwhile.delete(changed)
    }
    // From here on nothing is waited for: changes that come later are applied to the bitmap.
    const bitmap = sharedBitmap(this.#items.size, false)
    bitmap.set(this.#available)
    demands.forEach(({ needs }, at) => {
      const lists = found[at]!
      if (needs === 'any') intersect(bitmap, this.#bitmapOf(lists))
      else if (needs === 'all') for (const list of lists) intersect(bitmap, this.#bitmapOf([list]))
      else subtract(bitmap, this.#bitmapOf(lists))
    })
    // What was read may be from before them or after.
    const rows = this.#items.indicesOf(changed.map(({ id }) => id))
    changed.forEach((state, at) => {
      const row = rows[at]!
      if (row >= 0) writeBit(bitmap, row, hasBit(this.#available, row) && meets(demands, state))
    })
    if (this.isClosed) return
    this.#narrowed.set(key, { demands, bitmap })
    const most = Math.max(leastKept, Math.floor(mostBytes / bitmap.byteLength))
    for (const oldest of this.#narrowed.keys()) {
      if (this.#narrowed.size <= most) break
      this.#narrowed.delete(oldest)
    }
  }

  /** The rows of the items of these numbers. */
  #bitmapOf(lists: readonly Uint32Array[]): Uint32Array {
    const bitmap = new Uint32Array(this.#available.length)
    for (const list of lists) {
      for (const number of list) {
        const row = (this.#rows[number] ?? 0) - 1
        if (row >= 0) bitmap[row >>> 5]! |= 1 << (row & 31)
      }
    }
    return bitmap
  }
}

/** What a change made of the items that lists may have. */
export interface VisibilityChange {
  /** Whether some lists may not have any more what they had. */
  readonly removed: boolean
  /** Which lists may have what they did not have: those that are narrowed, or all. */
  readonly added: 'none' | 'narrowed' | 'all'
}

export const noChange: VisibilityChange = { removed: false, added: 'none' }

/** What two changes together made. */
export function bothChanges(one: VisibilityChange, other: VisibilityChange): VisibilityChange {
  const added = one.added === 'all' || other.added === 'none' ? one.added : other.added
  return { removed: one.removed || other.removed, added }
}

function withChange(change: VisibilityChange, isAdded: boolean, added: 'narrowed' | 'all'): VisibilityChange {
  return bothChanges(change, isAdded ? { removed: false, added } : { removed: true, added: 'none' })
}

function intersect(bitmap: Uint32Array, other: Uint32Array): void {
  for (let word = 0; word < bitmap.length; word++) bitmap[word]! &= other[word]!
}

function subtract(bitmap: Uint32Array, other: Uint32Array): void {
  for (let word = 0; word < bitmap.length; word++) bitmap[word]! &= ~other[word]!
}
