import type { Narrowing } from '../../catalogue/narrowing.ts'
import { isFor, isGood } from '../../catalogue/promotions/promotion.ts'
import type { Promotions } from '../../catalogue/promotions/promotions.ts'
import type { Generation } from '../generation.ts'

/** An item that is to stand at a place of a list, from 0. */
export interface PinnedRow {
  readonly row: number
  readonly place: number
}

/** Boosts as rows of one generation. */
interface BoostedRows {
  readonly version: number
  readonly items: number
  readonly factors: ReadonlyMap<number, number>
  readonly most: number
  /** Items that are moved down. */
  readonly lowered: number
}

/** Lists are ranked no deeper than this for boosts. */
const deepest = 1000

/** What the promotions of a catalogue are in rows of the generations that are served. */
export class PromotedRows {
  readonly #promotions: Promotions
  readonly #boosted = new WeakMap<Generation, BoostedRows>()

  constructor(promotions: Promotions) {
    this.#promotions = promotions
  }

  /** What the place of an item is divided by, by row, of those that are boosted. */
  factors(generation: Generation): ReadonlyMap<number, number> {
    return this.#boostedIn(generation).factors
  }

  /** How many items must be ranked so that the first `limit` are known once all stand where boosts have them stand. */
  depth(generation: Generation, limit: number): number {
    if (this.#promotions.boosts.size === 0) return limit
    const { most, lowered } = this.#boostedIn(generation)
    return Math.max(limit, Math.min(deepest, Math.ceil(limit * most) + lowered))
  }

  /** Items that are to stand among the first `limit` of a list that is narrowed so, the first place first. */
  pinned(generation: Generation, narrowing: Narrowing, limit: number): PinnedRow[] {
    const { pins } = this.#promotions
    if (pins.size === 0) return []
    const now = Date.now()
    const due = [...pins].filter(([, pin]) => pin.place <= limit && isGood(pin, now) && isFor(pin, narrowing))
    const rows = generation.itemRows.indicesOf(due.map(([id]) => id))
    return due
      .map(([, { place }], at) => ({ row: rows[at]!, place: place - 1 }))
      .filter(({ row }) => row >= 0)
      .sort((one, other) => one.place - other.place || one.row - other.row)
      .slice(0, limit)
  }

  #boostedIn(generation: Generation): BoostedRows {
    const { boosts, version } = this.#promotions
    const items = generation.itemRows.size
    const known = this.#boosted.get(generation)
    if (known?.version === version && known.items === items) return known
    const rows = generation.itemRows.indicesOf([...boosts.keys()])
    const factors = new Map<number, number>()
    let [most, lowered] = [1, 0]
    for (const [at, factor] of [...boosts.values()].entries()) {
      if (rows[at]! < 0) continue
      factors.set(rows[at]!, factor)
      most = Math.max(most, factor)
      if (factor < 1) lowered++
    }
    const boosted = { version, items, factors, most, lowered }
    this.#boosted.set(generation, boosted)
    return boosted
  }
}
