import type { Narrowing } from '../../catalogue/narrowing.ts'
import { isFor, isInForce, type Pin } from '../../catalogue/promotions/promotion.ts'
import type { Promotions } from '../../catalogue/promotions/promotions.ts'
import type { Ranking } from '../../models/algorithm.ts'
import type { Generation } from '../generations/generation.ts'

/** An item that is to stand at a place of a list, from 0. */
export interface PinnedRow {
  readonly row: number
  readonly place: number
}

/** Promotions as rows of one generation. */
interface KnownRows {
  /** Of the promotions. */
  readonly version: number
  /** Of the generation, that were looked at. */
  items: number
  readonly factors: Map<number, number>
  /** The largest factor, 1 at the least. */
  most: number
  /** Items that are moved down. */
  lowered: number
  /** In the order of their places. */
  readonly pins: { readonly row: number; readonly pin: Pin }[]
}

/** Lists are ranked no deeper than this for boosts. */
const deepest = 1000

/** What the promotions of a catalogue are in rows of the generations that are served. */
export class PromotedRows {
  readonly #promotions: Promotions
  readonly #known = new WeakMap<Generation, KnownRows>()

  constructor(promotions: Promotions) {
    this.#promotions = promotions
  }

  /** What the place of an item is divided by, by row, of those that are boosted. */
  factors(generation: Generation): ReadonlyMap<number, number> {
    return this.#rowsIn(generation).factors
  }

  /**
   * How many items are to be ranked at first so that the first `limit` are known once all stand where boosts have them stand. As a rule: where many of
   * them are moved down, {@link deeper} says so.
   */
  depth(generation: Generation, limit: number): number {
    const { most, lowered } = this.#rowsIn(generation)
    return deepEnough(limit, limit * most + Math.min(lowered, limit))
  }

  /** How many items must be ranked in place of the first `depth`, where these leave open which are the first `limit`. */
  deeper(generation: Generation, { items }: Ranking, depth: number, limit: number): number | undefined {
    const { factors, most, lowered } = this.#rowsIn(generation)
    const needed = deepEnough(limit, (limit + lowered) * most)
    // There are no more, or no more than that.
    if (items.length < depth || depth >= needed) return undefined
    // What was not ranked stands no further to the front.
    const next = (depth + 1) / most
    let known = 0
    for (const [at, row] of items.entries()) if ((at + 1) / (factors.get(row) ?? 1) <= next) known++
    return known < limit ? needed : undefined
  }

  /** Items that are to stand among the first `limit` of a list that is narrowed so, the first place first. */
  pinned(generation: Generation, narrowing: Narrowing, limit: number): PinnedRow[] {
    const { pins } = this.#rowsIn(generation)
    if (pins.length === 0) return []
    const now = Date.now()
    return pins
      .filter(({ pin }) => pin.place <= limit && isInForce(pin, now) && isFor(pin, narrowing))
      .map(({ row, pin: { place } }) => ({ row, place: place - 1 }))
      .slice(0, limit)
  }

  /** All are looked up when promotions change, and new items when they come. */
  #rowsIn(generation: Generation): KnownRows {
    const { boosts, pins, version } = this.#promotions
    const { itemRows } = generation
    const known = this.#known.get(generation)
    if (known?.version === version) {
      for (; known.items < itemRows.size; known.items++) {
        this.#add(known, String(itemRows.at(known.items)), known.items)
      }
      return known
    }
    const rows: KnownRows = { version, items: itemRows.size, factors: new Map(), most: 1, lowered: 0, pins: [] }
    const ids = [...new Set([...boosts.keys(), ...pins.keys()])]
    for (const [at, row] of itemRows.indicesOf(ids).entries()) if (row >= 0) this.#add(rows, ids[at]!, row)
    this.#known.set(generation, rows)
    return rows
  }

  #add(rows: KnownRows, id: string, row: number): void {
    const factor = this.#promotions.boosts.get(id)
    if (factor !== undefined) {
      rows.factors.set(row, factor)
      rows.most = Math.max(rows.most, factor)
      if (factor < 1) rows.lowered++
    }
    const pin = this.#promotions.pins.get(id)
    if (!pin) return
    rows.pins.push({ row, pin })
    rows.pins.sort((one, other) => one.pin.place - other.pin.place || one.row - other.row)
  }
}

/** `depth`, but {@link deepest} at most and `limit` at the least. */
function deepEnough(limit: number, depth: number): number {
  return Math.max(limit, Math.min(deepest, Math.ceil(depth)))
}
