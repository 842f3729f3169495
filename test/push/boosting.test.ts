import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import { type BoostingData, Ensemble, trainEnsemble } from '../../src/push/boosting/ensemble.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'

const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

type Options = Parameters<typeof trainEnsemble>[1]

/** Rows of [features, label]. */
type Rows = readonly (readonly [readonly number[], number])[]

function dataOf(rows: Rows, weights?: readonly number[]): BoostingData {
  const features = rows[0]![0].length
  return {
    columns: Float32Array.from({ length: features * rows.length }, (_, at) => {
      const [row, feature] = [at % rows.length, Math.floor(at / rows.length)]
      return rows[row]![0][feature]!
    }),
    labels: Float32Array.from(rows, ([, label]) => label),
    ...(weights && { weights: Float32Array.from(weights) }),
  }
}

/** Options under which a few rows are learned by heart. */
const exact: Options = { loss: 'squared', minimumRows: 1, l2: 0, columnShare: 1, learningRate: 1, leaves: 4, trees: 1 }

function made(rows: number, features: number, seed: number, label: (row: readonly number[]) => number): Rows {
  const random = randomNumbers(seed)
  return Array.from({ length: rows }, () => {
    const row = Array.from({ length: features }, () => Math.fround(random()))
    return [row, label(row)] as const
  })
}

test('one tree of four leaves is exclusive or', async () => {
  // One row more, or no first split would gain anything.
  const rows: Rows = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [1, 1],
  ].map(([a, b]) => [[a!, b!], a! ^ b!])
  const ensemble = await trainEnsemble(dataOf(rows), exact, { pool })
  expect(ensemble.size).toBe(1)
  const values = ensemble.predict(Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1))
  for (const [row, value] of values.entries()) expect(value).toBeCloseTo([0, 1, 1, 0][row]!, 6)
})

test('a step is found where it lies, beside noise', async () => {
  const rows = made(500, 3, 5, ([, x]) => (x! > 0.7 ? 5 : 2))
  const ensemble = await trainEnsemble(dataOf(rows), { ...exact, leaves: 2 }, { pool })
  expect(ensemble.trees.features[0]).toBe(1)
  expect(ensemble.trees.thresholds[0]).toBeCloseTo(0.7, 1)
  expect(ensemble.predict(Float32Array.of(0.9, 0.6, 0.9))[0]).toBeCloseTo(2, 5)
  expect(ensemble.predict(Float32Array.of(0.1, 0.8, 0.1))[0]).toBeCloseTo(5, 5)
  expect([...ensemble.importance]).toEqual([0, 1, 0])
})

test('what is missing carries the signal, whatever the values are', async () => {
  const random = randomNumbers(3)
  const rows: Rows = Array.from({ length: 200 }, (_, at) => [[at % 3 === 0 ? Number.NaN : random()], +(at % 3 === 0)])
  const ensemble = await trainEnsemble(dataOf(rows), { ...exact, leaves: 2 }, { pool })
  const values = ensemble.predict(Float32Array.of(Number.NaN, -9, 0.5, 1e9, Number.POSITIVE_INFINITY))
  for (const [row, value] of values.entries()) expect(value).toBeCloseTo(row === 0 ? 1 : 0, 6)
})

test('missing values go to the side that gains more', async () => {
  const rows: Rows = [
    [[1], 0],
    [[2], 0],
    [[3], 9],
    [[4], 9],
    [[Number.NaN], 9],
    [[Number.NaN], 0.5],
  ]
  const ensemble = await trainEnsemble(dataOf(rows), { ...exact, leaves: 2 }, { pool })
  const [low, high, missing] = ensemble.predict(Float32Array.of(1, 4, Number.NaN))
  expect(low).toBeLessThan(1)
  expect(missing).toBe(high)
})

test('a weight counts as so many rows', async () => {
  const rows = made(60, 2, 8, ([a, b]) => +(a! * b! > 0.3))
  const weights = rows.map((_, row) => 1 + (row % 3))
  const repeated = rows.flatMap((row, at) => Array.from({ length: weights[at]! }, () => row))
  const options: Options = { ...exact, loss: 'logistic', trees: 20, learningRate: 0.2, l2: 1 }
  const weighed = await trainEnsemble(dataOf(rows, weights), options, { pool })
  const longer = await trainEnsemble(dataOf(repeated), options, { pool })
  const judged = Float32Array.from(rows.flatMap(([row]) => row))
  const expected = longer.predict(judged)
  for (const [row, value] of weighed.predict(judged).entries()) expect(value).toBeCloseTo(expected[row]!, 5)
})

