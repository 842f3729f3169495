/**
 * Regression of clicks by a normal posterior that goes on with each batch of outcomes: its mean is found by Newton's method with the
 * posterior before as the prior, its precision is the curvature there (Laplace's approximation; Spiegelhalter & Lauritzen 1990).
 * Few outcomes move it little, and no step size is to be chosen.
 */
import { solvePositiveDefinite } from '../components/solve.ts'

export interface PosteriorRows {
  /** (rows × features) */
  readonly values: Float32Array
  /** (rows) 1 or 0. */
  readonly clicked: Uint8Array
  /**
   * (rows) The usual click rate of each, above 0: then a click is exp(β·x) times as likely (Poisson regression, which is as good as any
   * of rare events, and in which what has no click yet counts by its share exactly). Default: none, logit(p) = β·x.
   */
  readonly rates?: ArrayLike<number> | undefined
  /** (rows) How much of its click delay has passed, of one without a click; see `CtrOutcomes`. Default: 1. */
  readonly shares?: Float32Array | undefined
  /** (rows) The share when it was last learned from. Default: 0. */
  readonly before?: Float32Array | undefined
  /** (rows) How often it counts. Default: 1. */
  readonly weights?: Float32Array | undefined
}

export interface NormalPosterior {
  /** (features) */
  readonly mean: Float64Array
  /** (features × features) */
  readonly precision: Float64Array
}

/** Newton's steps at most, and when the change of all coefficients is small enough. */
const [mostSteps, tolerance] = [20, 1e-7]

/** The posterior after the rows. O(steps · rows · features²). */
export function updatedPosterior(prior: NormalPosterior, rows: PosteriorRows): NormalPosterior {
  const mean = Float64Array.from(prior.mean)
  let loss = lossOf(prior, rows, mean)
  for (let step = 0; step < mostSteps; step++) {
    const { gradient, curvature } = derivatives(prior, rows, mean)
    const by = solvePositiveDefinite(curvature, gradient)
    let scale = 1
    let next = mean
    // Where all is far from the prior, whole steps can go too far.
    for (let halving = 0; halving < 12; halving++, scale /= 2) {
      next = mean.map((value, at) => value + scale * by[at]!)
      const nextLoss = lossOf(prior, rows, next)
      if (nextLoss <= loss + 1e-12 * Math.abs(loss)) {
        loss = nextLoss
        break
      }
    }
    mean.set(next)
    if (Math.max(...by.map(Math.abs)) * scale < tolerance) break
  }
  return { mean, precision: symmetric(derivatives(prior, rows, mean).curvature) }
}

/** A posterior of which nothing is known but that coefficients are rarely beyond the standard deviation. */
export function widePosterior(features: number, deviation: number): NormalPosterior {
  const precision = new Float64Array(features * features)
  for (let at = 0; at < features; at++) precision[at * features + at] = 1 / deviation ** 2
  return { mean: new Float64Array(features), precision }
}

/** β·x of a row. */
export function logitOf(mean: ArrayLike<number>, values: Float32Array, row: number): number {
  let sum = 0
  for (let at = 0, cell = row * mean.length; at < mean.length; at++, cell++) sum += mean[at]! * values[cell]!
  return sum
}

/** How often a row counts as clicked, and as not clicked: below 0 takes back what was learned of it before. */
function countsOf({ clicked, shares, before, weights }: PosteriorRows, row: number): readonly [number, number] {
  const weight = weights?.[row] ?? 1
  const earlier = before?.[row] ?? 0
  return clicked[row] === 1 ? [weight, -weight * earlier] : [0, weight * ((shares?.[row] ?? 1) - earlier)]
}

function lossOf({ mean: prior, precision }: NormalPosterior, rows: PosteriorRows, mean: Float64Array): number {
  const n = mean.length
  let loss = 0
  for (let a = 0; a < n; a++) {
    let product = 0
    for (let b = 0; b < n; b++) product += precision[a * n + b]! * (mean[b]! - prior[b]!)
    loss += (product * (mean[a]! - prior[a]!)) / 2
  }
  for (let row = 0; row < rows.clicked.length; row++) {
    const logit = logitOf(mean, rows.values, row)
    const [positive, negative] = countsOf(rows, row)
    if (rows.rates) {
      loss += (positive + negative) * rows.rates[row]! * Math.exp(logit) - positive * logit
      continue
    }
    const tail = Math.log1p(Math.exp(-Math.abs(logit)))
    loss += positive * (Math.max(0, -logit) + tail) + negative * (Math.max(0, logit) + tail)
  }
  return loss
}

/** Of minus the loss, and its curvature (the lower triangle). */
function derivatives({ mean: prior, precision }: NormalPosterior, rows: PosteriorRows, mean: Float64Array) {
  const n = mean.length
  const gradient = new Float64Array(n)
  const curvature = Float64Array.from(precision)
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) gradient[a]! -= precision[a * n + b]! * (mean[b]! - prior[b]!)
  }
  const { values } = rows
  for (let row = 0; row < rows.clicked.length; row++) {
    const logit = logitOf(mean, values, row)
    const [positive, negative] = countsOf(rows, row)
    const p = rows.rates ? rows.rates[row]! * Math.exp(logit) : 1 / (1 + Math.exp(-logit))
    const error = positive - (positive + negative) * p
    const bend = (positive + negative) * p * (rows.rates ? 1 : 1 - p)
    const first = row * n
    for (let a = 0; a < n; a++) {
      const value = values[first + a]!
      if (value === 0) continue
      gradient[a]! += error * value
      for (let b = 0; b <= a; b++) curvature[a * n + b]! += bend * value * values[first + b]!
    }
  }
  return { gradient, curvature }
}

function symmetric(lower: Float64Array): Float64Array {
  const n = Math.sqrt(lower.length)
  for (let a = 0; a < n; a++) for (let b = a + 1; b < n; b++) lower[a * n + b] = lower[b * n + a]!
  return lower
}
