import { expect, test } from 'vitest'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { type ShareOptions, sharesOfTitles } from '../../src/push/title/title-shares.ts'
import { levelPosterior, type TitleOutcome } from '../../src/push/volume/level.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const prior = { mean: Math.log(0.03), variance: 0.16 }
const deviation = 0.275

function sharesOf(outcomes: readonly TitleOutcome[], options?: ShareOptions): Float64Array {
  return sharesOfTitles(levelPosterior(prior, outcomes, deviation), randomNumbers(5), options)
}

const none = { clicks: 0, exposure: 0 }

test('titles have shares by how likely each is the best', () => {
  for (const share of sharesOf([none, none, none], { draws: 3000, sharpness: 1 }))
    expect(Math.abs(share - 1 / 3)).toBeLessThan(0.04)
  const better = sharesOf(
    [
      { clicks: 4, exposure: 130 },
      { clicks: 12, exposure: 130 },
    ],
    { sharpness: 1 },
  )
  expect(better.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10)
  expect(better[1]).toBeGreaterThan(0.7)
  expect(better[1]).toBeLessThan(1)
  // τ₁ − τ₀ ~ N(0, 2 σ²) before any send.
  const byText = sharesOf([none, { ...none, factor: 1.3 }], { draws: 4000, sharpness: 1 })
  const random = randomNumbers(6)
  const wins = Array.from({ length: 20_000 }, () => drawNormal(random) * deviation * Math.SQRT2 < Math.log(1.3))
  expect(Math.abs(byText[1]! - wins.filter(isWon => isWon).length / wins.length)).toBeLessThan(0.03)
})

test('the same source of numbers gives the same shares, and one title has all', () => {
  const outcomes = [
    { clicks: 4, exposure: 130 },
    { clicks: 7, exposure: 130 },
  ]
  expect(sharesOf(outcomes)).toEqual(sharesOf(outcomes))
  expect(sharesOf([none])).toEqual(Float64Array.of(1))
})

test('sharpened, more goes to the title that is thought best', () => {
  const outcomes = [none, { ...none, factor: 1.3 }]
  const [plain, sharp] = [1, 8].map(sharpness => sharesOf(outcomes, { draws: 2000, sharpness })[1]!)
  expect(sharp).toBeGreaterThan(plain! + 0.1)
})

test('the test goes on while knowing the best is worth something, and is over when it is not', () => {
  const open = [
    { clicks: 6, exposure: 200 },
    { clicks: 7, exposure: 200 },
  ]
  expect(sharesOf(open)[0]).toBeGreaterThan(0.2)
  const clear = [
    { clicks: 600, exposure: 20_000 },
    { clicks: 1200, exposure: 20_000 },
  ]
  expect(sharesOf(clear)).toEqual(Float64Array.of(0, 1))
  // Two that are alike need not be told apart, though either may be the best.
  const alike = [
    { clicks: 12_000, exposure: 400_000 },
    { clicks: 12_040, exposure: 400_000 },
  ]
  expect(sharesOf(alike)).toEqual(Float64Array.of(0, 1))
  expect(sharesOf(alike, { leastValue: 0 })[0]).toBeGreaterThan(0.2)
})

const [batches, batch] = [12, 400]

type Policy = 'even' | 'alike' | 'informed' | 'wrong'

/** Clicks lost against the best of four titles, by sends in batches. */
function lost(policy: Policy, seed: number): number {
  const random = randomNumbers(seed)
  const level = Math.exp(prior.mean + 0.4 * drawNormal(random))
  const truths = Array.from({ length: 4 }, () => Math.exp(0.25 * drawNormal(random)))
  const factors = {
    even: () => 1,
    alike: () => 1,
    informed: (truth: number) => Math.sqrt(truth),
    wrong: () => Math.exp(0.12 * drawNormal(random)),
  }
  const outcomes = truths.map(truth => ({ clicks: 0, exposure: 0, factor: factors[policy](truth) }))
  const best = Math.max(...truths)
  let sum = 0
  for (let round = 0; round < batches; round++) {
    const posterior = levelPosterior(prior, outcomes, 0.25)
    const shares = policy === 'even' ? truths.map(() => 1 / 4) : sharesOfTitles(posterior, random)
    outcomes.forEach((outcome, at) => {
      const sends = Math.round(batch * shares[at]!)
      outcome.exposure += sends
      for (let send = 0; send < sends; send++) if (random() < level * truths[at]!) outcome.clicks++
      sum += sends * level * (best - truths[at]!)
    })
  }
  return sum
}

test('a prior that knows something loses fewer clicks than none, that fewer than an even split, and a wrong one not many more', () => {
  const seeds = Array.from({ length: 240 }, (_, at) => at + 1)
  const lostBy = (policy: Policy) => seeds.map(seed => lost(policy, seed))
  const [even, alike, informed, wrong] = [lostBy('even'), lostBy('alike'), lostBy('informed'), lostBy('wrong')]
  const share = (values: number[]) => `${((100 * meanOf(values).mean) / meanOf(even).mean).toFixed(0)} %`
  console.log(
    `clicks lost, of an even split's ${meanOf(even).mean.toFixed(1)}: all thought alike ${share(alike)}, informed ${share(informed)}, wrong ${share(wrong)}`,
  )
  const against = (values: number[], others: number[]) => meanOf(values.map((value, at) => value - others[at]!))
  for (const { mean, error } of [against(alike, even), against(informed, alike)]) {
    expect(mean).toBeLessThan(-2 * error)
  }
  expect(meanOf(wrong).mean).toBeLessThan(1.3 * meanOf(alike).mean)
})

function meanOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
  return { mean, error: Math.sqrt(variance / values.length) }
}