test('the same seed gives the same bits, on one worker and on two, and another seed others', async () => {
  const data = dataOf(made(400, 20, 4, row => +(row[0]! + row[1]! * row[2]! > 0.8)))
  const options: Options = { trees: 15, rowShare: 0.7, columnShare: 0.4, minimumRows: 5, seed: 3 }
  const single = new Pool({ threads: 1 })
  try {
    const first = await trainEnsemble(data, options, { pool })
    expect((await trainEnsemble(data, options, { pool })).trees).toEqual(first.trees)
    expect((await trainEnsemble(data, options, { pool: single })).trees).toEqual(first.trees)
    expect((await trainEnsemble(data, { ...options, seed: 4 }, { pool })).trees).not.toEqual(first.trees)
  } finally {
    await single.close()
  }
})

test('contributions and the base sum to the score; a feature that no tree asks for has none', async () => {
  const rows = made(300, 4, 6, ([a, b]) => +(a! > b!))
  const ensemble = await trainEnsemble(dataOf(rows), { trees: 30, columnShare: 1 }, { pool })
  const used = ensemble.importance
  for (const [row] of rows.slice(0, 20)) {
    const values = Float32Array.from(row)
    const { base, features } = ensemble.contributions(values)
    const sum = features.reduce((total, value) => total + value, base)
    expect(sum).toBeCloseTo(ensemble.scores(values)[0]!, 9)
    const [p] = ensemble.predict(values)
    expect(p).toBeCloseTo(1 / (1 + Math.exp(-sum)), 9)
    for (const [feature, value] of features.entries()) if (used[feature] === 0) expect(value).toBe(0)
  }
  expect(used.reduce((total, share) => total + share)).toBeCloseTo(1, 9)
  expect(Math.min(used[0]!, used[1]!)).toBeGreaterThan(Math.max(used[2]!, used[3]!))
})

test('probabilities of rows that it has not seen are near the true ones', async () => {
  const random = randomNumbers(11)
  const label = ([a, b]: readonly number[]) => +(random() < (a! > 0.5 === b! > 0.5 ? 0.9 : 0.2))
  const ensemble = await trainEnsemble(dataOf(made(2000, 5, 1, label)), { trees: 150, columnShare: 1 }, { pool })
  const judged = made(2000, 5, 2, label)
  const predictions = ensemble.predict(Float32Array.from(judged.flatMap(([row]) => row)))
  const of = (isEqual: boolean) =>
    predictions.filter((_, at) => (judged[at]![0][0]! > 0.5 === judged[at]![0][1]! > 0.5) === isEqual)
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length
  expect(mean(of(true))).toBeGreaterThan(0.8)
  expect(mean(of(false))).toBeLessThan(0.3)
})

test('training ends when the validation part gets no better, with the best trees', async () => {
  const random = randomNumbers(2)
  const label = ([a]: readonly number[]) => +(random() < (a! > 0.5 ? 0.7 : 0.3))
  const validation = dataOf(made(500, 5, 2, label))
  const options: Options = { trees: 500, patience: 10, learningRate: 0.2 }
  const ensemble = await trainEnsemble(dataOf(made(500, 5, 1, label)), options, { pool, validation })
  expect(ensemble.size).toBeLessThan(100)
  expect(ensemble.losses).toHaveLength(ensemble.size + 11)
  expect(ensemble.losses.indexOf(Math.min(...ensemble.losses))).toBe(ensemble.size)
})

test('labels that are all alike give no trees, and their mean', async () => {
  const ensemble = await trainEnsemble(dataOf(made(50, 2, 1, () => 3)), { loss: 'squared' }, { pool })
  expect(ensemble.size).toBe(0)
  expect([...ensemble.predict(Float32Array.of(1, 2))]).toEqual([3])
  expect(ensemble.contributions(Float32Array.of(1, 2))).toEqual({ base: 3, features: Float64Array.of(0, 0) })
  expect([...ensemble.importance]).toEqual([0, 0])
})

test('an ensemble that is saved and opened says the same', async () => {
  const rows = made(100, 3, 1, ([a]) => a!)
  const ensemble = await trainEnsemble(dataOf(rows), { loss: 'squared', trees: 9 }, { pool })
  const path = join(freshFolder(), 'trees.safetensors')
  await ensemble.save(path)
  const opened = Ensemble.open(path)
  expect(opened.trees).toEqual(ensemble.trees)
  const judged = Float32Array.from(rows.flatMap(([row]) => row))
  expect(opened.predict(judged)).toEqual(ensemble.predict(judged))
})

