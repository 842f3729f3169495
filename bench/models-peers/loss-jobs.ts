import { type CsrFile, cachedCsr } from '../../src/storage/csr-cache.ts'

export interface PairTermsArgs {
  readonly entries: CsrFile
  /** Chunk c is rows `bounds[c]` to `bounds[c + 1]`. */
  readonly bounds: Uint32Array
  /** (users × factors) Shared, as `items`. */
  readonly users: Float32Array
  readonly items: Float32Array
  readonly factors: number
  readonly alpha: number
}

/** Σ αr (1 − s)² − s² over the pairs of the chunks that this worker takes. */
export function pairTerms({
  entries,
  bounds,
  users,
  items,
  factors,
  alpha,
  next,
}: PairTermsArgs & { readonly next: Int32Array }): number {
  const { indptr, indices, weights } = cachedCsr(entries)
  let sum = 0
  for (let chunk = Atomics.add(next, 0, 1); chunk + 1 < bounds.length; chunk = Atomics.add(next, 0, 1)) {
    for (let user = bounds[chunk]!; user < bounds[chunk + 1]!; user++) {
      const row = users.subarray(user * factors, (user + 1) * factors)
      for (let pair = Number(indptr[user]); pair < Number(indptr[user + 1]); pair++) {
        const score = product(row, items, indices[pair]! * factors)
        sum += alpha * weights[pair]! * (1 - score) ** 2 - score ** 2
      }
    }
  }
  return sum
}

/** Of `row` and as many values of `matrix` from `begin` on; four sums, since one would wait for each addition. */
function product(row: Float32Array, matrix: Float32Array, begin: number): number {
  const { length } = row
  const whole = length & ~3
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let k = 0; k < whole; k += 4) {
    a += row[k]! * matrix[begin + k]!
    b += row[k + 1]! * matrix[begin + k + 1]!
    c += row[k + 2]! * matrix[begin + k + 2]!
    d += row[k + 3]! * matrix[begin + k + 3]!
  }
  for (let k = whole; k < length; k++) a += row[k]! * matrix[begin + k]!
  return a + b + c + d
}
