import { maximumOf } from '../../src/push/statistics/line-search.ts'

/** Products of profiles with articles, of how many reads the profiles were, and whether the user read the article. */
export interface ContentExamples {
  readonly products: ArrayLike<number>
  readonly counts: ArrayLike<number>
  readonly labels: ArrayLike<number>
  /** By which the profiles were made. */
  readonly shrinkage: number
}

/**
 * The shrinkage by which a logistic regression on the product tells best who read the article: by maximum likelihood, from 0.1
 * to 1000 reads. Where no profile says anything it stays as it is. O(examples).
 */
export function fittedShrinkage({ products, counts, labels, shrinkage }: ContentExamples): number {
  const rows = Array.from(products, (_, at) => at).filter(at => counts[at]! > 0)
  if (!rows.some(at => labels[at]! > 0) || !rows.some(at => products[at] !== 0)) return shrinkage
  const ys = rows.map(at => labels[at]!)
  const likelihood = (log: number) => {
    const value = Math.exp(log)
    const xs = rows.map(at => (products[at]! * (counts[at]! + shrinkage)) / (counts[at]! + value))
    return logisticLikelihood(xs, ys)
  }
  return Math.exp(maximumOf(likelihood, Math.log(0.1), Math.log(1000)))
}

/** Maximum over intercept and slope, by Newton's method. */
function logisticLikelihood(xs: readonly number[], ys: readonly number[]): number {
  const positives = ys.reduce((sum, y) => sum + y, 0)
  let [intercept, slope] = [Math.log((positives + 0.5) / (ys.length - positives + 0.5)), 0]
  let likelihood = 0
  for (let step = 0; step < 8; step++) {
    let [g0, g1, h00, h01, h11] = [0, 0, 1e-9, 0, 1e-9]
    likelihood = 0
    for (let at = 0; at < xs.length; at++) {
      const x = xs[at]!
      const z = intercept + slope * x
      const p = 1 / (1 + Math.exp(-z))
      const h = p * (1 - p)
      likelihood += ys[at]! * z - Math.log1p(Math.exp(-Math.abs(z))) - Math.max(0, z)
      g0 += ys[at]! - p
      g1 += (ys[at]! - p) * x
      h00 += h
      h01 += h * x
      h11 += h * x * x
    }
    const determinant = h00 * h11 - h01 * h01
    if (!(determinant > 1e-12)) break
    intercept += (h11 * g0 - h01 * g1) / determinant
    slope += (h00 * g1 - h01 * g0) / determinant
  }
  return likelihood
}