test('damaged trees are refused, with what is damaged', async () => {
  const rows = made(100, 3, 1, ([a, b]) => a! * b!)
  const trained = await trainEnsemble(dataOf(rows), { loss: 'squared', trees: 3 }, { pool })
  const { trees } = trained
  const damaged = (change: Partial<typeof trees>, base = 0) =>
    new Ensemble({ ...trained, features: 3, loss: 'squared', losses: [], base, trees: { ...trees, ...change } })
  const set = <A extends { slice(): A; [at: number]: number }>(array: A, value: number, at = 0) => {
    const copy = array.slice()
    copy[at] = value
    return copy
  }
  const cases: readonly [Ensemble, string][] = [
    [damaged({ left: set(trees.left, 0) }), 'node 0 must have two children after it'],
    [damaged({ right: set(trees.right, trees.left[0]!) }), 'node 0 must have two children after it'],
    [damaged({ right: set(trees.right, 4e9) }), 'got 4000000000'],
    [damaged({ features: set(trees.features, 3) }), 'node 0 must ask for a feature below 3, got 3'],
    [damaged({ thresholds: set(trees.thresholds, Number.NaN) }), 'node 0 must have a threshold, got NaN'],
    [damaged({ missingLeft: set(trees.missingLeft, 7) }), 'got 7'],
    [damaged({ values: set(trees.values, Number.NaN, 1) }), 'node 1 must have a value'],
    [damaged({ covers: set(trees.covers, 0) }), 'node 0 must have a cover'],
    [damaged({ starts: set(trees.starts, 1) }), 'trees must begin at 0'],
    [damaged({ gains: trees.gains.slice(1) }), 'as many of each as nodes'],
    [damaged({}, Number.NaN), 'the base must be finite'],
  ]
  for (const [ensemble, words] of cases) {
    expect(() => ensemble.verify()).toThrow(words)
    const path = join(freshFolder(), 'trees.safetensors')
    await ensemble.save(path)
    expect(() => Ensemble.open(path)).toThrow(words === 'the base must be finite' ? 'base' : words)
    rmSync(path)
  }
})

test('options and data that do not fit are refused in words', async () => {
  const data = dataOf(made(10, 2, 1, () => 1))
  const train = (over: object, options: object = {}, more: object = {}) =>
    trainEnsemble({ ...data, ...over }, options as Options, { pool, ...more })
  await expect(train({}, { leaves: 1 })).rejects.toThrow('leaves must be a whole number from 2 to 1024, got 1')
  await expect(train({}, { leafs: 3 })).rejects.toThrow('there is no leafs')
  await expect(train({ labels: new Float32Array(7) })).rejects.toThrow('columns must have the values')
  await expect(train({ labels: new Float32Array(10).fill(2) })).rejects.toThrow('labels must be from 0 to 1, but row 0')
  await expect(train({ weights: new Float32Array(10) })).rejects.toThrow('weights must be above 0 and finite')
  const validation = { columns: new Float32Array(3), labels: new Float32Array(3) }
  await expect(train({}, {}, { validation })).rejects.toThrow('the validation part must have 2 features')
  const ensemble = await train({}, { loss: 'squared' })
  expect(() => ensemble.predict(new Float32Array(3))).toThrow('not whole rows of 2 features')
  expect(() => ensemble.contributions(new Float32Array(3))).toThrow('row must have 2 values, got 3')
})

test('an aborted training ends with the reason, and the pool goes on', async () => {
  const data = dataOf(made(3000, 20, 1, ([a]) => +(a! > 0.5)))
  const controller = new AbortController()
  const reason = new Error('enough')
  const training = trainEnsemble(
    data,
    { trees: 100_000, learningRate: 0.001 },
    { pool, signal: controller.signal, onProgress: ({ trees }) => trees > 0 && controller.abort(reason) },
  )
  await expect(training).rejects.toBe(reason)
  await expect(trainEnsemble(data, {}, { pool, signal: controller.signal })).rejects.toBe(reason)
  expect((await trainEnsemble(data, { trees: 2 }, { pool })).size).toBe(2)
})

test('trees of any few rows are whole, and contributions sum up', async () => {
  const value = fc.oneof(fc.constantFrom(0, 1, 2, Number.NaN), fc.float())
  const row = fc.tuple(fc.array(value, { minLength: 3, maxLength: 3 }), fc.constantFrom(0, 1))
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), async rows => {
      const options: Options = { trees: 4, minimumRows: 1, columnShare: 0.7 }
      const ensemble = await trainEnsemble(dataOf(rows), options, { pool })
      ensemble.verify()
      for (const [values] of rows) {
        const own = Float32Array.from(values)
        const { base, features } = ensemble.contributions(own)
        expect(features.reduce((sum, part) => sum + part, base)).toBeCloseTo(ensemble.scores(own)[0]!, 9)
      }
    }),
    { numRuns: 60 },
  )
})
