/** EASE from its definition: dense matrices in double precision. */
import type { ResolvedRequest } from '../../src/models/algorithm.ts'
import type { EaseOptions } from '../../src/models/item-item/ease/options.ts'
import { isWeighted } from '../../src/models/weighting/options.ts'
import type { Csr } from '../../src/storage/csr.ts'

type Matrix = readonly (readonly number[])[]

export interface NaiveEase {
  /** B */
  readonly weights: Matrix
  /** 1 / P_jj */
  readonly residuals: readonly number[]
}

export function naiveEase(byUser: Csr, options: EaseOptions): NaiveEase {
  const gramian = naiveGramian(byUser, options)
  if (options.variant === 'dense') {
    const { weights, residuals } = weightsOf(gramian)
    return { weights: weights.map(row => keepLargest(row, options.entries)), residuals }
  }
  const columns = gramian.map((_, item) => naiveColumn(gramian, item, options.candidates))
  const weights = gramian.map((_, row) => columns.map(({ column }) => column[row]!))
  return {
    weights: weights.map(row => keepLargest(row, options.entries)),
    residuals: columns.map(({ residual }) => residual),
  }
}

/** XᵀX + λI, with λ = `regularization` × mean over all pairs of Σ w² of their item. */
function naiveGramian({ rows, columns, indptr, indices, weights }: Csr, options: EaseOptions): number[][] {
  const gramian = Array.from({ length: columns }, () => Array<number>(columns).fill(0))
  const value = (at: number) => (isWeighted(options) ? weights[at]! : 1)
  const squares = Array<number>(columns).fill(0)
  for (let user = 0; user < rows; user++) {
    for (let a = Number(indptr[user]); a < Number(indptr[user + 1]); a++) {
      squares[indices[a]!]! += value(a) ** 2
      for (let b = Number(indptr[user]); b < Number(indptr[user + 1]); b++) {
        gramian[indices[a]!]![indices[b]!]! += value(a) * value(b)
      }
    }
  }
  const mean = indices.reduce((sum, item) => sum + squares[item]!, 0) / indices.length
  const regularization = options.regularization * mean
  return gramian.map((row, i) => row.map((sum, j) => sum + (i === j ? regularization : 0)))
}

/** B and the residuals where the inverse is taken of all of `gramian`. */
function weightsOf(gramian: Matrix): NaiveEase {
  const inverse = inverseOf(gramian)
  return {
    weights: inverse.map((row, i) => row.map((value, j) => (i === j ? 0 : -value / inverse[j]![j]!))),
    residuals: inverse.map((row, j) => 1 / row[j]!),
  }
}

/** The column of `item` in EASE of the item and its best candidates alone. */
function naiveColumn(gramian: Matrix, item: number, candidates: number) {
  const gain = (i: number) => Math.fround(gramian[i]![item]! / Math.sqrt(gramian[i]![i]!))
  const chosen = gramian
    .map((_, i) => i)
    .filter(i => i !== item && gramian[i]![item]! > 0)
    .sort((a, b) => gain(b) - gain(a) || a - b)
    .slice(0, candidates)
  const part = [...chosen, item]
  const { weights, residuals } = weightsOf(part.map(a => part.map(b => gramian[a]![b]!)))
  const column = gramian.map((_, i) => (chosen.includes(i) ? weights[chosen.indexOf(i)]![chosen.length]! : 0))
  return { column, residual: residuals[chosen.length]! }
}

function inverseOf(matrix: Matrix): number[][] {
  const n = matrix.length
  const a = matrix.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))])
  for (let p = 0; p < n; p++) {
    const pivot = a[p]![p]!
    a[p] = a[p]!.map(value => value / pivot)
    for (let r = 0; r < n; r++) {
      if (r === p) continue
      const by = a[r]![p]!
      a[r] = a[r]!.map((value, c) => value - by * a[p]![c]!)
    }
  }
  return a.map(row => row.slice(n))
}

/** The row with 0 for all but the largest entries. */
function keepLargest(row: readonly number[], most: number): number[] {
  const kept = row.map((_, at) => at).sort((a, b) => Math.abs(row[b]!) - Math.abs(row[a]!) || a - b)
  const largest = new Set(kept.slice(0, most))
  return row.map((value, at) => (largest.has(at) ? value : 0))
}

/** The score of every item, whether it may come or not. */
export function naiveScores({ weights }: NaiveEase, { history }: ResolvedRequest): Map<number, number> {
  const score = (j: number) =>
    [...history.indices].reduce((sum, item, at) => sum + history.weights[at]! * weights[item]![j]!, 0)
  return new Map(weights.map((_, j) => [j, score(j)]))
}
