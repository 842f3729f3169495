import { z } from 'zod'

/**
 * Measured on validation parts, split from the training parts alone (means over three random splits): a fifth of the pairs
 * of MovieLens 100K, and a tenth of those of a tenth of the brunch users (17,695). Capped Recall@20 and NDCG@20:
 *
 * | neighbours | shrinkage | MovieLens | brunch |
 * | ---: | ---: | --- | --- |
 * | 10 | 10 | .298, .253 | .189, .134 |
 * | 20 | 10 | .298, .252 | .188, .134 |
 * | 10 | 0 | .291, .249 | .140, .100 |
 * | 20 | 0 | .296, .250 | .133, .097 |
 * | 50 | 0 | .282, .240 | .124, .091 |
 * | 100 | 0 | .278, .238 | .119, .088 |
 * | 200 | 0 | .281, .241 | .117, .087 |
 *
 * With 20 and a shrinkage of 0, `weight` ranks worse on brunch (.115, .085). Lists of similar items end with the
 * neighbours: hence 20 rather than 10.
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
    .default(10)
    .describe(
      'added to the denominator of the cosine, so that what few users support counts less; 0: the plain cosine',
    ),
})

export type NeighboursOptions = Readonly<z.output<typeof neighboursOptions>>
