/**
 * Solves A x = b for a symmetric positive definite A (n × n, its lower triangle) by its Cholesky factor, with which A is
 * overwritten. O(n³ / 6).
 *
 * @throws RangeError when A is not positive definite.
 */
export function solvePositiveDefinite(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = a[row * n + column]!
      for (let at = 0; at < column; at++) sum -= a[row * n + at]! * a[column * n + at]!
      if (row !== column) a[row * n + column] = sum / a[column * n + column]!
      else if (sum > 0) a[row * n + row] = Math.sqrt(sum)
      else throw new RangeError(`the matrix must be positive definite, got ${sum} on its diagonal at ${row}`)
    }
  }
  const x = b.slice()
  for (let row = 0; row < n; row++) {
    let sum = x[row]!
    for (let at = 0; at < row; at++) sum -= a[row * n + at]! * x[at]!
    x[row] = sum / a[row * n + row]!
  }
  for (let row = n - 1; row >= 0; row--) {
    let sum = x[row]!
    for (let at = row + 1; at < n; at++) sum -= a[at * n + row]! * x[at]!
    x[row] = sum / a[row * n + row]!
  }
  return x
}
