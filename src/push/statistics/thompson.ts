/**
 * Which of several titles the next sends have: Thompson sampling (Thompson 1933; Chapelle & Li 2011) with beta priors
 * from a model of titles, and when to stop testing.
 */
import { randomNumbers } from '../../storage/random.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { drawBeta } from './distributions.ts'
import type { BetaPrior } from './usual-ctr.ts'

export interface Candidate {
  /** The CTR before any send, and how many sends that knowledge weighs as much as. */
  readonly prior: BetaPrior
  /** Σ F(age) of its sends: of those whose clicks are all in, their number (`corrected-ctr.ts`). */
  readonly effectiveSends: number
  readonly clicks: number
}

/** The CTR after all sends: a beta distribution by its mean and strength. */
export function posteriorOf({ prior, effectiveSends, clicks }: Candidate): BetaPrior {
  // Clicks of young sends may be more than F lets expect.
  const sends = Math.max(effectiveSends, clicks)
  const strength = prior.strength + sends
  return { mean: (prior.strength * prior.mean + clicks) / strength, strength }
}

export interface DrawOptions {
  readonly seed: number
  /** From the posterior. Default: 1000. */
  readonly draws?: number
}

/** (candidates) The probability that each is the best, from draws of the posterior. */
export function sharesBest(candidates: readonly Candidate[], options: DrawOptions): Float64Array {
  const wins = new Float64Array(candidates.length)
  const draws = drawCtrs(candidates, options, (best, _) => wins[best]!++)
  return wins.map(count => count / draws)
}

export interface AllocateOptions extends DrawOptions {
  /**
   * What the strength of the posterior is multiplied by (Chapelle & Li 2011 reshape it so): above 1 less is spent on testing. Where
   * sends end, plain Thompson sampling tests too long: of an even split's lost clicks in the replay of 753 Upworthy tests
   * (`npm run bench -- push-logs`) the prior by text lost 39.6 % at 1, 33.6 % at 2, 30.3 % at 4, 29.6 % at 8 and 31.6 % at 16. Default: 1.
   */
  readonly sharpness?: number | undefined
}

/**
 * (candidates) How many of the next `sends` each has: its probability to be the best, in whole sends, the largest
 * remainders rounded up. The same for the same seed. For batches this is Thompson sampling send by send, less its
 * noise.
 *
 * @throws RangeError without candidates, or when `sends` is no whole number from 0 on.
 */
export function allocate(candidates: readonly Candidate[], sends: number, options: AllocateOptions): Uint32Array {
  assertWholeNumber('sends', sends, 0)
  const { sharpness = 1 } = options
  if (!(sharpness > 0)) throw new RangeError(`sharpness must be a number above 0, got ${sharpness}`)
  const drawn = sharpness === 1 ? candidates : candidates.map(candidate => sharpened(candidate, sharpness))
  const exact = sharesBest(drawn, options).map(share => share * sends)
  const counts = Uint32Array.from(exact, Math.floor)
  const left = sends - counts.reduce((sum, count) => sum + count, 0)
  const byRemainder = [...exact.keys()].sort((a, b) => (exact[b]! % 1) - (exact[a]! % 1) || a - b)
  for (const at of byRemainder.slice(0, left)) counts[at]!++
  return counts
}

/** As if all that is known were known `sharpness` times. */
function sharpened({ prior, effectiveSends, clicks }: Candidate, sharpness: number): Candidate {
  return {
    prior: { mean: prior.mean, strength: sharpness * prior.strength },
    effectiveSends: sharpness * effectiveSends,
    clicks: sharpness * clicks,
  }
}

export interface TestState {
  /** The best one by its mean: what all remaining sends have once the test stops. */
  readonly best: number
  /**
   * Expected clicks that the remaining sends gain if the best candidate were known: E[max] − max E, times the sends.
   */
  readonly value: number
  /** The same as a share of the clicks that they are expected to have anyway. */
  readonly relativeValue: number
  readonly isDone: boolean
}

export interface StopOptions extends DrawOptions {
  /** The test stops where knowing the best is expected to gain less than this share of clicks. Default: 0.005. */
  readonly leastRelativeValue?: number
}

/**
 * Whether to go on testing, by the expected value of perfect information of the remaining sends (Raiffa & Schlaifer
 * 1961; Scott 2015 calls it the value remaining): no test can gain more.
 */
export function testState(candidates: readonly Candidate[], remaining: number, options: StopOptions): TestState {
  const { leastRelativeValue = 0.005 } = options
  const means = candidates.map(candidate => posteriorOf(candidate).mean)
  const best = means.reduce((best, mean, at) => (mean > means[best]! ? at : best), 0)
  // Of the same draws: the noise of the difference is that of the draws where another one is better.
  let gained = 0
  const draws = drawCtrs(candidates, options, (winner, ctrs) => {
    gained += ctrs[winner]! - ctrs[best]!
  })
  const each = gained / draws
  const relativeValue = each / means[best]!
  return { best, value: remaining * each, relativeValue, isDone: relativeValue < leastRelativeValue }
}

function drawCtrs(
  candidates: readonly Candidate[],
  { seed, draws = 1000 }: DrawOptions,
  visit: (best: number, ctrs: Float64Array) => void,
): number {
  if (candidates.length === 0) throw new RangeError('a test needs at least one candidate, got none')
  assertWholeNumber('draws', draws, 1)
  const random = randomNumbers(seed)
  const posteriors = candidates.map(posteriorOf)
  const ctrs = new Float64Array(candidates.length)
  for (let draw = 0; draw < draws; draw++) {
    let best = 0
    for (let at = 0; at < ctrs.length; at++) {
      const { mean, strength } = posteriors[at]!
      ctrs[at] = drawBeta(mean * strength, (1 - mean) * strength, random)
      if (ctrs[at]! > ctrs[best]!) best = at
    }
    visit(best, ctrs)
  }
  return draws
}
