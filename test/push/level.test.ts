import { expect, test } from 'vitest'
import { type LevelPrior, levelPosterior, momentsOfLevel, type TitleOutcome } from '../../src/push/volume/level.ts'

const prior: LevelPrior = { mean: 0.3, variance: 0.5 }
const titleDeviation = 0.275

/** Up to a constant: 2 % of articles are those that everybody will like. */
function priorDensity({ mean, variance }: LevelPrior, level: number): number {
  const normal = (centre: number, spread: number) => Math.exp(-((level - centre) ** 2) / 2 / spread) / Math.sqrt(spread)
  return 0.98 * normal(mean, variance) + 0.02 * normal(mean + 1.4, variance + 0.25)
}

/** The same sums over a dense grid of θ, and of τ for each title given θ. */
function naivePosterior(prior: LevelPrior, outcomes: readonly TitleOutcome[], deviation: number) {
  const spread = Math.sqrt(prior.variance)
  const dense = (low: number, high: number, count: number) =>
    Array.from({ length: count }, (_, at) => low + ((high - low) * at) / (count - 1))
  let [all, sum, squares] = [0, 0, 0]
  const titles = outcomes.map(() => 0)
  for (const level of dense(prior.mean - 4 * spread, prior.mean + 6 * spread, 601)) {
    const ofTitles = outcomes.map(({ clicks, exposure, factor = 1 }) => {
      let [likelihood, rate] = [0, 0]
      for (const effect of dense(-6 * deviation, 6 * deviation, 401)) {
        const multiple = factor * Math.exp(level + effect)
        const expected = exposure * multiple
        // Beside its highest value, that it does not vanish.
        const highest = clicks > 0 ? clicks * Math.log(clicks) - clicks : 0
        const log = clicks > 0 ? clicks * Math.log(expected) - expected : -expected
        const each = Math.exp(log - highest - (effect / deviation) ** 2 / 2)
        likelihood += each
        rate += each * multiple
      }
      return { likelihood, rate: rate / likelihood }
    })
    const weight = ofTitles.reduce((product, { likelihood }) => product * likelihood, priorDensity(prior, level))
    all += weight
    sum += weight * level
    squares += weight * level ** 2
    ofTitles.forEach(({ rate }, title) => {
      titles[title]! += weight * rate
    })
  }
  const mean = sum / all
  return { mean, variance: squares / all - mean ** 2, titles: titles.map(rate => rate / all) }
}

test.each<{ name: string; outcomes: readonly TitleOutcome[] }>([
  {
    name: 'no clicks yet',
    outcomes: [
      { clicks: 0, exposure: 1.5 },
      { clicks: 0, exposure: 0.5 },
    ],
  },
  { name: 'one title', outcomes: [{ clicks: 7, exposure: 4 }] },
  {
    name: 'few clicks',
    outcomes: [
      { clicks: 1, exposure: 0.4 },
      { clicks: 0, exposure: 0.5 },
      { clicks: 2, exposure: 0.4 },
    ],
  },
  {
    name: 'many clicks',
    outcomes: [
      { clicks: 120, exposure: 60 },
      { clicks: 12, exposure: 10 },
    ],
  },
  {
    name: 'factors',
    outcomes: [
      { clicks: 3, exposure: 2, factor: 1.4 },
      { clicks: 3, exposure: 2, factor: 0.7 },
    ],
  },
  {
    name: 'a surprise',
    outcomes: [
      { clicks: 30, exposure: 2 },
      { clicks: 1, exposure: 1 },
    ],
  },
])('what is thought of a level is what sums over a dense grid give: $name', ({ outcomes }) => {
  const naive = naivePosterior(prior, outcomes, titleDeviation)
  const { mean, variance, titles, best } = levelPosterior(prior, outcomes, titleDeviation)
  expect(Math.abs(mean - naive.mean)).toBeLessThan(0.01)
  expect(Math.abs(variance / naive.variance - 1)).toBeLessThan(0.03)
  titles.forEach((level, title) => {
    expect(Math.abs(level / naive.titles[title]! - 1), `title ${title}`).toBeLessThan(0.015)
  })
  expect(titles[best]).toBe(Math.max(...titles))
})

test('without sends it is the prior, and titles differ by their factors alone', () => {
  const { mean, variance, titles, weights } = levelPosterior(
    prior,
    [
      { clicks: 0, exposure: 0, factor: 1.2 },
      { clicks: 0, exposure: 0 },
    ],
    titleDeviation,
  )
  expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 10)
  // Of the mixture: those that everybody likes lie 1.4 above.
  expect(mean).toBeCloseTo(prior.mean + 0.02 * 1.4, 3)
  expect(variance).toBeCloseTo(0.98 * 0.5 + 0.02 * 0.75 + 0.98 * 0.02 * 1.4 ** 2, 2)
  expect(titles[0]! / titles[1]!).toBeCloseTo(1.2, 10)
})

test('with many clicks the level of a title is its clicks by its exposure, whatever was thought before', () => {
  for (const ratio of [0.3, 1, 2.5, 8]) {
    const { titles } = levelPosterior(prior, [{ clicks: 4000 * ratio, exposure: 4000 }], titleDeviation)
    expect(Math.abs(titles[0]! / ratio - 1), `ratio ${ratio}`).toBeLessThan(0.03)
  }
})

test('a title that is thought better, and was clicked as often, stays so', () => {
  const outcome = { clicks: 5, exposure: 4 }
  const { titles, best } = levelPosterior(
    prior,
    [Object.assign({ factor: 0.8 }, outcome), Object.assign({ factor: 1.25 }, outcome)],
    titleDeviation,
  )
  expect(best).toBe(1)
  expect(titles[1]! / titles[0]!).toBeGreaterThan(1.02)
  expect(titles[1]! / titles[0]!).toBeLessThan(1.25 / 0.8)
})

test.each([
  [0, 0],
  [0, 3],
  [1, 0.2],
  [9, 4],
  [300, 100],
  [2, 30],
  [4000, 1500],
  [200_000, 90_000],
])('the moments of a level after %i clicks of %f are those of a dense grid', (clicks, exposure) => {
  const evidenceOf = (clicks: number, exposure: number) => {
    let [all, sum, squares] = [0, 0, 0]
    const step = 0.0005
    const deviation = Math.sqrt(prior.variance)
    for (let level = prior.mean - 4 * deviation; level < prior.mean + 6 * deviation; level += step) {
      // Beside exp(clicks · ln level), that it does not overflow.
      const shift = clicks * (Math.log((clicks + 1) / (exposure + 1)) - 1)
      const weight = priorDensity(prior, level) * Math.exp(clicks * level - exposure * Math.exp(level) - shift)
      all += weight
      sum += weight * level
      squares += weight * level ** 2
    }
    const shift = clicks * (Math.log((clicks + 1) / (exposure + 1)) - 1)
    return { mean: sum / all, variance: squares / all - (sum / all) ** 2, logEvidence: Math.log(all) + shift }
  }
  const naive = evidenceOf(clicks, exposure)
  const { mean, variance, logEvidence } = momentsOfLevel(prior, clicks, exposure)
  expect(Math.abs(mean - naive.mean)).toBeLessThan(0.01)
  expect(Math.abs(variance / naive.variance - 1)).toBeLessThan(0.04)
  // Up to a constant, which is that of no exposure.
  const before = momentsOfLevel(prior, 0, 0).logEvidence - evidenceOf(0, 0).logEvidence
  expect(Math.abs(logEvidence - naive.logEvidence - before)).toBeLessThan(0.01)
})
