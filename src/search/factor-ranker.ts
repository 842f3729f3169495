import { rowOf } from '../evaluation/held-out.ts'
import { NONE, type Ranker } from '../models/ranker.ts'
import type { Pool } from '../parallel/pool.ts'
import type { Csr } from '../storage/csr.ts'
import { search } from './search.ts'
import { TopKIndex } from './topk.ts'

/** Row r begins at `data[r * stride]`; what comes after its `rank` floats is not looked at. */
export interface Rows {
  readonly data: Float32Array
  readonly stride: number
  readonly rank: number
}

/**
 * Ranks by the inner product of factors, exactly, on all workers of the pool. Newcomers have factors of zero: all
 * items tie, so they get the most popular ones.
 *
 * @param model.history (users × items) the training pairs.
 */
export function factorRanker(
  pool: Pool,
  { users, items, history }: { readonly users: Rows; readonly items: Rows; readonly history: Csr },
): Ranker {
  const { rank } = items
  const index = TopKIndex.build(packed(items, history.columns), rank)
  return {
    items: history.columns,
    async rank(asked, limit) {
      const queries = new Float32Array(new SharedArrayBuffer(asked.length * rank * 4))
      asked.forEach((user, at) => {
        if (user !== NONE) queries.set(users.data.subarray(user * users.stride, user * users.stride + rank), at * rank)
      })
      const { items } = await search(pool, index, queries, { limit, exclude: rowsOf(history, asked) })
      return items
    },
  }
}

/** The rows of some users, one after the other. */
export function rowsOf(matrix: Csr, users: Uint32Array): { indptr: Uint32Array; indices: Uint32Array } {
  const rows = Array.from(users, user => (user === NONE ? new Uint32Array() : rowOf(matrix, user)))
  const indptr = new Uint32Array(rows.length + 1)
  rows.forEach((row, at) => {
    indptr[at + 1] = indptr[at]! + row.length
  })
  const indices = new Uint32Array(new SharedArrayBuffer(4 * indptr.at(-1)!))
  rows.forEach((row, at) => {
    indices.set(row, indptr[at])
  })
  return { indptr, indices }
}

/** (count × rank) without padding; a copy only where there is some. */
function packed({ data, stride, rank }: Rows, count: number): Float32Array {
  if (stride === rank) return data.subarray(0, count * rank)
  const floats = new Float32Array(count * rank)
  for (let row = 0; row < count; row++) floats.set(data.subarray(row * stride, row * stride + rank), row * rank)
  return floats
}
