/** What policies bring, over the worlds of several seeds: each figure is the mean over seeds, and policies are compared world by world. */
import type { Interval } from '../../statistics/lift.ts'
import { studentQuantile } from '../../statistics/student.ts'
import type { SimulationResult } from '../run.ts'
import type { PolicyRun } from './jobs.ts'
import { baselineName, boundName, loopName, oneRoundName } from './policies.ts'

/** A mean over seeds, or a ratio of two such. */
export interface Mean {
  readonly mean: number
  /** At 95 %, by Student's t; null with one seed. */
  readonly interval: Interval | null
}

/** Users who were active in the week before the end of a day, more than without pushes, on the mean over days. */
export interface Gain {
  readonly allDays: Mean
  /** Of the last seven days: what was learned until then counts in all of it. */
  readonly lastWeek: Mean
}

export interface PolicySummary {
  readonly policy: string
  readonly gain: Gain
  /** Of the gain of the policy that knows the truth; null where that was not run. */
  readonly share: Gain | null
  /** Null without sends. */
  readonly lift: Mean | null
  readonly sends: number
  readonly clicks: number
  readonly optOuts: number
  /** Of all seeds together. */
  readonly violations: number
  /** Of a run. */
  readonly seconds: number
}

/** The gain of the whole loop less that of another policy in the same worlds. */
export interface PolicyDifference {
  readonly than: string
  readonly gain: Gain
}

export interface PolicyComparison {
  readonly seeds: readonly number[]
  readonly policies: readonly PolicySummary[]
  /** Empty where the whole loop was not run. */
  readonly differences: readonly PolicyDifference[]
  /** What it brings to send an article in rounds: the whole loop less the one with a single round. */
  readonly resending: Gain | null
}

/**
 * Compares policies that were each run in the same worlds.
 *
 * @throws RangeError when one of a world is missing, as of `nothing`, which gains are counted from.
 */
export function comparePolicies(runs: readonly PolicyRun[]): PolicyComparison {
  const seeds = [...new Set(runs.map(({ seed }) => seed))]
  const names = [...new Set(runs.map(({ policy }) => policy))]
  const runsOf = (name: string) =>
    seeds.map(seed => {
      const run = runs.find(run => run.policy === name && run.seed === seed)
      if (run) return run
      throw new RangeError(`expected a run of ${name} in the world of seed ${seed}, got none: run each policy in each`)
    })
  const baseline = runsOf(baselineName).map(({ result }) => result)
  const gainsOf = (name: string): Gains => {
    const results = runsOf(name).map(({ result }) => result)
    const gains = results.map((result, at) => gainOf(result, baseline[at]!))
    return { allDays: gains.map(({ allDays }) => allDays), lastWeek: gains.map(({ lastWeek }) => lastWeek) }
  }
  const bound = names.includes(boundName) ? gainsOf(boundName) : undefined
  const loop = names.includes(loopName) ? gainsOf(loopName) : undefined
  const summaries = names.map((policy): PolicySummary => {
    const gains = gainsOf(policy)
    const of = runsOf(policy)
    const results = of.map(({ result }) => result)
    const mean = (value: (result: SimulationResult) => number) => meanOf(results.map(value)).mean
    return {
      policy,
      gain: gainBy(gains, meanOf),
      share: bound ? gainBy(gains, (values, key) => ratioOf(values, bound[key])) : null,
      lift: results.every(({ sends }) => sends > 0) ? meanOf(results.map(({ lift }) => lift)) : null,
      sends: mean(({ sends }) => sends),
      clicks: mean(({ clicks }) => clicks),
      optOuts: mean(({ optOuts }) => optOuts),
      violations: results.reduce((sum, { violations }) => sum + violations, 0),
      seconds: meanOf(of.map(({ seconds }) => seconds)).mean,
    }
  })
  const differenceTo = (than: string, own: Gains): PolicyDifference => {
    const other = gainsOf(than)
    return { than, gain: gainBy(own, (values, key) => meanOf(values.map((value, at) => value - other[key][at]!))) }
  }
  const differences = loop ? names.filter(name => name !== loopName).map(name => differenceTo(name, loop)) : []
  const resending = differences.find(({ than }) => than === oneRoundName)?.gain ?? null
  return { seeds, policies: summaries, differences, resending }
}

/** (seeds) */
type Gains = Readonly<Record<keyof Gain, readonly number[]>>

function gainBy(gains: Gains, mean: (values: readonly number[], key: keyof Gain) => Mean): Gain {
  return { allDays: mean(gains.allDays, 'allDays'), lastWeek: mean(gains.lastWeek, 'lastWeek') }
}

function gainOf(result: SimulationResult, baseline: SimulationResult): Record<keyof Gain, number> {
  const gains = result.weeklyActive.map((users, day) => users - baseline.weeklyActive[day]!)
  const meanFrom = (day: number) => meanOf(gains.slice(day)).mean
  return { allDays: meanFrom(0), lastWeek: meanFrom(Math.max(0, gains.length - 7)) }
}

export function meanOf(values: readonly number[]): Mean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return around(
    mean,
    values.map(value => value - mean),
    1,
  )
}

/** Σ values ÷ Σ others of the same seeds, with the interval of a linearised ratio (Cochran 1977, 6.3). */
export function ratioOf(values: readonly number[], others: readonly number[]): Mean {
  const [sum, of] = [values, others].map(numbers => numbers.reduce((sum, value) => sum + value, 0)) as [number, number]
  const ratio = sum / of
  return around(
    ratio,
    values.map((value, at) => value - ratio * others[at]!),
    of / others.length,
  )
}

/** @param residuals of what the estimate is made of, whose mean is 0, in units of `scale`. */
function around(mean: number, residuals: readonly number[], scale: number): Mean {
  const { length } = residuals
  if (length < 2 || !Number.isFinite(mean)) return { mean, interval: null }
  const variance = residuals.reduce((sum, residual) => sum + residual ** 2, 0) / (length - 1)
  const margin = (studentQuantile(0.975, length - 1) * Math.sqrt(variance / length)) / Math.abs(scale)
  return { mean, interval: [mean - margin, mean + margin] }
}
