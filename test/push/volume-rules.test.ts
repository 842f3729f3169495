import { describe, expect, test } from 'vitest'
import type { DelayCurve } from '../../src/push/statistics/click-delay.ts'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { firstBatchSize, holdOutShare, stratifiedRanks, testGain } from '../../src/push/statistics/first-batch.ts'
import { boundsAtDepth, type DepthBand, fitLiftByDepth } from '../../src/push/statistics/lift-by-depth.ts'
import { SendOutcomes } from '../../src/push/statistics/send-outcomes.ts'
import { normalRule, sequentialRule, type VolumeRule } from '../../src/push/statistics/volume-rules.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const edges = [0, 500, 700, 980, 1372, 1920, 2689, 3764, 5270, 7378, 10_330, 14_462, 20_000]
const volume = edges.at(-1)!
const target = 2.4

/**
 * Lift that falls below the target at some depth, or is never above it: by a power law, as the fit has it, or
 * exponentially.
 */
function drawArticle(random: () => number) {
  const level = 2.4 * Math.exp(0.5 * drawNormal(random))
  const slope = 0.1 + 0.3 * random()
  const usual = Float64Array.from({ length: volume }, () => 0.004 + 0.02 * random() ** 2)
  const scale = 5000 + 15_000 * random()
  const [byPower, exponential] = [
    (rank: number) => level * ((rank + 1) / 3000) ** -slope,
    (rank: number) => level * Math.exp((3000 - rank) / scale),
  ]
  return { liftAt: random() < 0.5 ? byPower : exponential, usual }
}

const meanDelay = 25
const curve: DelayCurve = { share: minutes => 1 - Math.exp(-minutes / meanDelay), logVariance: () => 0 }

/** Lifts above the target, times usual CTR, over all sends of a life of four hours. */
function gainOf(rule: VolumeRule, seed: number): { gain: number; sends: number; oracle: number } {
  const random = randomNumbers(seed)
  const { liftAt, usual } = drawArticle(random)
  const bands = edges.slice(1).map((to, at) => ({ from: edges[at]!, to, outcomes: new SendOutcomes() }))
  const sent = new Uint8Array(volume)
  const pending: { sentAt: number; at: number; outcomes: SendOutcomes }[] = []
  let [gain, sends] = [0, 0]
  const send = (ranks: Iterable<number>, now: number) => {
    for (const rank of ranks) {
      if (sent[rank]) continue
      sent[rank] = 1
      const { outcomes } = bands.find(({ to }) => rank < to)!
      const u = usual[rank]!
      outcomes.addSends(now, [u])
      gain += u * (liftAt(rank) - target)
      sends++
      if (random() < u * liftAt(rank)) {
        pending.push({ sentAt: now, at: now - meanDelay * Math.log(1 - random()), outcomes })
      }
    }
  }
  send(stratifiedRanks(volume, 1000, seed), 0)
  let cursor = 0
  for (let now = 10; now < 240 && cursor < bands.length; now += 10) {
    for (const click of pending) if (click.at <= now && click.at > now - 10) click.outcomes.addClick(click.sentAt)
    const { from, to } = bands[cursor]!
    const all = bands.map(({ from, to, outcomes }) => ({ from, to, sums: outcomes.sums(now, curve) }))
    const exposure = bands.reduce((sum, { outcomes }) => sum + outcomes.sums(1e9, curve).exposure, 0)
    const shareSeen = all.reduce((sum, { sums }) => sum + sums.exposure, 0) / exposure
    const { action } = rule({ bands: all, next: { from, to }, target, shareSeen })
    if (action === 'stop') break
    if (action === 'grow') {
      send(
        Array.from({ length: to - from }, (_, at) => from + at),
        now,
      )
      cursor++
    }
    if (action === 'probe')
      send(
        Array.from({ length: (to - from) / 5 }, () => from + Math.floor((to - from) * random())),
        now,
      )
  }
  let oracle = 0
  for (let rank = 0; rank < volume; rank++) oracle += Math.max(0, usual[rank]! * (liftAt(rank) - target))
  return { gain, sends, oracle }
}

