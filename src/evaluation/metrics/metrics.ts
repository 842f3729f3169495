/**
 * What is measured, for people. The reported value is the mean over all judged users; |T| counts the held-out items that no
 * list can have, too.
 */
export const metricNotes = `Metrics, each but auc @ a cut k. T is the set of a user's held-out items, r = 1, 2, … k are the places of the list, and hit(r)
is 1 where the item at place r is in T, else 0. What is printed is the mean over the users who are judged:
  recall         Σ hit(r) / |T|
  capped_recall  Σ hit(r) / min(k, |T|): 1 can be reached where k < |T| (Thakur et al. 2021, "BEIR")
  precision      Σ hit(r) / k
  r_precision    Σ hit(r) for r ≤ min(k, |T|), / min(k, |T|): as many places as there are items to find, where k is no fewer
  ndcg           Σ hit(r) / log₂(r + 1), divided by the same sum of an ideal list: Σ 1 / log₂(r + 1) for r ≤ min(k, |T|)
  hit            1 where there is a hit, else 0
  mrr            1 / r of the first hit, 0 without one
  map            Σ hit(r) · precision@r / min(k, |T|)
  auc            without @: Σ over t in T of the share of the negatives that are ranked after t, / |T| (Rendle et al. 2009). Negatives
                 are the items that lists may have and that are not in T; of more than --auc-negatives (250), so many are drawn for each user.
                 0 for an item of T that no list can have; ½ for others where there are no negatives
  novelty        mean of −log₂(share of the training's users who have the item) over the items of the list (Zhou et al. 2010)
  diversity      mean of 1 − cos(a, b) over all pairs of items of the list, where cos(a, b) is the number of the training's users who
                 have both, / √(users who have a · users who have b) (Ziegler et al. 2005); 0 for a list of one item; k from 2 to 100
  coverage       no mean: the share of all items that are in at least one user's list`

/** {@link metricNotes} as functions of one user's list, those that only need to know where its hits are. */
const measures = {
  recall: (hits, held) => hits.length / held,
  capped_recall: (hits, held, cut) => hits.length / Math.min(cut, held),
  precision: (hits, _held, cut) => hits.length / cut,
  r_precision: (hits, held, cut) => hits.filter(place => place < held).length / Math.min(cut, held),
  ndcg: (hits, held, cut) => gain(hits) / gain(Array(Math.min(cut, held)).keys()),
  hit: hits => (hits.length > 0 ? 1 : 0),
  mrr: hits => (hits.length > 0 ? 1 / (hits[0] + 1) : 0),
  map: (hits, held, cut) =>
    hits.reduce((sum, place, before) => sum + (before + 1) / (place + 1), 0) / Math.min(cut, held),
} satisfies Record<string, Measure>

/** @param hits places of the hits among the first `cut`, from 0, ascending; `held`: number of held-out items, not 0. */
export type Measure = (hits: readonly number[], held: number, cut: number) => number

/** See {@link metricNotes}. */
export type MetricKind = keyof typeof measures | 'auc' | 'novelty' | 'diversity' | 'coverage'

export const metricNames: readonly MetricKind[] = [
  ...(Object.keys(measures) as (keyof typeof measures)[]),
  ...(['auc', 'novelty', 'diversity', 'coverage'] as const),
]

/** Places that a metric may look at, where not 1 to 9999. */
const cuts: Partial<Record<MetricKind, readonly [least: number, most: number]>> = {
  // It is made of pairs, whose number grows with the square of the places.
  diversity: [2, 100],
  // It looks at all.
  auc: [0, 0],
}

export interface Metric {
  /** As given: `recall@20`. */
  readonly name: string
  readonly kind: MetricKind
  /** k: how many places of the list count; 0 for auc, for which all do. */
  readonly cut: number
  /** Of what follows from the places of the hits. */
  readonly measure: Measure | undefined
}

/**
 * Parses `recall@20,ndcg@20,auc`.
 *
 * @throws RangeError naming the part that is no metric.
 */
export function parseMetrics(text: string): Metric[] {
  return text.split(',').map(part => {
    const name = part.trim()
    const [, word = '', digits = '0'] = /^([a-z_]+)(?:@([1-9]\d{0,3}))?$/.exec(name) ?? []
    const kind = metricNames.find(known => known === word)
    const [least, most] = (kind && cuts[kind]) ?? [1, 9999]
    const cut = Number(digits)
    if (kind === undefined || cut < least || cut > most) {
      const usual = metricNames.filter(known => !(known in cuts)).join(', ')
      throw new RangeError(
        `metrics must be like recall@20,ndcg@10, of ${usual} at 1 to 9999, diversity at 2 to 100, and auc without @, got ${name || 'nothing'}`,
      )
    }
    return { name, kind, cut, measure: kind in measures ? measures[kind as keyof typeof measures] : undefined }
  })
}

/** @throws RangeError where one of the metrics does not follow from the places of the hits. */
export function assertMetricsOfPlaces(metrics: readonly Metric[]): void {
  const other = metrics.find(({ measure }) => !measure)
  if (!other) return
  throw new RangeError(
    `metrics of next items must be of ${Object.keys(measures).join(', ')}, each @ a cut, got ${other.name}: it is no measure of one item's place`,
  )
}

/** Σ 1 / log₂(r + 1) over the places, which count from 0. */
function gain(places: Iterable<number>): number {
  let sum = 0
  for (const place of places) sum += 1 / Math.log2(place + 2)
  return sum
}
