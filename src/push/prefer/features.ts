/**
 * What the blend knows of a user and an article: one value each of {@link featureNames}. Those that are products of vectors (`content`,
 * `foldIn`, `classifier`, `centroid`) are added to all users' scores by the kernel of `Audience`, in one pass over each matrix; the others
 * by {@link scalarFeatures}, chunk by chunk on the workers.
 */
import { predictCtrs, recencyOf, type SharedCtrModel } from './ctr-model.ts'

export const featureNames = [
  'constant',
  'usualCtr',
  'ctr',
  'categoryShare',
  'categoryReads',
  'coReads',
  'recency',
  'frequency',
  'reads',
  'earlyReaders',
  'content',
  'foldIn',
  'classifier',
  'centroid',
] as const

export type FeatureName = (typeof featureNames)[number]

export const featureCount = featureNames.length
/** Those before it are of scalars. */
export const firstProduct = featureNames.indexOf('content')

const at = Object.fromEntries(featureNames.map((name, place) => [name, place])) as Record<FeatureName, number>

/** What is known of users, in shared memory, a row each; workers are sent it with each job. */
export interface SharedUsers {
  readonly lastVisits: Float64Array
  readonly visits: Float32Array
  readonly ringLength: number
  /** (users × ringLength) */
  readonly rings: Uint32Array
  readonly reads: Uint32Array
  readonly segments: Uint8Array
  readonly pushes: Uint32Array
  readonly clicks: Uint32Array
  readonly isKnown: Uint8Array
  readonly factors: Float32Array
  readonly factorStride: number
  readonly profiles: Float32Array
  readonly profileStride: number
}

/** What is known of an article at a time. */
export interface ArticleFeatures {
  readonly now: number
  /** 0: none. */
  readonly category: number
  readonly earlyReaders: number
  /** (items) Shared: similarity of what users read last to the article, and its category. */
  readonly itemWeights: Float32Array
  readonly itemCategories: Uint32Array
  /** (segments, 2) Mean and strength of each segment's usual CTR; the last is of others. */
  readonly priors: Float64Array
  readonly ctr: SharedCtrModel
  /** The logits of the CTR model less the first, times the second. */
  readonly ctrScale: readonly [number, number]
  /** Of the products that are no content: what is taken from each where the user has factors, and then multiplied with. */
  readonly shifts: Readonly<Record<ProductName, number>>
  readonly scales: Readonly<Record<ProductName, number>>
  /** (stride) each. */
  readonly content: Float32Array
  readonly foldIn: Float32Array
  readonly classifier: Float32Array
  readonly centroid: Float32Array
}

export type ProductName = 'foldIn' | 'classifier' | 'centroid'
export const productNames: readonly ProductName[] = ['foldIn', 'classifier', 'centroid']

const hour = 3_600_000
/** Reads of other categories that everybody counts as having. */
const categoryPrior = 2
/** How similarities to what was read last become a feature: ln(1 + 10 Σ). */
const coReadScale = 10
/** As long ago as this counts who never came. */
const mostHours = 24 * 365

/** The logit of the usual CTR, for all rows of `users`, from tables for what most have. */
export function usualLogit(priors: Float64Array, segment: number, pushes: number, clicks: number): number {
  const place = Math.min(segment, priors.length / 2 - 1) * 2
  const [mean, strength] = [priors[place]!, priors[place + 1]!]
  const alpha = strength * mean + clicks
  return Math.log(alpha / (strength + pushes - alpha))
}

const logTable = Float64Array.from({ length: 4096 }, (_, n) => Math.log1p(n))
const log1p = (n: number) => (n < logTable.length ? logTable[n]! : Math.log1p(n))

/**
 * Writes the features before `content` of some users to `out` (users × stride), a row each from its begin.
 *
 * @param rowOf The row of the n-th of them.
 */
