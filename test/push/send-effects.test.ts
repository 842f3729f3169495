import { expect, test } from 'vitest'
import { type SendEffect, SendEffects } from '../../src/push/prefer/send-effects.ts'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { levelPosterior } from '../../src/push/volume/level.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const effects: readonly SendEffect[] = [
  { name: 'score', mean: 1, deviation: 0.3 },
  { name: 'pushes of late', mean: -0.1, deviation: 0.07 },
  { name: 'age in hours', mean: -0.15, deviation: 0.15 },
]
const truth = [0.6, -0.2, -0.05]
const usualCtr = 0.02
const prior = { mean: 0.2, variance: 0.5 }

interface Rows {
  readonly values: number[]
  readonly usual: number[]
  readonly clicked: number[]
}

/** Sends of an article of a random level, by rounds of an hour each; it goes on while its clicks are above what it had at a mean level. */
function simulated(random: () => number, { isAdaptive = false, rounds = 4, size = 150 } = {}): Rows {
  const level = prior.mean + Math.sqrt(prior.variance) * drawNormal(random)
  const rows: Rows = { values: [], usual: [], clicked: [] }
  let expected = 0
  for (let round = 0; round < rounds; round++) {
    if (isAdaptive && round > 0 && rows.clicked.length < 1.2 * expected) break
    for (let send = 0; send < size; send++) {
      const values = [0.4 * drawNormal(random), Math.floor(3 * random()), round]
      const rate = usualCtr * Math.exp(truth.reduce((sum, weight, at) => sum + weight * values[at]!, 0))
      if (random() < rate * Math.exp(level)) rows.clicked.push(rows.usual.length)
      rows.values.push(...values)
      rows.usual.push(usualCtr)
      expected += rate * Math.exp(prior.mean)
    }
  }
  return rows
}

/** As the loop does once the clicks are in. @param levelVariance large: θ by its own clicks alone, as in conditional regression. */
function learn(into: SendEffects, { values, usual, clicked }: Rows, levelVariance = prior.variance): void {
  const exposure = usual.reduce((sum, ctr, row) => sum + ctr * into.factor(values, row * effects.length), 0)
  const before = Object.assign({}, prior, { variance: levelVariance })
  const [level] = levelPosterior(before, [{ clicks: clicked.length, exposure }], 0.01).titles
  into.learn({ values, rates: usual.map(ctr => ctr * level!), levelVariance, clicked })
}

/** The θ with the highest likelihood of clicks and of itself, and the logarithm of that. */
function likeliestLevel({ values, usual, clicked }: Rows, weights: readonly number[]) {
  const sumOf = (row: number) =>
    weights.reduce((sum, weight, at) => sum + weight * values[row * weights.length + at]!, 0)
  const exposure = usual.reduce((sum, ctr, row) => sum + ctr * Math.exp(sumOf(row)), 0)
  let level = prior.mean
  for (let step = 0; step < 100; step++) {
    const rate = exposure * Math.exp(level)
    level += (clicked.length - rate - (level - prior.mean) / prior.variance) / (rate + 1 / prior.variance)
  }
  const ofClicks = clicked.reduce((sum, row) => sum + sumOf(row) + level, 0)
  return {
    level,
    likelihood: ofClicks - exposure * Math.exp(level) - (level - prior.mean) ** 2 / 2 / prior.variance,
  }
}

test('recovers what changes click rates from sends of articles of any level', () => {
  const learned = new SendEffects(effects)
  const random = randomNumbers(1)
  for (let article = 0; article < 800; article++) learn(learned, simulated(random))
  truth.forEach((weight, at) => {
    expect(Math.abs(learned.weights[at]! - weight), effects[at]!.name).toBeLessThan(0.05)
  })
})

