import { describe, expect, test } from 'vitest'
import { drawBeta } from '../../src/push/statistics/distributions.ts'
import { fitUsualCtr, usualCtr, usualCtrs } from '../../src/push/statistics/usual-ctr.ts'
import { randomNumbers } from '../../src/storage/random.ts'

/** Users of 40 segments, most of these small, with 0 to 20 pushes, most of them with few. */
function simulated(seed: number, users: number) {
  const random = randomNumbers(seed)
  const parents = Array.from({ length: 40 }, () => drawBeta(0.02 * 150, 0.98 * 150, random))
  const segments = Uint32Array.from({ length: users }, () => Math.floor(40 * random() ** 3))
  const rates = Float64Array.from(segments, at => drawBeta(parents[at]! * 30, (1 - parents[at]!) * 30, random))
  const pushes = Uint32Array.from(segments, () => Math.min(20, Math.floor(-4 * Math.log(1 - random()))))
  const clicks = Uint32Array.from(pushes, (n, user) => {
    let k = 0
    for (let push = 0; push < n; push++) if (random() < rates[user]!) k++
    return k
  })
  return { parents, segments, rates, pushes, clicks }
}

/** The expected log loss of predictions where the truth is known. */
function logLoss(rates: Float64Array, predictions: ArrayLike<number>): number {
  let sum = 0
  rates.forEach((p, at) => {
    const q = Math.min(1 - 1e-4, Math.max(1e-4, predictions[at]!))
    sum -= p * Math.log(q) + (1 - p) * Math.log(1 - q)
  })
  return sum / rates.length
}

describe('the usual CTR of a user', () => {
  const { parents, segments, rates, pushes, clicks } = simulated(1, 100_000)
  const priors = fitUsualCtr({ segments, pushes, clicks }, 41)
  const smoothed = usualCtrs(priors, { segments, pushes, clicks })

  test('has a lower log loss than the raw share, than segment means, and than users by the mean of all', () => {
    const raw = Float64Array.from(pushes, (n, user) => (n > 0 ? clicks[user]! / n : 0))
    const sums = parents.map(() => ({ pushes: 0, clicks: 0 }))
    segments.forEach((segment, user) => {
      sums[segment]!.pushes += pushes[user]!
      sums[segment]!.clicks += clicks[user]!
    })
    const means = Float64Array.from(segments, at => sums[at]!.clicks / sums[at]!.pushes)
    const [own, rawLoss, meanLoss] = [smoothed, raw, means].map(each => logLoss(rates, each))
    const best = logLoss(rates, rates)
    const bound = Float64Array.from(segments, (at, user) => (30 * parents[at]! + clicks[user]!) / (30 + pushes[user]!))
    const losses = [own!, rawLoss!, meanLoss!, logLoss(rates, bound)].map(loss => (loss - best).toFixed(5))
    console.log(
      `usual CTR, log loss above the truth's: smoothed, raw, segment means, true priors: ${losses.join(', ')}`,
    )
    expect(own! - best).toBeLessThan(0.95 * (meanLoss! - best))
    expect(own).toBeLessThan(rawLoss!)
    expect(own! - best).toBeLessThan(1.02 * (logLoss(rates, bound) - best))
  })

  test('is calibrated in each tenth of users', () => {
    const order = [...smoothed.keys()].sort((a, b) => smoothed[a]! - smoothed[b]!)
    for (let tenth = 0; tenth < 10; tenth++) {
      const users = order.slice(tenth * 10_000, (tenth + 1) * 10_000)
      const mean = (of: Float64Array) => users.reduce((sum, user) => sum + of[user]!, 0) / users.length
      expect(Math.abs(mean(smoothed) / mean(rates) - 1), `tenth ${tenth}`).toBeLessThan(0.1)
    }
  })

  test('draws the prior of a small segment towards the parent, and gives an empty one the parent', () => {
    expect(priors.segments[40]!.mean).toBeCloseTo(priors.parent.mean, 12)
    expect(priors.parent.mean).toBeCloseTo(0.02, 2)
    expect(priors.parent.strength).toBeGreaterThan(60)
    expect(priors.parent.strength).toBeLessThan(400)
    for (const { strength } of priors.segments) expect(Math.abs(Math.log(strength / 30))).toBeLessThan(1)
    const few = fitUsualCtr(
      { segments: [...segments, 40, 40], pushes: [...pushes, 1, 1], clicks: [...clicks, 1, 1] },
      41,
    )
    expect(few.segments[40]!.mean).toBeGreaterThan(few.parent.mean)
    expect(few.segments[40]!.mean).toBeLessThan(0.06)
  })
})

test('users without any push, or no user at all, have a usual CTR', () => {
  const { segments, unknown } = fitUsualCtr({ segments: [], pushes: [], clicks: [] }, 2)
  for (const prior of [...segments, unknown]) {
    expect(usualCtr(prior, 0, 0).mean).toBeGreaterThan(0)
    expect(usualCtr(prior, 0, 0).mean).toBeLessThan(1)
    expect(usualCtr(prior, 3, 3).mean).toBeGreaterThan(usualCtr(prior, 3, 0).mean)
  }
})

test('counts that cannot be are refused in words', () => {
  expect(() => fitUsualCtr({ segments: [2], pushes: [1], clicks: [0] }, 2)).toThrow(
    'segments must be whole numbers below 2, got 2',
  )
  expect(() => fitUsualCtr({ segments: [0], pushes: [1], clicks: [2] }, 2)).toThrow(
    'clicks must be from 0 to the 1 pushes of a user, got 2',
  )
})
