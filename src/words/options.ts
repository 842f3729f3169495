import { z } from 'zod'
import { instructions } from '../models/training/instructions.ts'
import { MAX_RANK } from '../storage/factors.ts'

export const wordsOptions = z.strictObject({
  factors: z.int().min(1).max(MAX_RANK).default(100).describe('dimensions of the vectors, 1 to 1024'),
  epochs: z.int().min(0).max(100_000).default(5).describe('passes over the text, in all'),
  window: z.int().min(1).max(1000).default(5).describe('farthest word before and after one that counts as near it'),
  negatives: z.int().min(0).max(1000).default(5).describe('random words that each pair of near ones is told from'),
  negativeExponent: z
    .number()
    .min(-2)
    .max(2)
    .default(0.75)
    .describe('random words are drawn in proportion to their count to the power of this'),
  subsampling: z
    .number()
    .min(0)
    .max(1)
    .default(1e-3)
    .describe('of words with a larger share of the text than this, some occurrences are left out; 0: none'),
  learningRate: z.number().positive().max(100).default(0.025).describe('step size at the begin; it falls to 0'),
  minCount: z.int().min(1).max(1_000_000_000).default(5).describe('words that occur less often get no vector'),
  subwords: z
    .enum(['none', 'characters', 'jamo'])
    .default('none')
    .describe('make words of the vectors of their n-grams, too: of characters, or of the jamo of Korean syllables'),
  minGram: z.int().min(1).max(20).default(3).describe('characters or jamo of the shortest n-gram'),
  maxGram: z.int().min(1).max(20).default(6).describe('characters or jamo of the longest n-gram'),
  buckets: z
    .int()
    .min(1)
    .max(2 ** 30)
    .default(2_000_000)
    .describe('n-grams are told apart by their hash modulo this'),
  /** The same seed, text and instruction set give the same bits on any number of workers. */
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
  instructions,
})

export type WordsOptions = Readonly<z.output<typeof wordsOptions>>
