/** The definitions of src/evaluation/metrics/metrics.ts, word for word and one at a time. */
export interface NaiveUser {
  /** Score of every item; higher is better, ties to the lower item. */
  readonly scores: readonly number[]
  /** Items that lists leave out. */
  readonly training: ReadonlySet<number>
  /** Held-out items; those that are not among the scored ones cannot be found. */
  readonly held: ReadonlySet<number>
  /** How many items are known of the user. */
  readonly known: number
}

/** @param owned The items of each user of the training. */
export function naiveMetrics(
  users: readonly NaiveUser[],
  owned: readonly ReadonlySet<number>[],
  k: number,
): Record<string, number> {
  const items = users[0]!.scores.length
  const lists = users.map(({ scores, training }) =>
    scores
      .map((score, item) => ({ score, item }))
      .filter(({ item }) => !training.has(item))
      .sort((a, b) => b.score - a.score || a.item - b.item)
      .slice(0, k)
      .map(({ item }) => item),
  )
  const mean = (of: (hit: (r: number) => number, size: number) => number) =>
    users
      .map(({ held }, user) => of(r => (held.has(lists[user]![r - 1] ?? -1) ? 1 : 0), held.size))
      .reduce((a, b) => a + b, 0) / users.length
  const sum = (to: number, term: (r: number) => number) => {
    let total = 0
    for (let r = 1; r <= to; r++) total += term(r)
    return total
  }
  return {
    [`recall@${k}`]: mean((hit, size) => sum(k, hit) / size),
    [`capped_recall@${k}`]: mean((hit, size) => sum(k, hit) / Math.min(k, size)),
    [`precision@${k}`]: mean(hit => sum(k, hit) / k),
    [`r_precision@${k}`]: mean((hit, size) => sum(Math.min(k, size), hit) / Math.min(k, size)),
    [`ndcg@${k}`]: mean(
      (hit, size) => sum(k, r => hit(r) / Math.log2(r + 1)) / sum(Math.min(k, size), r => 1 / Math.log2(r + 1)),
    ),
    [`hit@${k}`]: mean(hit => Math.sign(sum(k, hit))),
    [`mrr@${k}`]: mean(hit => {
      for (let r = 1; r <= k; r++) if (hit(r)) return 1 / r
      return 0
    }),
    [`map@${k}`]: mean((hit, size) => sum(k, r => (hit(r) * sum(r, hit)) / r) / Math.min(k, size)),
    [`coverage@${k}`]: new Set(lists.flat()).size / items,
    [`novelty@${k}`]: average(
      lists.map(list => average(list.map(item => -Math.log2(Math.max(1, owners(item)) / owned.length)))),
    ),
    [`diversity@${k}`]: average(
      lists.map(list => average(list.flatMap(a => list.filter(b => b !== a).map(b => 1 - cosine(a, b))))),
    ),
    auc: average(users.map(areaUnderCurve)),
  }

  function owners(...all: number[]): number {
    return owned.filter(row => all.every(item => row.has(item))).length
  }

  function cosine(a: number, b: number): number {
    return owners(a, b) / (Math.sqrt(owners(a) * owners(b)) || 1)
  }

  /** Over all pairs of a held-out item and one that is neither held out nor left out. */
  function areaUnderCurve({ scores, training, held }: NaiveUser): number {
    const negatives = scores.flatMap((_, item) => (training.has(item) || held.has(item) ? [] : [item]))
    const isBefore = (a: number, b: number) => scores[a]! > scores[b]! || (scores[a] === scores[b] && a < b)
    const share = (item: number) =>
      item >= items
        ? 0
        : negatives.length === 0
          ? 1 / 2
          : average(negatives.map(other => Number(isBefore(item, other))))
    return average([...held].map(share))
  }
}

/** 0 for nothing. */
function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length)
}
