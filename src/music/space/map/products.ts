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
  out.fill(0)
  for (let at = 0; at < rows.length; at++) {
    eachFeature(features, rows[at]!, (column, value) => addScaled(out, at * k, value, weights, column * k, k))
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
  out.fill(0)
  for (let at = 0; at < rows.length; at++) {
    eachFeature(features, rows[at]!, (column, value) => addScaled(out, column * k, value, values, at * k, k))
  }
}

/** Visits what a row has that is not 0: the sparse columns, then the dense ones. */
export function eachFeature(
  { sparse, dense, width }: FeatureMatrix,
  row: number,
  visit: (column: number, value: number) => void,
): void {
  const end = Number(sparse.indptr[row + 1])
  for (let pair = Number(sparse.indptr[row]); pair < end; pair++) visit(sparse.indices[pair]!, sparse.weights[pair]!)
  for (let column = 0; column < width; column++) {
    const value = dense[row * width + column]!
    if (value !== 0) visit(sparse.columns + column, value)
  }
}

/** out[to …] += scale · values[from …], `k` of them. */
export function addScaled(
  out: Float64Array,
  to: number,
  scale: number,
  values: Float64Array,
  from: number,
  k: number,
): void {
  for (let at = 0; at < k; at++) out[to + at]! += scale * values[from + at]!
}
