import { firstAllowed } from '../search/item-lists.ts'
import type { Csr } from '../storage/csr.ts'
import type { ItemList } from './algorithm.ts'

/** How many users have a pair with each item, and the order that follows from it. */
export interface Popularity {
  /** (items) */
  readonly counts: Uint32Array
  /** (items) All items, most users first; of equal counts the lower row first. */
  readonly order: Uint32Array
}

/** Counts the users of each item. O(items · log items). */
export function popularityOf({ rows, indptr }: Pick<Csr, 'rows' | 'indptr'>): Popularity {
  const counts = Uint32Array.from({ length: rows }, (_, item) => Number(indptr[item + 1] - indptr[item]))
  // One number an item, by which fewest users come last and of equal ones the higher row: numbers sort without a
  // comparison in JavaScript.
  const keys = Float64Array.from(counts, (count, item) => (0xffff_ffff - count) * rows + item)
  return { counts, order: Uint32Array.from(keys.sort(), key => key % rows) }
}

/** The most popular items that may come, all with a score of 0, which is below that of any item that a model scores. */
export function popularItems(
  { counts, order }: Popularity,
  limit: number,
  exclude: Uint32Array,
  only?: Uint32Array,
): ItemList {
  const candidates = only ? only.slice().sort((a, b) => counts[b] - counts[a] || a - b) : order
  const items = firstAllowed(candidates, limit, exclude)
  return { items, scores: new Float32Array(items.length) }
}
