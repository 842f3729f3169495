/** Products with a matrix of features. All results are row-major and overwritten. */
import type { FeatureMatrix } from './features.ts'

/**
 * `out` (rows.length × width of `weights`) = rows of `features` · `weights` (columns × k).
 *
 * O((pairs + dense values) · k).
 */
export function multiply(
  features: FeatureMatrix,
  rows: ArrayLike<number>,
  weights: Float64Array,
  k: number,
  out: Float64Array,
): void {
  const { sparse, dense, width } = features
  out.fill(0)
  for (let at = 0; at < rows.length; at++) {
    const [row, to] = [rows[at]!, at * k]
    const end = Number(sparse.indptr[row + 1])
    for (let pair = Number(sparse.indptr[row]); pair < end; pair++) {
      addScaled(out, to, sparse.weights[pair]!, weights, sparse.indices[pair]! * k, k)
    }
    for (let column = 0; column < width; column++) {
      const value = dense[row * width + column]!
      if (value !== 0) addScaled(out, to, value, weights, (sparse.columns + column) * k, k)
    }
  }
}

/** `out` (columns × k) = transposed rows of `features` · `values` (rows.length × k). */
export function multiplyTransposed(
  features: FeatureMatrix,
  rows: ArrayLike<number>,
  values: Float64Array,
  k: number,
  out: Float64Array,
): void {
  const { sparse, dense, width } = features
  out.fill(0)
  for (let at = 0; at < rows.length; at++) {
    const [row, from] = [rows[at]!, at * k]
    const end = Number(sparse.indptr[row + 1])
    for (let pair = Number(sparse.indptr[row]); pair < end; pair++) {
      addScaled(out, sparse.indices[pair]! * k, sparse.weights[pair]!, values, from, k)
    }
    for (let column = 0; column < width; column++) {
      const value = dense[row * width + column]!
      if (value !== 0) addScaled(out, (sparse.columns + column) * k, value, values, from, k)
    }
  }
}

/** out[to …] += scale · values[from …], `k` of them. */
export function addScaled(
  out: Float64Array,
  to: number,
  scale: number,
  values: ArrayLike<number>,
  from: number,
  k: number,
): void {
  for (let at = 0; at < k; at++) out[to + at]! += scale * values[from + at]!
}
