/**
 * What the blend knows of a user and an article: one value each of {@link featureNames}. Those that are products of vectors (`content`,
 * `foldIn`, `classifier`, `centroid`) are added to all users' scores by the kernel of `Audience`, in one pass over each matrix; the others
 * by {@link scalarFeatures}, chunk by chunk on the workers.
 */

import { sameCategory } from './components/recent-reads.ts'
import type { SharedCtrModel } from './ctr/ctr-model.ts'
import { ctrLogits, hoursSince, mostHours } from './ctr/ctr-rows.ts'

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
  /** Minutes that the clocks of each are ahead of UTC. */
  readonly zones: Int16Array
  readonly pushes: Uint32Array
  readonly clicks: Uint32Array
  readonly isKnown: Uint8Array
  readonly factors: Float32Array
  readonly factorStride: number
  readonly profiles: Float32Array
  readonly profileStride: number
}

/** What is known of an article at a time. */
export interface ArticleQuery {
  readonly now: number
  /** 0: none. */
  readonly category: number
  readonly earlyReaders: number
  /** (items) Of `ItemValues`. Shared. */
  readonly itemValues: Float64Array
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

/** Reads of other categories that everybody counts as having. */
const categoryPrior = 2
/** How similarities to what was read last become a feature: ln(1 + 10 Σ). */
const coReadScale = 10

/** ln(1 + n / parts) by n, up to 4096 / parts: users are many. */
function logTable(parts: number): Float64Array {
  return Float64Array.from({ length: 4096 * parts }, (_, n) => Math.log1p(n / parts))
}
const [wholes, sixteenths] = [logTable(1), logTable(16)]

/** Ages in hours. */
const ages = Float64Array.from({ length: mostHours + 1 }, (_, hours) => -Math.log1p(hours))

/** Pushes and clicks of a user up to which logits of the usual CTR are kept. */
const [keptPushes, keptClicks] = [64, 8]

/** Logits of usual CTRs by segment, pushes and clicks. */
export class UsualLogits {
  readonly #priors: Float64Array
  readonly #kept: Float64Array

  /** @param priors (segments, 2) Mean and strength of each segment; the last is of others. */
  constructor(priors: Float64Array) {
    this.#priors = priors
    this.#kept = new Float64Array((priors.length / 2) * keptPushes * keptClicks).fill(Number.NaN)
  }

  of(segment: number, pushes: number, clicks: number): number {
    const row = Math.min(segment, this.#priors.length / 2 - 1)
    if (pushes >= keptPushes || clicks >= keptClicks) return this.#logit(row, pushes, clicks)
    const place = (row * keptPushes + pushes) * keptClicks + clicks
    const kept = this.#kept[place]!
    if (!Number.isNaN(kept)) return kept
    const logit = this.#logit(row, pushes, clicks)
    this.#kept[place] = logit
    return logit
  }

  #logit(row: number, pushes: number, clicks: number): number {
    const [mean, strength] = [this.#priors[2 * row]!, this.#priors[2 * row + 1]!]
    const alpha = strength * mean + clicks
    return Math.log(alpha / (strength + pushes - alpha))
  }
}

/**
 * Writes the features before `content` of users to `out` (rows × stride), a row each from its begin.
 */
export function scalarFeatures(
  users: SharedUsers,
  article: ArticleQuery,
  rows: Uint32Array,
  { usual, stride, out }: { readonly usual: UsualLogits; readonly stride: number; readonly out: Float32Array },
): void {
  const { lastVisits, visits, ringLength, rings, reads, segments, pushes, clicks } = users
  const { now, itemValues, ctrScale } = article
  const logits = ctrLogits(users, article, rows)
  const early = Math.log1p(article.earlyReaders)
  for (let n = 0, cell = 0; n < rows.length; n++, cell += stride) {
    const user = rows[n]!
    const all = reads[user]!
    const kept = Math.min(all, ringLength)
    let sum = 0
    // An item that came since the ranking began may have no value.
    for (let read = user * ringLength, end = read + kept; read < end; read++) sum += itemValues[rings[read]!] ?? 0
    const same = Math.floor(sum / sameCategory)
    const similar = sum - same * sameCategory
    out[cell + at.constant] = 1
    out[cell + at.usualCtr] = usual.of(segments[user]!, pushes[user]!, clicks[user]!)
    out[cell + at.ctr] = (logits[n]! - ctrScale[0]) * ctrScale[1]
    out[cell + at.categoryShare] = same / (kept + categoryPrior)
    out[cell + at.categoryReads] = wholes[same]!
    out[cell + at.coReads] = similar === 0 ? 0 : Math.log1p(coReadScale * similar)
    out[cell + at.recency] = ages[hoursSince(lastVisits[user]!, now)]!
    out[cell + at.frequency] = sixteenths[Math.min(sixteenths.length - 1, Math.round(16 * visits[user]!))]!
    out[cell + at.reads] = wholes[Math.min(wholes.length - 1, all)]!
    out[cell + at.earlyReaders] = early
  }
}

/** All features of some users, (users × {@link featureCount}). The fast way to the same scores is `PreferenceModel.rank`. */
export function featuresOf(users: SharedUsers, article: ArticleQuery, rows: Uint32Array): Float32Array {
  const out = new Float32Array(rows.length * featureCount)
  scalarFeatures(users, article, rows, { usual: new UsualLogits(article.priors), stride: featureCount, out })
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
