import { z } from 'zod'
import { MAX_RANK } from '../../../storage/factors.ts'
import { instructions } from '../../training/instructions.ts'

/**
 * Measured on validation parts, split from the training parts alone: the last item of each user is the next one to find, among
 * 5,000 playlists in order (12,878 items), and among a tenth of the brunch users (17,758; 45,123 items that five of them or more
 * read), after the test's last items were taken away. One run each; Recall@20, NDCG@20, ranking by outputs unless it says so:
 *
 * | epochs | learning rate | decay | popularity weight | playlists | brunch |
 * | ---: | ---: | ---: | ---: | --- | --- |
 * | 20 | 0.05 | 0.5 | 0.5 | .198, .090 | .274, .159 |
 * | 20 | 0.05 | 0.6 | 0.5 | .196, .088 | .267, .153 |
 * | 20 | 0.05 | 0.7 | 0.5 | .197, .087 | .255, .142 |
 * | 20 | 0.05 | 0.7 | 0.35 | .189, .084 | .255, .143 |
 * | 20 | 0.05 | 0.9 | 0.5 | .190, .080 | .198, .104 |
 * | 10 | 0.05 | 0.9 | 0.5 | | .188, .097 |
 * | 10 | 0.05 | 0.9 | 0.75 | | .178, .091 |
 * | 10 | 0.05 | 0.9 | 0.5, sessions end after 24 hours | | .174, .090 |
 * | 20 | 0.05 | 0.9 | 0.75 | .188, .081 | |
 * | 60 | 0.05 | 0.9 | 0.75 | .188, .084 | |
 * | 20 | 0.1 | 0.9 | 0.75 | .187, .081 | |
 * | 20 | 0.1 | 0.9 | 0.75, 15 negatives | .190, .084 | |
 * | 20 | 0.1 | 0.9 | 0.75, a window of 3 | .187, .081 | |
 * | 20 | 0.1 | 0.9 | 0.75, a window of 10 | .185, .082 | |
 * | 5 | 0.025 | 0.9 | 0.5 | | .142, .072 |
 * | 5 | 0.025 | 0.9 | by inputs | | .052, .026 |
 * | 10 | 0.025 | 0.9 | 0.5 | .062, .024 | |
 * | 30 | 0.05 | 0.9 | 0.5 | .190, .082 | |
 * | 30 | 0.05 | 0.9 | 0 | .158, .069 | |
 * | 30 | 0.05 | 0.9 | by inputs | .043, .018 | |
 *
 * Decays below 0.5, other numbers of factors, exponents of negatives, subsampling and minimum counts were not tried.
 */
export const word2vecOptions = z.strictObject({
  factors: z.int().min(1).max(MAX_RANK).default(64).describe('dimensions of the factors, 1 to 1024'),
  epochs: z.int().min(0).max(100_000).default(20).describe('passes over the data, in all'),
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
  learningRate: z.number().positive().max(100).default(0.05).describe('step size at the begin; it falls to 0'),
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
    .default(0.5)
    .describe('weight of each of these items beside the next newer one'),
  /** The same seed, data and instruction set give the same bits on any number of workers. */
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
  instructions,
})

export type Word2vecOptions = Readonly<z.output<typeof word2vecOptions>>
