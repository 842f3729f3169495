import { type ItemList, noEvents, type RankRequest } from '../models/algorithm.ts'
import { contains } from '../search/item-lists.ts'
import type { HeldOut } from './held-out.ts'
import type { Metric } from './metrics.ts'

/** What is evaluated: a `ModelPool`, or anything else that orders all items for users of the training. */
export interface Ranker {
  /** Number of items that it chooses from. */
  readonly items: number
  /** A list for each request, best first. */
  rank(requests: readonly RankRequest[], signal?: AbortSignal): Promise<readonly Pick<ItemList, 'items'>[]>
}

/** How well a model found what was held out. */
export interface Evaluation {
  /** By name, as `recall@20`; see metrics.ts for what each means. */
  readonly metrics: Readonly<Record<string, number>>
  /** Users that the means are taken over. */
  readonly users: number
  /** Held-out pairs of these users. */
  readonly pairs: number
  /** Of the users, those that the training does not know. */
  readonly unknownUsers: number
  /** Of the pairs, those whose item the training does not know: no list can have them. */
  readonly unknownPairs: number
  /** Test pairs that the training has too; left aside where seen items are excluded. */
  readonly repeatedPairs: number
}

export interface EvaluateOptions {
  readonly signal?: AbortSignal | undefined
  /** Called with the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/** Users ranked in one go: enough to keep all workers busy, few enough that their lists stay small. */
const batch = 4096

/**
 * Ranks all items for each held-out user, training pairs left out unless they may be found again, and compares the
 * lists with what was held out.
 *
 * @throws RangeError when no user is to be judged.
 */
export async function evaluate(
  ranker: Ranker,
  heldOut: HeldOut,
  metrics: readonly Metric[],
  { signal, onProgress }: EvaluateOptions = {},
): Promise<Evaluation> {
  const { users, sizes, seen, unknownUsers, unknownPairs, repeatedPairs } = heldOut
  if (users.length === 0)
    throw new RangeError('there is nothing to judge: every pair of the test is in the training, too')
  const longest = Math.max(...metrics.map(metric => metric.cut))
  const sums = new Float64Array(metrics.length)
  /** Per item: the best place that it had in any list, counted from 0. */
  const best = new Float64Array(ranker.items).fill(Number.POSITIVE_INFINITY)
  for (let first = 0; first < users.length; first += batch) {
    signal?.throwIfAborted()
    const requests = Array.from(users.subarray(first, first + batch), user => requestOf(user, seen, longest))
    const lists = await ranker.rank(requests, signal)
    lists.forEach(({ items }, at) => {
      const held = heldOut.items.subarray(heldOut.indptr[first + at], heldOut.indptr[first + at + 1])
      const hits = hitsOf(items, held)
      metrics.forEach(({ cut, measure }, index) => {
        const within = hits.filter(place => place < cut)
        if (measure) sums[index] += measure(within, sizes[first + at], cut)
      })
      items.forEach((item, place) => {
        if (place < best[item]) best[item] = place
      })
    })
    onProgress?.(Math.min(1, (first + batch) / users.length))
  }
  const result = metrics.map(({ name, cut, measure }, index) => {
    const value = measure ? sums[index] / users.length : best.filter(place => place < cut).length / ranker.items
    return [name, value]
  })
  return {
    metrics: Object.fromEntries(result),
    users: users.length,
    pairs: sizes.reduce((sum, size) => sum + size, 0),
    unknownUsers,
    unknownPairs,
    repeatedPairs,
  }
}

function requestOf(user: number, seen: RankRequest['seen'], limit: number): RankRequest {
  return { user, recent: noEvents, seen, limit, exclude: nothing }
}

const nothing = new Uint32Array(0)

/** Places of `list` whose item was held out. */
function hitsOf(list: Uint32Array, held: Uint32Array): number[] {
  const hits: number[] = []
  list.forEach((item, place) => {
    if (contains(held, item)) hits.push(place)
  })
  return hits
}
