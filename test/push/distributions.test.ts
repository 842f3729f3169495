import { expect, test } from 'vitest'
import { drawBeta, drawNormal, logBeta, logGamma, normalQuantile } from '../../src/push/statistics/distributions.ts'
import { maximumOf, zeroOf } from '../../src/push/statistics/line-search.ts'
import { randomNumbers } from '../../src/storage/random.ts'

test('ln Γ is that of factorials and of halves', () => {
  let factorial = 1
  for (let n = 1; n < 20; n++) {
    expect(logGamma(n)).toBeCloseTo(Math.log(factorial), 10)
    factorial *= n
  }
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 12)
  expect(logGamma(1e-3)).toBeCloseTo(6.907178885383853, 10)
  expect(logBeta(2, 3)).toBeCloseTo(Math.log(1 / 12), 12)
})

test('quantiles of the normal distribution are the inverse of its integral', () => {
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963985, 8)
  expect(normalQuantile(0.001)).toBeCloseTo(-3.090232306, 8)
  for (let share = 0.001; share < 1; share += 0.007)
    expect(normalShareBelow(normalQuantile(share))).toBeCloseTo(share, 6)
  expect(() => normalQuantile(1)).toThrow('share must be a number above 0 and below 1, got 1')
})

test.each([
  [0.3, 4],
  [2, 5],
  [40, 0.7],
])('beta numbers of %f and %f have their mean and variance', (a, b) => {
  const random = randomNumbers(1)
  const draws = Array.from({ length: 40_000 }, () => drawBeta(a, b, random))
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length
  const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length
  expect(mean / (a / (a + b))).toBeCloseTo(1, 1)
  expect(variance / ((a * b) / ((a + b) ** 2 * (a + b + 1)))).toBeCloseTo(1, 1)
  expect(Math.max(...draws)).toBeLessThanOrEqual(1)
})

test('normal numbers have the share of the distribution below each bound', () => {
  const random = randomNumbers(2)
  const draws = Array.from({ length: 20_000 }, () => drawNormal(random))
  for (const bound of [-1.5, 0, 1]) {
    expect(draws.filter(draw => draw < bound).length / draws.length).toBeCloseTo(normalShareBelow(bound), 1)
  }
})

test('a maximum and a zero are found', () => {
  expect(maximumOf(x => -((x - 2.3) ** 2), 0, 10, 1e-6)).toBeCloseTo(2.3, 5)
  expect(zeroOf(x => x ** 3 - 5, 0, 10)).toBeCloseTo(Math.cbrt(5), 8)
})

/** By Simpson's rule over the density. */
function normalShareBelow(x: number): number {
  const steps = 2000
  const step = (x + 8) / steps
  const density = (at: number) => Math.exp(-(at * at) / 2) / Math.sqrt(2 * Math.PI)
  let sum = density(-8) + density(x)
  for (let at = 1; at < steps; at++) sum += (at % 2 === 0 ? 2 : 4) * density(-8 + at * step)
  return (sum * step) / 3
}
