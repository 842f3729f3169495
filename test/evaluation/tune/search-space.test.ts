import { expect, test } from 'vitest'
import { z } from 'zod'
import { type Options, OptionsToTry } from '../../../src/evaluation/tune/search-space.ts'
import type { Algorithm, SearchRange } from '../../../src/models/algorithm.ts'
import { algorithms } from '../../../src/models/registry.ts'

const options = z.strictObject({
  rate: z.number().default(0.1),
  size: z.int().default(8),
  share: z.number().default(0.5),
  kind: z.enum(['a', 'b', 'c']).default('b'),
})
const search: Record<string, SearchRange> = {
  rate: { from: 0.001, to: 1, scale: 'log' },
  size: { from: 1, to: 100, scale: 'log', isWhole: true },
  share: { from: 0, to: 1, scale: 'linear' },
  kind: { values: ['a', 'b', 'c'] },
}
const algorithm = { options, search } as unknown as Algorithm

function first(count: number, fixed: Options = {}, seed = 0, of = algorithm, best: readonly Options[] = []): Options[] {
  const toTry = new OptionsToTry(of, fixed, seed)
  const found: Options[] = []
  for (let next = toTry.next(best); next && found.length < count; next = toTry.next(best)) found.push(next)
  return found
}

test('the defaults come first, then others within the ranges, each once, the same for the same seed', () => {
  const found = first(200)
  expect(found[0]).toEqual({ rate: 0.1, size: 8, share: 0.5, kind: 'b' })
  expect(new Set(found.map(options => JSON.stringify(options))).size).toBe(200)
  for (const { rate, size, share, kind } of found) {
    expect(rate).toBeGreaterThanOrEqual(0.001)
    expect(rate).toBeLessThanOrEqual(1)
    expect(Number.isInteger(size) && (size as number) >= 1 && (size as number) <= 100).toBe(true)
    expect((share as number) >= 0 && (share as number) <= 1).toBe(true)
    expect(['a', 'b', 'c']).toContain(kind)
  }
  expect(first(50)).toEqual(found.slice(0, 50))
  expect(first(5, {}, 1)[1]).not.toEqual(found[1])
})

test('few of them leave no part of a range untried', () => {
  const tenth = (value: unknown) => Math.floor(Math.min(9.99, (10 * Math.log(Number(value) / 0.001)) / Math.log(1000)))
  for (const seed of [0, 1, 2, 3]) {
    const found = first(41, {}, seed).slice(1)
    expect(new Set(found.map(({ rate }) => tenth(rate))).size).toBe(10)
    expect(new Set(found.map(({ kind }) => kind)).size).toBe(3)
  }
})

test('of good options every second one is near, the others are as without', () => {
  const best = [
    { rate: 0.01, size: 90, share: 0.2, kind: 'c' },
    { rate: 0.02, size: 100, share: 0.25 },
  ]
  const [defaults, ...found] = first(401, {}, 0, algorithm, best)
  expect(defaults).toEqual({ rate: 0.1, size: 8, share: 0.5, kind: 'b' })
  expect(found.filter((_, at) => at % 2 === 1)).toEqual(first(201).slice(1))

  const near = found.filter((_, at) => at % 2 === 0)
  const within = (test: (options: Options) => boolean) => near.filter(test).length / near.length
  expect(within(({ rate }) => (rate as number) > 0.0025 && (rate as number) < 0.08)).toBeGreaterThan(0.9)
  expect(within(({ share }) => (share as number) >= 0 && (share as number) < 0.45)).toBeGreaterThan(0.9)
  expect(
    within(({ size }) => Number.isInteger(size) && (size as number) > 35 && (size as number) <= 100),
  ).toBeGreaterThan(0.9)
  // Of the second, whose kind is not known, any kind.
  expect(within(({ kind }) => kind === 'c')).toBeGreaterThan(0.45)
  expect(first(401, {}, 0, algorithm, best)).toEqual([defaults, ...found])
})

test('what is fixed is the same in all, and where all values have been tried there are no others', () => {
  const fixed = { rate: 0.02, size: 5, share: 0.25 }
  expect(first(10, fixed)).toHaveLength(3)
  expect(first(10, fixed).every(options => options.rate === 0.02 && options.size === 5 && options.share === 0.25)).toBe(
    true,
  )
  expect(first(10, fixed, 0, algorithm, [{ kind: 'a' }])).toHaveLength(3)
  expect(first(10, { ...fixed, kind: 'a' })).toEqual([{ ...fixed, kind: 'a' }])
})

test.each(algorithms.filter(({ search }) => search))(
  '$name searches only options that it has, within their bounds',
  algorithm => {
    expect(Object.keys(algorithm.options.shape)).toEqual(expect.arrayContaining(Object.keys(algorithm.search!)))
    expect(first(300, {}, 0, algorithm).length).toBeGreaterThan(1)
  },
)
