/**
 * What is measured, for people. The reported value is the mean over all judged users; |T| counts the held-out items that no
 * list can have, too.
 */
export const metricNotes = `Metrics, each @ a cut k. T is the set of a user's held-out items, r = 1, 2, … k are the places of the list, and hit(r) is 1
where the item at place r is in T, else 0. What is printed is the mean over the users who are judged:
  recall         Σ hit(r) / |T|
  capped_recall  Σ hit(r) / min(k, |T|): 1 can be reached where k < |T| (Thakur et al. 2021, "BEIR")
  precision      Σ hit(r) / k
  ndcg           Σ hit(r) / log₂(r + 1), divided by the same sum of an ideal list: Σ 1 / log₂(r + 1) for r ≤ min(k, |T|)
  hit            1 where there is a hit, else 0
  mrr            1 / r of the first hit, 0 without one
  map            Σ hit(r) · precision@r / min(k, |T|)
  coverage       no mean: the share of all items that are in at least one user's list`

/** {@link metricNotes} as functions of one user's list. */
const measures = {
  recall: (hits, held) => hits.length / held,
  capped_recall: (hits, held, cut) => hits.length / Math.min(cut, held),
  precision: (hits, _held, cut) => hits.length / cut,
  ndcg: (hits, held, cut) => gain(hits) / gain(Array(Math.min(cut, held)).keys()),
  hit: hits => (hits.length > 0 ? 1 : 0),
  mrr: hits => (hits.length > 0 ? 1 / (hits[0] + 1) : 0),
  map: (hits, held, cut) =>
    hits.reduce((sum, place, before) => sum + (before + 1) / (place + 1), 0) / Math.min(cut, held),
} satisfies Record<string, Measure>

/** @param hits places of the hits among the first `cut`, from 0, ascending; `held`: number of held-out items, not 0. */
type Measure = (hits: readonly number[], held: number, cut: number) => number

export const metricNames = [...Object.keys(measures), 'coverage'] as readonly string[]

export interface Metric {
  /** As given: `recall@20`. */
  readonly name: string
  /** k: how many places of the list count. */
  readonly cut: number
  /** None for coverage, which is not a mean over users. */
  readonly measure: Measure | undefined
}

/**
 * Parses `recall@20,ndcg@20`.
 *
 * @throws RangeError naming the part that is no metric.
 */
export function parseMetrics(text: string): Metric[] {
  return text.split(',').map(part => {
    const name = part.trim()
    const [, kind = '', digits = ''] = /^([a-z_]+)@([1-9]\d{0,3})$/.exec(name) ?? []
    if (!metricNames.includes(kind)) {
      throw new RangeError(
        `metrics must be like recall@20,ndcg@10, of ${metricNames.join(', ')} at 1 to 9999, got ${name || 'nothing'}`,
      )
    }
    return { name, cut: Number(digits), measure: measures[kind as keyof typeof measures] }
  })
}

/** Σ 1 / log₂(r + 1) over the places, which count from 0. */
function gain(places: Iterable<number>): number {
  let sum = 0
  for (const place of places) sum += 1 / Math.log2(place + 2)
  return sum
}
