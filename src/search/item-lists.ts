/** Rows of sorted item indices: a user's history, and what a list leaves out. */

export interface Row {
  /** Ascending, each once. */
  readonly indices: Uint32Array
  readonly weights: Float32Array
}

/** The row `trained` with `recent` (any order, each item once) added; weights of the same item are summed. */
export function addRecent(trained: Row, recent: Row): Row {
  const order = Uint32Array.from(recent.indices.keys()).sort((a, b) => recent.indices[a] - recent.indices[b])
  const indices = new Uint32Array(trained.indices.length + order.length)
  const weights = new Float32Array(indices.length)
  let size = 0
  let next = 0
  for (const at of order) {
    const item = recent.indices[at]
    const from = next
    while (next < trained.indices.length && trained.indices[next] < item) next++
    indices.set(trained.indices.subarray(from, next), size)
    weights.set(trained.weights.subarray(from, next), size)
    size += next - from
    const had = trained.indices[next] === item
    indices[size] = item
    weights[size++] = recent.weights[at] + (had ? trained.weights[next] : 0)
    if (had) next++
  }
  indices.set(trained.indices.subarray(next), size)
  weights.set(trained.weights.subarray(next), size)
  size += trained.indices.length - next
  return { indices: indices.subarray(0, size), weights: weights.subarray(0, size) }
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

/** The first `limit` indices below `count` that are not in `excluded` (ascending) and, where given, in `only` (ascending). */
export function firstAllowed(limit: number, count: number, excluded: Uint32Array, only?: Uint32Array): Uint32Array {
  const found = new Uint32Array(limit)
  const candidates = only?.length ?? count
  let [size, skip] = [0, 0]
  for (let at = 0; at < candidates && size < limit; at++) {
    const index = only ? only[at] : at
    while (excluded[skip] < index) skip++
    if (excluded[skip] !== index) found[size++] = index
  }
  return found.subarray(0, size)
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
export function concat<A extends Uint32Array | Float32Array>(make: new (length: number) => A, parts: readonly A[]): A {
  const all = new make(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
