import type { native } from '../../native.ts'
import { vector } from '../../storage/safetensors.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import { compactRows } from './compact-rows.ts'

/** Entries of rows or columns of a matrix, those of each item from a place of its own on. */
export type Entries = Parameters<typeof native.easeLargest>[2]

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

/** A sparse matrix: the entries of row r are `indptr[r]` to `indptr[r + 1] - 1`. */
export interface Rows {
  readonly indptr: BigUint64Array
  readonly indices: Uint32Array
  readonly weights: Float32Array
}

/** The entries of rows, moved together in place. */
export function compacted({ starts, indices, weights, counts }: Entries): Rows {
  const indptr = compactRows(starts, counts, [indices, weights])
  const size = Number(indptr.at(-1))
  return { indptr, indices: indices.subarray(0, size), weights: weights.subarray(0, size) }
}

export function rowTensors({ indptr, indices, weights }: Rows) {
  return { indptr: vector(indptr), indices: vector(indices), weights: vector(weights) }
}

/** The entries of columns by rows: of each row those that are largest in absolute value, `most` of them, of equal ones the first. */
export function rowsOfColumns(columns: Entries, most: number): Rows {
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
  return compacted(whole)
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
