import { type ConjugateGradientOptions, conjugateGradients } from './conjugate-gradients.ts'
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

export interface RidgeOptions extends Pick<ConjugateGradientOptions, 'start' | 'signal'> {
  /** Of the gradient, relative to that at 0, in each column. Default: 1e-5. */
  readonly tolerance?: number | undefined
  /** Default: 200. */
  readonly mostSteps?: number | undefined
}

/**
 * The W (columns × k) that minimises Σᵣ wᵣ ‖vᵣ − fᵣ·W‖² + λ ‖W‖², by conjugate gradients of the normal equations.
 *
 * @throws the reason of the signal when it is aborted.
 */
export function ridge(problem: RidgeProblem, options: RidgeOptions = {}): Float64Array {
  const { features, rows, weights, targets, k, lambda } = problem
  const { start, tolerance = 1e-5, mostSteps = 200, signal } = options
  const right = new Float64Array(features.columns * k)
  multiplyTransposed(features, rows, weighted(targets, weights, k), k, right)
  const images = new Float64Array(rows.length * k)
  const apply = (direction: Float64Array, out: Float64Array) => {
    multiply(features, rows, direction, k, images)
    for (let row = 0; row < weights.length; row++) {
      for (let at = row * k; at < (row + 1) * k; at++) images[at]! *= weights[row]!
    }
    multiplyTransposed(features, rows, images, k, out)
    for (let at = 0; at < out.length; at++) out[at]! += lambda * direction[at]!
  }
  const system = { right, diagonal: diagonalOf(problem), k, apply, byColumn: true }
  return conjugateGradients(system, { start, tolerance, mostSteps, signal })
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
