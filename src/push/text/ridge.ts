/**
 * Ridge regression over sparse rows, with a random intercept of each group: y = X b + u_g + e, b ~ N(0, 1 / λ),
 * u_g ~ N(0, τ²), e ~ N(0, 1 / w), of which b has the greatest posterior density. With V = W⁻¹ + τ² 1 1ᵀ within a group,
 * (Xᵀ V⁻¹ X + λ) b = Xᵀ V⁻¹ y, V⁻¹ = W − W 1 1ᵀ W τ² / (1 + τ² Σ w) (Sherman & Morrison 1950), by conjugate gradients with the
 * diagonal as preconditioner. τ² = ∞ compares within groups alone; what groups differ by helps where it is finite.
 */
import { sharedArray } from '../../storage/shared-array.ts'

/** In shared memory. */
export interface SparseRows {
  /** (rows + 1) */
  readonly starts: Uint32Array
  /** Columns, and the values in them. */
  readonly columns: Uint32Array
  readonly values: Float32Array
}

export interface RidgeProblem {
  readonly features: SparseRows
  /** How many there are. */
  readonly columns: number
  /** (rows) */
  readonly targets: Float64Array
  /** (rows) 1 / variance; rows of 0 are left out. */
  readonly weights: Float64Array
  /** (rows) From 0. Without, there are no groups. */
  readonly groups?: Uint32Array | undefined
  readonly groupVariance?: number | undefined
  readonly penalty: number
}

const mostSteps = 300
const tolerance = 1e-5

/** (columns) b. */
export function fitRidge(problem: RidgeProblem): Float64Array {
  const { features, columns, targets, penalty } = problem
  const precision = precisionOf(problem)
  const rows = targets.length
  const solution = new Float64Array(columns)
  const residual = transposed(features, precision(targets), columns)
  const diagonal = diagonalOf(problem)
  const direction = residual.map((value, at) => value / diagonal[at]!)
  const fitted = new Float64Array(rows)
  let product = dot(residual, direction)
  const end = product * tolerance ** 2
  for (let step = 0; step < mostSteps && product > end; step++) {
    scores(features, direction, fitted)
    const applied = transposed(features, precision(fitted), columns)
    for (let at = 0; at < columns; at++) applied[at]! += penalty * direction[at]!
    const length = product / dot(direction, applied)
    let next = 0
    for (let at = 0; at < columns; at++) {
      solution[at]! += length * direction[at]!
      residual[at]! -= length * applied[at]!
      next += (residual[at]! * residual[at]!) / diagonal[at]!
    }
    const ratio = next / product
    for (let at = 0; at < columns; at++) direction[at] = residual[at]! / diagonal[at]! + ratio * direction[at]!
    product = next
  }
  return solution
}

/** (rows) X b. */
export function scores({ starts, columns, values }: SparseRows, weights: ArrayLike<number>, out: Float64Array) {
  for (let row = 0; row < out.length; row++) {
    let sum = 0
    for (let at = starts[row]!; at < starts[row + 1]!; at++) sum += values[at]! * weights[columns[at]!]!
    out[row] = sum
  }
  return out
}

/** Rows of [column, value] as they are given one after the other. */
export class SparseRowsBuilder {
  readonly #starts: number[] = [0]
  #columns = new Uint32Array(1 << 12)
  #values = new Float32Array(1 << 12)
  #length = 0

  add(column: number, value: number): void {
    if (value === 0) return
    if (this.#length === this.#columns.length) {
      const [columns, values] = [new Uint32Array(2 * this.#length), new Float32Array(2 * this.#length)]
      columns.set(this.#columns)
      values.set(this.#values)
      this.#columns = columns
      this.#values = values
    }
    this.#columns[this.#length] = column
    this.#values[this.#length++] = value
  }

  endRow(): void {
    this.#starts.push(this.#length)
  }

  build(): SparseRows {
    const starts = sharedArray(Uint32Array, this.#starts.length)
    starts.set(this.#starts)
    const columns = sharedArray(Uint32Array, this.#length)
    columns.set(this.#columns.subarray(0, this.#length))
    const values = sharedArray(Float32Array, this.#length)
    values.set(this.#values.subarray(0, this.#length))
    return { starts, columns, values }
  }
}

/** V⁻¹ times a vector. */
export function precisionOf({
  weights,
  groups,
  groupVariance = 0,
}: RidgeProblem): (values: Float64Array) => Float64Array {
  const out = new Float64Array(weights.length)
  if (!groups || groupVariance === 0) {
    return values => {
      for (let row = 0; row < out.length; row++) out[row] = weights[row]! * values[row]!
      return out
    }
  }
  const count = groups.reduce((most, group) => Math.max(most, group + 1), 0)
  const shrinkage = new Float64Array(count)
  for (let row = 0; row < out.length; row++) shrinkage[groups[row]!]! += weights[row]!
  for (let group = 0; group < count; group++) {
    const total = shrinkage[group]!
    const certain = Number.isFinite(groupVariance) ? 1 / (1 / groupVariance + total) : 1 / total
    shrinkage[group] = total > 0 ? certain : 0
  }
  const sums = new Float64Array(count)
  return values => {
    sums.fill(0)
    for (let row = 0; row < out.length; row++) sums[groups[row]!]! += weights[row]! * values[row]!
    for (let row = 0; row < out.length; row++) {
      const group = groups[row]!
      out[row] = weights[row]! * (values[row]! - shrinkage[group]! * sums[group]!)
    }
    return out
  }
}

/** That of Xᵀ W X + λ. */
function diagonalOf({ features: { starts, columns, values }, columns: count, weights, penalty }: RidgeProblem) {
  const diagonal = new Float64Array(count).fill(penalty)
  for (let row = 0; row < weights.length; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      diagonal[columns[at]!]! += weights[row]! * values[at]! ** 2
    }
  }
  return diagonal
}

function transposed({ starts, columns, values }: SparseRows, of: Float64Array, count: number): Float64Array {
  const out = new Float64Array(count)
  for (let row = 0; row < of.length; row++) {
    const factor = of[row]!
    if (factor === 0) continue
    for (let at = starts[row]!; at < starts[row + 1]!; at++) out[columns[at]!]! += values[at]! * factor
  }
  return out
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}