test('the sequential rule, by the next depth, gains more above the target than the normal one, by the average', () => {
  const runs = 150
  const total = (rule: VolumeRule) => {
    const all = Array.from({ length: runs }, (_, seed) => gainOf(rule, seed + 1))
    const sum = (of: keyof (typeof all)[number]) => all.reduce((sum, each) => sum + each[of], 0)
    return { gain: sum('gain') / runs, sends: sum('sends') / runs, oracle: sum('oracle') / runs, all }
  }
  const [normal, sequential] = [total(normalRule), total(sequentialRule)]
  const differences = normal.all.map(({ gain }, at) => sequential.all[at]!.gain - gain)
  const mean = differences.reduce((sum, each) => sum + each, 0) / runs
  const error = Math.sqrt(differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (runs * (runs - 1)))
  console.log(
    `clicks above the target, an article: sequential ${sequential.gain.toFixed(1)} of ${sequential.sends.toFixed(0)} sends, normal ${normal.gain.toFixed(1)} of ${normal.sends.toFixed(0)}, truth known ${normal.oracle.toFixed(1)}; difference ${mean.toFixed(1)} ± ${(1.96 * error).toFixed(1)}`,
  )
  expect(mean).toBeGreaterThan(1.96 * error)
  expect(sequential.gain).toBeGreaterThan(0.6 * normal.oracle)
})

/** Clicks at the expected number of each band, or drawn. */
function bandsOf(liftAt: (rank: number) => number, sends: number, random?: () => number): DepthBand[] {
  return edges.slice(1).map((to, at) => {
    const from = edges[at]!
    let [clicks, exposure, exposureSquares] = [0, 0, 0]
    for (let send = 0; send < sends; send++) {
      const rank = Math.floor(from + ((to - from) * (send + 0.5)) / sends)
      const u = 0.02
      clicks += random ? Number(random() < u * liftAt(rank)) : u * liftAt(rank)
      exposure += u
      exposureSquares += u * u
    }
    const sums = { sends, clicks, exposure, exposureSquares, exposureVariance: 0 }
    return { from, to, sums }
  })
}

describe('lift by depth', () => {
  const liftAt = (rank: number) => 6 * ((rank + 1) / 500) ** -0.3
  const shallow = (bands: DepthBand[]) => bands.slice(0, 6)
  const next = { from: edges[6]!, to: edges[7]! }
  const middle = (next.from + next.to) / 2

  test('finds the curve that there is, and the lift of a depth to come', () => {
    const fit = fitLiftByDepth(shallow(bandsOf(liftAt, 100_000)))
    expect(fit.slope).toBeCloseTo(0.3, 1)
    expect(fit.at(middle).lift / liftAt(middle)).toBeCloseTo(1, 1)
  })

  test('its interval covers the lift of the next depth, which the average of all exceeds', () => {
    const runs = 400
    let [covered, valid, average, estimate] = [0, 0, 0, 0]
    for (let seed = 0; seed < runs; seed++) {
      const bands = shallow(bandsOf(liftAt, 400, randomNumbers(seed + 3)))
      const { lift, logDeviation } = fitLiftByDepth(bands).at(middle)
      if (Math.abs(Math.log(lift / liftAt(middle))) <= 1.96 * logDeviation) covered++
      const [lower, upper] = boundsAtDepth(bands, next)
      if (lower <= liftAt(middle) && liftAt(middle) <= upper) valid++
      const clicks = bands.reduce((sum, { sums }) => sum + sums.clicks, 0)
      average += clicks / bands.reduce((sum, { sums }) => sum + sums.exposure, 0) / runs
      estimate += lift / runs
    }
    console.log(
      `next depth, true lift ${liftAt(middle).toFixed(2)}: fit ${estimate.toFixed(2)}, average so far ${average.toFixed(2)}, covered ${((100 * covered) / runs).toFixed(1)} %, always-valid ${((100 * valid) / runs).toFixed(1)} %`,
    )
    expect(Math.abs(estimate / liftAt(middle) - 1)).toBeLessThan(0.05)
    expect(average / liftAt(middle)).toBeGreaterThan(1.3)
    expect(covered / runs).toBeGreaterThan(0.92)
    expect(valid / runs).toBeGreaterThan(0.95)
  })

  test('a lift that rises with depth is taken for a flat one', () => {
    const fit = fitLiftByDepth(bandsOf(rank => 1 + rank / 5000, 5000))
    expect(fit.slope).toBe(0)
    expect(fit.at(10).lift).toBe(fit.at(10_000).lift)
  })
})

