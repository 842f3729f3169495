import { rowOf } from '../../src/models/open/history.ts'
import { pointers } from '../../src/search/item-lists.ts'
import type { Csr } from '../../src/storage/csr.ts'
import { sharedArray } from '../../src/storage/shared-array.ts'

/** The items of each of `users` (rows of `history`; of -1 none), side by side, as a search excludes them. */
export function itemsOfUsers(history: Csr, users: readonly number[]) {
  const rows = users.map(user => (user < 0 ? new Uint32Array(0) : rowOf(history, user).indices))
  const indptr = pointers(rows.map(({ length }) => length))
  // In shared memory, so that a search on a pool does not copy them with every call.
  const indices = sharedArray(Uint32Array, indptr.at(-1)!)
  rows.forEach((row, at) => {
    indices.set(row, indptr[at])
  })
  return { indptr, indices }
}
