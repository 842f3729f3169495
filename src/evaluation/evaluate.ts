import type { ItemList, RankRequest } from '../models/algorithm.ts'
import { contains } from '../search/item-lists.ts'
import { assertWholeNumber } from '../storage/whole-number.ts'
import { aucOfUsers } from './metrics/auc.ts'
import { Coverage } from './metrics/coverage.ts'
import { ListDiversity } from './metrics/diversity.ts'
import type { Metric } from './metrics/metrics.ts'
import { novelty, selfInformation } from './metrics/novelty.ts'
import { requestOf, usersAtOnce } from './requests.ts'
import { historyGroupOf, historyGroups } from './significance/history-groups.ts'
import { byHistory, meansOf, type UserValues } from './significance/user-values.ts'
import { type HeldOut, heldItems } from './splits/held-out.ts'

/** What is evaluated: a `ModelPool`, or anything else that orders all items for users of the training. */
export interface Ranker {
  /** Number of items that it chooses from. */
  readonly items: number
  /** Whether events count by their kind or age: not to be judged by users of whom only pairs are given. */
  readonly weighsEvents?: boolean
  /** A list for each request, best first. */
  rank(requests: readonly RankRequest[], signal?: AbortSignal): Promise<readonly Pick<ItemList, 'items'>[]>
}

/** How well a model found what was held out. */
export interface Evaluation {
  /** What each value is of: the held-out pairs of a user together, or one event of a user. */
  readonly judged: 'pairs' | 'events'
  /** By name, as `recall@20`; see metrics.ts for what each means. */
  readonly metrics: Readonly<Record<string, number>>
  /** Users that the means are taken over. */
  readonly users: number
  /** Held-out pairs of these users; events where these are judged. */
  readonly pairs: number
  /** Of the users, those of whom nothing is known when lists are made. */
  readonly unknownUsers: number
  /** Of the pairs, those whose item the training does not know: no list can have them. */
  readonly unknownPairs: number
  /** Test pairs that the training has too; left aside where seen items are excluded. */
  readonly repeatedPairs: number
  /** The same metrics of cold and warm users apart: of the groups of `historyGroups`, those that have users. */
  readonly groups: readonly GroupEvaluation[]
  /** What the means are of: for `bootstrapIntervals` and `compareUsers`. */
  readonly perUser: UserValues
}

/** The metrics of the users of whom about as much is known. */
export interface GroupEvaluation {
  /** Name of one of `historyGroups`, how many items are known; or of `nextItemViews`, where events are judged. */
  readonly group: string
  readonly users: number
  readonly metrics: Readonly<Record<string, number>>
  readonly perUser: UserValues
}

