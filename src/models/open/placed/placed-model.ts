import { hasBit } from '../../../search/bitmap.ts'
import { contains, union } from '../../../search/item-lists.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import {
  type ItemList,
  type ItemSource,
  type Model,
  type ResolvedRequest,
  type ResolvedSimilarRequest,
  type SimilarMeasure,
  sourceCode,
} from '../../algorithm.ts'
import { type OpenPart, rankPart } from '../../composite/parts/live-parts.ts'
import { rowOf } from '../history.ts'
import type { Popularity } from '../popularity.ts'
import { floorOf, noRow, type PlacedItems, placedScores } from './placed-items.ts'

/**
 * The best items of a list that say what placed items score. Recall@20 among items that the training did not have (citeulike-a, als, 30
 * neighbours, 255 users): .417 by 100 of them, .434 by 200 and by 400, .411 by all.
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
  readonly knows?: NonNullable<Model['knows']>
  readonly foldIn?: NonNullable<Model['foldIn']>
  readonly vectors?: NonNullable<Model['vectors']>
  readonly #part: OpenPart
  readonly #placed: PlacedItems
  readonly #excludes: boolean

  /** @param part the model, and the items that it knows. */
  constructor(part: OpenPart, placed: PlacedItems) {
    const { model } = part
    this.#part = part
    this.#placed = placed
    this.#excludes = (model.sources?.length ?? 1) > 1
    if (model.similar) this.similar = requests => requests.map(request => this.#similar(request))
    if (model.similarBy) this.similarBy = model.similarBy
    if (model.sources) this.sources = model.sources
    if (model.popularity) this.popularity = model.popularity
    if (model.knows) this.knows = user => model.knows!(user)
    if (model.foldIn) this.foldIn = histories => model.foldIn!(histories)
    if (model.vectors) this.vectors = side => model.vectors!(side)
  }

  /**
   * Each request is ranked as if it excluded nothing, so that all scores are of one scale: where a model makes them of its list, what is left out
   * changes those of the others. Those that the user has also say most of what is like them. Only a model that weighs several sources excludes as it is asked to:
   * that is among what it weighs them by, and what comes again says nothing of what is like it.
   */
  rank(requests: readonly ResolvedRequest[]): readonly ItemList[] {
    const takesPlaced = requests.map(request => this.#placed.rows.some(row => row !== noRow && mayCome(row, request)))
    const first = rankPart(
      this.#part,
      requests.map((request, at) => (takesPlaced[at] ? withoutFilters(request, this.#excludes) : request)),
    )
    const short = [...requests.keys()].filter(
      at => takesPlaced[at] && isShort(first[at]!, requests[at]!, this.#part.rows),
    )
    const wider = short.map(at => withEvidence(requests[at]!, evidenceIn(first[at]!), this.#excludes))
    const second = new Map(short.length > 0 ? rankPart(this.#part, wider).map((list, at) => [short[at]!, list]) : [])
    return requests.map((request, at) => {
      if (!takesPlaced[at]) return first[at]!
      const evidence = evidenceIn(first[at]!)
      const found = second.get(at)
      return found
        ? this.#withPlaced(found, intersection(found, evidence), request)
        : this.#withPlaced(first[at]!, evidence, request)
    })
  }

  /** Those of `list` and of the placed items that may come, of equal scores those of the list first. */
  #withPlaced(list: ItemList, evidence: ItemList, filter: Filter, own?: number): ItemList {
    const scores = placedScores(evidence, floorOf(evidence, evidenceDepth), this.#placed)
    const listed = new Set(list.items)
    const added = [...scores]
      .map(([place, score]) => ({ item: this.#placed.rows[place]!, score, source: fresh }))
      .filter(({ item }) => item !== noRow && item !== own && !listed.has(item) && mayCome(item, filter))
    const known = Array.from(list.items, (item, at) => ({
      item,
      score: list.scores[at]!,
      source: list.sources?.[at] ?? fresh,
    })).filter(({ item }) => mayCome(item, filter))
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
    const { item } = request
    const place = this.#placed.rows.indexOf(item)
    // It was placed when it was asked for, and is not any more.
    if (place < 0 && item >= this.#placed.similar.columns) return nothing
    if (place < 0) {
      const [evidence] = this.#similarWithSelf([item], request)
      return this.#withPlaced(this.#part.model.similar!([request])[0]!, evidence!, request, item)
    }
    const { indices, weights } = rowOf(this.#placed.similar, place)
    const evidence = meanOf(this.#similarWithSelf(indices, request), weights)
    return this.#withPlaced(evidence, evidence, request, item)
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

const noRows = new Uint32Array(0)
const nothing: ItemList = { items: noRows, scores: new Float32Array(0) }

/** Deep enough for as many items as are asked for, whichever are excluded. */
function depthOf({ limit, exclude }: ResolvedRequest): number {
  return Math.max(evidenceDepth, limit + exclude.length)
}

function withoutFilters(request: ResolvedRequest, excludes: boolean): ResolvedRequest {
  const exclude = excludes ? request.exclude : noRows
  return { ...request, limit: depthOf(request), exclude, only: undefined, allowed: undefined }
}

/** Whether a model of so many items may have more for `request` than are in the list that was ranked without its filters. */
function isShort(list: ItemList, request: ResolvedRequest, items: number): boolean {
  const { limit, only } = request
  if (list.items.length < depthOf(request)) return false
  const most = Math.min(limit, only?.filter(item => item < items).length ?? limit)
  return list.items.reduce((count, item) => count + Number(mayCome(item, request)), 0) < most
}

/** The request for what it asks for and the items of `evidence`, on one scale. */
function withEvidence(request: ResolvedRequest, { items }: ItemList, excludes: boolean): ResolvedRequest {
  const { limit, exclude, only, allowed } = request
  return {
    ...request,
    limit: limit + exclude.length + items.length,
    exclude: excludes ? exclude : noRows,
    only: only && union(only, items.toSorted()),
    allowed: allowed && withBits(allowed, items),
  }
}

function withBits(bitmap: Uint32Array, items: Uint32Array): Uint32Array {
  const wider = sharedArray(Uint32Array, bitmap.length)
  wider.set(bitmap)
  for (const item of items) wider[item >>> 5]! |= 1 << (item & 31)
  return wider
}

/** The best of `list` that say what placed items score. */
function evidenceIn(list: ItemList): ItemList {
  return { items: list.items.subarray(0, evidenceDepth), scores: list.scores.subarray(0, evidenceDepth) }
}

/** What `list` has of the items of `other`. */
function intersection(list: ItemList, other: ItemList): ItemList {
  const wanted = new Set(other.items)
  const isIn = (_: number, at: number) => wanted.has(list.items[at]!)
  return { items: list.items.filter(isIn), scores: list.scores.filter(isIn) }
}

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
