/** What `aurochs evaluate --compare` prints of two models. */
import type { BootstrapOptions } from '../../evaluation/bootstrap.ts'
import { type Comparison, compareUsers } from '../../evaluation/compare.ts'
import { asUsage } from '../command.ts'
import { table } from '../terminal/table.ts'
import type { Measured } from './measure.ts'

/** The JSON of a comparison. */
export interface ComparisonReport extends Comparison {
  readonly compared: { readonly first: string; readonly second: string }
}

/** Every other model against the first. @param models The folds of each model. */
export function comparisonsOf(
  models: readonly (readonly Measured[])[],
  bootstrap: BootstrapOptions,
): ComparisonReport[] {
  const usersOf = (folds: readonly Measured[]) => folds.map(({ evaluation }) => evaluation.perUser)
  const [first, ...others] = models
  return others.map(other => ({
    compared: { first: first[0].model, second: other[0].model },
    ...asUsage(() => compareUsers(usersOf(first), usersOf(other), bootstrap)),
  }))
}

export function comparisonTable({ compared, users, metrics }: ComparisonReport): string {
  const rows = Object.entries(metrics).map(([name, { difference, interval, better, equal, worse }]) => [
    name,
    signed(difference),
    `${signed(interval[0])} to ${signed(interval[1])}`,
    ...[better, equal, worse].map(share => `${(100 * share).toFixed(1)} %`),
  ])
  return (
    `\n${compared.second} less ${compared.first}, by ${users} users: the share of them for whom ${compared.second} is higher, the same, and lower\n` +
    table([['metric', 'difference', '95 %', 'higher', 'same', 'lower'], ...rows])
  )
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(5)}`
}
