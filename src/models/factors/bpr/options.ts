import { z } from 'zod'
import { MAX_RANK } from '../../../storage/factors.ts'
import { instructions } from '../../training/instructions.ts'
import { weightingOptions } from '../../weighting/options.ts'

export const bprOptions = z.strictObject({
  factors: z
    .int()
    .min(1)
    .max(MAX_RANK - 1)
    .default(64)
    .describe('dimensions of the factors, 1 to 1023'),
  epochs: z.int().min(0).max(100_000).default(50).describe('passes over the data, in all'),
  learningRate: z.number().positive().max(1).default(0.05).describe('η, how far a sample moves what it is of'),
  regularization: z.number().min(0).max(10).default(0.01).describe('λ, what keeps factors and biases small'),
  popularityExponent: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('how often items are drawn as negatives: their users to this power; 0 all alike'),
  biases: z.enum(['item', 'none']).default('item').describe('whether items have biases: item, or none'),
  /** Figures at `foldInRegularization` in model.ts. Users with events since the training are always folded in. */
  userVectors: z
    .enum(['folded', 'trained'])
    .default('folded')
    .describe('what known users are ranked by: folded, a vector made of the history, or trained'),
  /** With .1, the first dozens of epochs do little else than leave the neighbourhood of 0. */
  initialDeviation: z
    .number()
    .positive()
    .max(100)
    .default(1)
    .describe('standard deviation of the initial factors, times √k'),
  /** The same seed, data and instruction set give the same bits on any number of workers. */
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
  instructions,
  ...weightingOptions,
})

export type BprOptions = Readonly<z.output<typeof bprOptions>>

/** Values of a row of factors as the model keeps it: the bias is the last, and what it is multiplied by is 1. */
export function widthOf({ factors, biases }: Pick<BprOptions, 'factors' | 'biases'>): number {
  return factors + (biases === 'item' ? 1 : 0)
}
