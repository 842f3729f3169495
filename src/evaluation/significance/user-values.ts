import { historyGroupOf, historyGroups } from './history-groups.ts'

/** What was measured of each judged user: what means, intervals and comparisons are made of. */
export interface UserValues {
  /** (judged) The user's row in the test, ascending: the same user has the same row, whatever model was judged. */
  readonly rows: Uint32Array
  /** (judged) Number of items that were known of the user when the list was made. */
  readonly histories: Uint32Array
  /** (judged) The value of each metric, by its name; coverage is no value of a user and is not among them. */
  readonly values: Readonly<Record<string, Float64Array>>
}

/** The mean over the users of each metric. */
export function meansOf({ values }: UserValues): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, each]) => [name, meanOf(each)]))
}

function meanOf(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}

/** How many rows the test has up to the last one that any fold judges, and how many of them are judged. O(rows). */
export function judgedRows(folds: readonly UserValues[]): { readonly size: number; readonly users: number } {
  const size = folds.reduce((most, { rows }) => Math.max(most, (rows.at(-1) ?? -1) + 1), 0)
  const isJudged = new Uint8Array(size)
  for (const { rows } of folds) for (const row of rows) isJudged[row] = 1
  return { size, users: isJudged.reduce((sum, mark) => sum + mark, 0) }
}

/** The users of each group by history, by its index in `historyGroups`; some have none. */
export function byHistory(users: UserValues): UserValues[] {
  return historyGroups.map((_, group) => chosenUsers(users, at => historyGroupOf(users.histories[at]) === group))
}

/** The users at these places. */
export function chosenUsers({ rows, histories, values }: UserValues, isChosen: (at: number) => boolean): UserValues {
  const chosen = (_: number, at: number) => isChosen(at)
  return {
    rows: rows.filter(chosen),
    histories: histories.filter(chosen),
    values: Object.fromEntries(Object.entries(values).map(([name, each]) => [name, each.filter(chosen)])),
  }
}
