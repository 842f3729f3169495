import type { Ranker } from '../../src/evaluation/evaluate.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { search } from '../../src/search/search.ts'
import { TopKIndex } from '../../src/search/topk.ts'
import type { Csr } from '../../src/storage/csr.ts'
import { sharedArray } from '../../src/storage/shared-array.ts'
import { itemsOfUsers } from '../support/user-items.ts'

/** Factors of users and items, and the pairs (users × items) that they were trained on. */
export interface FactorModel {
  /** (users × factors) */
  readonly users: Float32Array
  /** (items × factors) */
  readonly items: Float32Array
  readonly factors: number
  readonly history: Csr
}

/** Ends a list that is shorter than its limit. */
const none = 0xffff_ffff

/**
 * Ranks by the inner product of the trained factors, whoever trained them: the same work for us and for a peer. Items of
 * the history are always excluded; a user whom the training did not know has factors of zero.
 */
export function factorRanker(pool: Pool, { users, items, factors, history }: FactorModel): Ranker {
  const index = TopKIndex.build(items, factors)
  return {
    items: history.columns,
    async rank(requests) {
      const limit = Math.max(...requests.map(request => request.limit))
      const queries = sharedArray(Float32Array, requests.length * factors)
      requests.forEach(({ user }, at) => {
        if (user >= 0) queries.set(users.subarray(user * factors, (user + 1) * factors), at * factors)
      })
      const exclude = itemsOfUsers(
        history,
        requests.map(({ user }) => user),
      )
      const found = await search(pool, index, queries, { limit, exclude })
      return requests.map((request, at) => ({
        items: found.items.subarray(at * limit, at * limit + request.limit).filter(item => item !== none),
      }))
    },
  }
}
