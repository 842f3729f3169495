import type { LearnedEvent } from '../../models/algorithm.ts'
import type { Evaluation, GroupEvaluation, Ranker } from '../evaluate.ts'
import { assertMetricsOfPlaces, type Metric } from '../metrics/metrics.ts'
import { requestOfNext, usersAtOnce } from '../requests.ts'
import { chosenUsers, meansOf, type UserValues } from '../significance/user-values.ts'
import { isIn, type NextItems, nextItemViews } from './next-items.ts'

export interface EvaluateNextOptions {
  readonly signal?: AbortSignal | undefined
  /** Called with the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/** A model that learns from events between the lists that it gives. */
export interface LearningRanker extends Ranker {
  learn(event: LearnedEvent): void
}

/** In ms. */
const learningInterval = 60_000

/**
 * Evaluates the prediction of next items: for each event, the list that its user would get just before it, and the place of the
 * event's item in that. `perUser` has a row of a user once for each event; intervals and comparisons draw users, not events.
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
  const judging = new Judging(ranker, next, metrics)
  const all = Uint32Array.from(next.rows.keys())
  for (let first = 0; first < all.length; first += judging.atOnce) {
    signal?.throwIfAborted()
    await judging.judge(all.subarray(first, first + judging.atOnce), signal)
    onProgress?.(judging.done / all.length)
  }
  return judging.evaluation
}

/**
 * The same in order of time, of a model that learns meanwhile, from each event of the test, up to a minute late: the
 * events of a minute are judged by what was learned before it. Of the user all counts that was before, as always.
 */
export async function evaluateOnline(
  ranker: LearningRanker,
  next: NextItems,
  metrics: readonly Metric[],
  { signal, onProgress }: EvaluateNextOptions = {},
): Promise<Evaluation> {
  const judging = new Judging(ranker, next, metrics)
  const { rows, items, weights, times } = next.known
  const events = inOrder(times)
  const judged = inOrder(next.times)
  let learned = 0
  for (let first = 0, end = 0; first < judged.length; first = end) {
    signal?.throwIfAborted()
    const begin = next.times[judged[first]]
    for (; learned < events.length && times[events[learned]] < begin; learned++) {
      const at = events[learned]
      ranker.learn({ user: rows[at], item: items[at], weight: weights[at], time: times[at] })
    }
    for (end = first; end < judged.length && next.times[judged[end]] < begin + learningInterval; ) end++
    for (let from = first; from < end; from += judging.atOnce) {
      await judging.judge(judged.subarray(from, Math.min(end, from + judging.atOnce)), signal)
      onProgress?.(judging.done / judged.length)
    }
  }
  return judging.evaluation
}

/** Places of `times`, earliest first; equal ones in their order. */
function inOrder(times: Float64Array): Uint32Array {
  return Uint32Array.from(times.keys()).sort((a, b) => times[a] - times[b] || a - b)
}

/** Judges events of `next`, each once, in any order. */
class Judging {
  /** Events that are ranked in one go at the most. */
  readonly atOnce: number
  done = 0
  readonly #ranker: Ranker
  readonly #next: NextItems
  readonly #metrics: readonly Metric[]
  readonly #limit: number
  readonly #values: Readonly<Record<string, Float64Array>>

  /** @throws RangeError for a metric that is none of the places of a list. */
  constructor(ranker: Ranker, next: NextItems, metrics: readonly Metric[]) {
    assertMetricsOfPlaces(metrics)
    this.#ranker = ranker
    this.#next = next
    this.#metrics = metrics
    this.#limit = Math.max(...metrics.map(({ cut }) => cut))
    this.#values = Object.fromEntries(metrics.map(({ name }) => [name, new Float64Array(next.rows.length)]))
    this.atOnce = usersAtOnce(Math.min(this.#limit, ranker.items))
  }

  async judge(events: Uint32Array, signal: AbortSignal | undefined): Promise<void> {
    const requests = Array.from(events, at => requestOfNext(this.#next, at, this.#limit))
    const lists = await this.#ranker.rank(requests, signal)
    lists.forEach(({ items }, index) => {
      const at = events[index]
      const place = items.indexOf(this.#next.targets[at])
      for (const { name, cut, measure } of this.#metrics) {
        this.#values[name][at] = measure!(place >= 0 && place < cut ? [place] : [], 1, cut)
      }
    })
    this.done += events.length
  }

  get evaluation(): Evaluation {
    const { rows, histories } = this.#next
    const perUser: UserValues = { rows, histories, values: this.#values }
    return { ...summaryOf(this.#next, perUser), groups: groupsOf(this.#next, perUser) }
  }
}

function summaryOf({ rows, users, views }: NextItems, perUser: UserValues): Omit<Evaluation, 'groups'> {
  const isFirstOfUser = (at: number) => at === 0 || rows[at] !== rows[at - 1]
  const count = (of: (at: number) => boolean) => rows.reduce((sum, _, at) => sum + Number(of(at)), 0)
  return {
    judged: 'events',
    metrics: meansOf(perUser),
    users: count(isFirstOfUser),
    pairs: rows.length,
    unknownUsers: count(at => isFirstOfUser(at) && users[at] < 0),
    unknownPairs: count(at => isIn(views[at], 'new since the cut')),
    repeatedPairs: 0,
    perUser,
  }
}

function groupsOf({ views }: NextItems, perUser: UserValues): GroupEvaluation[] {
  return nextItemViews.flatMap(({ name }) => {
    const of = chosenUsers(perUser, at => isIn(views[at], name))
    return of.rows.length === 0 ? [] : { group: name, users: new Set(of.rows).size, metrics: meansOf(of), perUser: of }
  })
}
