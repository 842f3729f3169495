import { z } from 'zod'

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