export interface EvaluateOptions {
  /** For auc: of more items that a user's list may have and that are not held out, so many are drawn. Default: 250. */
  readonly negatives?: number | undefined
  /** Of what is drawn for auc. Default: 0. */
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called with the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/**
 * Ranks all items for each held-out user, training pairs left out unless they may be found again, and compares the
 * lists with what was held out.
 *
 * What is kept is 8 bytes a user and metric. Same result for any number of workers.
 *
 * @throws RangeError when no user is to be judged, when the ranker would need events of whom only pairs are given, or an option is out of
 *   range.
 */
export async function evaluate(
  ranker: Ranker,
  heldOut: HeldOut,
  metrics: readonly Metric[],
  { negatives = 250, seed = 0, signal, onProgress }: EvaluateOptions = {},
): Promise<Evaluation> {
  const { users, rows, histories, sizes, unknownUsers, unknownPairs, repeatedPairs } = heldOut
  if (users.length === 0)
    throw new RangeError('there is nothing to judge: every pair of the test is in the training, too')
  if (heldOut.given && ranker.weighsEvents) {
    throw new RangeError(
      'events count by their kind or age in this model, but of users who are held out whole pairs are given, not events: ' +
        'judge it by another split, such as last:1 or random:0.1',
    )
  }
  assertWholeNumber('negatives', negatives, 1)
  const values: Record<string, Float64Array> = {}
  for (const { name, kind } of metrics) if (kind !== 'coverage') values[name] = new Float64Array(users.length)
  const hasAuc = metrics.some(({ kind }) => kind === 'auc')
  const ofLists = metrics.filter(({ kind }) => kind !== 'auc')
  const passes = Number(hasAuc) + Number(ofLists.length > 0)
  const progress = (passesDone: number) => (done: number) =>
    onProgress?.(Math.min(1, (passesDone + done / users.length) / passes))

  const coverages = historyGroups.map(() => new Coverage(ranker.items))
  if (ofLists.length > 0)
    await judgeLists(ranker, heldOut, ofLists, { values, coverages, signal, onUsers: progress(0) })
  if (hasAuc) {
    values.auc = await aucOfUsers(ranker, heldOut, { negatives, seed, signal, onUsers: progress(passes - 1) })
  }

  const perUser: UserValues = { rows, histories, values }
  const summary = (of: UserValues, coverage: Coverage) => {
    const means = meansOf(of)
    const value = ({ name, kind, cut }: Metric) => (kind === 'coverage' ? coverage.share(cut) : means[name])
    return Object.fromEntries(metrics.map(metric => [metric.name, value(metric)]))
  }
  const groups = byHistory(perUser).map(
    (of, at): GroupEvaluation => ({
      group: historyGroups[at].name,
      users: of.rows.length,
      metrics: summary(of, coverages[at]),
      perUser: of,
    }),
  )
  return {
    judged: 'pairs',
    metrics: summary(perUser, Coverage.union(coverages)),
    users: users.length,
    pairs: sizes.reduce((sum, size) => sum + size, 0),
    unknownUsers,
    unknownPairs,
    repeatedPairs,
    groups: groups.filter(group => group.users > 0),
    perUser,
  }
}

interface ListValues {
  /** By metric's name, (judged): filled. */
  readonly values: Readonly<Record<string, Float64Array>>
  /** By group of users, see {@link historyGroupOf}: lists are added. */
  readonly coverages: readonly Coverage[]
  readonly signal: AbortSignal | undefined
  /** Called with the number of users that are done. */
  readonly onUsers: (done: number) => void
}

/** Has the first places of every judged user's list ranked, and measures them. */
async function judgeLists(
  ranker: Ranker,
  heldOut: HeldOut,
  metrics: readonly Metric[],
  { values, coverages, signal, onUsers }: ListValues,
): Promise<void> {
  const { sizes, histories, training } = heldOut
  const judged = heldOut.users.length
  const limit = Math.max(...metrics.map(({ cut }) => cut))
  const measures = metrics.flatMap(metric => {
    const measure = measureOf(metric, training)
    return measure ? [{ measure, into: values[metric.name] }] : []
  })
  const isCovered = metrics.some(({ kind }) => kind === 'coverage')
  const batch = usersAtOnce(Math.min(limit, ranker.items))
  for (let first = 0; first < judged; first += batch) {
    signal?.throwIfAborted()
    const count = Math.min(batch, judged - first)
    const requests = Array.from({ length: count }, (_, at) =>
      requestOf(heldOut, first + at, { limit, only: undefined }),
    )
    const lists = await ranker.rank(requests, signal)
    lists.forEach(({ items }, index) => {
      const at = first + index
      const hits = hitsOf(items, heldItems(heldOut, at))
      for (const { measure, into } of measures) into[at] = measure(items, hits, sizes[at])
      if (isCovered) coverages[historyGroupOf(histories[at])].add(items)
    })
    onUsers(first + count)
  }
}

/** Measures one user's list: its items, best first, the places of its hits, from 0, and how many items were held out. */
type ListMeasure = (items: Uint32Array, hits: readonly number[], held: number) => number

/** None for coverage. */
function measureOf({ kind, cut, measure }: Metric, training: HeldOut['training']): ListMeasure | undefined {
  if (kind === 'novelty') {
    const information = selfInformation(training)
    return items => novelty(items, cut, information)
  }
  if (kind === 'diversity') {
    const diversity = new ListDiversity(training)
    return items => diversity.of(items, cut)
  }
  if (!measure) return undefined
  return (_, hits, held) => {
    const within = hits.filter(place => place < cut)
    return measure(within, held, cut)
  }
}

/** Places of `list` whose item was held out. */
function hitsOf(list: Uint32Array, held: Uint32Array): number[] {
  const hits: number[] = []
  list.forEach((item, place) => {
    if (contains(held, item)) hits.push(place)
  })
  return hits
}
