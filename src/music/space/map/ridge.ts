import type { FeatureMatrix } from './features.ts'
import { eachFeature, multiply, multiplyTransposed } from './products.ts'

export interface RidgeProblem {
  readonly features: FeatureMatrix
  /** The rows of `features` that are learned from. */
  readonly rows: ArrayLike<number>
  /** (rows) Above 0. */
  readonly weights: Float64Array
  /** (rows × k) */
  readonly targets: Float64Array
  readonly k: number
  /** Above 0. */
  readonly lambda: number
}

export interface RidgeOptions {
  /** (columns × k) What to begin with, which the solution takes the place of. Default: zeros. */
  readonly start?: Float64Array | undefined
  /** Of the gradient, relative to that at 0, in each column. Default: 1e-5. */
  readonly tolerance?: number | undefined
  /** Default: 200. */
  readonly mostSteps?: number | undefined
  /** Looked at between steps. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The W (columns × k) that minimises Σᵣ wᵣ ‖vᵣ − fᵣ·W‖² + λ ‖W‖², by conjugate gradients of the normal equations, each column of W with steps
 * of its own, preconditioned by the diagonal (Hestenes & Stiefel 1952).
 *
 * @throws the reason of the signal when it is aborted.
 */
export function ridge(problem: RidgeProblem, options: RidgeOptions = {}): Float64Array {
  const { features, rows, weights, targets, k, lambda } = problem
  const { tolerance = 1e-5, mostSteps = 200, signal } = options
  const size = features.columns * k
  const solution = options.start ?? new Float64Array(size)
  const diagonal = diagonalOf(problem)
  const images = new Float64Array(rows.length * k)
  const product = new Float64Array(size)
  const residual = new Float64Array(size)
  multiplyTransposed(features, rows, weighted(targets, weights, k), k, residual)
  const wanted = columnProducts(residual, residual, k).map(squares => tolerance ** 2 * squares)
  const apply = (direction: Float64Array) => {
    multiply(features, rows, direction, k, images)
    for (let at = 0; at < images.length; at++) images[at]! *= weights[(at / k) | 0]!
    multiplyTransposed(features, rows, images, k, product)
    for (let at = 0; at < size; at++) product[at]! += lambda * direction[at]!
  }
  apply(solution)
  for (let at = 0; at < size; at++) residual[at]! -= product[at]!
  const scaled = new Float64Array(size)
  const precondition = () => {
    for (let at = 0; at < size; at++) scaled[at] = residual[at]! / diagonal[(at / k) | 0]!
  }
  precondition()
  const direction = scaled.slice()
  let errors = columnProducts(residual, scaled, k)
  for (let step = 0; step < mostSteps; step++) {
    signal?.throwIfAborted()
    if (columnProducts(residual, residual, k).every((squares, column) => squares <= wanted[column]!)) break
    apply(direction)
    const curvature = columnProducts(direction, product, k)
    const lengths = errors.map((error, column) => (curvature[column]! > 0 ? error / curvature[column]! : 0))
    for (let at = 0; at < size; at++) {
      const length = lengths[at % k]!
      solution[at]! += length * direction[at]!
      residual[at]! -= length * product[at]!
    }
    precondition()
    const next = columnProducts(residual, scaled, k)
    const momentum = next.map((error, column) => (errors[column]! > 0 ? error / errors[column]! : 0))
    for (let at = 0; at < size; at++) direction[at] = scaled[at]! + momentum[at % k]! * direction[at]!
    errors = next
  }
  return solution
}

/** (columns) Of the normal equations. */
function diagonalOf({ features, rows, weights, lambda }: RidgeProblem): Float64Array {
  const diagonal = new Float64Array(features.columns).fill(lambda)
  for (let at = 0; at < rows.length; at++) {
    eachFeature(features, rows[at]!, (column, value) => {
      diagonal[column]! += weights[at]! * value ** 2
    })
  }
  return diagonal
}

function weighted(values: Float64Array, weights: Float64Array, k: number): Float64Array {
  return values.map((value, at) => value * weights[(at / k) | 0]!)
}

/** (k) The inner product of each column of two matrices. */
function columnProducts(a: Float64Array, b: Float64Array, k: number): Float64Array {
  const sums = new Float64Array(k)
  for (let begin = 0; begin < a.length; begin += k) {
    for (let column = 0; column < k; column++) sums[column]! += a[begin + column]! * b[begin + column]!
  }
  return sums
}
