/** What speaks for the items of a list: how much each item of the history gives to their scores. */
import type { Sequences } from '../../storage/sequences.ts'
import {
  type ItemList,
  type ItemSource,
  itemSources,
  type Model,
  type ResolvedRequest,
  type SourceWeights,
} from '../algorithm.ts'
import { recentItems } from '../sequential/sessions/recent-items.ts'

/** Why a list has its items. Numbers and rows alone, as they cross from a worker. */
export interface Explanation {
  /** What the model leans on at the moment, by source, 1 in sum; absent where it has one alone. */
  readonly weights?: SourceWeights | undefined
  readonly items: readonly ExplainedItem[]
}

export interface ExplainedItem {
  readonly item: number
  readonly score: number
  readonly source: ItemSource
  /** Items of the history that speak for it, most first. */
  readonly because: readonly Reason[]
}

export interface Reason {
  readonly item: number
  /** Share of what the items of the history give to the score, each by itself. */
  readonly weight: number
}

/** Items of the history that are looked at, the latest. */
const mostLookedAt = 20
/** Reasons for an item. */
const mostReasons = 5

/**
 * Explains the items of `request.only`, which the user may have: each score beside what it is without one item of the history (leave one out), or, where no
 * item is missed, what each item of the history alone would score. Of a history whose order is known the latest 20 items are looked at. Takes as
 * long as so many lists, or twice as many.
 *
 * @param trained items of the training; those after them are new.
 */
export function explain(
  model: Model,
  request: ResolvedRequest,
  { source, events, trained }: ExplainedModel,
): Explanation {
  if (request.history.indices.length === 0) return { items: [] }
  const { items: latest } = recentItems(request, events, { recentItems: mostLookedAt, recencyDecay: 1 })
  const had = latest.subarray(0, mostLookedAt)
  const [list = nothing, ...left] = scoresOf(model, [
    request,
    ...Array.from(had, item => withItems(request, own => own !== item)),
  ])
  let alone: readonly ScoredList[] | undefined
  const scoresAlone = () => {
    alone ??= scoresOf(
      model,
      Array.from(had, item => withItems(request, own => own === item)),
    )
    return alone
  }
  const items = Array.from(list.items, (item, at): ExplainedItem => {
    const score = list.scores[at]
    const sourceOfItem = list.sources ? itemSources[list.sources[at]] : source
    const losses = left.map(({ byItem }) => Math.max(0, score - (byItem.get(item) ?? 0)))
    // What many do speaks for itself.
    const isPopular = sourceOfItem === 'popular'
    const isMissed = isPopular || losses.some(loss => loss > 0)
    const given = isMissed ? losses : scoresAlone().map(({ byItem }) => Math.max(0, byItem.get(item) ?? 0))
    return {
      item,
      score,
      source: item >= trained ? 'fresh' : sourceOfItem,
      because: isPopular ? [] : reasonsOf(had, given, item),
    }
  })
  return { weights: list.weights, items }
}

export interface ExplainedModel {
  readonly source: ItemSource
  readonly events: Sequences | undefined
  readonly trained: number
}

/** The items of `had` by what they give to `item`. */
function reasonsOf(had: Uint32Array, given: readonly number[], item: number): Reason[] {
  const sum = given.reduce((all, value) => all + value, 0)
  return Array.from(had, (own, at): Reason => ({ item: own, weight: given[at] / sum }))
    .filter(({ item: own, weight }) => weight > 0 && own !== item)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, mostReasons)
}

interface ScoredList extends ItemList {
  readonly byItem: ReadonlyMap<number, number>
}

/** The list of each request; an empty one where its history is. */
function scoresOf(model: Model, requests: readonly ResolvedRequest[]): ScoredList[] {
  const hasHistory = ({ history }: ResolvedRequest) => history.indices.length > 0
  const lists = model.rank(requests.filter(hasHistory))
  let next = 0
  return requests.map(request => {
    const list = hasHistory(request) ? lists[next++] : nothing
    return { ...list, byItem: new Map(Array.from(list.items, (item, at) => [item, list.scores[at]])) }
  })
}

const nothing: ItemList = { items: new Uint32Array(0), scores: new Float32Array(0) }

/** The request as if the user had had only items that `isKept` keeps. */
function withItems(request: ResolvedRequest, isKept: (item: number) => boolean): ResolvedRequest {
  const { history, recent } = request
  const ofHistory = (_: number, at: number) => isKept(history.indices[at])
  const ofRecent = (_: number, at: number) => isKept(recent.items[at])
  return {
    ...request,
    history: {
      indices: history.indices.filter(isKept),
      weights: history.weights.filter(ofHistory),
    },
    recent: {
      items: recent.items.filter(isKept),
      weights: recent.weights.filter(ofRecent),
      times: recent.times.filter(ofRecent),
    },
  }
}
