/** Sorted lists of items: the history of a user, and what a list leaves out. */
import { hasBit } from './bitmap.ts'

export interface Row {
  /** Ascending, each once. */
  readonly indices: Uint32Array
  readonly weights: Float32Array
}

/** The sum of two rows; items whose sum is not above 0 are left out. `changes` may have weights of any sign. */
export function addSums(row: Row, changes: Row): Row {
  const size = row.indices.length + changes.indices.length
  const indices = new Uint32Array(size)
  const weights = new Float32Array(size)
  let [length, left, right] = [0, 0, 0]
  while (left < row.indices.length || right < changes.indices.length) {
    const [a = Infinity, b = Infinity] = [row.indices[left], changes.indices[right]]
    const item = Math.min(a, b)
    const sum = (a === item ? row.weights[left++] : 0) + (b === item ? changes.weights[right++] : 0)
    if (!(sum > 0)) continue
    indices[length] = item
    weights[length++] = sum
  }
  return { indices: indices.subarray(0, length), weights: weights.subarray(0, length) }
}

/** All of `a` and `b`, both ascending; so is the result, each index once. */
export function union(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (b.length === 0) return a
  if (a.length === 0) return b
  const all = new Uint32Array(a.length + b.length)
  let [size, i, j] = [0, 0, 0]
  while (i < a.length || j < b.length) {
    const least = j === b.length || a[i] <= b[j] ? a[i] : b[j]
    if (a[i] === least) i++
    if (b[j] === least) j++
    all[size++] = least
  }
  return all.subarray(0, size)
}

/** Those of `a` that are in `b`, both ascending; so is the result. */
export function intersection(a: Uint32Array, b: Uint32Array): Uint32Array {
  return a.filter(item => contains(b, item))
}

/** The first `limit` of `candidates`, in their order, that are not in `excluded` (ascending), and have a bit of `allowed`. */
export function firstAllowed(
  candidates: Uint32Array,
  limit: number,
  excluded: Uint32Array,
  allowed?: Uint32Array,
): Uint32Array {
  const found = new Uint32Array(Math.min(limit, candidates.length))
  let size = 0
  for (let at = 0; at < candidates.length && size < found.length; at++) {
    const item = candidates[at]
    if (!contains(excluded, item) && (!allowed || hasBit(allowed, item))) found[size++] = item
  }
  return found.subarray(0, size)
}

/** Whether `value` is among `sorted`, which ascends. O(log n). */
export function contains(sorted: Uint32Array, value: number): boolean {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle] < value) low = middle + 1
    else high = middle
  }
  return sorted[low] === value
}

/** Where each of parts of these `lengths` begins, and where the last ends. */
export function pointers(lengths: readonly number[]): Uint32Array {
  const indptr = new Uint32Array(lengths.length + 1)
  lengths.forEach((length, i) => {
    indptr[i + 1] = indptr[i] + length
  })
  return indptr
}

/** One array of all `parts`. */
export function concat<A extends Uint8Array | Uint32Array | Float32Array | Float64Array>(
  make: new (length: number) => A,
  parts: readonly A[],
): A {
  const all = new make(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Items and scores that lie one list after the other, cut into lists: list l is `indptr[l]` to before `indptr[l + 1]`. Views. */
export function splitLists(
  indptr: Uint32Array,
  { items, scores }: { readonly items: Uint32Array; readonly scores: Float32Array },
): { readonly items: Uint32Array; readonly scores: Float32Array }[] {
  return Array.from({ length: indptr.length - 1 }, (_, list) => ({
    items: items.subarray(indptr[list], indptr[list + 1]),
    scores: scores.subarray(indptr[list], indptr[list + 1]),
  }))
}
