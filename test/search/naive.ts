import type { SearchOptions } from '../../src/search/topk.ts'

const sums = new Float64Array(16)

/** The score by its definition: double precision, 16 sums, the upper half added to the lower until one is left. */
export function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  sums.fill(0)
  for (let j = 0; j < a.length; j++) sums[j % 16]! += a[j]! * b[j]!
  for (let half = 8; half > 0; half >>= 1) for (let i = 0; i < half; i++) sums[i]! += sums[i + half]!
  return sums[0]!
}

/** What a search must find for query number `row`, by looking at everything: [item, score] pairs, best first. */
export function naiveSearch(
  factors: Float32Array,
  query: Float32Array,
  { limit, exclude, only, measure = 'product' }: SearchOptions,
  row = 0,
): [number, number][] {
  const rank = query.length
  const excluded = new Set(exclude?.indices.subarray(exclude.indptr[row], exclude.indptr[row + 1]))
  const allowed = only && new Set(only)
  const norm = (row: Float32Array) => Math.sqrt(product(row, row))
  const scored: [number, number][] = []
  for (let item = 0; item < factors.length / rank; item++) {
    if (excluded.has(item) || (allowed && !allowed.has(item))) continue
    const row = factors.subarray(item * rank, (item + 1) * rank)
    const score = product(query, row)
    const norms = measure === 'cosine' ? norm(query) * norm(row) : 1
    scored.push([item, Math.fround(norms === 0 ? 0 : score / norms)])
  }
  return scored.sort(([a, x], [b, y]) => y - x || a - b).slice(0, limit)
}