describe('the rules', () => {
  const next = { from: edges[8]!, to: edges[9]! }
  const state = (lift: number, sends: number) => ({
    ...{ bands: bandsOf(() => lift, sends).slice(0, 8), next, target, shareSeen: 0.7 },
  })
  test.each([
    { rule: normalRule, lift: 3, sends: 500, action: 'grow', reason: 'lift at or above the target' },
    { rule: normalRule, lift: 2.2, sends: 200, action: 'grow', reason: 'target within the interval' },
    { rule: normalRule, lift: 1, sends: 500, action: 'stop', reason: 'target above the interval' },
    { rule: sequentialRule, lift: 4, sends: 500, action: 'grow', reason: 'next depth expected at or above the target' },
    { rule: sequentialRule, lift: 2.4, sends: 100, action: 'probe', reason: 'next depth may reach the target' },
    { rule: sequentialRule, lift: 2, sends: 500, action: 'stop', reason: 'next depth is unlikely to reach the target' },
    { rule: sequentialRule, lift: 1, sends: 2000, action: 'stop', reason: 'next depth is below the target' },
  ])('$reason: $action', ({ rule, lift, sends, action, reason }) => {
    expect(rule(state(lift, sends))).toMatchObject({ action, reason, lift: expect.closeTo(lift, 6) })
  })

  test('wait where nothing has been seen', () => {
    const nothing = { bands: [], next, target, shareSeen: 1 }
    for (const rule of [normalRule, sequentialRule]) expect(rule(nothing).action).toBe('wait')
    expect(sequentialRule({ ...state(3, 100), shareSeen: 0.05 }).action).toBe('wait')
  })
})

describe('the first batch', () => {
  const options = { volume: 50_000, lift: 2.2, liftDeviation: 0.8, target, usualCtr: 0.01, least: 1 }

  test('gains more than smaller and larger ones in simulation', () => {
    const best = firstBatchSize(options)
    const simulatedGain = (size: number) => {
      const random = randomNumbers(5)
      const runs = 20_000
      let gain = 0
      for (let run = 0; run < runs; run++) {
        const lift = options.lift + options.liftDeviation * drawNormal(random)
        const noise = options.lift / options.usualCtr
        const seen = lift + Math.sqrt(noise / size) * drawNormal(random)
        const weight = size / (size + noise / options.liftDeviation ** 2)
        const mean = options.lift + weight * (seen - options.lift)
        gain += (size + (mean > target ? options.volume - size : 0)) * (lift - target)
      }
      return gain / runs
    }
    console.log(
      `first batch: ${best} of ${options.volume}, gain ${simulatedGain(best).toFixed(0)}, by the formula ${testGain(options, best).toFixed(0)}`,
    )
    expect(simulatedGain(best) / testGain(options, best)).toBeCloseTo(1, 1)
    for (const factor of [1 / 5, 5]) expect(simulatedGain(best)).toBeGreaterThan(simulatedGain(best * factor))
    for (let size = 1; size < 50_000; size += 100)
      expect(testGain(options, best)).toBeGreaterThanOrEqual(testGain(options, size) - 1e-6)
  })

  test('is larger for more volume and rarer clicks, and the least for a hopeless article', () => {
    expect(firstBatchSize({ ...options, volume: 500_000 })).toBeGreaterThan(firstBatchSize(options))
    expect(firstBatchSize({ ...options, usualCtr: 0.003 })).toBeGreaterThan(firstBatchSize(options))
    expect(firstBatchSize({ ...options, lift: 0.3, liftDeviation: 0.1, least: 200 })).toBe(200)
    expect(firstBatchSize({ ...options, volume: 50, least: 200 })).toBe(50)
    expect(() => firstBatchSize({ ...options, usualCtr: 0 })).toThrow('usualCtr must be a number above 0, got 0')
  })

  test('has one rank of each equal part of the depth, the same for the same seed', () => {
    const ranks = stratifiedRanks(1003, 100, 4)
    expect(ranks).toEqual(stratifiedRanks(1003, 100, 4))
    ranks.forEach((rank, part) => {
      expect(rank).toBeGreaterThanOrEqual(Math.floor((part * 1003) / 100))
      expect(rank).toBeLessThan(Math.floor(((part + 1) * 1003) / 100))
    })
    expect(stratifiedRanks(5, 5, 1)).toEqual(Uint32Array.of(0, 1, 2, 3, 4))
    expect(() => stratifiedRanks(5, 6, 1)).toThrow('size must be a whole number from 0 to 5, got 6')
  })

  test('a hold-out is as large as the difference to be seen needs', () => {
    const share = holdOutShare({ users: 100_000, returnRate: 0.1, difference: 0.01 })
    expect(2 * Math.sqrt((0.1 * 0.9) / (100_000 * share * (1 - share)))).toBeCloseTo(0.01, 6)
    expect(holdOutShare({ users: 100, returnRate: 0.1, difference: 0.01 })).toBe(0.1)
    expect(holdOutShare({ users: 1e9, returnRate: 0.1, difference: 0.01 })).toBe(0.01)
  })
})
