/** Lists as they are given out, by id. */
import type { Narrowing } from '../catalogue/narrowing.ts'
import type { ItemList, ItemSource, SimilarMeasure } from '../models/algorithm.ts'
import type { Explanation } from '../models/explain.ts'
import type { Generation } from './generation.ts'
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
}

/** Lists for several users, all made by one model. */
export interface RecommendedBatch extends Pick<RecommendedList, 'generation'> {
  /** Names the batch: events that follow from any of its lists can say so. */
  readonly list: string
  /** One for each user, in their order. */
  readonly lists: readonly BatchList[]
}

/** The list for one user of a batch: ids and scores side by side, which costs less than an object for each item. */
export interface BatchList extends Pick<UserList, 'basis' | 'after'> {
  readonly items: readonly (string | number)[]
  /** One for each of `items`. */
  readonly scores: readonly number[]
}

/** Why a list has its items, by id. */
export interface ListExplanation extends Pick<RecommendedList, 'generation'> {
  /** What the model leans on at the moment, by source, 1 in sum; absent where it has one alone. */
  readonly weights?: Readonly<Partial<Record<ItemSource, number>>>
  readonly items: readonly {
    readonly item: string | number
    readonly score: number
    readonly source: ItemSource
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

export function explanationOf({ weights, items }: Explanation, generation: Generation): ListExplanation {
  const idOf = (row: number) => generation.itemIds.at(row)
  return {
    generation: generation.name,
    ...(weights && { weights }),
    items: items.map(({ item, score, source, because }) => ({
      item: idOf(item),
      score,
      source,
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

export function userListOf({ ranking, generation, after }: UserRanking, list: string): UserList {
  const { items, ...names } = listOf(ranking, generation, list)
  const { basis } = ranking
  return after === undefined ? { ...names, basis, items } : { ...names, basis, after, items }
}

export function batchListOf({ ranking, generation, after }: UserRanking): BatchList {
  const { basis } = ranking
  const items: (string | number)[] = []
  const scores: number[] = []
  for (let at = 0; at < ranking.items.length; at++) {
    items.push(generation.itemIds.at(ranking.items[at]!))
    scores.push(ranking.scores[at]!)
  }
  return after === undefined ? { basis, items, scores } : { basis, after, items, scores }
}
