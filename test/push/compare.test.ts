import { expect, test } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import { analyse } from '../../src/push/analyse/analyse.ts'
import { comparePolicies, meanOf, ratioOf } from '../../src/push/simulate/compare/compare.ts'
import type { PolicyRun } from '../../src/push/simulate/compare/jobs.ts'
import { policies, policyNamed } from '../../src/push/simulate/compare/policies.ts'
import { runPolicies } from '../../src/push/simulate/compare/runs.ts'
import { worldParameters } from '../../src/push/simulate/parameters.ts'
import { recordLoop } from '../../src/push/simulate/recording/record-loop.ts'
import { simulate } from '../../src/push/simulate/run.ts'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { studentQuantile } from '../../src/push/statistics/student.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const parameters = Object.assign({}, worldParameters, { users: 3000, days: 5 })

function run(policy: string, seed: number, weeklyActive: readonly number[], more: Partial<PolicyRun['result']> = {}) {
  const result = Object.assign({ weeklyActive, sends: 10, clicks: 2, lift: 3, optOuts: 1, violations: 0 }, more)
  return { policy, seed, result, seconds: 1 }
}

test('all policies run in the same worlds on several threads as they do alone, and keep the weekly cap', async () => {
  const pool = new Pool({ threads: 2 })
  const progress: number[] = []
  const names = policies.map(({ name }) => name)
  const runs = await runPolicies({
    policies: names,
    seeds: [4],
    parameters,
    pool,
    onProgress: done => progress.push(done),
  }).finally(() => pool.close())
  expect(runs.map(({ policy }) => policy)).toEqual(names)
  expect(progress.every((done, at) => done >= (progress[at - 1] ?? 0) && done <= 1)).toBe(true)
  for (const { policy, result } of runs) {
    expect([policy, result.violations]).toEqual([policy, 0])
    expect([policy, result.sends > 0]).toEqual([policy, policy !== 'nothing'])
  }
  const alone = await simulate(4, policyNamed('full-loop').policyIn(4), parameters)
  expect(runs.find(({ policy }) => policy === 'full-loop')!.result).toEqual(alone)
  const { policies: summaries, differences, resending } = comparePolicies(runs)
  expect(summaries.find(({ policy }) => policy === 'oracle')).toMatchObject({
    share: { allDays: { mean: 1, interval: null } },
  })
  expect(differences.map(({ than }) => than)).toEqual(names.filter(name => name !== 'full-loop'))
  expect(resending).toEqual(differences.find(({ than }) => than === 'without-resending')!.gain)
})

test('an interruption ends simulations that are under way', async () => {
  const pool = new Pool({ threads: 1 })
  const controller = new AbortController()
  const large = Object.assign({}, worldParameters, { users: 20_000, days: 300 })
  const runs = runPolicies({ policies: ['full-loop'], seeds: [1], parameters: large, pool, signal: controller.signal })
  setTimeout(() => controller.abort(new Error('enough')), 1000)
  await expect(runs).rejects.toThrow('enough')
  const begun = performance.now()
  await pool.close()
  expect(performance.now() - begun).toBeLessThan(20_000)
})

