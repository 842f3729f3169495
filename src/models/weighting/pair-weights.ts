import { z } from 'zod'
import type { Row } from '../../search/item-lists.ts'
import { needsEvents, type WeightingOptions } from './options.ts'

/** What a model keeps of how its pairs were weighted, beside the options. */
export const weightingTermsSchema = z.object({
  /** ms since 1970 of the newest event, where decay begins. */
  newest: z.number().optional(),
  /** Mean over the users with pairs of Σ s over their pairs. */
  meanSum: z.number().positive(),
  /** What weights are multiplied with, so that their mean is 1. */
  scale: z.number().positive(),
})

export type WeightingTerms = Readonly<z.output<typeof weightingTermsSchema>>

/** What the pairs of one user count, from their sums (see `weightingOptions`): the same when a model is trained and when it ranks. */
export class PairWeights {
  readonly #options: WeightingOptions
  readonly #terms: WeightingTerms
  /** (items) What each item's rarity multiplies. */
  readonly #rarity: Float32Array | undefined

  /** @param counts (items) users of each item, of `users` in all. */
  constructor(options: WeightingOptions, terms: WeightingTerms, counts: () => Uint32Array, users: number) {
    this.#options = options
    this.#terms = terms
    const { weighting } = options
    if (weighting === 'tfidf') this.#rarity = Float32Array.from(counts(), n => Math.log(1 + users / Math.max(n, 1)))
    if (weighting === 'bm25')
      this.#rarity = Float32Array.from(counts(), n => Math.log(1 + (users - n + 0.5) / (n + 0.5)))
  }

  /** A user's pairs with what they count in place of their sums. */
  of({ indices, weights }: Row): Row {
    const { weighting } = this.#options
    if (weighting === 'weight' && this.#terms.scale === 1) return { indices, weights }
    const found = new Float32Array(weights.length)
    const value = this.#valueOf(weights)
    const { scale } = this.#terms
    for (let at = 0; at < found.length; at++) {
      found[at] = value(weights[at]) * (this.#rarity?.[indices[at]] ?? 1) * scale
    }
    return { indices, weights: found }
  }

  #valueOf(sums: Float32Array): (sum: number) => number {
    const { weighting, weightingK1: k1, weightingB: b } = this.#options
    if (weighting === 'none') return needsEvents(this.#options) ? sum => Math.min(1, sum) : () => 1
    if (weighting === 'weight') return sum => sum
    // Above 0 however small the sum is.
    if (weighting !== 'bm25') return sum => Math.log1p(sum) / Math.LN2
    const length = sums.reduce((all, sum) => all + sum, 0) / this.#terms.meanSum
    const norm = k1 * (1 - b + b * length)
    return sum => (sum * (k1 + 1)) / (sum + norm)
  }
}
