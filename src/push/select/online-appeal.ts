/**
 * The appeal of articles by their features, learned from each push: ln lift = w · x + ε with w a random walk, so that what is liked may
 * change from day to day (dynamic generalised linear model: West, Harrison & Migon 1985). What came of a push, clicks ~ Poisson(exposure ·
 * lift), is taken in by the mean and variance of ln lift given it (assumed density filtering), and so counts as much as it tells.
 */
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { momentsOfLevel } from '../volume/level.ts'

/** What is known of a feature before anything is learned. */
export interface AppealFeature {
  readonly name: string
  /** Of its weight. Default: 0. */
  readonly mean?: number
  /** Standard deviation of its weight, and of how far that moves in a day. Default: no move. */
  readonly deviation: number
  readonly dailyMove?: number
}

/** ln lift of an article that has not been pushed, normally distributed. */
export interface Appeal {
  readonly mean: number
  readonly variance: number
}

export interface PushOutcome {
  readonly clicks: number
  /** Clicks that would have come at a lift of 1. */
  readonly exposure: number
}

export interface OnlineAppealSnapshot {
  readonly features: readonly string[]
  readonly weights: readonly number[]
  /** (features × features) */
  readonly covariance: readonly number[]
  readonly likelihoods: readonly number[]
}

/** Variances of ε that are told apart: the likeliest by all pushes so far is taken. */
const residuals = [0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.27, 0.35, 0.45, 0.6, 0.8, 1.1]
/** Before any push ε has about this variance, as sure as by a few dozen pushes. */
const [residualBefore, sureness] = [0.35, 8]
/** How much a push weighs once another has come: a few thousand are remembered. */
const remembered = 0.9995

export class OnlineAppeal {
  readonly features: readonly AppealFeature[]
  readonly #weights: Float64Array
  /** (features × features) Of the weights. */
  readonly #covariance: Float64Array
  readonly #likelihoods = residuals.map(variance => -sureness * Math.log(variance / residualBefore) ** 2)
  #residual = residualBefore

  /** @param features the first is to be 1 of every article. */
  constructor(features: readonly AppealFeature[]) {
    assertWholeNumber('features', features.length, 1, 4096)
    this.features = features
    this.#weights = Float64Array.from(features, ({ mean = 0 }) => mean)
    this.#covariance = new Float64Array(features.length ** 2)
    features.forEach(({ deviation }, at) => {
      this.#covariance[at * (features.length + 1)] = deviation ** 2
    })
  }

  /** @param values (features) */
  predict(values: ArrayLike<number>): Appeal {
    const { mean, variance } = this.#ofWeights(values)
    return { mean, variance: variance + this.#residual }
  }

  /** Of the variance of ln lift, the share that more pushes of other articles would take away. */
  shareUnknown(values: ArrayLike<number>): number {
    const { variance } = this.#ofWeights(values)
    return variance / (variance + this.#residual)
  }

  /** (features) How much of the mean each feature makes. */
  contributions(values: ArrayLike<number>): Float64Array {
    return this.#weights.map((weight, at) => weight * values[at]!)
  }

  /** Learns from an article whose clicks are all in. */
  learn(values: ArrayLike<number>, { clicks, exposure }: PushOutcome): void {
    if (!(exposure > 0)) return
    const { mean, variance, gains } = this.#ofWeights(values)
    residuals.forEach((residual, at) => {
      const { logEvidence } = momentsOfLevel({ mean, variance: variance + residual }, clicks, exposure)
      this.#likelihoods[at] = this.#likelihoods[at]! * remembered + logEvidence
    })
    this.#residual = residuals[this.#likelihoods.indexOf(Math.max(...this.#likelihoods))]!
    const total = variance + this.#residual
    const after = momentsOfLevel({ mean, variance: total }, clicks, exposure)
    // w given ln lift is Gaussian: its mean moves, and its covariance shrinks, as those of ln lift have.
    const move = (after.mean - mean) / total
    const shrink = (1 - after.variance / total) / total
    const count = this.features.length
    for (let row = 0; row < count; row++) {
      this.#weights[row]! += gains[row]! * move
      for (let column = 0; column < count; column++) {
        this.#covariance[row * count + column]! -= gains[row]! * gains[column]! * shrink
      }
    }
  }

  /** Lets the weights move as far as they do in a day. */
  endDay(): void {
    this.features.forEach(({ dailyMove = 0 }, at) => {
      this.#covariance[at * (this.features.length + 1)]! += dailyMove ** 2
    })
  }

  /** What is learned, for the disk; {@link OnlineAppeal.restore} takes it. */
  snapshot(): OnlineAppealSnapshot {
    return {
      features: this.features.map(({ name }) => name),
      weights: [...this.#weights],
      covariance: [...this.#covariance],
      likelihoods: [...this.#likelihoods],
    }
  }

  /** Takes the place of what was learned, feature by feature by their names: of others nothing is known but what was before. */
  restore({ features, weights, covariance, likelihoods }: OnlineAppealSnapshot): void {
    const [count, before] = [this.features.length, features.length]
    const sizes = [weights.length - before, covariance.length - before ** 2, likelihoods.length - residuals.length]
    if (sizes.some(size => size !== 0)) {
      throw new RangeError(
        `an appeal of ${before} features must have as many weights, their covariances and ${residuals.length} likelihoods, got ${weights.length}, ${covariance.length} and ${likelihoods.length}`,
      )
    }
    const places = this.features.map(({ name }) => features.indexOf(name))
    places.forEach((from, at) => {
      if (from >= 0) this.#weights[at] = weights[from]!
      places.forEach((other, column) => {
        if (from >= 0 && other >= 0) this.#covariance[at * count + column] = covariance[from * before + other]!
      })
    })
    this.#likelihoods.splice(0, residuals.length, ...likelihoods)
    this.#residual = residuals[likelihoods.indexOf(Math.max(...likelihoods))]!
  }

  /** Of w · x, and its covariances with all weights. */
  #ofWeights(values: ArrayLike<number>): Appeal & { readonly gains: Float64Array } {
    const count = this.features.length
    if (values.length !== count) throw new RangeError(`an article must have ${count} features, got ${values.length}`)
    const gains = new Float64Array(count)
    let [mean, variance] = [0, 0]
    for (let row = 0; row < count; row++) {
      let gain = 0
      for (let column = 0; column < count; column++) gain += this.#covariance[row * count + column]! * values[column]!
      gains[row] = gain
      mean += this.#weights[row]! * values[row]!
      variance += gain * values[row]!
    }
    return { mean, variance, gains }
  }
}
