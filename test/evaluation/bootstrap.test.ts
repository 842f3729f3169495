import { expect, test } from 'vitest'
import { bootstrapIntervals } from '../../src/evaluation/significance/bootstrap.ts'
import { compareUsers } from '../../src/evaluation/significance/compare.ts'
import type { UserValues } from '../../src/evaluation/significance/user-values.ts'
import { randomNumbers } from '../../src/storage/random.ts'

function usersOf(rows: readonly number[], values: Record<string, readonly number[]>): UserValues {
  return {
    rows: Uint32Array.from(rows),
    histories: new Uint32Array(rows.length),
    values: Object.fromEntries(Object.entries(values).map(([name, each]) => [name, Float64Array.from(each)])),
  }
}

/** Users in every third row, with values that are skew as metrics are: most are 0. */
function skewUsers(count: number, seed: number): UserValues {
  const random = randomNumbers(seed)
  const values = Array.from({ length: count }, () => Math.max(0, random() - 0.6) ** 2)
  return usersOf(
    values.map((_, at) => 3 * at),
    { 'ndcg@5': values, 'hit@5': values.map(value => Math.sign(value)) },
  )
}

/** The percentile bootstrap, word for word: whole users are drawn, and the fold means averaged. */
function naiveInterval(folds: readonly UserValues[], name: string, resamples: number): [number, number] {
  const random = randomNumbers(99)
  const rows = [...new Set(folds.flatMap(fold => [...fold.rows]))]
  const means = Array.from({ length: resamples }, () => {
    const drawn = rows.map(() => rows[Math.floor(random() * rows.length)]!)
    const ofFolds = folds.flatMap(fold => {
      const found = drawn.map(row => fold.rows.indexOf(row)).filter(at => at >= 0)
      const sum = found.reduce((total, at) => total + fold.values[name]![at]!, 0)
      return found.length > 0 ? [sum / found.length] : []
    })
    return ofFolds.reduce((a, b) => a + b) / ofFolds.length
  }).sort((a, b) => a - b)
  return [means[Math.floor(0.025 * resamples)]!, means[Math.floor(0.975 * resamples)]!]
}

function mean(values: Float64Array): number {
  return values.reduce((a, b) => a + b) / values.length
}

test('intervals agree with users drawn one by one, for one test and for folds', () => {
  const all = skewUsers(120, 1)
  const part = (rest: number) => {
    const rows = [...all.rows].filter((_, at) => at % 3 !== rest)
    return usersOf(rows, { 'ndcg@5': rows.map((row, at) => all.values['ndcg@5']![row / 3]! + 0.01 * (at % 2)) })
  }
  for (const folds of [[all], [part(0), part(1), part(2)]]) {
    const [low, high] = bootstrapIntervals(folds, { resamples: 20_000, seed: 4 })['ndcg@5']!
    const [naiveLow, naiveHigh] = naiveInterval(folds, 'ndcg@5', 4000)
    const width = naiveHigh - naiveLow
    expect(Math.abs(low - naiveLow)).toBeLessThan(0.06 * width)
    expect(Math.abs(high - naiveHigh)).toBeLessThan(0.06 * width)
  }
})

test('intervals of many users, who are drawn in groups, are as wide as the normal distribution says', () => {
  const users = skewUsers(100_000, 2)
  const intervals = bootstrapIntervals([users], { resamples: 4000, seed: 1 })
  for (const [name, [low, high]] of Object.entries(intervals)) {
    const values = users.values[name]!
    const centre = mean(values)
    const error = Math.sqrt(mean(values.map(value => (value - centre) ** 2)) / values.length)
    expect((high - low) / (2 * 1.96 * error)).toBeGreaterThan(0.95)
    expect((high - low) / (2 * 1.96 * error)).toBeLessThan(1.05)
    expect(Math.abs((low + high) / 2 - centre)).toBeLessThan(0.2 * error)
  }
})

test('an interval holds the mean of all users as often as it says', () => {
  const population = skewUsers(200_000, 3).values['ndcg@5']!
  const truth = mean(population)
  let held = 0
  for (let trial = 0; trial < 400; trial++) {
    const values = [...population.subarray(trial * 500, (trial + 1) * 500)]
    const [low, high] = bootstrapIntervals([usersOf([...values.keys()], { x: values })], {
      resamples: 300,
      seed: trial,
    }).x!
    if (low <= truth && truth <= high) held++
  }
  // 380 are to be expected; five standard deviations of the binomial are 22, and skew values cost a little.
  expect(held).toBeGreaterThan(355)
})

