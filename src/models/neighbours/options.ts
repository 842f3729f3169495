import { z } from 'zod'

/**
 * Measured with a random tenth of the brunch reads held out (recall@20, NDCG@20): 10, 20, 50 and 100 neighbours give .258,
 * .197; .251, .192; .236, .183 and .226, .177. On MovieLens 100K (a fifth held out) 20 and 100 give .377, .357 and .346,
 * .341. Fewer rank better, but similar items end sooner: 20 are enough for a list of them. `weight` ranks worse on brunch
 * (with 20: .236, .183) and about the same on MovieLens; a shrinkage of 10 ranks better on brunch (.275, .209), one of 20
 * no better on MovieLens.
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
