import type { Ranker } from '../../src/evaluation/evaluate.ts'
import type { TrainedTensor } from '../../src/models/algorithm.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { search } from '../../src/search/search.ts'
import { TopKIndex } from '../../src/search/topk.ts'
import type { Csr } from '../../src/storage/csr.ts'
import { sharedArray } from '../../src/storage/shared-array.ts'
import { itemsOfUsers } from '../user-items.ts'

/** Factors of users and items, and the pairs (users × items) that they were trained on. */
export interface FactorModel {
  /** (users × factors), float32 */
  readonly users: TrainedTensor
  /** (items × factors), float32 */
  readonly items: TrainedTensor
  readonly history: Csr
}

/** Ends a list that is shorter than its limit. */
const none = 0xffff_ffff

/**
 * Ranks by the inner product of the trained factors, whoever trained them: the same work for us and for a peer. Items of
 * the history are always excluded; a user whom the training did not know has factors of zero.
 */
export function factorRanker(pool: Pool, { users, items, history }: FactorModel): Ranker {
  const userRows = rowsOf(users)
  const itemRows = rowsOf(items)
  const { factors } = itemRows
  const index = TopKIndex.build(withoutPadding(itemRows, history.columns), factors)
  return {
    items: history.columns,
    async rank(requests) {
      const limit = Math.max(...requests.map(request => request.limit))
      const queries = sharedArray(Float32Array, requests.length * factors)
      requests.forEach(({ user }, at) => {
        if (user >= 0) queries.set(userRows.row(user), at * factors)
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

function rowsOf({ data, shape, stride }: TrainedTensor) {
  const factors = shape.at(-1)
  if (!(data instanceof Float32Array) || shape.length !== 2 || factors === undefined) {
    throw new TypeError(`factors must be a float32 matrix, got ${data.constructor.name} of shape ${shape.join(' × ')}`)
  }
  const step = stride ?? factors
  return { factors, row: (index: number) => data.subarray(index * step, index * step + factors) }
}

function withoutPadding({ factors, row }: ReturnType<typeof rowsOf>, count: number): Float32Array {
  const packed = new Float32Array(count * factors)
  for (let index = 0; index < count; index++) packed.set(row(index), index * factors)
  return packed
}
