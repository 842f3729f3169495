import { expect, test } from 'vitest'
import { type AppealFeature, OnlineAppeal, type PushOutcome } from '../../src/push/select/online-appeal.ts'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const features: readonly AppealFeature[] = [
  { name: 'all', deviation: 1 },
  { name: 'reads', deviation: 0.5 },
  { name: 'topic', mean: 0.2, deviation: 0.5 },
]
const truth = [0.5, 0.8, -0.4]

function drawPoisson(mean: number, random: () => number): number {
  if (mean > 500) return Math.max(0, Math.round(mean + Math.sqrt(mean) * drawNormal(random)))
  let [count, left] = [-1, mean]
  while (left > 0) {
    left += Math.log(1 - random())
    count++
  }
  return count
}

interface Pushed {
  readonly values: readonly number[]
  readonly outcome: PushOutcome
}

function pushed(random: () => number, { weights = truth, residual = 0.2, exposure = 10 } = {}): Pushed {
  const values = [1, drawNormal(random), random() < 0.3 ? 1 : 0]
  const lift = weights.reduce((sum, weight, at) => sum + weight * values[at]!, Math.sqrt(residual) * drawNormal(random))
  return { values, outcome: { clicks: drawPoisson(exposure * Math.exp(lift), random), exposure } }
}

const weightsOf = (appeal: OnlineAppeal) =>
  features.map((_, at) => appeal.contributions(features.map((_, other) => (other === at ? 1 : 0)))[at]!)

test('recovers what makes articles appeal, and how much they differ beside it', () => {
  for (const residual of [0.1, 0.45]) {
    const appeal = new OnlineAppeal(features)
    const random = randomNumbers(1)
    for (let article = 0; article < 1500; article++) {
      const { values, outcome } = pushed(random, { residual })
      appeal.learn(values, outcome)
    }
    truth.forEach((weight, at) => {
      expect(Math.abs(weightsOf(appeal)[at]! - weight), features[at]!.name).toBeLessThan(0.08)
    })
    const { variance } = appeal.predict([1, 0, 0])
    expect(variance / residual, `residual ${residual}`).toBeGreaterThan(0.65)
    expect(variance / residual, `residual ${residual}`).toBeLessThan(1.5)
  }
})

test('how much articles differ is learned of pushes of thousands of clicks too', () => {
  const appeal = new OnlineAppeal(features)
  const random = randomNumbers(2)
  for (let article = 0; article < 300; article++) {
    const { values, outcome } = pushed(random, { residual: 0.2, exposure: 5000 })
    appeal.learn(values, outcome)
  }
  const { variance } = appeal.predict([1, 0, 0])
  expect(variance).toBeGreaterThan(0.14)
  expect(variance).toBeLessThan(0.29)
})

test('what is thought of articles comes true as often as it says', () => {
  const appeal = new OnlineAppeal(features)
  const random = randomNumbers(3)
  let [within, all] = [0, 0]
  for (let article = 0; article < 1200; article++) {
    const { values, outcome } = pushed(random, { exposure: 400 })
    if (article >= 200) {
      const { mean, variance } = appeal.predict(values)
      const seen = Math.log((outcome.clicks + 0.5) / outcome.exposure)
      if (Math.abs(seen - mean) < 1.28 * Math.sqrt(variance)) within++
      all++
    }
    appeal.learn(values, outcome)
  }
  expect(within / all).toBeGreaterThan(0.74)
  expect(within / all).toBeLessThan(0.86)
})

test('with each push less is unknown of articles like it, and of others as far as these are alike', () => {
  const appeal = new OnlineAppeal(features)
  const [alike, other] = [Float64Array.of(1, 1, 0), Float64Array.of(1, 0, 1)]
  const unknown = [appeal.shareUnknown(alike)]
  const ofOther = appeal.shareUnknown(other)
  expect(unknown[0]).toBeCloseTo(1.25 / (1.25 + 0.35), 10)
  for (let article = 0; article < 30; article++) {
    appeal.learn(alike, { clicks: 25, exposure: 10 })
    unknown.push(appeal.shareUnknown(alike))
  }
  expect(unknown[1]).toBeLessThan(0.6 * unknown[0]!)
  expect(unknown.at(-1)).toBeLessThan(0.3 * unknown[1]!)
  expect(appeal.shareUnknown(other)).toBeLessThan(ofOther)
  expect(appeal.shareUnknown(other)).toBeGreaterThan(unknown.at(-1)!)
})

test('a push of many clicks tells more than one of few, and one without exposure nothing', () => {
  const unknownAfter = (outcome: PushOutcome) => {
    const appeal = new OnlineAppeal([{ name: 'all', deviation: 1 }])
    appeal.learn([1], outcome)
    return appeal.shareUnknown([1])
  }
  const [none, few, many] = [0, 1, 100].map(exposure => unknownAfter({ clicks: exposure, exposure }))
  expect(none).toBeCloseTo(1 / 1.35, 10)
  expect(few).toBeLessThan(none!)
  expect(many).toBeLessThan(few!)
  expect(unknownAfter({ clicks: 5, exposure: Number.NaN })).toBe(none)
})

test('follows what is liked from day to day where weights may move, and not where they may not', () => {
  const moving = features.map(feature => Object.assign({}, feature, { dailyMove: 0.05 }))
  const [following, still] = [new OnlineAppeal(moving), new OnlineAppeal(features)]
  const random = randomNumbers(4)
  const errors = [0, 0]
  for (let day = 0; day < 200; day++) {
    const weights = [0.5, 0.8 * Math.cos(day / 30), -0.4]
    for (let article = 0; article < 10; article++) {
      const { values, outcome } = pushed(random, { weights })
      for (const appeal of [following, still]) appeal.learn(values, outcome)
    }
    for (const appeal of [following, still]) appeal.endDay()
    if (day < 50) continue
    ;[following, still].forEach((appeal, at) => {
      errors[at]! += (weightsOf(appeal)[1]! - weights[1]!) ** 2 / 150
    })
  }
  expect(Math.sqrt(errors[0]!)).toBeLessThan(0.2)
  expect(errors[0]).toBeLessThan(errors[1]! / 4)
})

test('what features make of the mean adds up to it', () => {
  const appeal = new OnlineAppeal(features)
  const random = randomNumbers(5)
  for (let article = 0; article < 40; article++) {
    const { values, outcome } = pushed(random)
    appeal.learn(values, outcome)
    const sum = appeal.contributions(values).reduce((sum, by) => sum + by, 0)
    expect(sum).toBeCloseTo(appeal.predict(values).mean, 10)
  }
})

test('an appeal needs features, and articles of as many', () => {
  expect(() => new OnlineAppeal([])).toThrow('features must be a whole number from 1 to 4096, got 0')
  const appeal = new OnlineAppeal(features)
  const message = 'an article must have 3 features, got 2'
  expect(() => appeal.predict([1, 2])).toThrow(new RangeError(message))
  expect(() => appeal.shareUnknown([1, 2])).toThrow(message)
  expect(() => appeal.learn([1, 2], { clicks: 1, exposure: 1 })).toThrow(message)
})
