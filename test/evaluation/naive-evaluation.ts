/** The definitions of src/evaluation/metrics.ts, word for word and one at a time. */
export interface NaiveUser {
  /** Score of every item; higher is better, ties to the lower item. */
  readonly scores: readonly number[]
  /** Items that lists leave out. */
  readonly training: ReadonlySet<number>
  /** Held-out items; those that are not among the scored ones cannot be found. */
  readonly held: ReadonlySet<number>
}

export function naiveMetrics(users: readonly NaiveUser[], k: number): Record<string, number> {
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
    [`ndcg@${k}`]: mean(
      (hit, size) => sum(k, r => hit(r) / Math.log2(r + 1)) / sum(Math.min(k, size), r => 1 / Math.log2(r + 1)),
    ),
    [`hit@${k}`]: mean(hit => Math.sign(sum(k, hit))),
    [`mrr@${k}`]: mean(hit => {
      for (let r = 1; r <= k; r++) if (hit(r)) return 1 / r
      return 0
    }),
    [`map@${k}`]: mean((hit, size) => sum(k, r => (hit(r) * sum(r, hit)) / r) / Math.min(k, size)),
    [`coverage@${k}`]: new Set(lists.flat()).size / users[0]!.scores.length,
  }
}
