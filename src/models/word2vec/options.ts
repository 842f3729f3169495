import { z } from 'zod'
import { MAX_RANK } from '../../storage/factors.ts'

export const word2vecOptions = z.strictObject({
  factors: z.int().min(1).max(MAX_RANK).default(64).describe('dimensions of the factors, 1 to 1024'),
  epochs: z.int().min(0).max(100_000).default(10).describe('passes over the data, in all'),
  window: z.int().min(1).max(1000).default(5).describe('farthest item before and after one that counts as near it'),
  negatives: z.int().min(0).max(1000).default(5).describe('random items that each pair of near ones is told from'),
  /** 0.75 in the original; for items others suit better (Caselles-Dupré, Lesaint & Royo-Letelier 2018). */
  negativeExponent: z
    .number()
    .min(-2)
    .max(2)
    .default(0.75)
    .describe('random items are drawn in proportion to their count to the power of this'),
  subsampling: z
    .number()
    .min(0)
    .max(1)
    .default(1e-4)
    .describe('of items with a larger share of all events than this, some events are left out; 0: none'),
  learningRate: z.number().positive().max(100).default(0.025).describe('step size at the begin; it falls to 0'),
  minCount: z.int().min(1).max(1_000_000).default(1).describe('items with fewer events get no vector'),
  sessionGap: z
    .number()
    .min(0)
    .max(1e9)
    .default(0)
    .describe('hours without an event that end a session, over which no item is near another; 0: none do'),
  ranking: z
    .enum(['inputs', 'outputs'])
    .default('outputs')
    .describe('inputs: by the cosine with what the user had last; outputs: by what is expected to come near it'),
  popularityWeight: z
    .number()
    .min(0)
    .max(10)
    .default(0.5)
    .describe('how much of the logarithm of its count an item gets added to its score; of ranking by outputs'),
  recentItems: z.int().min(1).max(10_000).default(20).describe('how many of the last items of a user count'),
  recencyDecay: z
    .number()
    .positive()
    .max(1)
    .default(0.9)
    .describe('weight of each of these items beside the next newer one'),
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
})

export type Word2vecOptions = Readonly<z.output<typeof word2vecOptions>>
