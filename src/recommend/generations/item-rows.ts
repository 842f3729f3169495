import type { Artifact } from '../../models/artifact/artifact.ts'
import type { Id } from '../../storage/ids.ts'

/** Of the rows that are left: with 65,536 of them the events of one user bring 1009, and those of 100 users who all bring what they can four in five. */
const shareOfUser = 1 / 64
/** Of all new rows: what is left of them is for items that events bring. */
const shareOfPlaced = 1 / 2

/** The rows of items in one generation, by id: those of the model, and after them those that events and the catalogue brought since. */
export class ItemRows {
  readonly #items: Artifact['items']
  /** How many there may be. */
  readonly #most: number
  readonly #newRows = new Map<string, number>()
  readonly #newIds: string[] = []
  /** New rows by the user whose event brought them. */
  readonly #broughtBy = new Map<string, number>()
  /** New rows that were added for no user. */
  #addedForNone = 0
  readonly #onAdd: (id: string) => void

  /** @param onAdd called with each id that gets a row, once it has it. */
  constructor(items: Artifact['items'], most: number, onAdd: (id: string) => void = () => {}) {
    this.#items = items
    this.#most = most
    this.#onAdd = onAdd
  }

  /** Changes when an item gets a row. */
  get size(): number {
    return this.#items.size + this.#newIds.length
  }

  /** How many items got a row for no user. */
  get addedForNone(): number {
    return this.#addedForNone
  }

  /** How many further items get a row for no user. */
  get leftToPlace(): number {
    const share = Math.floor((this.#most - this.#items.size) * shareOfPlaced)
    return Math.max(0, Math.min(share - this.#addedForNone, this.#most - this.size))
  }

  /** The row of `id`, or -1. */
  indexOf(id: string): number {
    const row = this.#items.indexOf(id)
    return row >= 0 ? row : (this.#newRows.get(id) ?? -1)
  }

  indicesOf(ids: readonly string[]): Int32Array {
    const rows = this.#items.indicesOf(ids)
    return this.#newRows.size === 0
      ? rows
      : rows.map((row, at) => (row >= 0 ? row : (this.#newRows.get(ids[at]) ?? -1)))
  }

  /**
   * The row of `id`: a new one where it has none and there is room, or -1. Of `user`, whose event has it, no further one where those that the
   * user's events brought are a {@link shareOfUser} of the rows that are left, so that nobody takes them all. Another's event may bring the item, and
   * whoever adds it for no user, which gives half of all new rows.
   */
  add(id: string, user?: string): number {
    const row = this.indexOf(id)
    if (row >= 0) return row
    const left = this.#most - this.size
    if (user === undefined) {
      if (this.leftToPlace === 0) return -1
      this.#addedForNone++
    } else {
      const brought = this.#broughtBy.get(user) ?? 0
      if (brought >= left * shareOfUser) return -1
      this.#broughtBy.set(user, brought + 1)
    }
    this.#newIds.push(id)
    this.#newRows.set(id, this.size - 1)
    this.#onAdd(id)
    return this.size - 1
  }

  /** @throws RangeError when there is no such row. */
  at(row: number): Id {
    if (row < this.#items.size) return this.#items.at(row)
    const id = this.#newIds[row - this.#items.size]
    if (id === undefined) throw new RangeError(`row must be from 0 to ${this.size - 1}, got ${row}`)
    return this.#items.kind === 'integer' && String(Number(id)) === id ? Number(id) : id
  }
}