test('intervals are the same for the same seed, narrower at a lower level, and a point for one user', () => {
  const users = skewUsers(300, 5)
  const at = (seed: number, level?: number) => bootstrapIntervals([users], { seed, level })
  expect(at(1)).toEqual(at(1))
  expect(at(2)).not.toEqual(at(1))
  const width = ([low, high]: readonly [number, number]) => high - low
  expect(width(at(1, 0.5)['ndcg@5']!)).toBeLessThan(width(at(1)['ndcg@5']!))
  expect(bootstrapIntervals([usersOf([7], { x: [0.25] })])).toEqual({ x: [0.25, 0.25] })
})

test('what cannot be resampled is refused', () => {
  const users = skewUsers(3, 1)
  expect(() => bootstrapIntervals([users], { resamples: 0 })).toThrow(
    'resamples must be a whole number from 1 on, got 0',
  )
  expect(() => bootstrapIntervals([users], { level: 95 })).toThrow('level must be a number above 0 and below 1, got 95')
  expect(() => bootstrapIntervals([usersOf([], { x: [] })])).toThrow('an interval needs at least one user, got none')
})

test('models are compared by the users that both have, and the interval is that of the differences', () => {
  const first = usersOf([0, 2, 3, 5, 9], { x: [0.1, 0.2, 0.3, 0.4, 0.5], y: [1, 1, 1, 1, 1] })
  const second = usersOf([2, 3, 4, 5, 9], { x: [0.2, 0.9, 0.7, 0.1, 0.6], z: [0, 0, 0, 0, 0] })
  const { users, metrics } = compareUsers([first], [second], { seed: 1 })
  expect(users).toBe(4)
  expect(Object.keys(metrics)).toEqual(['x'])
  expect(metrics.x).toMatchObject({ better: 0.5, equal: 0.25, worse: 0.25 })
  expect(metrics.x!.difference).toBeCloseTo((0 + 0.6 - 0.3 + 0.1) / 4, 12)
  const differences = usersOf([2, 3, 5, 9], { x: [0, 0.9 - 0.3, 0.1 - 0.4, 0.6 - 0.5] })
  expect(metrics.x!.interval).toEqual(bootstrapIntervals([differences], { seed: 1 }).x)
})

test('sums of the same values in another order are the same', () => {
  const values = [0.1, 0.2, 0.3]
  const [forward, backward] = [values, values.toReversed()].map(all => all.reduce((sum, value) => sum + value, 0))
  expect(forward).not.toBe(backward)
  const { metrics } = compareUsers([usersOf([0, 1], { x: [forward!, 0] })], [usersOf([0, 1], { x: [backward!, 0] })])
  expect(metrics.x).toEqual({ difference: 0, interval: [0, 0], better: 0, equal: 1, worse: 0 })
})

test('over folds a user is better who is better in all folds together', () => {
  const fold = (...x: number[]) => usersOf([0, 1, 2], { x })
  const { users, metrics } = compareUsers([fold(0, 0.5, 1), fold(0.5, 0.5, 0.5)], [fold(1, 0, 1), fold(0.25, 1, 0.5)])
  expect(users).toBe(3)
  expect(metrics.x).toMatchObject({ difference: (0.5 / 3 + 0.25 / 3) / 2, better: 1 / 3, equal: 2 / 3, worse: 0 })
})

test('a difference that most users share has an interval without 0, where those of the means overlap', () => {
  const first = skewUsers(200, 6)
  const second = usersOf([...first.rows], { 'ndcg@5': [...first.values['ndcg@5']!].map(value => value + 0.002) })
  const [a, b] = [first, second].map(users => bootstrapIntervals([users])['ndcg@5']!)
  expect(a![1]).toBeGreaterThan(b![0])
  const { interval, better } = compareUsers([first], [second]).metrics['ndcg@5']!
  expect(interval[0]).toBeGreaterThan(0)
  expect(better).toBe(1)
})

test('models of other tests or folds are refused', () => {
  const [one, other] = [usersOf([1], { x: [1] }), usersOf([2], { x: [1] })]
  expect(() => compareUsers([one], [other])).toThrow('no user was judged by both models')
  expect(() => compareUsers([one], [one, one])).toThrow('models are compared by the same folds, got 1 and 2')
})
