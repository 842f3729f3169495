import type { Csr } from '../storage/csr.ts'
import { NONE, type Ranker } from './ranker.ts'

/**
 * The baseline that every model must beat: all users get the items with the most users, but for those that they have
 * already. Items are numbered by popularity, so this is each user's lowest indices without a pair.
 *
 * @param history (users × items) the training pairs.
 */
export function popularRanker(history: Csr): Ranker {
  return {
    items: history.columns,
    async rank(users, limit) {
      const lists = new Uint32Array(users.length * limit).fill(NONE)
      users.forEach((user, at) => {
        const known = user === NONE ? [0, 0] : [Number(history.indptr[user]), Number(history.indptr[user + 1])]
        let [seen, end] = known as [number, number]
        for (let item = 0, place = 0; item < history.columns && place < limit; item++) {
          if (seen < end && history.indices[seen] === item) seen++
          else lists[at * limit + place++] = item
        }
      })
      return lists
    },
  }
}
