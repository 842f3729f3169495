import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { CtrModel, predictCtrs, recencyOf } from '../../src/push/prefer/ctr/ctr-model.ts'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { NaiveFtrl } from './naive-ftrl.ts'

/** Pushes of articles of 10 categories to users of 20 segments, each of which likes some categories. */
class World {
  readonly #random: () => number
  readonly #likes: Float64Array
  readonly #users: Float64Array
  readonly #segments: Uint32Array

  constructor(seed: number, users = 2000) {
    this.#random = randomNumbers(seed)
    this.#likes = Float64Array.from({ length: 200 }, () => 0.7 * drawNormal(this.#random))
    this.#users = Float64Array.from({ length: users }, () => 0.5 * drawNormal(this.#random))
    this.#segments = Uint32Array.from({ length: users }, () => Math.floor(20 * this.#random()))
  }

  /** Rows, the true click probability of each, and whether it is clicked in the end. */
  pushes(rows: number) {
    const below = (end: number) => Uint32Array.from({ length: rows }, () => Math.floor(end * this.#random()))
    const user = below(this.#users.length)
    const [category, hour, recency] = [below(10), below(24), below(12)]
    const segment = user.map(each => this.#segments[each]!)
    const truths = Float64Array.from(user, (each, row) => {
      const like = this.#likes[segment[row]! * 10 + category[row]!]!
      return 1 / (1 + Math.exp(3.6 - like - this.#users[each]! + 0.05 * recency[row]!))
    })
    const clicked = Uint8Array.from(truths, p => Number(this.#random() < p))
    return { rows: { rows, columns: { user, segment, category, hour, recency } }, truths, clicked }
  }
}

const sum = (values: ArrayLike<number>) => Array.prototype.reduce.call(values, (a, b) => a + b, 0) as number

function logLoss(truths: Float64Array, predictions: ArrayLike<number>): number {
  return (
    -sum(truths.map((p, at) => p * Math.log(predictions[at]!) + (1 - p) * Math.log(1 - predictions[at]!))) /
    truths.length
  )
}

test('learns and predicts as the naive twin does', () => {
  const { rows, clicked } = new World(1, 50).pushes(3000)
  const model = new CtrModel({ bits: 22 })
  const naive = new NaiveFtrl(model.options)
  const random = randomNumbers(2)
  const shares = Float32Array.from(clicked, () => random())
  model.learn(rows, { clicked, shares })
  const rowAt = (row: number) =>
    Object.fromEntries(Object.entries(rows.columns).map(([name, values]) => [name, values[row]!]))
  clicked.forEach((click, row) => {
    naive.learn(rowAt(row), click === 1, shares[row]!)
  })
  const predicted = model.predict(rows)
  // Two of some thousand features may have one weight of four million.
  const errors = [...predicted.keys()].map(row => Math.abs(predicted[row]! / naive.predict(rowAt(row)) - 1))
  expect(errors.filter(error => error > 1e-3).length).toBeLessThan(20)
})

test('predicts better than segment means after some pushes, and calibrated', () => {
  const world = new World(3)
  const model = new CtrModel({ bits: 18 })
  const counts = new Float64Array(20)
  const clicks = new Float64Array(20)
  for (let batch = 0; batch < 30; batch++) {
    const { rows, clicked } = world.pushes(5000)
    model.learn(rows, { clicked, shares: new Float32Array(5000).fill(1) })
    rows.columns.segment.forEach((segment, row) => {
      counts[segment]!++
      clicks[segment]! += clicked[row]!
    })
  }
  const { rows, truths } = world.pushes(20_000)
  const predicted = model.predict(rows)
  const means = Float64Array.from(rows.columns.segment, segment => clicks[segment]! / counts[segment]!)
  const [own, byMean, best] = [predicted, means, truths].map(each => logLoss(truths, each)) as [number, number, number]
  console.log(
    `CTR model, log loss above the truth's: ${(own - best).toFixed(5)}, segment means ${(byMean - best).toFixed(5)}`,
  )
  expect(own - best).toBeLessThan(0.7 * (byMean - best))
  expect(sum(predicted) / sum(truths)).toBeGreaterThan(0.9)
  expect(sum(predicted) / sum(truths)).toBeLessThan(1.1)
})

test('clicks that come late are allowed for: as negatives they would halve the predictions', () => {
  const meanDelay = 60
  const shareAt = (minutes: number) => 1 - Math.exp(-minutes / meanDelay)
  const random = randomNumbers(8)
  const world = new World(4)
  const [corrected, uncorrected] = [new CtrModel({ bits: 18 }), new CtrModel({ bits: 18 })]
  for (let batch = 0; batch < 30; batch++) {
    const { rows, clicked } = world.pushes(5000)
    const delays = Float64Array.from(clicked, click => (click ? -meanDelay * Math.log(1 - random()) : Infinity))
    // Looked at twice, after ten minutes and after fifty: 57 % of the clicks have come.
    let before = new Float32Array(5000)
    for (const age of [10, 50]) {
      const now = Uint8Array.from(delays, delay => Number(delay <= age))
      const shares = new Float32Array(5000).fill(shareAt(age))
      // Not those again that were clicked before the first look.
      const weights = Float32Array.from(delays, delay => Number(age === 10 || delay > 10))
      corrected.learn(rows, { clicked: now, shares, before, weights })
      if (age === 50) uncorrected.learn(rows, { clicked: now, shares: new Float32Array(5000).fill(1) })
      before = shares
    }
  }
  const { rows, truths } = world.pushes(20_000)
  const ratios = [corrected, uncorrected].map(model => sum(model.predict(rows)) / sum(truths))
  console.log(
    `predicted clicks ÷ true ones, 57 % of clicks seen: corrected ${ratios[0]!.toFixed(3)}, not ${ratios[1]!.toFixed(3)}`,
  )
  expect(ratios[0]).toBeGreaterThan(0.92)
  expect(ratios[0]).toBeLessThan(1.08)
  expect(ratios[1]).toBeLessThan(0.7)
  const losses = [corrected, uncorrected].map(model => logLoss(truths, model.predict(rows)))
  expect(losses[0]).toBeLessThan(losses[1]!)
})

test('another thread sees what is learned', async () => {
  const { rows, clicked } = new World(5).pushes(2000)
  const model = new CtrModel({ bits: 12 })
  const shared = model.shared
  expect(shared.weights.buffer).toBeInstanceOf(SharedArrayBuffer)
  const code = `const { workerData, parentPort } = require('node:worker_threads')
    parentPort.on('message', () => parentPort.postMessage(workerData.weights.some(word => word !== 0)))`
  const worker = new Worker(code, { eval: true, workerData: shared })
  model.learn(rows, { clicked, shares: new Float32Array(2000).fill(1) })
  const seen = await new Promise(resolve => {
    worker.once('message', resolve)
    worker.postMessage('look')
  })
  await worker.terminate()
  expect(seen).toBe(true)
  expect(predictCtrs(shared, rows, new Float32Array(500), 1500)).toEqual(model.predict(rows).subarray(1500))
})

describe('a saved model', () => {
  const { rows, clicked } = new World(6).pushes(3000)
  const outcomes = { clicked, shares: new Float32Array(3000).fill(0.7) }
  const saved = async () => {
    const model = new CtrModel({ bits: 10 })
    model.learn(rows, outcomes)
    const path = join(freshFolder(), 'ctr.safetensors')
    await model.save(path)
    return { model, path }
  }

  test('goes on as if it had never been away', async () => {
    const { model, path } = await saved()
    const opened = CtrModel.open(path)
    expect(opened.options).toEqual(model.options)
    for (const each of [model, opened]) each.learn(rows, outcomes)
    expect(opened.predict(rows)).toEqual(model.predict(rows))
  })

  test('is refused where it is damaged, in words', async () => {
    const { path } = await saved()
    const bytes = readFileSync(path)
    const damaged = (at: number) => {
      const copy = Buffer.from(bytes)
      copy[at]! ^= 0x40
      const file = join(freshFolder(), 'ctr.safetensors')
      writeFileSync(file, copy)
      return file
    }
    const last = damaged(bytes.length - 1)
    expect(() => CtrModel.open(last)).toThrow(
      /is no whole CTR model: tensor sums must have the checksum \d+, got \d+: learn it anew/,
    )
    expect(() => CtrModel.open(last, { verify: false })).not.toThrow()
    expect(() => CtrModel.open(damaged(bytes.indexOf('checksums') + 1))).toThrow('must have the checksum undefined')
    expect(() => CtrModel.open(damaged(bytes.indexOf('aurochs-ctr-model') + 1))).toThrow('its format must be')
    expect(() => CtrModel.open(damaged(bytes.indexOf('alpha') + 1))).toThrow('its options cannot be read')
  })
})

test('what does not fit is refused in words', () => {
  expect(() => new CtrModel({ bits: 29 })).toThrow('bits must be a whole number from 1 to 28, got 29')
  expect(() => new CtrModel({ crosses: [['user', 'age']] })).toThrow(
    'crosses must be of user, segment, category, hour, recency, got age',
  )
  const model = new CtrModel({ columns: ['user'], crosses: [], bits: 4 })
  expect(() => model.predict({ rows: 2, columns: {} })).toThrow('rows must have the columns user, got no user')
  expect(() => model.predict({ rows: 2, columns: { user: new Uint32Array(3) } })).toThrow(
    'columns must have 2 values, or 1 for all rows, got 3',
  )
  const outcomes = { clicked: new Uint8Array(2), shares: Float32Array.of(0, 1.5) }
  expect(() => model.learn({ rows: 2, columns: { user: 1 } }, outcomes)).toThrow(
    'shares of click delays must be from 0 to 1, got 1.5',
  )
})

test('recency grows with the logarithm of the time away', () => {
  expect([0, 0.9, 1, 10, 24 * 7, 1e9].map(recencyOf)).toEqual([0, 0, 1, 4, 8, 15])
})

test('a user who is forgotten is as one who was never seen', () => {
  const model = new CtrModel({ bits: 16 })
  const columns = (user: number) => ({ user, segment: 2, category: 7, hour: 3, recency: 4 })
  const row = (user: number) => ({ rows: 1, columns: columns(user) })
  for (let push = 0; push < 200; push++) {
    model.learn(row(5), { clicked: Uint8Array.of(1), shares: Float32Array.of(1) })
    model.learn(row(6), { clicked: Uint8Array.of(0), shares: Float32Array.of(1) })
  }
  const [other, unknown] = [model.predict(row(6))[0], model.predict(row(9))[0]]
  expect(model.predict(row(5))[0]).toBeGreaterThan(unknown! + 0.1)
  model.forget('user', 5, { category: [0, 7] })
  expect(model.predict(row(5))[0]).toBe(unknown)
  expect(model.predict(row(6))[0]).toBe(other)
  // What would bring it back is gone, too.
  model.learn(row(9), { clicked: Uint8Array.of(1), shares: Float32Array.of(1) })
  model.learn(row(5), { clicked: Uint8Array.of(1), shares: Float32Array.of(1) })
  expect(Math.abs(model.predict(row(5))[0]! - model.predict(row(9))[0]!)).toBeLessThan(0.02)
})
