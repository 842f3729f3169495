import { expect, test } from 'vitest'
import { Blend } from '../../src/push/prefer/blend/blend.ts'
import { updatedPosterior, widePosterior } from '../../src/push/prefer/blend/click-posterior.ts'
import { LiftCalibration } from '../../src/push/prefer/blend/lift-calibration.ts'
import { featureCount, featureNames } from '../../src/push/prefer/features.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const random = randomNumbers(5)
const logit = (p: number) => Math.log(p / (1 - p))
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const place = (name: (typeof featureNames)[number]) => featureNames.indexOf(name)

/** The same loss, by plain gradient descent. */
function naiveMean(values: Float32Array, clicked: Uint8Array, counts: readonly number[], deviation: number): number[] {
  const features = values.length / clicked.length
  const mean = new Array<number>(features).fill(0)
  for (let step = 0; step < 20_000; step++) {
    const gradient = mean.map(value => -value / deviation ** 2)
    clicked.forEach((isClicked, row) => {
      const own = values.subarray(row * features, (row + 1) * features)
      const p = sigmoid(own.reduce((sum, value, at) => sum + value * mean[at]!, 0))
      own.forEach((value, at) => {
        gradient[at]! += counts[row]! * (isClicked - p) * value
      })
    })
    for (let at = 0; at < features; at++) mean[at]! += 0.01 * gradient[at]!
  }
  return mean
}

test('the posterior is where the penalised likelihood is greatest; in two batches it is about the same', () => {
  const [rows, features] = [120, 3]
  const values = Float32Array.from({ length: rows * features }, (_, cell) => (cell % 3 === 0 ? 1 : 2 * random() - 1))
  const clicked = Uint8Array.from({ length: rows }, (_, row) =>
    Number(random() < sigmoid(1.5 * values[row * 3 + 1]! - 0.5)),
  )
  const shares = Float32Array.from({ length: rows }, () => 0.25 + 0.75 * random())
  const counts = Array.from(shares, (share, row) => (clicked[row] === 1 ? 1 : share))
  const wide = widePosterior(features, 2)
  const { mean } = updatedPosterior(wide, { values, clicked, shares })
  naiveMean(values, clicked, counts, 2).forEach((value, at) => {
    expect(mean[at]).toBeCloseTo(value, 3)
  })
  const half = (from: number, to: number) => ({
    values: values.subarray(from * features, to * features),
    clicked: clicked.subarray(from, to),
    shares: shares.subarray(from, to),
  })
  const twice = updatedPosterior(updatedPosterior(wide, half(0, 60)), half(60, rows))
  twice.mean.forEach((value, at) => {
    expect(Math.abs(value - mean[at]!)).toBeLessThan(0.15)
  })
})

test('with usual click rates a click is exp(β·x) times as likely', () => {
  const n = 40_000
  const values = Float32Array.from({ length: 2 * n }, (_, cell) => (cell % 2 === 0 ? 1 : 2 * random() - 1))
  const rates = Float32Array.from({ length: n }, () => 0.02 + 0.03 * random())
  const clicked = Uint8Array.from(rates, (rate, row) => Number(random() < rate * Math.exp(0.4 + values[2 * row + 1]!)))
  const { mean, precision } = updatedPosterior(widePosterior(2, 10), { values, clicked, rates })
  // Within three standard deviations of the posterior.
  expect(Math.abs(mean[0]! - 0.4) * Math.sqrt(precision[0]!)).toBeLessThan(3.5)
  expect(Math.abs(mean[1]! - 1) * Math.sqrt(precision[3]!)).toBeLessThan(3.5)
})

test('a push that was learned from as not clicked counts as clicked alone once its click comes', () => {
  const values = Float32Array.of(1, 0.5, 1, -0.5, 1, 1)
  const wide = widePosterior(2, 1)
  const [early, open] = [Uint8Array.of(0, 0, 0), Float32Array.of(0.02, 0.02, 0.02)]
  const first = updatedPosterior(wide, { values, clicked: early, shares: open })
  const later = updatedPosterior(first, {
    values,
    clicked: Uint8Array.of(1, 0, 0),
    shares: Float32Array.of(1, 1, 1),
    before: open,
  })
  const once = updatedPosterior(wide, { values, clicked: Uint8Array.of(1, 0, 0) })
  later.mean.forEach((value, at) => {
    expect(value).toBeCloseTo(once.mean[at]!, 2)
  })
})

