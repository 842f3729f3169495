import { expect, test } from 'vitest'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { allocate, type Candidate, posteriorOf, sharesBest, testState } from '../../src/push/statistics/thompson.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const [batches, batch] = [12, 400]

type Policy = 'even' | 'flat' | 'informative' | 'wrong'

/** Clicks lost against the best of four titles, by sends in batches. */
function lost(policy: Policy, seed: number): number {
  const random = randomNumbers(seed)
  const level = 0.03 * Math.exp(0.4 * drawNormal(random))
  const spread = () => Math.exp(0.25 * drawNormal(random))
  const truths = Array.from({ length: 4 }, () => level * spread())
  const priors = {
    even: () => ({ mean: level, strength: 50 }),
    flat: () => ({ mean: level, strength: 50 }),
    informative: (truth: number) => ({ mean: truth * Math.exp(0.2 * drawNormal(random)), strength: 600 }),
    // Of other titles.
    wrong: () => ({ mean: level * spread(), strength: 50 }),
  }
  let candidates: Candidate[] = truths.map(truth => ({ prior: priors[policy](truth), effectiveSends: 0, clicks: 0 }))
  const best = Math.max(...truths)
  let sum = 0
  for (let round = 0; round < batches; round++) {
    const counts = policy === 'even' ? truths.map(() => batch / 4) : countsOf(candidates, round, seed)
    candidates = candidates.map(({ prior, effectiveSends, clicks }, at) => {
      let came = clicks
      for (let send = 0; send < counts[at]!; send++) if (random() < truths[at]!) came++
      sum += counts[at]! * (best - truths[at]!)
      return { prior, effectiveSends: effectiveSends + counts[at]!, clicks: came }
    })
  }
  return sum
}

function countsOf(candidates: readonly Candidate[], round: number, seed: number): ArrayLike<number> {
  const { isDone, best } = testState(candidates, batch * (batches - round), { seed: round, draws: 100 })
  return isDone
    ? candidates.map((_, at) => (at === best ? batch : 0))
    : allocate(candidates, batch, { seed: seed + round, draws: 100 })
}

function mean(values: readonly number[]) {
  const average = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / (values.length - 1)
  return { average, error: Math.sqrt(variance / values.length) }
}

test('informative priors lose fewer clicks than flat ones, these fewer than an even split, and wrong weak ones no more', () => {
  const seeds = Array.from({ length: 240 }, (_, at) => at + 1)
  const lostBy = (policy: Policy) => seeds.map(seed => lost(policy, seed))
  const [even, flat, informed, wrong] = [lostBy('even'), lostBy('flat'), lostBy('informative'), lostBy('wrong')]
  const against = (values: number[], others: number[]) => mean(values.map((value, at) => value - others[at]!))
  const share = (values: number[]) => `${((100 * mean(values).average) / mean(even).average).toFixed(0)} %`
  console.log(
    `clicks lost, of an even split's ${mean(even).average.toFixed(1)}: flat priors ${share(flat)}, informative ${share(informed)}, wrong but weak ${share(wrong)}`,
  )
  const [flatGain, informedGain, wrongLoss] = [against(flat, even), against(informed, flat), against(wrong, flat)]
  expect(flatGain.average).toBeLessThan(-2 * flatGain.error)
  expect(informedGain.average).toBeLessThan(-2 * informedGain.error)
  expect(wrongLoss.average).toBeLessThan(2 * wrongLoss.error)
})

const known = (ctr: number, sends: number): Candidate => ({
  ...{ prior: { mean: 0.03, strength: 20 }, effectiveSends: sends, clicks: ctr * sends },
})

test('shares are those of the posterior, and the same for the same seed', () => {
  const candidates = [known(0.03, 1000), known(0.03, 1000), known(0.01, 5000)]
  const shares = sharesBest(candidates, { seed: 3, draws: 5000 })
  expect(shares[0]).toBeCloseTo(0.5, 1)
  expect(shares[2]).toBeLessThan(0.01)
  expect(allocate(candidates, 101, { seed: 3 })).toEqual(allocate(candidates, 101, { seed: 3 }))
  expect(allocate(candidates, 101, { seed: 3 }).reduce((sum, count) => sum + count, 0)).toBe(101)
  expect(allocate([known(0.02, 10)], 7, { seed: 1 })).toEqual(Uint32Array.of(7))
})

test('the test goes on while knowing the best is worth something, and stops when it is not', () => {
  const open = testState([known(0.03, 200), known(0.032, 200)], 10_000, { seed: 1 })
  expect(open.isDone).toBe(false)
  expect(open.value).toBeGreaterThan(10)
  const clear = testState([known(0.03, 20_000), known(0.06, 20_000)], 10_000, { seed: 1 })
  expect(clear).toMatchObject({ isDone: true, best: 1 })
  expect(clear.value).toBeLessThan(0.01)
  // Two that are alike need not be told apart.
  expect(testState([known(0.03, 400_000), known(0.0301, 400_000)], 1000, { seed: 1 }).isDone).toBe(true)
})

test('more clicks than sends that count stay within what can be', () => {
  const { mean, strength } = posteriorOf({ prior: { mean: 0.02, strength: 1 }, effectiveSends: 0.5, clicks: 3 })
  expect(mean).toBeLessThan(1)
  expect(strength).toBe(4)
  expect(() => allocate([], 3, { seed: 1 })).toThrow('a test needs at least one candidate, got none')
})
