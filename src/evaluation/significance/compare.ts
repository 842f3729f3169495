import { type BootstrapOptions, bootstrapIntervals, type Interval } from './bootstrap.ts'
import { judgedRows, meansOf, type UserValues } from './user-values.ts'

/** Two models side by side, by the same users. */
export interface Comparison {
  /** Users that both were judged by. */
  readonly users: number
  /** By name, of each metric that is a value of a user. */
  readonly metrics: Readonly<Record<string, Difference>>
}

export interface Difference {
  /** Mean of the second model less that of the first: above 0 where the second is higher. */
  readonly difference: number
  /** By the bootstrap over users: where it does not have 0, the sign of the difference is no chance of which users were judged. */
  readonly interval: Interval
  /** Shares of the users for whom the second model's value is higher, the same, and lower. */
  readonly better: number
  readonly equal: number
  readonly worse: number
}

/**
 * Compares two models by the users that both were judged by: since what is easy for one model is mostly easy for the other,
 * the interval of the differences is far narrower than those of the two means.
 *
 * @param first, second The users of each fold of a cross-validation, or of the one test; the folds and tests are the same.
 * @throws RangeError when the folds do not fit together, or no user was judged by both.
 */
export function compareUsers(
  first: readonly UserValues[],
  second: readonly UserValues[],
  options: BootstrapOptions = {},
): Comparison {
  if (first.length !== second.length) {
    throw new RangeError(`models are compared by the same folds, got ${first.length} and ${second.length}`)
  }
  const folds = first.map((each, fold) => differences(each, second[fold]))
  const filled = folds.filter(({ rows }) => rows.length > 0)
  if (filled.length === 0) throw new RangeError('no user was judged by both models: compare them by the same test')
  const intervals = bootstrapIntervals(filled, options)
  const means = filled.map(meansOf)
  const judged = judgedRows(filled)
  const metrics = Object.keys(filled[0].values).map((name): [string, Difference] => {
    const difference = means.reduce((sum, mean) => sum + mean[name], 0) / means.length
    return [name, { difference, interval: intervals[name], ...signs(filled, name, judged) }]
  })
  return { users: judged.users, metrics: Object.fromEntries(metrics) }
}

/** What the order of its terms may change of a sum of a list's items, relative to it. */
const rounding = 1e-12

/** The second's values less the first's, of the users that are in both. */
function differences(first: UserValues, second: UserValues): UserValues {
  const size = Math.min(first.rows.length, second.rows.length)
  const [left, right] = [new Uint32Array(size), new Uint32Array(size)]
  let [count, i, j] = [0, 0, 0]
  while (i < first.rows.length && j < second.rows.length) {
    const [a, b] = [first.rows[i], second.rows[j]]
    if (a === b) {
      left[count] = i
      right[count++] = j
    }
    if (a <= b) i++
    if (b <= a) j++
  }
  const names = Object.keys(first.values).filter(name => name in second.values)
  const difference = (name: string) => {
    const [a, b] = [first.values[name], second.values[name]]
    return Float64Array.from({ length: count }, (_, at) => differenceOf(a[left[at]], b[right[at]]))
  }
  return {
    rows: Uint32Array.from({ length: count }, (_, at) => first.rows[left[at]]),
    histories: Uint32Array.from({ length: count }, (_, at) => first.histories[left[at]]),
    values: Object.fromEntries(names.map(name => [name, difference(name)])),
  }
}

/** `second` less `first`; 0 where they are the same sum but for the order of its terms, as of the same list in another order. */
function differenceOf(first: number, second: number): number {
  const difference = second - first
  return Math.abs(difference) <= rounding * Math.max(Math.abs(first), Math.abs(second)) ? 0 : difference
}

/** The shares of the users whose differences are together above, at and below 0. */
function signs(
  folds: readonly UserValues[],
  name: string,
  { size, users }: ReturnType<typeof judgedRows>,
): Pick<Difference, 'better' | 'equal' | 'worse'> {
  const sums = new Float64Array(size)
  for (const { rows, values } of folds) for (let at = 0; at < rows.length; at++) sums[rows[at]] += values[name][at]
  let [better, worse] = [0, 0]
  for (const sum of sums) {
    if (sum > 0) better++
    if (sum < 0) worse++
  }
  return { better: better / users, equal: (users - better - worse) / users, worse: worse / users }
}
