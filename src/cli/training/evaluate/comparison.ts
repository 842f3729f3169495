/** What `aurochs evaluate --compare` prints of two models. */
import type { Evaluation } from '../../../evaluation/evaluate.ts'
import type { BootstrapOptions } from '../../../evaluation/significance/bootstrap.ts'
import { type Comparison, compareUsers } from '../../../evaluation/significance/compare.ts'
import type { UserValues } from '../../../evaluation/significance/user-values.ts'
import { asUsage } from '../../command.ts'
import { table } from '../../terminal/table.ts'
import type { Measured } from './measure.ts'
import { groupNames, groupTitle, type ReportOptions } from './report.ts'

/** The JSON of a comparison. */
export interface ComparisonReport extends Comparison {
  readonly compared: { readonly first: string; readonly second: string }
  /** What each value is of. */
  readonly judged: Evaluation['judged']
  /** Of each group that both have; `values`: its users, or events. */
  readonly groups?: readonly (Comparison & { readonly group: string; readonly values: number })[]
}

/** Every other model against the first, and where `byHistory` also by group. @param models The folds of each model. */
export function comparisonsOf(
  models: readonly (readonly Measured[])[],
  { byHistory, bootstrap }: ReportOptions,
): ComparisonReport[] {
  const [first, ...others] = models.map(folds => folds.map(({ model, evaluation }) => ({ model, evaluation })))
  return others.map(other => {
    const evaluations = [first, other].map(folds => folds.map(({ evaluation }) => evaluation))
    return {
      compared: { first: first[0].model, second: other[0].model },
      judged: first[0].evaluation.judged,
      ...asUsage(() => compared(evaluations, bootstrap)),
      ...(byHistory && { groups: comparedGroups(evaluations, bootstrap) }),
    }
  })
}

function compared(
  [first, second]: (readonly Pick<Evaluation, 'perUser'>[])[],
  bootstrap: BootstrapOptions,
): Comparison {
  return compareUsers(
    first.map(({ perUser }) => perUser),
    second.map(({ perUser }) => perUser),
    bootstrap,
  )
}

/** By the folds in which both have the group, and users in it. */
function comparedGroups([first, second]: (readonly Evaluation[])[], bootstrap: BootstrapOptions) {
  return groupNames.flatMap(name => {
    const groupOf = ({ groups }: Evaluation) => groups.find(({ group }) => group === name)
    const both = first.flatMap((evaluation, fold) => {
      const [one, other] = [groupOf(evaluation), groupOf(second[fold])]
      return one && other && sharesRows(one.perUser, other.perUser) ? [[one, other]] : []
    })
    if (both.length === 0) return []
    const folds = [0, 1].map(model => both.map(groups => groups[model]))
    const values = folds[0].reduce((sum, { perUser }) => sum + perUser.rows.length, 0)
    return { group: name, values, ...compared(folds, bootstrap) }
  })
}

function sharesRows({ rows }: UserValues, other: UserValues): boolean {
  const others = new Set(other.rows)
  return rows.some(row => others.has(row))
}

export function comparisonTable({ compared, judged, users, metrics, groups = [] }: ComparisonReport): string {
  const rows = [
    ...rowsOf(metrics),
    ...groups.flatMap(group => [[`  ${groupTitle(group, judged)}`, '', '', '', '', ''], ...rowsOf(group.metrics)]),
  ]
  return (
    `\n${compared.second} less ${compared.first}, by ${users} users: the share of them for whom ${compared.second} is higher, the same, and lower\n` +
    table([['metric', 'difference', '95 %', 'higher', 'same', 'lower'], ...rows])
  )
}

function rowsOf(metrics: Comparison['metrics']): string[][] {
  return Object.entries(metrics).map(([name, { difference, interval, better, equal, worse }]) => [
    name,
    signed(difference),
    `${signed(interval[0])} to ${signed(interval[1])}`,
    ...[better, equal, worse].map(share => `${(100 * share).toFixed(1)} %`),
  ])
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(5)}`
}
