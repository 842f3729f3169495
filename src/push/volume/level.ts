/**
 * The level of an article: what multiplies the click rates that its users have by all else, and what each of its titles multiplies that by.
 *
 * Clicks of title t ~ Poisson(exposure_t · exp(θ + τ_t)), θ ~ a prior of the article, τ_t ~ N(0, σ²). θ is summed over a grid; given θ
 * each τ_t is normal about its most likely value (Laplace).
 */

/** ln level before any send, normally distributed but for stories that everybody will like. */
export interface LevelPrior {
  readonly mean: number
  readonly variance: number
}

export interface TitleOutcome {
  readonly clicks: number
  /** Clicks that are expected by now at a level of 1. */
  readonly exposure: number
  /** What its text lets expect beside the other titles. Default: 1. */
  readonly factor?: number
}

/** What is known after sends. */
export interface LevelPosterior {
  /** (grid) Values of θ, rising, and their probabilities. */
  readonly values: Float64Array
  readonly weights: Float64Array
  /** Of θ. */
  readonly mean: number
  readonly variance: number
  /** (titles) E[exp(θ + τ)]: the level under each title. */
  readonly titles: Float64Array
  /** The title with the highest. */
  readonly best: number
  /** (titles) The factors of the titles before any send. */
  readonly factors: Float64Array
  /** (grid × titles) Mean and variance of τ given θ, beside the factor. */
  readonly effects: Float64Array
  readonly effectVariances: Float64Array
}

/** In standard deviations of the prior: the levels of a few articles are far above all others. */
const [lowest, highest, points] = [-4, 6, 51]

/** Stories that everybody will like are rare, and not foretold by what articles are like: a share of all, and how ln level lies above. */
const everyone = { share: 0.02, more: 1.4, deviation: 0.5 }

/** @param titleDeviation σ, above 0. */
export function levelPosterior(
  prior: LevelPrior,
  outcomes: readonly TitleOutcome[],
  titleDeviation: number,
): LevelPosterior {
  const count = outcomes.length
  const precision = titleDeviation ** -2
  const { values, logWeights } = gridOf(prior)
  const effects = new Float64Array(points * count)
  const effectVariances = new Float64Array(points * count)
  for (let point = 0; point < points; point++) {
    for (let title = 0; title < count; title++) {
      const { clicks, exposure, factor = 1 } = outcomes[title]!
      const at = point * count + title
      const expected = exposure * factor * Math.exp(values[point]!)
      const effect = likeliestEffect(clicks, expected, precision, point > 0 ? effects[at - count]! : 0)
      const rate = expected * Math.exp(effect)
      effects[at] = effect
      effectVariances[at] = 1 / (rate + precision)
      logWeights[point]! +=
        clicks * (values[point]! + effect) -
        rate -
        (effect ** 2 * precision) / 2 -
        Math.log((rate + precision) / precision) / 2
    }
  }
  const weights = normalised(logWeights)
  const titles = new Float64Array(count)
  let [mean, variance] = [0, 0]
  for (let point = 0; point < points; point++) {
    mean += weights[point]! * values[point]!
    for (let title = 0; title < count; title++) {
      const at = point * count + title
      titles[title]! += weights[point]! * Math.exp(values[point]! + effects[at]! + effectVariances[at]! / 2)
    }
  }
  for (let point = 0; point < points; point++) variance += weights[point]! * (values[point]! - mean) ** 2
  outcomes.forEach(({ factor = 1 }, title) => {
    titles[title]! *= factor
  })
  const best = titles.indexOf(Math.max(...titles))
  const factors = Float64Array.from(outcomes, ({ factor = 1 }) => factor)
  return { values, weights, mean, variance, titles, best, factors, effects, effectVariances }
}

/** Mean and variance of θ after clicks of one title, and ln of how likely these were, up to a constant. */
export function momentsOfLevel(
  prior: LevelPrior,
  clicks: number,
  exposure: number,
): LevelPrior & { readonly logEvidence: number } {
  let [from, to] = [lowest, highest]
  while (true) {
    const moments = momentsOnGrid(gridOf(prior, from, to), clicks, exposure)
    const step = (to - from) / (points - 1)
    const [mean, deviation] = [
      (moments.mean - prior.mean) / Math.sqrt(prior.variance),
      Math.sqrt(moments.variance / prior.variance),
    ]
    // After many clicks it is known within less than a step: a finer grid around it follows.
    if (!(deviation < step && step > 1e-4)) return moments
    from = Math.max(lowest, mean - 5 * deviation - step)
    to = Math.min(highest, mean + 5 * deviation + step)
  }
}

function momentsOnGrid(
  { values, logWeights }: LevelGrid,
  clicks: number,
  exposure: number,
): LevelPrior & { readonly logEvidence: number } {
  for (let point = 0; point < points; point++) {
    logWeights[point]! += clicks * values[point]! - exposure * Math.exp(values[point]!)
  }
  const top = Math.max(...logWeights)
  let sum = 0
  for (let point = 0; point < points; point++) sum += Math.exp(logWeights[point]! - top)
  const weights = normalised(logWeights)
  let [mean, variance] = [0, 0]
  for (let point = 0; point < points; point++) mean += weights[point]! * values[point]!
  for (let point = 0; point < points; point++) variance += weights[point]! * (values[point]! - mean) ** 2
  return { mean, variance: Math.max(variance, 1e-6), logEvidence: top + Math.log(sum) }
}

interface LevelGrid {
  readonly values: Float64Array
  readonly logWeights: Float64Array
}

/** @param from and `to`: in standard deviations of the prior. */
function gridOf({ mean, variance }: LevelPrior, from = lowest, to = highest): LevelGrid {
  const deviation = Math.sqrt(variance)
  const step = (to - from) / (points - 1)
  const ofAll = normalOf(0, 1)
  const ofEveryone = normalOf(everyone.more / deviation, Math.sqrt(1 + everyone.deviation ** 2 / variance))
  const values = new Float64Array(points)
  const logWeights = new Float64Array(points)
  for (let point = 0; point < points; point++) {
    const z = from + step * point
    values[point] = mean + deviation * z
    // A step makes a density a probability.
    logWeights[point] = Math.log(step * ((1 - everyone.share) * ofAll(z) + everyone.share * ofEveryone(z)))
  }
  return { values, logWeights }
}

function normalOf(mean: number, deviation: number): (z: number) => number {
  const scale = 1 / (deviation * Math.sqrt(2 * Math.PI))
  return z => scale * Math.exp(-(((z - mean) / deviation) ** 2) / 2)
}

/** The τ with the highest density: clicks − expected · e^τ − τ / σ² = 0, by Newton's steps. */
function likeliestEffect(clicks: number, expected: number, precision: number, begin: number): number {
  let effect = begin
  for (let step = 0; step < 20; step++) {
    const rate = expected * Math.exp(effect)
    const move = (clicks - rate - effect * precision) / (rate + precision)
    effect += Math.max(-1, Math.min(1, move))
    if (Math.abs(move) < 1e-4) break
  }
  return effect
}

function normalised(logs: Float64Array): Float64Array {
  const top = Math.max(...logs)
  const weights = logs.map(log => Math.exp(log - top))
  const sum = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map(weight => weight / sum)
}
