import { randomNumbers } from '../../../src/storage/random.ts'

export interface Interval {
  readonly mean: number
  readonly low: number
  readonly high: number
  readonly error: number
}

/** What `statistic` says of samples of `units`, drawn with replacement, with 95 % of 2000 samples between `low` and `high`. */
export function bootstrap<Unit>(
  units: readonly Unit[],
  statistic: (sample: readonly Unit[]) => number,
  samples = 2000,
): Interval {
  const random = randomNumbers(20)
  const values = Array.from({ length: samples }, () =>
    statistic(Array.from(units, () => units[Math.floor(random() * units.length)]!)),
  ).sort((a, b) => a - b)
  const mean = values.reduce((sum, value) => sum + value, 0) / samples
  const error = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / samples)
  return {
    mean: statistic(units),
    low: values[Math.floor(0.025 * samples)]!,
    high: values[Math.floor(0.975 * samples)]!,
    error,
  }
}