test('gains are of all days and of the last seven, world by world', () => {
  const days = (users: number, last = users) => [users, users, users, ...Array.from({ length: 7 }, () => last)]
  const { policies, differences, resending } = comparePolicies([
    run('nothing', 1, days(100), { sends: 0, lift: 0 }),
    run('nothing', 2, days(300), { sends: 0, lift: 0 }),
    run('full-loop', 1, days(100, 120)),
    run('full-loop', 2, days(300, 330), { lift: 5, violations: 2 }),
    run('without-resending', 1, days(100, 110)),
    run('without-resending', 2, days(300, 320)),
    run('oracle', 1, days(100, 140)),
    run('oracle', 2, days(300, 360)),
  ])
  expect(policies[0]).toMatchObject({ policy: 'nothing', lift: null, gain: { allDays: { mean: 0 } } })
  expect(policies[1]).toMatchObject({
    policy: 'full-loop',
    gain: { allDays: { mean: 17.5 }, lastWeek: { mean: 25 } },
    share: { allDays: { mean: 0.5 }, lastWeek: { mean: 0.5, interval: [0.5, 0.5] } },
    lift: { mean: 4 },
    violations: 2,
  })
  expect(resending).toMatchObject({ allDays: { mean: 7 }, lastWeek: { mean: 10, interval: [10, 10] } })
  expect(differences.map(({ than, gain }) => [than, gain.lastWeek.mean])).toEqual([
    ['nothing', 25],
    ['without-resending', 10],
    ['oracle', -25],
  ])
  expect(() => comparePolicies([run('nothing', 1, [1]), run('oracle', 2, [1])])).toThrow(
    'expected a run of nothing in the world of seed 2, got none',
  )
  expect(() => policyNamed('blast')).toThrow('policy must be one of nothing, random, popular')
})

test("quantiles of Student's distribution are those of the tables", () => {
  const tabled = [
    [1, 12.7062],
    [2, 4.3027],
    [4, 2.7764],
    [19, 2.093],
    [120, 1.9799],
  ] as const
  for (const [degrees, quantile] of tabled) {
    expect(studentQuantile(0.975, degrees)).toBeCloseTo(quantile, 4)
    expect(studentQuantile(0.025, degrees)).toBeCloseTo(-quantile, 4)
  }
  expect(studentQuantile(0.75, 1)).toBeCloseTo(1, 9)
  expect(studentQuantile(0.5, 7)).toBeCloseTo(0, 9)
})

test('intervals of means and of ratios cover the truth about as often as they say', () => {
  const random = randomNumbers(3)
  let [means, ratios] = [0, 0]
  const runs = 2000
  for (let at = 0; at < runs; at++) {
    const others = Array.from({ length: 8 }, () => 20 + 3 * drawNormal(random))
    const values = others.map(other => 0.7 * other + drawNormal(random))
    const has = (interval: readonly [number, number] | null, truth: number) =>
      Number(interval![0] <= truth && truth <= interval![1])
    means += has(meanOf(values).interval, 14) / runs
    ratios += has(ratioOf(values, others).interval, 0.7) / runs
  }
  for (const coverage of [means, ratios]) {
    expect(coverage).toBeGreaterThan(0.935)
    expect(coverage).toBeLessThan(0.965)
  }
})

test('a recorded run is that of the loop, and its analysis says so', async () => {
  const alone = await simulate(2, policyNamed('full-loop').policyIn(2), parameters)
  const baseline = await simulate(2, policyNamed('nothing').policyIn(2), parameters)
  const days: number[] = []
  const input = await recordLoop({ seed: 2, parameters, baseline, onDay: day => days.push(day) })
  expect(days).toEqual([0, 1, 2, 3, 4])
  expect(input.weeklyActive).toMatchObject({ users: alone.weeklyActive, baseline: baseline.weeklyActive })
  const { total, violations, invalid, otherClicks, resending, prices, segments, articles } = await analyse(input)
  expect(total.sends).toBe(alone.sends)
  expect(violations.count).toBe(0)
  expect(invalid).toBe(0)
  // Those of the last ten minutes are not recorded.
  expect(alone.clicks - total.clicks - otherClicks.late).toBeGreaterThanOrEqual(0)
  expect(alone.clicks - total.clicks - otherClicks.late).toBeLessThan(5)
  expect(total.effect!.heldOut).toBeGreaterThan(5)
  expect(resending.first.sends + resending.later.sends).toBe(total.sends)
  expect(segments.reduce((sum, { sends }) => sum + sends, 0)).toBe(total.sends)
  expect(articles.every(({ expected }) => expected !== null)).toBe(true)
  expect(prices.length).toBeGreaterThan(50)
})
