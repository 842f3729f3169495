import { z } from 'zod'

/**
 * Measured on a random tenth of the brunch reads held out (recall@20, NDCG@20): `none` .226, .177, `weight` .214, .170.
 * With fewer neighbours lists are better, but similar items end sooner: with 20, .251, .192. On MovieLens 100K (a fifth
 * held out), 100 and 20 neighbours give .346, .341 and .377, .357. A shrinkage of 10 gives .251, .194 on brunch; on
 * MovieLens it helps nothing.
 */
export const neighboursOptions = z.strictObject({
  neighbours: z.int().min(1).max(10_000).default(100).describe('similar items kept of each item, 1 to 10000'),
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
