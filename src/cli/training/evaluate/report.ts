/** What `aurochs evaluate` prints of each model. */
import type { Evaluation } from '../../../evaluation/evaluate.ts'
import type { Metric } from '../../../evaluation/metrics/metrics.ts'
import { nextItemViews } from '../../../evaluation/next/next-items.ts'
import { type BootstrapOptions, bootstrapIntervals, type Interval } from '../../../evaluation/significance/bootstrap.ts'
import { summariseFolds } from '../../../evaluation/significance/folds.ts'
import { historyGroups } from '../../../evaluation/significance/history-groups.ts'
import { judgedRows } from '../../../evaluation/significance/user-values.ts'
import { table } from '../../terminal/table.ts'
import type { Measured } from './measure.ts'

type Values = Readonly<Record<string, number>>

/** The JSON of a model. */
export interface ModelReport {
  readonly model: string
  readonly options: object
  /** Means over the folds, if there are several. */
  readonly train: Measured['train']
  readonly test: Pick<Evaluation, 'judged' | 'users' | 'pairs' | 'unknownUsers' | 'unknownPairs' | 'repeatedPairs'>
  readonly metrics: Values
  /** 95 %, of all metrics that are means over users. */
  readonly intervals: Readonly<Record<string, Interval>>
  /** Standard deviation between folds. */
  readonly spread?: Values
  /** Metrics of each fold. */
  readonly folds?: readonly Values[]
  readonly groups?: readonly GroupReport[]
  readonly seconds: Measured['seconds']
}

interface GroupReport {
  readonly group: string
  /** What the means are of: users, or events where these are judged. */
  readonly values: number
  readonly users: number
  readonly metrics: Values
  readonly intervals: Readonly<Record<string, Interval>>
}

export interface ReportOptions {
  readonly byHistory: boolean
  readonly bootstrap: BootstrapOptions
}

/** @param folds of one model: one, or all of a cross-validation. */
export function reportOf(folds: readonly Measured[], { byHistory, bootstrap }: ReportOptions): ModelReport {
  const evaluations = folds.map(({ evaluation }) => evaluation)
  const [{ model, options }] = folds
  const hasFolds = folds.length > 1
  const summary = hasFolds ? summariseFolds(evaluations) : evaluations[0]
  const mean = (of: (fold: Measured) => number) =>
    Math.round(folds.reduce((sum, fold) => sum + of(fold), 0) / folds.length)
  const seconds = (of: (fold: Measured) => number) => Number(folds.reduce((sum, fold) => sum + of(fold), 0).toFixed(3))
  const { users, pairs, unknownUsers, unknownPairs, repeatedPairs, metrics } = summary
  const [{ judged }] = evaluations
  return {
    model,
    options,
    train: {
      users: mean(({ train }) => train.users),
      items: mean(({ train }) => train.items),
      pairs: mean(({ train }) => train.pairs),
    },
    test: { judged, users, pairs, unknownUsers, unknownPairs, repeatedPairs },
    metrics,
    intervals: bootstrapIntervals(
      evaluations.map(({ perUser }) => perUser),
      bootstrap,
    ),
    ...('spread' in summary && { spread: summary.spread, folds: evaluations.map(fold => fold.metrics) }),
    ...(byHistory && { groups: groupReports(evaluations, bootstrap) }),
    seconds: { train: seconds(({ seconds }) => seconds.train), rank: seconds(({ seconds }) => seconds.rank) },
  }
}

/** Of users by what is known of them, and of events. */
export const groupNames: readonly string[] = [...historyGroups, ...nextItemViews].map(({ name }) => name)

/** Of each group that has users in a fold: means over these folds. */
function groupReports(evaluations: readonly Evaluation[], bootstrap: BootstrapOptions): GroupReport[] {
  return groupNames.flatMap(name => {
    const parts = evaluations.flatMap(({ groups }) => groups.find(({ group }) => group === name) ?? [])
    if (parts.length === 0) return []
    const users = parts.map(({ perUser }) => perUser)
    const mean = (metric: string) => parts.reduce((sum, { metrics }) => sum + metrics[metric], 0) / parts.length
    return {
      group: name,
      values: users.reduce((sum, { rows }) => sum + rows.length, 0),
      users: judgedRows(users).users,
      metrics: Object.fromEntries(Object.keys(parts[0].metrics).map(metric => [metric, mean(metric)])),
      intervals: bootstrapIntervals(users, bootstrap),
    }
  })
}

/** A table of all models, and what they were judged by. */
export function tableOf(reports: readonly ModelReport[], metrics: readonly Metric[]): string {
  const [{ train, test, folds }] = reports
  const lines = reports.flatMap(report => {
    const { model, metrics: found, intervals, spread, groups = [], seconds } = report
    return [
      [model, ...cells(metrics, found), `${seconds.train}`, `${seconds.rank}`],
      ['  95 %', ...intervalCells(metrics, intervals)],
      ...(spread ? [['  between folds ±', ...cells(metrics, spread)]] : []),
      ...groups.flatMap(group => [
        [`  ${groupTitle(group, test.judged)}`, ...cells(metrics, group.metrics)],
        ['  95 %', ...intervalCells(metrics, group.intervals)],
      ]),
    ]
  })
  return (
    `${folds ? `${folds.length} folds, each with about ` : ''}${train.users} users, ${train.items} items and ${train.pairs} pairs to learn from; ` +
    `${test.users} users judged by ${test.pairs} held-out ${test.judged} ` +
    `(unknown to the training: ${test.unknownUsers} of the users, the items of ${test.unknownPairs} of the ${test.judged})\n` +
    table([['model', ...metrics.map(({ name }) => name), 's until ready', 's to rank'], ...lines])
  )
}

/** @param values users of the group, or events where these are judged. */
export function groupTitle(
  { group, values, users }: Pick<GroupReport, 'group' | 'values' | 'users'>,
  judged: Evaluation['judged'],
): string {
  return judged === 'events' ? `${group}: ${values} events of ${users} users` : `known ${group}: ${users} users`
}

function cells(metrics: readonly Metric[], values: Values): string[] {
  return metrics.map(({ name }) => values[name].toFixed(5))
}

function intervalCells(metrics: readonly Metric[], intervals: ModelReport['intervals']): string[] {
  return metrics.map(({ name }) => {
    const interval = intervals[name]
    return interval ? `${interval[0].toFixed(5)}–${interval[1].toFixed(5)}` : ''
  })
}
