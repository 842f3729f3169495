import { hasBit } from '../../search/bitmap.ts'
import { contains } from '../../search/item-lists.ts'
import {
  type ItemList,
  type ItemSource,
  type Model,
  type ResolvedRequest,
  type ResolvedSimilarRequest,
  type SimilarMeasure,
  sourceCode,
} from '../algorithm.ts'
import { rowOf } from '../history.ts'
import { type OpenPart, rankPart } from '../parts/live-parts.ts'
import type { Popularity } from '../popularity.ts'
import { floorOf, noRow, type PlacedItems, placedScores } from './placed-items.ts'

/**
 * The best items of a list that say what placed items score. Recall@20 among items that the training did not have (citeulike-a, als, 30
 * neighbours, 255 users): .417 by 100 of them, .434 by 400, .411 by all.
 */
export const evidenceDepth = 200

/** What a list may hold. */
type Filter = Pick<ResolvedRequest, 'limit' | 'allowed'> & Partial<Pick<ResolvedRequest, 'exclude' | 'only'>>

/** A model whose lists hold placed items, too: each scores the mean of what its neighbours do, on the scale of the model. */
export class PlacedModel implements Model {
  readonly similar?: (requests: readonly ResolvedSimilarRequest[]) => readonly ItemList[]
  readonly similarBy?: readonly SimilarMeasure[]
  readonly sources?: readonly ItemSource[]
  readonly popularity?: Popularity
  readonly foldIn?: NonNullable<Model['foldIn']>
  readonly vectors?: NonNullable<Model['vectors']>
  readonly #part: OpenPart
  readonly #placed: PlacedItems

  /** @param part the model, and the items that it knows. */
  constructor(part: OpenPart, placed: PlacedItems) {
    const { model } = part
    this.#part = part
    this.#placed = placed
    if (model.similar) this.similar = requests => requests.map(request => this.#similar(request))
    if (model.similarBy) this.similarBy = model.similarBy
    if (model.sources) this.sources = model.sources
    if (model.popularity) this.popularity = model.popularity
    if (model.foldIn) this.foldIn = histories => model.foldIn!(histories)
    if (model.vectors) this.vectors = side => model.vectors!(side)
  }

  rank(requests: readonly ResolvedRequest[]): readonly ItemList[] {
    const lists = rankPart(this.#part, requests)
    if (this.#placed.rows.length === 0) return lists
    // Also of items that must not come: those that the user has say most of what is like them.
    const open = { limit: evidenceDepth, exclude: new Uint32Array(0), only: undefined, allowed: undefined }
    const evidence = rankPart(
      this.#part,
      requests.map(request => ({ ...request, ...open })),
    )
    return requests.map((request, at) => this.#withPlaced(lists[at]!, evidence[at]!, request))
  }

  /** `list` with the placed items that may come, of equal scores after those of the model. */
  #withPlaced(list: ItemList, evidence: ItemList, filter: Filter, own?: number): ItemList {
    const scores = placedScores(evidence, floorOf(evidence, evidenceDepth), this.#placed)
    const listed = new Set(list.items)
    const added = [...scores]
      .map(([place, score]) => ({ item: this.#placed.rows[place]!, score, source: fresh }))
      .filter(({ item }) => item !== noRow && item !== own && !listed.has(item) && mayCome(item, filter))
    if (added.length === 0) return list
    const known = Array.from(list.items, (item, at) => ({
      item,
      score: list.scores[at]!,
      source: list.sources?.[at] ?? fresh,
    }))
    const best = [...known, ...added.sort((a, b) => a.item - b.item)]
      .sort((a, b) => b.score - a.score)
      .slice(0, filter.limit)
    return {
      items: Uint32Array.from(best, ({ item }) => item),
      scores: Float32Array.from(best, ({ score }) => score),
      ...(list.sources && { sources: Uint8Array.from(best, ({ source }) => source) }),
      ...(list.weights && { weights: list.weights }),
    }
  }

  #similar(request: ResolvedSimilarRequest): ItemList {
    const { item, limit, allowed } = request
    const place = this.#placed.rows.indexOf(item)
    // It was placed when it was asked for, and is not any more.
    if (place < 0 && item >= this.#placed.similar.columns) return nothing
    if (place < 0) {
      const [evidence] = this.#similarWithSelf([item], request)
      return this.#withPlaced(this.#part.model.similar!([request])[0]!, evidence!, request, item)
    }
    const { indices, weights } = rowOf(this.#placed.similar, place)
    const evidence = meanOf(this.#similarWithSelf(indices, request), weights)
    const places = [...evidence.items.keys()].filter(at => mayCome(evidence.items[at]!, { allowed })).slice(0, limit)
    const list = {
      items: Uint32Array.from(places, at => evidence.items[at]!),
      scores: Float32Array.from(places, at => evidence.scores[at]!),
    }
    return this.#withPlaced(list, evidence, request, item)
  }

  /** What is similar to each of the known `items`, before it the item itself, which scores as much as the first of them. */
  #similarWithSelf(items: ArrayLike<number>, { measure }: ResolvedSimilarRequest): ItemList[] {
    const requests = Array.from(items, item => ({ item, limit: evidenceDepth - 1, measure }))
    return this.#part.model.similar!(requests).map((list, at) => ({
      items: Uint32Array.of(items[at]!, ...list.items),
      scores: Float32Array.of(list.scores[0] ?? 1, ...list.scores),
    }))
  }
}

const fresh = sourceCode('fresh')

const nothing: ItemList = { items: new Uint32Array(0), scores: new Float32Array(0) }

function mayCome(item: number, { exclude, only, allowed }: Omit<Filter, 'limit'>): boolean {
  if (allowed && !hasBit(allowed, item)) return false
  return !(exclude && contains(exclude, item)) && (!only || contains(only, item))
}

/** The best items by Σ weight × score over `lists`, of equal sums the lower item first. */
function meanOf(lists: readonly ItemList[], weights: Float32Array): ItemList {
  const sums = new Map<number, number>()
  lists.forEach(({ items, scores }, list) => {
    items.forEach((item, at) => {
      sums.set(item, (sums.get(item) ?? 0) + weights[list]! * scores[at]!)
    })
  })
  const best = [...sums].sort(([a, x], [b, y]) => y - x || a - b).slice(0, evidenceDepth)
  return {
    items: Uint32Array.from(best, ([item]) => item),
    scores: Float32Array.from(best, ([, score]) => score),
  }
}