test('an article moves weights by one of Newton’s steps on the highest likelihood over its levels', () => {
  const random = randomNumbers(6)
  let whole = 0
  for (let trial = 0; trial < 10; trial++) {
    const rows = simulated(random, { size: 20 })
    const learned = new SendEffects(effects)
    const before = [...learned.weights]
    const levelOf = (weights: readonly number[]) => likeliestLevel(rows, weights)
    const level = Math.exp(levelOf(before).level)
    learned.learn({
      values: rows.values,
      rates: rows.usual.map(ctr => ctr * level),
      levelVariance: prior.variance,
      clicked: rows.clicked,
    })
    const { precision } = learned.snapshot()
    // A longer one is cut.
    const isWhole = effects.every(
      ({ deviation }, at) => Math.abs(learned.weights[at]! - before[at]!) < 0.299 * deviation,
    )
    if (isWhole) whole++
    const moved = (by: readonly number[]) => levelOf(before.map((weight, at) => weight + by[at]!)).likelihood
    const unit = (at: number, by: number) => effects.map((_, other) => (other === at ? by : 0))
    const [h, count] = [1e-3, effects.length]
    for (let a = 0; a < count; a++) {
      const gradient = (moved(unit(a, h)) - moved(unit(a, -h))) / (2 * h)
      const step = before.reduce(
        (sum, weight, b) => sum + precision[a * count + b]! * (learned.weights[b]! - weight),
        0,
      )
      if (isWhole) expect(Math.abs(step - gradient), `trial ${trial}`).toBeLessThan(1e-3 * (1 + Math.abs(gradient)))
      for (let b = 0; b < count; b++) {
        const both = (x: number, y: number) => moved(unit(a, x).map((by, at) => by + unit(b, y)[at]!))
        const curvature = (both(h, h) - both(h, -h) - both(-h, h) + both(-h, -h)) / (4 * h * h)
        const known = precision[a * count + b]! - (a === b ? effects[a]!.deviation ** -2 : 0)
        expect(Math.abs(known + curvature), `trial ${trial}`).toBeLessThan(1e-3 * (1 + Math.abs(curvature)))
      }
    }
  }
  expect(whole).toBeGreaterThan(3)
})

test('the rounds of early luck alone do not make later sends look worse than they are', () => {
  const [mixed, conditional] = [new SendEffects(effects), new SendEffects(effects)]
  const random = randomNumbers(2)
  for (let article = 0; article < 3000; article++) {
    const rows = simulated(random, { isAdaptive: true, size: 60 })
    learn(mixed, rows)
    learn(conditional, rows, 50)
  }
  const [ageOf, age] = [(by: SendEffects) => by.weights[2]!, truth[2]!]
  console.log(
    `a fall of ${age} an hour is found as ${ageOf(mixed).toFixed(3)}, and as ${ageOf(conditional).toFixed(3)} by the clicks of each article alone`,
  )
  expect(Math.abs(ageOf(mixed) - age)).toBeLessThan(0.04)
  expect(ageOf(conditional)).toBeLessThan(ageOf(mixed) - 0.05)
})

test('one huge article moves weights by less than they are unsure, and many more bring them to what is so', () => {
  const learned = new SendEffects(effects)
  const random = randomNumbers(3)
  const huge = () => simulated(random, { size: 30_000 })
  learn(learned, huge())
  effects.forEach(({ mean, deviation }, at) => {
    expect(Math.abs(learned.weights[at]! - mean)).toBeLessThan(0.31 * deviation)
  })
  for (let article = 0; article < 25; article++) learn(learned, huge())
  truth.forEach((weight, at) => {
    expect(Math.abs(learned.weights[at]! - weight), effects[at]!.name).toBeLessThan(0.06)
  })
})

test('values beyond all that was seen leave finite weights', () => {
  const learned = new SendEffects(effects)
  learned.learn({ values: [30, 0, 0, 0, 40, 0], rates: [1, 1], levelVariance: 0.5, clicked: [1] })
  for (const weight of learned.weights) expect(Number.isFinite(weight)).toBe(true)
})

test('before anything is learned, and after sends without any effect, weights are those that were given', () => {
  const learned = new SendEffects(effects)
  expect([...learned.weights]).toEqual(effects.map(({ mean }) => mean))
  expect(learned.factor([1, 2, 3])).toBeCloseTo(Math.exp(1 - 0.2 - 0.45), 12)
  expect(learned.factor([9, 9, 1, 2, 3], 2)).toBe(learned.factor([1, 2, 3]))
  learned.learn({ values: [0, 0, 0, 0, 0, 0], rates: [0.1, 0.1], levelVariance: 0.5, clicked: [0] })
  learned.learn({ values: [], rates: [], levelVariance: 0.5, clicked: [] })
  expect([...learned.weights]).toEqual(effects.map(({ mean }) => mean))
})

test('goes on from a snapshot as if it had never stopped, and not from one of other effects', () => {
  const [learned, other] = [new SendEffects(effects), new SendEffects(effects)]
  const random = randomNumbers(4)
  for (let article = 0; article < 20; article++) learn(learned, simulated(random))
  other.restore(JSON.parse(JSON.stringify(learned.snapshot())))
  const next = simulated(random)
  learn(learned, next)
  learn(other, next)
  expect(other.snapshot()).toEqual(learned.snapshot())
  const fewer = new SendEffects(effects.slice(1))
  expect(() => fewer.restore(learned.snapshot())).toThrow(
    new RangeError('what is learned of 2 effects cannot be restored from that of 3'),
  )
})