export function scalarFeatures(
  users: SharedUsers,
  article: ArticleFeatures,
  rowOf: (n: number) => number,
  { count, stride, out }: { readonly count: number; readonly stride: number; readonly out: Float32Array },
): void {
  const { lastVisits, visits, ringLength, rings, reads, segments, pushes, clicks } = users
  const { now, category, itemWeights, itemCategories, priors, ctrScale } = article
  const logits = ctrLogits(users, article, rowOf, count)
  const early = Math.log1p(article.earlyReaders)
  for (let n = 0, cell = 0; n < count; n++, cell += stride) {
    const user = rowOf(n)
    const kept = Math.min(reads[user]!, ringLength)
    let [same, similar] = [0, 0]
    for (let read = user * ringLength, end = read + kept; read < end; read++) {
      const item = rings[read]!
      similar += itemWeights[item]!
      if (itemCategories[item] === category) same++
    }
    if (category === 0) same = 0
    const hours = Math.min(mostHours, Math.max(0, (now - lastVisits[user]!) / hour))
    out[cell + at.constant] = 1
    out[cell + at.usualCtr] = usualLogit(priors, segments[user]!, pushes[user]!, clicks[user]!)
    out[cell + at.ctr] = (logits[n]! - ctrScale[0]) * ctrScale[1]
    out[cell + at.categoryShare] = same / (kept + categoryPrior)
    out[cell + at.categoryReads] = logTable[same]!
    out[cell + at.coReads] = similar === 0 ? 0 : Math.log1p(coReadScale * similar)
    out[cell + at.recency] = -Math.log1p(hours)
    out[cell + at.frequency] = Math.log1p(visits[user]!)
    out[cell + at.reads] = log1p(reads[user]!)
    out[cell + at.earlyReaders] = early
  }
}

/** (count) Of the CTR model, not scaled. */
export function ctrLogits(
  { lastVisits, segments }: Pick<SharedUsers, 'lastVisits' | 'segments'>,
  { now, category, ctr }: Pick<ArticleFeatures, 'now' | 'category' | 'ctr'>,
  rowOf: (n: number) => number,
  count: number,
): Float32Array {
  const [user, segment, recency] = [new Uint32Array(count), new Uint32Array(count), new Uint32Array(count)]
  for (let n = 0; n < count; n++) {
    const row = rowOf(n)
    user[n] = row
    segment[n] = segments[row]!
    recency[n] = recencyColumn(now, lastVisits[row]!)
  }
  const columns = { user, segment, category, hour: hourColumn(now), recency }
  const out = predictCtrs(ctr, { rows: count, columns }, new Float32Array(count))
  for (let n = 0; n < count; n++) out[n] = Math.log(out[n]! / (1 - out[n]!))
  return out
}

/** The columns `hour` (UTC) and `recency` of the CTR model. */
export function hourColumn(now: number): number {
  return ((Math.floor(now / hour) % 24) + 24) % 24
}

export function recencyColumn(now: number, lastVisit: number): number {
  return recencyOf(Math.min(mostHours, Math.max(0, (now - lastVisit) / hour)))
}

/** All features of some users, (users × {@link featureCount}). The fast way to the same scores is `Preference.rank`. */
export function featuresOf(users: SharedUsers, article: ArticleFeatures, rows: Uint32Array): Float32Array {
  const out = new Float32Array(rows.length * featureCount)
  scalarFeatures(users, article, n => rows[n]!, { count: rows.length, stride: featureCount, out })
  const { factors, factorStride, profiles, profileStride, isKnown } = users
  rows.forEach((user, n) => {
    const cell = n * featureCount
    out[cell + at.content] = product(profiles, user, profileStride, article.content)
    for (const name of productNames) {
      if (isKnown[user] !== 1) continue
      const raw = product(factors, user, factorStride, article[name])
      out[cell + at[name]] = (raw - article.shifts[name]) * article.scales[name]
    }
  })
  return out
}

function product(rows: Float32Array, row: number, stride: number, vector: Float32Array): number {
  let sum = 0
  for (let cell = row * stride, k = 0; k < stride; k++, cell++) sum += rows[cell]! * vector[k]!
  return sum
}
