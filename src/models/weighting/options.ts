/** Options of all algorithms that learn from pairs: what a pair of user and item counts. */
import { z } from 'zod'
import type { DatasetManifest } from '../../storage/dataset.ts'
import type { SearchRange } from '../algorithm.ts'

export const weightings = ['none', 'weight', 'log', 'tfidf', 'bm25'] as const

/**
 * With s the weight of a pair in the dataset, or with `halfLife` or `kindWeights` Σ k w 2^(-t/h) over its events (of weight w,
 * kind weight k and age t in days), a pair counts
 *
 * | `weighting` | |
 * | --- | --- |
 * | `none` | 1; with `halfLife` or `kindWeights` min(1, s), every event having w = 1 |
 * | `weight` | s |
 * | `log` (default) | log₂(1 + s) |
 * | `tfidf` | log₂(1 + s) · ln(1 + users / users of the item) (Salton & Buckley 1988) |
 * | `bm25` | s (k₁ + 1) / (s + k₁ (1 − b + b · S / mean S)) · ln(1 + (users − n + ½) / (n + ½)), S being the sum of s over the user's pairs and n the users of the item (Robertson & Zaragoza 2009) |
 *
 * Where that is neither 1 nor the weight of the dataset, it is divided by its mean over the pairs, so that other options keep
 * their meaning.
 *
 * NDCG@20 on a fifth of the pairs (`aurochs evaluate --split random:0.2 --weighting …`, `--factors 32` for als):
 *
 * | | none | weight | log | tfidf | bm25 |
 * | --- | ---: | ---: | ---: | ---: | ---: |
 * | MovieLens 100K, ratings: als | .363 | .295 | .374 | .346 | .322 |
 * | ease, graph-filter, bpr | .420, .423, .407 | | .426, .428, .414 | .348, .422, .390 | |
 * | hetrec-lastfm, listens: als | .277 | .062 | .278 | .285 | .279 |
 * | ease, graph-filter, bpr | .277, .274, .219 | | .283, .277, .222 | .269, .288, .214 | |
 */
export const weightingOptions = {
  weighting: z
    .enum(weightings)
    .default('log')
    .describe(
      'what a pair counts: none: 1; weight: its weight in the dataset; log: the logarithm of that; tfidf: also how rare the item is; bm25: the same, long histories less',
    ),
  halfLife: z
    .number()
    .positive()
    .max(1e6)
    .optional()
    .describe('days after which an event counts half, from the newest of the data back; for ever when absent'),
  kindWeights: z
    .record(z.string(), z.number().positive().max(1e9))
    .optional()
    .describe('what events count by their kind, as view=0.2,buy=3; 1 where a kind is not named'),
  weightingK1: z
    .number()
    .positive()
    .max(1e9)
    .default(1.2)
    .describe('k₁ of the weighting bm25: the higher, the more high weights count'),
  weightingB: z
    .number()
    .min(0)
    .max(1)
    .default(0.75)
    .describe('b of the weighting bm25: how far pairs of long histories count less, 0 to 1'),
} as const

/** What `tune` tries of them. */
export const weightingSearch: Readonly<Record<string, SearchRange>> = {
  weighting: { values: ['log', 'none', 'tfidf'] },
}

const schema = z.object(weightingOptions)

export type WeightingOptions = Readonly<z.output<typeof schema>>

/** Those of the options of an algorithm; undefined where it learns from no pairs, and has none. */
export function weightingIn(options: Readonly<Record<string, unknown>>): WeightingOptions | undefined {
  return 'weighting' in options ? schema.parse(options) : undefined
}

/** Whether pairs may count differently; else all count 1. */
export function isWeighted(options: Pick<WeightingOptions, 'weighting' | 'halfLife' | 'kindWeights'>): boolean {
  return options.weighting !== 'none' || needsEvents(options)
}

/** Whether the weights of pairs are not enough to know what they count. */
export function needsEvents({
  halfLife,
  kindWeights = {},
}: Pick<WeightingOptions, 'halfLife' | 'kindWeights'>): boolean {
  return halfLife !== undefined || Object.keys(kindWeights).length > 0
}

/** @throws RangeError where a dataset lacks what the options need. */
export function assertWeighable({ events, kinds }: DatasetManifest, options: WeightingOptions): void {
  if (options.halfLife !== undefined && events === undefined) {
    throw new RangeError(
      'a half-life (halfLife, --half-life) needs times: import the source with times (time, --time), or leave it out',
    )
  }
  const named = Object.keys(options.kindWeights ?? {})
  if (named.length === 0) return
  if (events === undefined || kinds === undefined) {
    throw new RangeError(
      'weights of kinds (kindWeights, --kind-weights) need kinds and times: import the source with both (kind, time; --kind, --time), or leave them out',
    )
  }
  const unknown = named.find(name => !kinds.includes(name))
  if (unknown !== undefined) {
    const known = kinds.filter(name => name !== '').join(', ')
    throw new RangeError(`kinds to weigh (kindWeights, --kind-weights) must be of ${known}, got ${unknown}`)
  }
}
