import type { Evaluation, GroupEvaluation, Ranker } from './evaluate.ts'
import { assertMetricsOfPlaces, type Metric } from './metrics.ts'
import { type NextItems, nextItemViews } from './next-items.ts'
import { requestOfNext, usersAtOnce } from './requests.ts'
import { chosenUsers, meansOf, type UserValues } from './user-values.ts'

export interface EvaluateNextOptions {
  readonly signal?: AbortSignal | undefined
  /** Called with the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/**
 * How well a model foretells the next item, events being pairs with one item held out: has the list made that each user gets just before an event, and looks for the event's item in it. What is judged of one user
 * comes together: `perUser` has a row of a user once for each event, and intervals and comparisons draw users, not events.
 *
 * Same result for any number of workers.
 *
 * @throws RangeError for a metric that is none of the places of a list.
 */
export async function evaluateNext(
  ranker: Ranker,
  next: NextItems,
  metrics: readonly Metric[],
  { signal, onProgress }: EvaluateNextOptions = {},
): Promise<Evaluation> {
  assertMetricsOfPlaces(metrics)
  const { rows, histories, targets } = next
  const judged = rows.length
  const limit = Math.max(...metrics.map(({ cut }) => cut))
  const values = Object.fromEntries(metrics.map(({ name }) => [name, new Float64Array(judged)]))
  const batch = usersAtOnce(Math.min(limit, ranker.items))
  for (let first = 0; first < judged; first += batch) {
    signal?.throwIfAborted()
    const count = Math.min(batch, judged - first)
    const requests = Array.from({ length: count }, (_, at) => requestOfNext(next, first + at, limit))
    const lists = await ranker.rank(requests, signal)
    lists.forEach(({ items }, index) => {
      const at = first + index
      const place = items.indexOf(targets[at])
      for (const { name, cut, measure } of metrics) {
        values[name][at] = measure!(place >= 0 && place < cut ? [place] : [], 1, cut)
      }
    })
    onProgress?.((first + count) / judged)
  }
  const perUser: UserValues = { rows, histories, values }
  return { ...summaryOf(next, perUser), groups: groupsOf(next, perUser) }
}

function summaryOf({ rows, users, targets }: NextItems, perUser: UserValues): Omit<Evaluation, 'groups'> {
  const isFirstOfUser = (at: number) => at === 0 || rows[at] !== rows[at - 1]
  const count = (of: (at: number) => boolean) => rows.reduce((sum, _, at) => sum + Number(of(at)), 0)
  return {
    judged: 'events',
    metrics: meansOf(perUser),
    users: count(isFirstOfUser),
    pairs: rows.length,
    unknownUsers: count(at => isFirstOfUser(at) && users[at] < 0),
    unknownPairs: count(at => targets[at] < 0),
    repeatedPairs: 0,
    perUser,
  }
}

function groupsOf({ views }: NextItems, perUser: UserValues): GroupEvaluation[] {
  return nextItemViews.flatMap(({ name }, view) => {
    const of = chosenUsers(perUser, at => ((views[at] >> view) & 1) === 1)
    return of.rows.length === 0 ? [] : { group: name, users: new Set(of.rows).size, metrics: meansOf(of), perUser: of }
  })
}
