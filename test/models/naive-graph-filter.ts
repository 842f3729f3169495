/** Graph filters on dense matrices in double precision, step by step as the papers state them: slow, and obvious. */
import type { GraphFilterOptions } from '../../src/models/item-item/graph-filter/options.ts'
import type { Csr } from '../../src/storage/csr.ts'

type Row = readonly number[]
type Matrix = readonly Row[]

export interface NaiveFilter {
  /** Falling; those of P. */
  readonly eigenvalues: Row
  /** Scores of all items for a history, a value an item. */
  scores(history: Row): Row
}

export function naiveGraphFilter(byUser: Csr, options: GraphFilterOptions): NaiveFilter {
  const normalised = normalisedMatrix(byUser, options)
  const p = times(transposed(normalised.matrix), normalised.matrix)
  const { values, vectors } = eigen(p)
  // Of other exponents than ½ the largest eigenvalue is not 1: it is made so.
  const isNormal = options.userExponent === 0.5 && options.itemExponent === 0.5
  const scale = isNormal ? 1 : values[0]!
  const filter = p.map(row => row.map(x => x / scale))
  const kept = vectors.slice(0, options.factors ?? vectors.length).filter((_, at) => values[at]! > 1e-6 * values[0]!)
  const { itemScales } = normalised

  const filtered = (x: Row) => filter.map((_, item) => sum(x.map((value, from) => value * filter[from]![item]!)))
  const lowPassed = (x: Row) => {
    const scaled = x.map((value, item) => value * itemScales[item]!)
    const coordinates = kept.map(vector => sum(vector.map((v, item) => v * scaled[item]!)))
    return itemScales.map((by, item) =>
      by === 0 ? 0 : sum(kept.map((vector, f) => vector[item]! * coordinates[f]!)) / by,
    )
  }
  const combined = (...terms: readonly (readonly [number, Row])[]) =>
    terms[0]![1].map((_, item) => sum(terms.map(([by, row]) => by * row[item]!)))
  /** dx/dt = `slope(x)` from 0 to `time`. */
  const solved = (x: Row, slope: (x: Row) => Row, time: number, steps: number, solver: 'euler' | 'rk4') => {
    const h = time / steps
    for (let step = 0; step < steps; step++) {
      const k1 = slope(x)
      if (solver === 'euler') {
        x = combined([1, x], [h, k1])
        continue
      }
      const k2 = slope(combined([1, x], [h / 2, k1]))
      const k3 = slope(combined([1, x], [h / 2, k2]))
      const k4 = slope(combined([1, x], [h, k3]))
      x = combined([1, x], [h / 6, k1], [h / 3, k2], [h / 3, k3], [h / 6, k4])
    }
    return x
  }
  const scores = (history: Row): Row => {
    const weight = options.lowPassWeight
    if (options.filter === 'gf-cf') return combined([1, filtered(history)], [weight, lowPassed(history)])
    if (options.filter === 'turbo-cf') {
      const [first, second] = [filtered(history), filtered(filtered(history))]
      if (options.filterOrder === 1) return first
      if (options.filterOrder === 2) return combined([2, first], [-1, second])
      return combined([1, first], [0.01, combined([-1, filtered(second)], [10, second], [-29, first])])
    }
    const slopeOfBlur = (x: Row) => combined([1, filtered(x)], [-1, x])
    const slopeOfSharpening = (x: Row) => filtered(x).map(value => -value)
    const { blurringTime, blurringSteps, sharpeningTime, sharpeningSteps, sharpeningSolver } = options
    const blurred = solved(history, slopeOfBlur, blurringTime, blurringSteps, 'euler')
    const sharpened = (x: Row) => solved(x, slopeOfSharpening, sharpeningTime, sharpeningSteps, sharpeningSolver)
    if (weight === 0) return sharpened(blurred)
    return options.lowPassMerge === 'early'
      ? sharpened(combined([1, blurred], [weight, lowPassed(history)]))
      : combined([1, sharpened(blurred)], [weight, lowPassed(history)])
  }
  return { eigenvalues: values.map(value => value / scale), scores }
}

function normalisedMatrix({ rows, columns, indptr, indices, weights }: Csr, options: GraphFilterOptions) {
  const dense = Array.from({ length: rows }, () => new Array<number>(columns).fill(0))
  for (let user = 0; user < rows; user++) {
    for (let at = Number(indptr[user]); at < Number(indptr[user + 1]); at++) {
      dense[user]![indices[at]!] = options.weighting === 'weight' ? weights[at]! : 1
    }
  }
  const scaleOf = (total: number, exponent: number) => (total === 0 ? 0 : total ** -exponent)
  const userScales = dense.map(row => scaleOf(sum(row), options.userExponent))
  const itemScales = transposed(dense).map(column => scaleOf(sum(column), options.itemExponent))
  const matrix = dense.map((row, user) => row.map((value, item) => userScales[user]! * value * itemScales[item]!))
  return { matrix, itemScales }
}

function sum(values: Row): number {
  return values.reduce((total, value) => total + value, 0)
}

function transposed(matrix: Matrix): Matrix {
  return matrix[0]!.map((_, column) => matrix.map(row => row[column]!))
}

function times(a: Matrix, b: Matrix): Matrix {
  return a.map(row => b[0]!.map((_, column) => sum(row.map((value, at) => value * b[at]![column]!))))
}

/** Eigenvalues of a symmetric matrix, falling, and their vectors, by Jacobi's rotations. */
function eigen(symmetric: Matrix): { readonly values: Row; readonly vectors: Matrix } {
  const n = symmetric.length
  const a = symmetric.map(row => [...row])
  const v = a.map((_, i) => a.map((__, j) => Number(i === j)))
  for (let sweep = 0; sweep < 60; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p]![q]!) < 1e-300) continue
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!)
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta ** 2 + 1))
        const c = 1 / Math.sqrt(t ** 2 + 1)
        const s = t * c
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k]![p]!, a[k]![q]!]
          a[k]![p] = c * x - s * y
          a[k]![q] = s * x + c * y
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p]![k]!, a[q]![k]!]
          a[p]![k] = c * x - s * y
          a[q]![k] = s * x + c * y
          const [z, w] = [v[k]![p]!, v[k]![q]!]
          v[k]![p] = c * z - s * w
          v[k]![q] = s * z + c * w
        }
      }
    }
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j]![j]! - a[i]![i]!)
  return { values: order.map(i => a[i]![i]!), vectors: order.map(i => v.map(row => row[i]!)) }
}
