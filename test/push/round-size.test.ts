import { expect, test } from 'vitest'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { type LevelPosterior, levelPosterior } from '../../src/push/volume/level.ts'
import { type DepthCurve, depthEnds, type RoundState, roundSize } from '../../src/push/volume/round-size.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const titleDeviation = 0.275

function curveOf(factors: readonly number[], ends: readonly number[] = depthEnds(factors.length)): DepthCurve {
  const before = [0]
  for (const factor of factors) before.push(before.at(-1)! + factor)
  return { ends, sums: ends.map(end => before[end]!) }
}

const falling = (users: number, top = 1.5) => Array.from({ length: users }, (_, rank) => top * (1 + rank / 50) ** -0.3)

/** Before any send, about `level`. */
function thought(level: number, deviation: number): LevelPosterior {
  return levelPosterior(
    { mean: Math.log(level), variance: deviation ** 2 },
    [{ clicks: 0, exposure: 0 }],
    titleDeviation,
  )
}

function stateOf(given: Partial<RoundState>): RoundState {
  const plain = { depths: curveOf(falling(5000)), price: 2.4, usualCtr: 0.012, pending: 0, later: 0.9 }
  return Object.assign({ posterior: thought(1.5, 0.6), most: 5000, testPrice: given.price ?? 2.4 }, plain, given)
}

/** gain(n) by users one after another, at every n. */
function naiveGains(state: RoundState, factors: readonly number[]): number[] {
  const { posterior, price, usualCtr, pending, later, testPrice, most } = state
  const { values, weights, mean, variance, titles, best } = posterior
  const level = titles[best]!
  const points = [...values.keys()].filter(at => weights[at]! >= 1e-5)
  const all = weights.reduce((sum, weight, at) => sum + weight * Math.exp(values[at]!), 0)
  return Array.from({ length: Math.min(most, factors.length) + 1 }, (_, size) => {
    const first = factors.slice(0, size)
    const now = first.reduce((sum, factor) => sum + level * factor - testPrice, 0)
    const clicks = level * (usualCtr * first.reduce((sum, factor) => sum + factor, 0) + pending)
    const known = clicks / (clicks + 1 / variance)
    const after = points.map(at => {
      const logLevel = mean + Math.sqrt(known) * (values[at]! - mean) + ((1 - known) * variance) / 2
      const levelThen = (level / all) * Math.exp(logLevel)
      return factors.slice(size).reduce((sum, factor) => sum + Math.max(0, levelThen * factor - price), 0)
    })
    return now + later * after.reduce((sum, gain, at) => sum + weights[points[at]!]! * gain, 0)
  })
}

test('the size of a round is that of the highest gain over all numbers of users', () => {
  const random = randomNumbers(11)
  let [sends, waits] = [0, 0]
  for (let trial = 0; trial < 60; trial++) {
    const users = 20 + Math.floor(random() * 120)
    const factors = Array.from({ length: users }, () => Math.exp(0.5 * drawNormal(random))).sort((a, b) => b - a)
    const ends = Array.from({ length: users + 1 }, (_, end) => end)
    const price = 1 + 8 * random()
    const state = stateOf({
      posterior: thought(0.5 + 2.5 * random(), 0.2 + random()),
      depths: curveOf(factors, ends),
      price,
      testPrice: price * (0.5 + random() / 2),
      usualCtr: 0.002 + 0.05 * random(),
      pending: random() < 0.5 ? 0 : 2 * random(),
      later: 0.5 + random() / 2,
      most: Math.ceil(users * random()),
    })
    const gains = naiveGains(state, factors)
    const size = roundSize(state)
    const highest = Math.max(...gains)
    expect(highest - gains[size]!, `trial ${trial}: ${size} of ${users}`).toBeLessThan(1e-6 * (1 + Math.abs(highest)))
    if (size > 0) sends++
    else waits++
  }
  // Or there was nothing to see.
  expect(Math.min(sends, waits)).toBeGreaterThan(4)
})

test('nobody gets what is far below the price for sure, and all who are worth it get what is known', () => {
  expect(roundSize(stateOf({ posterior: thought(0.4, 0.1) }))).toBe(0)
  const known = levelPosterior({ mean: 1, variance: 0.5 }, [{ clicks: 40_000, exposure: 10_000 }], 0.01)
  const factors = falling(5000)
  const worth = factors.filter(factor => factor * 4 > 2.4).length
  const size = roundSize(stateOf({ posterior: known }))
  const [below, above] = [depthEnds(5000).findLast(end => end <= worth)!, depthEnds(5000).find(end => end >= worth)!]
  expect([below, above]).toContain(size)
})

test('below the price an article is tried where it may be worth it, and the less sure the larger', () => {
  const sizes = [0.05, 0.6, 0.9].map(deviation =>
    roundSize(stateOf({ posterior: thought(1.2, deviation), later: 0.95 })),
  )
  expect(sizes[0]).toBe(0)
  expect(sizes[1]).toBeGreaterThan(0)
  expect(sizes[2]).toBeGreaterThanOrEqual(sizes[1]!)
  expect(sizes[2]).toBeLessThan(2000)
})

test('a round is never above the most, whatever it would gain', () => {
  for (const most of [0, 4, 5, 40, 399]) {
    const size = roundSize(stateOf({ posterior: thought(20, 0.1), most }))
    expect(size).toBeLessThanOrEqual(most)
    if (most >= 5) expect(size).toBeGreaterThan(0)
  }
  expect(roundSize(stateOf({ posterior: thought(20, 0.1), depths: { ends: [0], sums: [0] } }))).toBe(0)
})

test('clicks that are to come are waited for, where these tell what a round would', () => {
  const posterior = thought(1.2, 0.6)
  expect(roundSize(stateOf({ posterior, later: 0.95 }))).toBeGreaterThan(0)
  expect(roundSize(stateOf({ posterior, later: 0.95, pending: 5 }))).toBe(0)
  // What is worth it for sure is not waited for.
  expect(roundSize(stateOf({ posterior: thought(8, 0.1), later: 0.8, pending: 5 }))).toBeGreaterThan(0)
})

test('a test that also tells of other articles may cost more', () => {
  const posterior = thought(0.9, 0.45)
  const [dear, cheap] = [2.4, 0.8].map(testPrice => roundSize(stateOf({ posterior, testPrice })))
  expect(cheap).toBeGreaterThan(dear!)
})

test('the ends of a curve rise from nobody to all, by about a third each', () => {
  expect(depthEnds(0)).toEqual([0])
  expect(depthEnds(3)).toEqual([0, 3])
  expect(depthEnds(5)).toEqual([0, 5])
  const ends = depthEnds(100_000)
  expect(ends.at(-1)).toBe(100_000)
  ends.slice(2).forEach((end, at) => {
    expect(end).toBeGreaterThan(ends[at + 1]!)
    expect(end / ends[at + 1]!).toBeLessThan(1.43)
  })
})
