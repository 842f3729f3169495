/** A symmetric positive definite system A·X = B of several columns, row-major. */
export interface LinearSystem {
  /** (rows × k) B, which is overwritten. */
  readonly right: Float64Array
  /** (rows) Of A or near it, above 0: what the residual is divided by in each step. */
  readonly diagonal: Float64Array
  readonly k: number
  /** `out` = A · `direction`, both (rows × k). */
  readonly apply: (direction: Float64Array, out: Float64Array) => void
  /**
   * Whether A does the same to each column by itself: columns then have steps of their own, and end one by one. Else A also mixes columns, and all
   * numbers are one vector.
   */
  readonly byColumn: boolean
}

export interface ConjugateGradientOptions {
  /** (rows × k) What to begin with, which the solution takes the place of. Default: zeros. */
  readonly start?: Float64Array | undefined
  /** Of the residual, relative to B. */
  readonly tolerance: number
  readonly mostSteps: number
  /** Looked at between steps. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The solution X (rows × k), by conjugate gradients, preconditioned by the diagonal (Hestenes & Stiefel 1952).
 *
 * @throws the reason of the signal when it is aborted.
 */
export function conjugateGradients(
  { right: residual, diagonal, k, apply, byColumn }: LinearSystem,
  { start, tolerance, mostSteps, signal }: ConjugateGradientOptions,
): Float64Array {
  const size = residual.length
  const columns = byColumn ? k : 1
  const solution = start ?? new Float64Array(size)
  const product = new Float64Array(size)
  const wanted = columnProducts(residual, residual, columns).map(squares => tolerance ** 2 * squares)
  if (start) {
    apply(solution, product)
    for (let at = 0; at < size; at++) residual[at]! -= product[at]!
  }
  const scaled = new Float64Array(size)
  const precondition = () => {
    for (let row = 0; row < diagonal.length; row++) {
      for (let at = row * k; at < (row + 1) * k; at++) scaled[at] = residual[at]! / diagonal[row]!
    }
  }
  precondition()
  const direction = scaled.slice()
  let errors = columnProducts(residual, scaled, columns)
  for (let step = 0; step < mostSteps; step++) {
    signal?.throwIfAborted()
    if (columnProducts(residual, residual, columns).every((squares, column) => squares <= wanted[column]!)) break
    apply(direction, product)
    const curvature = columnProducts(direction, product, columns)
    const lengths = errors.map((error, column) => (curvature[column]! > 0 ? error / curvature[column]! : 0))
    for (let begin = 0; begin < size; begin += columns) {
      for (let column = 0; column < columns; column++) {
        solution[begin + column]! += lengths[column]! * direction[begin + column]!
        residual[begin + column]! -= lengths[column]! * product[begin + column]!
      }
    }
    precondition()
    const next = columnProducts(residual, scaled, columns)
    const momentum = next.map((error, column) => (errors[column]! > 0 ? error / errors[column]! : 0))
    for (let begin = 0; begin < size; begin += columns) {
      for (let column = 0; column < columns; column++) {
        direction[begin + column] = scaled[begin + column]! + momentum[column]! * direction[begin + column]!
      }
    }
    errors = next
  }
  return solution
}

/** (columns) The inner product of each column of two matrices. */
function columnProducts(a: Float64Array, b: Float64Array, columns: number): Float64Array {
  const sums = new Float64Array(columns)
  for (let begin = 0; begin < a.length; begin += columns) {
    for (let column = 0; column < columns; column++) sums[column]! += a[begin + column]! * b[begin + column]!
  }
  return sums
}
