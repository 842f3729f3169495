/** Who gets the first sends of an article, how many these are, and who gets none for comparison. */
import { randomNumbers } from '../../storage/random.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { normalDensity, normalShareBelow } from './distributions.ts'
import { maximumOf } from './line-search.ts'

export interface FirstBatchOptions {
  /** Sends that are possible at all. */
  readonly volume: number
  /** The lift that the model of articles expects, and the standard deviation of the truth around it. */
  readonly lift: number
  readonly liftDeviation: number
  /** The lift that sends must have: below, a send is a loss. */
  readonly target: number
  /** The mean usual CTR of the users. */
  readonly usualCtr: number
  /** Default: 1 % of the volume, or 100 where that is less. */
  readonly least?: number
}

/**
 * The number n of sends that a test takes, for the greatest gain of test and rest together: Test & Roll (Feit & Berman
 * 2019) with one arm unknown, the article, and one known, the target. With lift ~ N(μ, σ²), and s² = μ / u the
 * variance of clicks / u of one send, the mean after the test is N(μ, σ² n / (n + s² / σ²)), and the rest is sent
 * where it is above τ:
 *
 *     gain(n) = n (μ − τ) + (N − n) E[(mean − τ)⁺]
 *
 * Where the test can only lose, as with μ far below τ, it is the least.
 */
export function firstBatchSize(options: FirstBatchOptions): number {
  const { volume, lift, liftDeviation, target, usualCtr } = options
  for (const [name, value] of Object.entries({ lift, liftDeviation, target, usualCtr })) {
    if (!(value > 0)) throw new RangeError(`${name} must be a number above 0, got ${value}`)
  }
  assertWholeNumber('volume', volume, 0)
  const least = Math.min(volume, options.least ?? Math.max(1, Math.min(100, Math.round(volume / 100))))
  if (least >= volume) return volume
  const gain = (log: number) => testGain(options, Math.exp(log))
  // The gain may rise at both ends: it is looked at on a grid first.
  const [low, high] = [Math.log(least), Math.log(volume)]
  const grid = Array.from({ length: 33 }, (_, at) => low + ((high - low) * at) / 32)
  const best = grid.reduce((best, log) => (gain(log) > gain(best) ? log : best))
  const step = (high - low) / 32
  const found = maximumOf(gain, Math.max(low, best - step), Math.min(high, best + step), 1e-4)
  return Math.round(Math.exp(gain(best) >= gain(found) ? best : found))
}

/** Lifts above the target, over all sends, that a test of `size` is expected to gain. */
export function testGain(options: FirstBatchOptions, size: number): number {
  const { volume, lift, liftDeviation, target, usualCtr } = options
  const noise = lift / usualCtr
  const deviation = liftDeviation * Math.sqrt(size / (size + noise / liftDeviation ** 2))
  const z = (lift - target) / deviation
  const rest = (lift - target) * normalShareBelow(z) + deviation * normalDensity(z)
  return size * (lift - target) + (volume - size) * rest
}

/**
 * (size) Ranks below `volume`, rising: one at random of each of `size` equal parts, so that the lift of every depth is
 * learned. The same for the same seed.
 */
export function stratifiedRanks(volume: number, size: number, seed: number): Uint32Array {
  assertWholeNumber('size', size, 0, volume)
  const random = randomNumbers(seed)
  return Uint32Array.from({ length: size }, (_, part) => {
    const begin = Math.floor((part * volume) / size)
    const end = Math.floor(((part + 1) * volume) / size)
    return begin + Math.floor(random() * (end - begin))
  })
}

export interface HoldOutOptions {
  /** Users who may get a push, those who are held out with them. */
  readonly users: number
  /** The share of them that comes back without one. */
  readonly returnRate: number
  /** What difference in that share is to be seen, as two standard errors. */
  readonly difference: number
  /** Default: 0.01. */
  readonly least?: number
  /** Default: 0.1. */
  readonly most?: number
}

/**
 * The share of users that gets nothing, so that visits brought by pushes can be told from those that come anyway: the
 * smallest h with 2 √(r (1 − r) (1 / (h n) + 1 / ((1 − h) n))) ≤ difference, within bounds.
 */
export function holdOutShare({ users, returnRate, difference, least = 0.01, most = 0.1 }: HoldOutOptions): number {
  if (!(returnRate > 0 && returnRate < 1)) {
    throw new RangeError(`returnRate must be a number above 0 and below 1, got ${returnRate}`)
  }
  if (!(difference > 0)) throw new RangeError(`difference must be a number above 0, got ${difference}`)
  // h (1 − h) ≥ needed, as 1 / h + 1 / (1 − h) = 1 / (h (1 − h)).
  const needed = (4 * returnRate * (1 - returnRate)) / (users * difference ** 2)
  const share = needed >= 0.25 ? 0.5 : (1 - Math.sqrt(1 - 4 * needed)) / 2
  return Math.min(most, Math.max(least, share))
}
