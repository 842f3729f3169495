import { z } from 'zod'

/**
 * Measured on validation parts, split from the training parts alone (means over three random splits): a fifth of the pairs
 * of MovieLens 100K, and a tenth of those of a tenth of the brunch users (17,695). Recall@20 and NDCG@20, all else default:
 *
 * | neighbours | MovieLens | brunch |
 * | ---: | --- | --- |
 * | 10 | .291, .249 | .140, .100 |
 * | 20 | .296, .250 | .133, .097 |
 * | 50 | .282, .240 | .124, .091 |
 * | 100 | .278, .238 | .119, .088 |
 * | 200 | .281, .241 | .117, .087 |
 *
 * 20 rank best on MovieLens and 10 on brunch; lists of similar items end with the neighbours, so the default is 20. With 20,
 * `weight` ranks worse on brunch (.115, .085), and a shrinkage of 10 better on both: .298, .252 and .188, .134. The default
 * of 0 is the plain cosine.
 */
export const neighboursOptions = z.strictObject({
  neighbours: z.int().min(1).max(10_000).default(20).describe('similar items kept of each item, 1 to 10000'),
  weighting: z
    .enum(['none', 'weight'])
    .default('none')
    .describe('none: every pair counts 1; weight: its weight in the dataset'),
  shrinkage: z
    .number()
    .min(0)
    .max(1e9)
    .default(0)
    .describe('added to the denominator of the cosine: what few users support counts less'),
})

export type NeighboursOptions = Readonly<z.output<typeof neighboursOptions>>
