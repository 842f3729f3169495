import type { Item } from '../../catalogue/item.ts'
import { type Described, FeatureIndex } from '../../catalogue/placing/feature-index.ts'
import { featuresOf } from '../../catalogue/placing/features.ts'
import type { OpenModel } from '../../models/open/open-model.ts'
import { type PlacedItems, type SimilarKnownItems, similaritiesOf } from '../../models/open/placed/placed-items.ts'
import { valuesIn } from '../../storage/safetensors.ts'
import { evaluateHeldOut, type HeldOutFigure } from './held-out.ts'

/** Users of an item from which on what is like it is placed by it. */
export const enoughUsers = 5
/** Items that others are placed by at the most: those with the most users. */
const mostKnown = 100_000
/** Neighbours of a placed item: what does best on held-out items is taken. */
const nearestCounts = [10, 30] as const

/** What items are placed by, and how well that does. */
export interface PlacingFigures extends HeldOutFigure {
  /** Items of the model that others are placed by. */
  readonly known: number
  /** Neighbours of each placed item. */
  readonly nearest: number
}

/** Items and what they are like. */
export interface Placement extends Pick<PlacedItems, 'similar' | 'bySimilar'> {
  /** Absent where they are those of the placement before. */
  readonly ids?: readonly string[]
  readonly figures: PlacingFigures
}

export interface PlacerOptions {
  /** Items that are placed at the most: those that were new last. */
  readonly mostPlaced: number
}

/** Learns from what the catalogue says of a model's items which of these another item is like. */
export class Placer {
  readonly figures: PlacingFigures
  readonly #model: OpenModel
  readonly #index: FeatureIndex
  /** (places of the index) Their rows in the model. */
  readonly #rows: Uint32Array
  readonly #placed = new Map<string, SimilarKnownItems>()
  readonly #mostPlaced: number
  /** Of what is placed, and of the items that are: each change counts. */
  #version = 0
  #idsVersion = 0

  /** @param items the catalogue's. */
  constructor(model: OpenModel, items: Iterable<Item>, { mostPlaced }: PlacerOptions) {
    this.#mostPlaced = mostPlaced
    const { artifact } = model
    const { counts, order } = artifact.popularity
    // Without pairs by item, which old models lack, nobody can say how well items are placed.
    const most = artifact.hasPairsByItem ? mostKnown : 0
    const first = valuesIn(order, 0, Math.min(artifact.items.size, most))
    const users = valuesIn(counts, 0, artifact.items.size)
    const candidates = new Set(first.filter(row => users[row]! >= enoughUsers))
    const known: (Described & { readonly row: number })[] = []
    for (const item of items) {
      const row = artifact.items.indexOf(item.id)
      if (row >= 0 && candidates.has(row)) known.push({ row, ...describe(item) })
    }
    known.sort((a, b) => users[b.row]! - users[a.row]! || a.row - b.row)
    this.#model = model
    this.#rows = Uint32Array.from(known, ({ row }) => row)
    this.#index = new FeatureIndex(known)
    const evaluated = nearestCounts.map(nearest => ({
      known: known.length,
      nearest,
      ...evaluateHeldOut(model, this.#rows, place => this.#similarKnownItems(known[place]!, nearest, place)),
    }))
    this.figures = evaluated.reduce((best, other) => (other.auc > best.auc ? other : best))
  }

  /** Whether the model has the item, so that it needs no place. */
  knows(id: string): boolean {
    return this.#model.artifact.items.indexOf(id) >= 0
  }

  /** Places items anew by what the catalogue says of them now. Where that is no better than chance, none is. */
  place(items: Iterable<Item>): void {
    if (!this.figures.isBetterThanChance) return
    for (const item of items) {
      if (this.knows(item.id)) continue
      const alike = this.#similarKnownItems(describe(item), this.figures.nearest)
      const before = this.#placed.get(item.id)
      if (alike.items.length === 0) this.#remove(item.id)
      else if (!before || !isEqual(before, alike)) {
        this.#placed.set(item.id, alike)
        this.#version++
        if (!before) this.#idsVersion = this.#version
      }
    }
    for (const oldest of this.#placed.keys()) {
      if (this.#placed.size <= this.#mostPlaced) break
      this.#remove(oldest)
    }
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#remove(id)
  }

  #remove(id: string): void {
    if (this.#placed.delete(id)) this.#idsVersion = ++this.#version
  }

  /** Changes when an item is placed, moved or removed. */
  get version(): number {
    return this.#version
  }

  /** @param since the version of the placement before: without it, all. */
  placement(since?: number): Placement {
    const hasIds = since === undefined || this.#idsVersion > since
    return {
      ...(hasIds && { ids: [...this.#placed.keys()] }),
      figures: this.figures,
      ...similaritiesOf([...this.#placed.values()], this.#model.artifact.items.size),
    }
  }

  #similarKnownItems(described: Described, nearest: number, own?: number): SimilarKnownItems {
    const { places, similarities } = this.#index.nearest(described, nearest, own)
    return { items: places.map(place => this.#rows[place]!), weights: similarities }
  }
}

function describe(item: Item): Described {
  return { features: featuresOf(item), vector: item.vector }
}

function isEqual(one: SimilarKnownItems, other: SimilarKnownItems): boolean {
  return (
    one.items.length === other.items.length &&
    one.items.every((item, at) => item === other.items[at] && one.weights[at] === other.weights[at])
  )
}
