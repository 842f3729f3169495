import type { LevelPosterior } from './level.ts'

/** What the size of a round depends on. */
export interface RoundState {
  readonly posterior: LevelPosterior
  /** What the level is multiplied by for the users that are left, best first: sums over ever more of them. */
  readonly depths: DepthCurve
  /** The lift that a send must be worth. */
  readonly price: number
  /** Of the users. */
  readonly usualCtr: number
  /** Clicks at a level of 1 that sends so far may yet bring. */
  readonly pending: number
  /** What is left of all click rates when the outcome of the round is known. */
  readonly later: number
  /** The same for the sends of this round: less where what they tell of other articles is worth something. */
  readonly testPrice: number
  /** No round is larger. */
  readonly most: number
}

/** Users by depth, in steps: those before each end and the sum of their factors. */
export interface DepthCurve {
  /** Rising, from 0. */
  readonly ends: readonly number[]
  /** Sums of the factors of all users before each end. */
  readonly sums: readonly number[]
}

/**
 * How many of the best users that are left get the article now: so many that this round and what may follow it gain most lift above the
 * price. 0: to wait for the clicks that may yet come, or to leave it, gains as much. Test & Roll (Feit & Berman 2019) with a gain of the
 * rest that falls with depth:
 *
 *     gain(n) = Σ_{r < n} (L a_r − testPrice) + later · E[ Σ_{r ≥ n} (L' a_r − price)⁺ ]
 *
 * with a_r the factor of rank r, L the level, and L' what is thought of it after the round: of θ the share I / (I + 1 / variance) of its
 * variance is known then, I being the clicks that are expected until then.
 */
export function roundSize(state: RoundState): number {
  const { posterior, depths, price, usualCtr, pending, later, most, testPrice } = state
  const { values, weights, mean, variance } = posterior
  const level = posterior.titles[posterior.best]!
  const ofTitle = level / weights.reduce((sum, weight, at) => sum + weight * Math.exp(values[at]!), 0)
  const gainOf = (size: number, sum: number) => {
    const clicks = (usualCtr * sum + pending) * level
    const known = clicks > 0 ? variance / (variance + 1 / clicks) : 0
    const shrink = Math.sqrt(known)
    const rest = ((1 - known) * variance) / 2
    let after = 0
    for (let at = 0; at < values.length; at++) {
      if (weights[at]! < 1e-5) continue
      after +=
        weights[at]! * restOf(depths, size, sum, ofTitle * Math.exp(mean + shrink * (values[at]! - mean) + rest), price)
    }
    return level * sum - testPrice * size + later * after
  }
  let [best, highest] = [0, gainOf(0, 0)]
  for (let at = 1; at < depths.ends.length && depths.ends[at]! <= most; at++) {
    const gain = gainOf(depths.ends[at]!, depths.sums[at]!)
    if (gain > highest) [best, highest] = [depths.ends[at]!, gain]
  }
  return best
}

/** Σ (level · factor − price) over the users after the first `size` for as long as it grows: factors fall with depth. */
function restOf({ ends, sums }: DepthCurve, size: number, sum: number, level: number, price: number): number {
  let highest = 0
  for (let at = ends.length - 1; at > 0 && ends[at]! > size; at--) {
    highest = Math.max(highest, level * (sums[at]! - sum) - price * (ends[at]! - size))
  }
  return highest
}

/** Ends that a curve over so many users has: each step a third longer than the one before. */
export function depthEnds(users: number): number[] {
  const ends = [0]
  for (let end = 5; end < users; end = Math.ceil(end * 1.33)) ends.push(end)
  if (users > 0) ends.push(users)
  return ends
}