function rowOf(usual: number, recency: number, content: number): number[] {
  const row = new Array<number>(featureCount).fill(0)
  row[place('constant')] = 1
  row[place('usualCtr')] = logit(usual)
  row[place('recency')] = recency
  row[place('content')] = content
  return row
}

/** Users whose clicks have a true lift of their usual CTR. */
function responses(count: number, logLiftOf: (content: number) => number) {
  const usual = Array.from({ length: count }, () => 0.01 + 0.04 * random())
  const content = usual.map(() => random() - 0.5)
  const values = Float32Array.from(usual.flatMap((p, at) => rowOf(p, -5 - random(), content[at]!)))
  const clicked = Uint8Array.from(usual, (p, at) => Number(random() < p * Math.exp(logLiftOf(content[at]!))))
  return { usual, content, values, clicked }
}

test('lifts are calibrated on simulated responses, and say which users click more', () => {
  const blend = new Blend()
  const truth = (content: number) => 0.3 + 2 * content
  for (let batch = 0; batch < 40; batch++) blend.learn(responses(2000, truth))
  const { usual, content, values, clicked } = responses(200_000, truth)
  const lifts = blend.logLifts(values)
  // By tenths of the predicted lift: clicks beside what is expected, within three standard errors.
  const order = Array.from(lifts.keys()).sort((a, b) => lifts[a]! - lifts[b]!)
  for (let tenth = 0; tenth < 10; tenth++) {
    const rows = order.slice(tenth * 20_000, (tenth + 1) * 20_000)
    const expected = rows.reduce((sum, row) => sum + usual[row]! * Math.exp(lifts[row]!), 0)
    const got = rows.reduce((sum, row) => sum + clicked[row]!, 0)
    expect(Math.abs(got - expected) / expected).toBeLessThan(0.15)
  }
  const error = lifts.reduce((sum, lift, at) => sum + Math.abs(lift - truth(content[at]!)), 0) / lifts.length
  expect(error).toBeLessThan(0.1)
})

test('a lift that no line has is corrected by what it has been, and only then', () => {
  const bent = (content: number) => (content > 0.25 ? 1.2 : 0)
  const blend = new Blend()
  for (let batch = 0; batch < 100; batch++) blend.learn(responses(2000, bent))
  expect(blend.state.calibration.lossGained).toBeGreaterThan(0)
  const rows = Float32Array.from([rowOf(0.02, -5.5, 0.45), rowOf(0.02, -5.5, -0.1), rowOf(0.02, -5.5, -0.4)].flat())
  const [high, middle, low] = blend.logLifts(rows)
  expect(high).toBeGreaterThan(0.9)
  expect(Math.abs(middle!)).toBeLessThan(0.3)
  expect(low).toBeGreaterThan(-0.35)
})

test('corrected lifts never fall while predicted ones rise', () => {
  const calibration = new LiftCalibration()
  const logLifts = Float64Array.from({ length: 5000 }, () => 4 * random() - 2)
  const probabilities = logLifts.map(lift => 0.05 * Math.exp(lift))
  for (let batch = 0; batch < 5; batch++) {
    const clicked = logLifts.map((lift, at) => Number(random() < probabilities[at]! * Math.exp(Math.sin(3 * lift))))
    calibration.learn(logLifts, probabilities, clicked, new Float64Array(5000).fill(1))
  }
  expect(calibration.isUsed).toBe(true)
  let last = Number.NEGATIVE_INFINITY
  for (let lift = -5; lift < 5; lift += 0.01) {
    const corrected = calibration.corrected(lift)
    expect(corrected).toBeGreaterThan(last - 1e-9)
    last = corrected
  }
})

test('before any response the slopes are those of reads, and the mean lift of those who did not read is 1', () => {
  const blend = new Blend()
  const { values, content } = responses(3000, () => 0)
  const clicked = Uint8Array.from(content, value => Number(random() < sigmoid(3 * value - 3)))
  blend.learnReads({ values, clicked })
  expect(blend.coefficients[place('content')]).toBeGreaterThan(2)
  expect(blend.coefficients[place('usualCtr')]).toBe(0)
  const others = values.filter((_, cell) => clicked[Math.floor(cell / featureCount)] === 0)
  const mean = blend.logLifts(others).reduce((sum, lift) => sum + Math.exp(lift), 0) / (others.length / featureCount)
  expect(mean).toBeGreaterThan(0.85)
  expect(mean).toBeLessThan(1.15)
  // Responses that say otherwise win in the end.
  for (let batch = 0; batch < 60; batch++) blend.learn(responses(2000, value => -1.5 * value))
  expect(blend.coefficients[place('content')]).toBeLessThan(-0.5)
})
