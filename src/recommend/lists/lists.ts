/** Lists as they are given out, by id. */
import type { Narrowing } from '../../catalogue/narrowing.ts'
import {
  type Discounts,
  type ItemList,
  type ItemSource,
  itemSources,
  type SimilarMeasure,
  type SourceWeights,
} from '../../models/algorithm.ts'
import type { Explanation } from '../../models/open/explain.ts'
import type { Generation } from '../generations/generation.ts'
import type { ListFilters } from './list-filters.ts'
import type { UserRanking } from './user-subscription.ts'

/** What a list is wanted for. */
export interface UserQuery extends ListFilters {
  /** Known to the model or new. */
  readonly user: string
}

export interface SimilarQuery extends Narrowing {
  readonly item: string
  readonly limit: number
  /** Default: the model's. */
  readonly measure?: SimilarMeasure | undefined
}

/** Items best first, by id; integers beyond ±2^53 are strings. */
export interface RecommendedList {
  /** Names this list: events that follow from it can say so. */
  readonly list: string
  /** Name of the model that made it. */
  readonly generation: string
  readonly items: readonly { readonly item: string | number; readonly score: number }[]
}

export interface UserList extends RecommendedList {
  readonly basis: 'model' | 'popularity'
  /** Id of the user's newest event that it takes into account, where there is one. */
  readonly after?: string
  /** What the model leans on at the moment; absent where it has one source alone. */
  readonly weights?: SourceWeights
  readonly items: readonly {
    readonly item: string | number
    readonly score: number
    /** What the item rests on. */
    readonly source: ItemSource
  }[]
}

/** Lists for several users, all made by one model. */
export interface RecommendedBatch extends Pick<RecommendedList, 'generation'> {
  /** Names the batch: events that follow from any of its lists can say so. */
  readonly list: string
  /** One for each user, in their order. */
  readonly lists: readonly BatchList[]
}

/** The list for one user of a batch: ids, scores and sources side by side, which costs less than an object for each item. */
export interface BatchList extends Pick<UserList, 'basis' | 'after' | 'weights'> {
  readonly items: readonly (string | number)[]
  /** One for each of `items`. */
  readonly scores: readonly number[]
  /** The same: what each rests on. */
  readonly sources: readonly ItemSource[]
}

/** Why a list has its items, by id. */
export interface ListExplanation extends Pick<RecommendedList, 'generation'> {
  /** What the model leans on at the moment, by source, 1 in sum; absent where it has one alone. */
  readonly weights?: SourceWeights
  readonly items: readonly {
    readonly item: string | number
    readonly score: number
    readonly source: ItemSource
    /** What lists multiply the score by, where the item was shown and not taken. */
    readonly discount?: number
    /** Items that the user had, most telling first; `weight`: share of what speaks for the item. */
    readonly because: readonly { readonly item: string | number; readonly weight: number }[]
  }[]
  /** Those of the items that an admin boosted (by which factor) or pinned in all lists (to which place, from 1). */
  readonly promoted?: readonly {
    readonly item: string | number
    readonly boost?: number
    readonly pinned?: number
  }[]
}

export function explanationOf(
  { weights, items }: Explanation,
  generation: Generation,
  discounts?: Discounts,
): ListExplanation {
  const factors = new Map(Array.from(discounts?.items ?? [], (item, at) => [item, discounts!.factors[at]!]))
  const idOf = (row: number) => generation.itemIds.at(row)
  return {
    generation: generation.name,
    ...(weights && { weights: rounded(weights) }),
    items: items.map(({ item, score, source, because }) => ({
      item: idOf(item),
      score,
      source,
      ...(factors.has(item) && { discount: factors.get(item)! }),
      because: because.map(reason => ({ item: idOf(reason.item), weight: reason.weight })),
    })),
  }
}

export function listOf({ items, scores }: ItemList, generation: Generation, list: string): RecommendedList {
  // Pushed one by one: `Array.from` takes ten times as long, and lists have thousands.
  const named: { item: string | number; score: number }[] = []
  for (let at = 0; at < items.length; at++) named.push({ item: generation.itemIds.at(items[at]!), score: scores[at]! })
  return { list, generation: generation.name, items: named }
}

export function userListOf(given: UserRanking, list: string): UserList {
  const { ranking, generation } = given
  const { items, scores, sources } = ranking
  const named: UserList['items'][number][] = []
  for (let at = 0; at < items.length; at++) {
    const [item, score, source] = [generation.itemIds.at(items[at]!), scores[at]!, itemSources[sources[at]!]!]
    named.push({ item, score, source })
  }
  return { list, generation: generation.name, ...restOf(given), items: named }
}

export function batchListOf(given: UserRanking): BatchList {
  const { ranking, generation } = given
  const items: (string | number)[] = []
  const scores: number[] = []
  const sources: ItemSource[] = []
  for (let at = 0; at < ranking.items.length; at++) {
    items.push(generation.itemIds.at(ranking.items[at]!))
    scores.push(ranking.scores[at]!)
    sources.push(itemSources[ranking.sources[at]!]!)
  }
  return { ...restOf(given), items, scores, sources }
}

/** What a list has beside its items. */
function restOf({ ranking: { basis, weights }, after }: UserRanking): Pick<UserList, 'basis' | 'after' | 'weights'> {
  if (weights) return { basis, ...(after !== undefined && { after }), weights: rounded(weights) }
  return after === undefined ? { basis } : { basis, after }
}

/** To four places: more says nothing. */
function rounded(weights: SourceWeights): SourceWeights {
  return Object.fromEntries(Object.entries(weights).map(([source, weight]) => [source, Math.round(1e4 * weight) / 1e4]))
}
