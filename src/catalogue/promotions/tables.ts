import type { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  assertBoost,
  assertFew,
  assertPin,
  type Pin,
  type PinInput,
  type Promoted,
  type Promotion,
} from './promotion.ts'

interface PinRow {
  readonly place: number
  readonly tag: string | null
  readonly until: number | null
}

/** The tables of boosts and pins, by id of the item. What it writes is to be part of a transaction. */
export class PromotionTables {
  readonly #database: DatabaseSync
  readonly #boost: StatementSync
  readonly #pin: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#boost = database.prepare('SELECT factor FROM boosts WHERE id = ?')
    this.#pin = database.prepare('SELECT place, tag, until FROM pins WHERE id = ?')
  }

  of(id: string): Promotion {
    const boost = (this.#boost.get(id) as { factor: number } | undefined)?.factor
    const pin = this.#pin.get(id) as PinRow | undefined
    return { ...(boost !== undefined && { boost }), ...(pin && { pin: pinOf(pin) }) }
  }

  /** All that there are. */
  all(): Promoted {
    const rows = this.#database.prepare('SELECT id FROM boosts UNION SELECT id FROM pins').all() as { id: string }[]
    return rows.map(({ id }) => [id, this.of(id)])
  }

  /** Boosts items by `factor`; 1 takes boosts away. @throws {CatalogueError} */
  boost(ids: readonly string[], factor: number): Promoted {
    for (const id of ids) assertBoost(id, factor)
    const put = this.#database.prepare('INSERT OR REPLACE INTO boosts VALUES (?, ?)')
    const remove = this.#database.prepare('DELETE FROM boosts WHERE id = ?')
    for (const id of ids) factor === 1 ? remove.run(id) : put.run(id, factor)
    assertFew('boosts', this.#count('boosts'))
    return this.#promoted(ids)
  }

  /** Pins items, in place of their former pins, and takes away those that have ended at `now`. @throws {CatalogueError} */
  pin(pins: readonly PinInput[], now: number): Promoted {
    const put = this.#database.prepare('INSERT OR REPLACE INTO pins VALUES (?, ?, ?, ?)')
    for (const pin of pins) {
      assertPin(pin)
      put.run(pin.id, pin.place, pin.tag ?? null, pin.until ?? null)
    }
    const ended = this.#database.prepare('DELETE FROM pins WHERE until <= ? RETURNING id').all(now) as { id: string }[]
    assertFew('pins', this.#count('pins'))
    return this.#promoted([...ended, ...pins].map(({ id }) => id))
  }

  unpin(ids: readonly string[]): Promoted {
    const remove = this.#database.prepare('DELETE FROM pins WHERE id = ?')
    for (const id of ids) remove.run(id)
    return this.#promoted(ids)
  }

  /** Takes away what items have. Gives those that had something. */
  remove(ids: readonly string[]): Promoted {
    const [boosts, pins] = (['boosts', 'pins'] as const).map(table =>
      this.#database.prepare(`DELETE FROM ${table} WHERE id = ?`),
    )
    const had = ids.filter(id => [boosts!.run(id), pins!.run(id)].some(({ changes }) => changes > 0))
    return this.#promoted(had)
  }

  #promoted(ids: readonly string[]): Promoted {
    return [...new Set(ids)].map(id => [id, this.of(id)])
  }

  #count(table: 'boosts' | 'pins'): number {
    return (this.#database.prepare(`SELECT count(*) AS count FROM ${table}`).get() as { count: number }).count
  }
}

function pinOf({ place, tag, until }: PinRow): Pin {
  return { place, ...(tag !== null && { tag }), ...(until !== null && { until }) }
}
