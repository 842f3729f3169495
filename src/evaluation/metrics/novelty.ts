import type { Csr } from '../../storage/csr.ts'

/**
 * (items) Bits of information in that somebody has the item: −log₂ of the share of the users who have it, as in Zhou et al.
 * 2010, "Solving the apparent diversity-accuracy dilemma of recommender systems". An item that nobody has counts as one
 * that one user has. O(pairs).
 */
export function selfInformation({ rows, columns, indices }: Csr): Float64Array {
  const counts = new Uint32Array(columns)
  for (const item of indices) counts[item] += 1
  return Float64Array.from(counts, count => Math.log2(rows / Math.max(count, 1)))
}

/** The mean of `information` over the first `cut` items of a list; 0 where it has none. */
export function novelty(list: Uint32Array, cut: number, information: Float64Array): number {
  const places = Math.min(cut, list.length)
  let sum = 0
  for (let place = 0; place < places; place++) sum += information[list[place]]
  return places > 0 ? sum / places : 0
}
