/** Requests and lists as flat arrays, side by side: what a few large arrays hold crosses to a worker at little cost. */
import { concat, pointers } from '../search/item-lists.ts'
import type { ItemList, Ranking, RankRequest } from './algorithm.ts'

export interface PackedRequests {
  readonly users: Int32Array
  /** (requests + 1) Where each one's recent events begin. */
  readonly recentIndptr: Uint32Array
  readonly items: Uint32Array
  readonly weights: Float32Array
  readonly times: Float64Array
  readonly limits: Uint32Array
  /** 1 where items of the history may come again. */
  readonly seen: Uint8Array
  /** (requests + 1) */
  readonly excludeIndptr: Uint32Array
  readonly exclude: Uint32Array
  readonly only: readonly (Uint32Array | undefined)[]
}

export function packRequests(requests: readonly RankRequest[]): PackedRequests {
  const each = <Part>(part: (request: RankRequest) => Part) => requests.map(part)
  return {
    users: Int32Array.from(requests, ({ user }) => user),
    recentIndptr: pointers(each(({ recent }) => recent.items.length)),
    items: concat(
      Uint32Array,
      each(({ recent }) => recent.items),
    ),
    weights: concat(
      Float32Array,
      each(({ recent }) => recent.weights),
    ),
    times: concat(
      Float64Array,
      each(({ recent }) => recent.times),
    ),
    limits: Uint32Array.from(requests, ({ limit }) => limit),
    seen: Uint8Array.from(requests, ({ seen }) => Number(seen === 'allow')),
    excludeIndptr: pointers(each(({ exclude }) => exclude.length)),
    exclude: concat(
      Uint32Array,
      each(({ exclude }) => exclude),
    ),
    only: each(({ only }) => only),
  }
}

export function unpackRequests(packed: PackedRequests): RankRequest[] {
  const { users, recentIndptr, excludeIndptr, only } = packed
  return Array.from(users, (user, at) => {
    const [begin, end] = [recentIndptr[at], recentIndptr[at + 1]]
    return {
      user,
      recent: {
        items: packed.items.subarray(begin, end),
        weights: packed.weights.subarray(begin, end),
        times: packed.times.subarray(begin, end),
      },
      limit: packed.limits[at],
      seen: packed.seen[at] ? 'allow' : 'exclude',
      exclude: packed.exclude.subarray(excludeIndptr[at], excludeIndptr[at + 1]),
      only: only[at],
    }
  })
}

export interface PackedLists {
  /** (lists + 1) */
  readonly indptr: Uint32Array
  readonly items: Uint32Array
  readonly scores: Float32Array
  /** (lists) 1 where the basis is the model; of rankings only. */
  readonly byModel: Uint8Array
}

export function packLists(lists: readonly (ItemList & Partial<Ranking>)[]): PackedLists {
  return {
    indptr: pointers(lists.map(({ items }) => items.length)),
    items: concat(
      Uint32Array,
      lists.map(({ items }) => items),
    ),
    scores: concat(
      Float32Array,
      lists.map(({ scores }) => scores),
    ),
    byModel: Uint8Array.from(lists, ({ basis }) => Number(basis !== 'popularity')),
  }
}

export function unpackLists({ indptr, items, scores, byModel }: PackedLists): Ranking[] {
  return Array.from(byModel, (isByModel, at) => ({
    items: items.subarray(indptr[at], indptr[at + 1]),
    scores: scores.subarray(indptr[at], indptr[at + 1]),
    basis: isByModel ? 'model' : 'popularity',
  }))
}
