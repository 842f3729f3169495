import { hasBit } from '../../search/bitmap.ts'
import { randomNumbers } from '../../storage/random.ts'
import { type ReaderVectorOptions, readerVectors } from './components/reader-vectors.ts'
import type { UserFactors } from './components/user-factors.ts'
import { ctrLogits } from './ctr/ctr-rows.ts'
import {
  type ArticleQuery,
  featureCount,
  featuresOf,
  firstProduct,
  type ProductName,
  productNames,
  type SharedUsers,
} from './features.ts'

/** Users by whom the features of an article are scaled, and how many are looked at to find them. */
const [sampleSize, sampleDraws] = [2048, 65_536]
/** So many readers say half of what very many say. */
const readerPrior = 2

/** What is not derived from readers. */
export type ArticleFacts = Omit<ArticleQuery, 'ctrScale' | 'shifts' | 'scales' | 'earlyReaders' | ProductName>

export interface ArticleContext {
  readonly users: SharedUsers
  readonly size: number
  readonly factors: UserFactors
  readonly readers?: ReaderVectorOptions | undefined
  readonly eligible?: Uint32Array | undefined
  readonly seed: number
}

/**
 * The features of an article with its first readers. Products with users' factors have mean 0 and standard deviation 1 over some of the
 * users who may come, or less where there are few readers; so have the logits of the CTR model.
 */
export function articleQuery(
  facts: ArticleFacts,
  earlyReaders: ArrayLike<number>,
  { users, size, factors, readers, eligible, seed }: ArticleContext,
): ArticleQuery {
  const vectors = readerVectors(factors, earlyReaders, readers)
  const padded = (vector: Float64Array) => {
    const out = new Float32Array(factors.stride)
    out.set(vector)
    return out
  }
  const raw: ArticleQuery = {
    ...facts,
    earlyReaders: earlyReaders.length,
    ctrScale: [0, 1],
    shifts: { foldIn: 0, classifier: 0, centroid: 0 },
    scales: { foldIn: 1, classifier: 1, centroid: 1 },
    foldIn: padded(vectors.foldIn),
    classifier: padded(vectors.classifier),
    centroid: padded(vectors.centroid),
  }
  const sample = sampleOf(users.lastVisits, { size, eligible, seed })
  const [ctrMean, ctrDeviation] = momentsOf(ctrLogits(users, raw, sample))
  const known = sample.filter(user => users.isKnown[user] === 1)
  const values = featuresOf(users, raw, known)
  const trust = vectors.readers / (vectors.readers + readerPrior)
  const moments = productNames.map((_, at) => {
    const column = firstProduct + 1 + at
    return momentsOf(Float32Array.from(known, (_, row) => values[row * featureCount + column]!))
  })
  const byName = (value: (moments: readonly [number, number]) => number) => {
    return Object.fromEntries(productNames.map((name, at) => [name, value(moments[at]!)])) as Record<
      ProductName,
      number
    >
  }
  return {
    ...raw,
    ctrScale: [ctrMean, ctrDeviation > 1e-6 ? 1 / ctrDeviation : 0],
    shifts: byName(([mean]) => mean),
    scales: byName(([, deviation]) => (deviation > 1e-9 ? trust / deviation : 0)),
  }
}

/** Some of the users who may come and ever came, the same each time. */
function sampleOf(
  lastVisits: Float64Array,
  { size, eligible, seed }: Pick<ArticleContext, 'size' | 'eligible' | 'seed'>,
): Uint32Array {
  const random = randomNumbers(seed)
  const rows: number[] = []
  for (let draw = 0; draw < sampleDraws && rows.length < sampleSize && size > 0; draw++) {
    const user = Math.floor(random() * size)
    if ((!eligible || hasBit(eligible, user)) && lastVisits[user]! > Number.NEGATIVE_INFINITY) rows.push(user)
  }
  return Uint32Array.from(rows)
}

/** Mean and standard deviation; 0 of none. */
function momentsOf(values: Float32Array): readonly [number, number] {
  if (values.length === 0) return [0, 0]
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)]
}
