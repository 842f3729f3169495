import type { Evaluation } from '../evaluate.ts'
import { judgedRows } from './user-values.ts'

/** What the folds of a cross-validation give together. */
export interface FoldSummary {
  /** By name, the mean over the folds. */
  readonly metrics: Readonly<Record<string, number>>
  /** By name, the standard deviation between the folds (n − 1). Folds share most of their training: it is no standard error. */
  readonly spread: Readonly<Record<string, number>>
  /** Users that were judged in any fold. */
  readonly users: number
  /** Of all folds together; a user counts in each fold again. */
  readonly pairs: number
  readonly unknownUsers: number
  readonly unknownPairs: number
  readonly repeatedPairs: number
}

/**
 * Means and spread over the evaluations of one model's folds. Their intervals are those of `bootstrapIntervals`, of all
 * `perUser` together.
 *
 * @throws RangeError for less than two.
 */
export function summariseFolds(folds: readonly Evaluation[]): FoldSummary {
  if (folds.length < 2) throw new RangeError(`a cross-validation has at least 2 folds, got ${folds.length}`)
  const names = Object.keys(folds[0].metrics)
  const mean = (name: string) => folds.reduce((sum, { metrics }) => sum + metrics[name], 0) / folds.length
  const deviation = (name: string) => {
    const centre = mean(name)
    const squares = folds.reduce((sum, { metrics }) => sum + (metrics[name] - centre) ** 2, 0)
    return Math.sqrt(squares / (folds.length - 1))
  }
  const total = (count: (fold: Evaluation) => number) => folds.reduce((sum, fold) => sum + count(fold), 0)
  return {
    metrics: Object.fromEntries(names.map(name => [name, mean(name)])),
    spread: Object.fromEntries(names.map(name => [name, deviation(name)])),
    users: judgedRows(folds.map(({ perUser }) => perUser)).users,
    pairs: total(({ pairs }) => pairs),
    unknownUsers: total(({ unknownUsers }) => unknownUsers),
    unknownPairs: total(({ unknownPairs }) => unknownPairs),
    repeatedPairs: total(({ repeatedPairs }) => repeatedPairs),
  }
}
