/** How well users are ranked for articles: by the places of those who read, pooled over articles. */
import { randomNumbers } from '../../src/storage/random.ts'

/** Where one way of ranking has the readers of one article. */
export interface ArticleRanks {
  /** Shares of the others whom each reader is above; of equal scores half. */
  readonly above: readonly number[]
  /** How many of the others are above each reader. */
  readonly places: readonly number[]
}

/** The readers among the others. O(readers · others). */
export function ranksOf(readers: ArrayLike<number>, others: ArrayLike<number>): ArticleRanks {
  const [above, places]: [number[], number[]] = [[], []]
  for (let reader = 0; reader < readers.length; reader++) {
    const score = readers[reader]!
    let [lower, equal] = [0, 0]
    for (let at = 0; at < others.length; at++) {
      if (others[at]! < score) lower++
      else if (others[at]! === score) equal++
    }
    above.push((lower + equal / 2) / others.length)
    places.push(others.length - lower - equal / 2)
  }
  return { above, places }
}

/** A sum over articles divided by another: what is to be resampled by article. */
export interface Ratio {
  readonly sums: readonly number[]
  readonly counts: readonly number[]
}

/** The mean of {@link ArticleRanks.above}: the AUC within articles, each reader counting alike. */
export function aucOf(ranks: readonly ArticleRanks[]): Ratio {
  return {
    sums: ranks.map(({ above }) => above.reduce((sum, value) => sum + value, 0)),
    counts: ranks.map(({ above }) => above.length),
  }
}

/** Readers among the first `depth`, of all who are sent; one in `sampledOf` of the others was ranked. */
export function precisionOf(ranks: readonly ArticleRanks[], depth: number, sampledOf: number): Ratio {
  return {
    sums: ranks.map(({ places }) => places.filter(place => place * sampledOf < depth).length),
    counts: ranks.map(() => depth),
  }
}

export interface Estimate {
  readonly mean: number
  readonly interval: readonly [number, number]
}

const resamples = 1000

/** Means and 95 % intervals of ratios, and of each less the first, by the bootstrap over articles: all by the same resamples. */
export function bootstrapRatios(ratios: readonly Ratio[]): { readonly means: Estimate[]; readonly less: Estimate[] } {
  const random = randomNumbers(0)
  const n = ratios[0]!.sums.length
  const draws = ratios.map(() => new Float64Array(resamples))
  for (let resample = 0; resample < resamples; resample++) {
    const times = new Uint16Array(n)
    for (let at = 0; at < n; at++) times[Math.floor(random() * n)]!++
    ratios.forEach((ratio, which) => {
      draws[which]![resample] = ratioOf(ratio, times)
    })
  }
  const once = new Uint16Array(n).fill(1)
  const values = ratios.map(ratio => ratioOf(ratio, once))
  return {
    means: values.map((mean, which) => ({ mean, interval: intervalOf(draws[which]!) })),
    less: values.map((value, which) => ({
      mean: values[0]! - value,
      interval: intervalOf(draws[0]!.map((draw, at) => draw - draws[which]![at]!)),
    })),
  }
}

function ratioOf({ sums, counts }: Ratio, times: Uint16Array): number {
  let [sum, count] = [0, 0]
  for (let at = 0; at < times.length; at++) {
    sum += times[at]! * sums[at]!
    count += times[at]! * counts[at]!
  }
  return sum / count
}

function intervalOf(draws: Float64Array): readonly [number, number] {
  const sorted = draws.slice().sort()
  return [sorted[Math.floor(0.025 * sorted.length)]!, sorted[Math.ceil(0.975 * sorted.length) - 1]!]
}
