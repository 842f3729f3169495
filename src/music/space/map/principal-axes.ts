import { randomNumbers } from '../../../storage/random.ts'
import type { FeatureMatrix } from './features.ts'
import { addScaled, multiply, multiplyTransposed } from './products.ts'

export interface PrincipalAxesOptions {
  /** Axes to find, at least 1. */
  readonly rank: number
  /**
   * How far the axes are made alike, from 0, where coordinates vary as the features do, to 1, where all vary by 1: they are divided by the
   * deviation to this power.
   */
  readonly whitening: number
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

/** Found beside the axes that are asked for, so that these are exact. */
const surplus = 8
const passes = 6

/**
 * The coordinates (rows × rank) of the rows of `features` on its principal axes, those of the largest variance first; 0 on axes that there are not.
 * By subspace iteration from random directions (Halko, Martinsson & Tropp 2011, algorithm 4.4). The sign of each axis is such that its
 * coordinate of the largest size is above 0.
 *
 * @throws the reason of the signal when it is aborted.
 */
export function principalCoordinates(
  features: FeatureMatrix,
  { rank, whitening, seed, signal }: PrincipalAxesOptions,
): Float64Array {
  const { rows: size, columns } = features
  const rows = Array.from({ length: size }, (_, row) => row)
  const k = Math.min(rank + surplus, size, columns)
  const coordinates = new Float64Array(size * rank)
  if (k === 0) return coordinates
  const means = new Float64Array(columns)
  multiplyTransposed(features, rows, new Float64Array(size).fill(1), 1, means)
  for (let column = 0; column < columns; column++) means[column]! /= size
  const random = randomNumbers(seed)
  const axes = Float64Array.from({ length: columns * k }, () => random() - 0.5)
  const images = new Float64Array(size * k)
  for (let pass = 0; pass < passes; pass++) {
    signal?.throwIfAborted()
    orthonormalise(axes, columns, k)
    multiplyCentred(features, rows, means, axes, k, images)
    if (pass === passes - 1) break
    orthonormalise(images, size, k)
    multiplyCentredTransposed(features, rows, means, images, k, axes)
  }
  const { values, vectors } = symmetricEigen(gramOf(images, size, k), k)
  for (let axis = 0; axis < Math.min(rank, k); axis++) {
    const deviation = Math.sqrt(Math.max(0, values[axis]!) / size)
    // What rounding leaves of an axis that there is not.
    if (deviation <= 1e-7 * Math.sqrt(Math.max(0, values[0]!) / size)) continue
    const scale = deviation ** -whitening
    let largest = 0
    for (let row = 0; row < size; row++) {
      let sum = 0
      for (let at = 0; at < k; at++) sum += images[row * k + at]! * vectors[at * k + axis]!
      coordinates[row * rank + axis] = scale * sum
      if (Math.abs(sum) > Math.abs(largest) * (1 + 1e-9)) largest = sum
    }
    if (largest < 0) for (let row = 0; row < size; row++) coordinates[row * rank + axis]! *= -1
  }
  return coordinates
}

function multiplyCentred(
  features: FeatureMatrix,
  rows: readonly number[],
  means: Float64Array,
  axes: Float64Array,
  k: number,
  out: Float64Array,
): void {
  multiply(features, rows, axes, k, out)
  const shift = new Float64Array(k)
  means.forEach((mean, column) => {
    if (mean !== 0) addScaled(shift, 0, mean, axes, column * k, k)
  })
  for (let row = 0; row < rows.length; row++) addScaled(out, row * k, -1, shift, 0, k)
}

function multiplyCentredTransposed(
  features: FeatureMatrix,
  rows: readonly number[],
  means: Float64Array,
  values: Float64Array,
  k: number,
  out: Float64Array,
): void {
  multiplyTransposed(features, rows, values, k, out)
  const sums = new Float64Array(k)
  for (let row = 0; row < rows.length; row++) addScaled(sums, 0, 1, values, row * k, k)
  means.forEach((mean, column) => {
    if (mean !== 0) addScaled(out, column * k, -mean, sums, 0, k)
  })
}

/** Makes the columns of `matrix` (rows × k) orthonormal, by Gram–Schmidt, twice; zeros where one depends on those before. */
export function orthonormalise(matrix: Float64Array, rows: number, k: number): void {
  const product = (a: number, b: number) => {
    let sum = 0
    for (let row = 0; row < rows; row++) sum += matrix[row * k + a]! * matrix[row * k + b]!
    return sum
  }
  for (let column = 0; column < k; column++) {
    const before = Math.sqrt(product(column, column))
    for (let time = 0; time < 2; time++) {
      for (let other = 0; other < column; other++) {
        const share = product(other, column)
        for (let row = 0; row < rows; row++) matrix[row * k + column]! -= share * matrix[row * k + other]!
      }
    }
    const norm = Math.sqrt(product(column, column))
    const scale = norm > 1e-10 * before ? 1 / norm : 0
    for (let row = 0; row < rows; row++) matrix[row * k + column]! *= scale
  }
}

function gramOf(matrix: Float64Array, rows: number, k: number): Float64Array {
  const gram = new Float64Array(k * k)
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < k; at++)
      addScaled(gram, at * k, matrix[row * k + at]!, matrix.subarray(row * k, row * k + k), 0, k)
  }
  return gram
}

/**
 * Eigenvalues of a symmetric matrix (n × n), largest first, and its eigenvectors in columns, by Jacobi's rotations (Golub & Van Loan,
 * 8.5). `matrix` is overwritten.
 */
export function symmetricEigen(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const vectors = new Float64Array(n * n)
  for (let at = 0; at < n; at++) vectors[at * n + at] = 1
  const total = matrix.reduce((sum, value) => sum + value * value, 0)
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += matrix[p * n + q]! ** 2
    if (off <= 1e-26 * total) break
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(matrix, vectors, n, p, q)
  }
  const order = Array.from({ length: n }, (_, at) => at).sort((a, b) => matrix[b * n + b]! - matrix[a * n + a]!)
  return {
    values: Float64Array.from(order, at => matrix[at * n + at]!),
    vectors: Float64Array.from({ length: n * n }, (_, at) => vectors[Math.floor(at / n) * n + order[at % n]!]!),
  }
}

/** Makes entry (p, q) 0. */
function rotate(matrix: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const entry = matrix[p * n + q]!
  if (entry === 0) return
  const tau = (matrix[q * n + q]! - matrix[p * n + p]!) / (2 * entry)
  const tangent = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau))
  const cosine = 1 / Math.sqrt(1 + tangent * tangent)
  const sine = tangent * cosine
  const turn = (data: Float64Array, a: number, b: number) => {
    const [x, y] = [data[a]!, data[b]!]
    data[a] = cosine * x - sine * y
    data[b] = sine * x + cosine * y
  }
  for (let at = 0; at < n; at++) turn(matrix, at * n + p, at * n + q)
  for (let at = 0; at < n; at++) turn(matrix, p * n + at, q * n + at)
  for (let at = 0; at < n; at++) turn(vectors, at * n + p, at * n + q)
}
