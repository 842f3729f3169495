import { vector } from '../../storage/safetensors.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type { Trained } from '../algorithm.ts'
import { compactRows } from '../training/compact-rows.ts'
import type { Entries } from './jobs.ts'

/** Room in shared memory for entries of each of `items`: as many of item i as `most(i)` says. */
export function allocateEntries(items: number, most: (item: number) => number): Entries {
  const starts = sharedArray(BigUint64Array, items + 1)
  for (let item = 0; item < items; item++) starts[item + 1] = starts[item] + BigInt(most(item))
  const size = Number(starts[items])
  return {
    starts,
    indices: sharedArray(Uint32Array, size),
    weights: sharedArray(Float32Array, size),
    counts: sharedArray(Uint32Array, items),
  }
}

/** The entries of rows as tensors, moved together in place. */
export function rowTensors({ starts, indices, weights, counts }: Entries): Trained['tensors'] {
  const indptr = compactRows(starts, counts, [indices, weights])
  const size = Number(indptr.at(-1))
  return {
    indptr: vector(indptr),
    indices: vector(indices.subarray(0, size)),
    weights: vector(weights.subarray(0, size)),
  }
}

/** The entries of columns by rows: of each row those that are largest in absolute value, `most` of them, of equal ones the first. */
export function rowsOfColumns(columns: Entries, most: number): Trained['tensors'] {
  const items = columns.counts.length
  const counts = new Uint32Array(items)
  eachEntry(columns, row => counts[row]++)
  const whole = allocateEntries(items, item => counts[item])
  const next = Float64Array.from(whole.starts.subarray(0, items), Number)
  eachEntry(columns, (row, column, weight) => {
    const to = next[row]++
    whole.indices[to] = column
    whole.weights[to] = weight
  })
  for (let row = 0; row < items; row++) whole.counts[row] = keepLargest(whole, row, most, counts[row])
  return rowTensors(whole)
}

function eachEntry(
  { starts, indices, weights, counts }: Entries,
  each: (row: number, column: number, weight: number) => void,
): void {
  counts.forEach((count, column) => {
    const begin = Number(starts[column])
    for (let at = begin; at < begin + count; at++) each(indices[at], column, weights[at])
  })
}

/** Moves the largest of the `count` entries of `row` to its begin, in their order; gives how many they are. */
function keepLargest({ starts, indices, weights }: Entries, row: number, most: number, count: number): number {
  if (count <= most) return count
  const begin = Number(starts[row])
  const sizes = weights
    .slice(begin, begin + count)
    .map(Math.abs)
    .sort()
  const least = sizes[count - most]
  // Those as large as the least that is kept are not all kept.
  let ties = sizes.subarray(count - most).lastIndexOf(least) + 1
  let to = begin
  for (let at = begin; at < begin + count; at++) {
    const size = Math.abs(weights[at])
    if (size < least || (size === least && ties-- <= 0)) continue
    indices[to] = indices[at]
    weights[to++] = weights[at]
  }
  return to - begin
}
