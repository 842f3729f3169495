import { z } from 'zod'

/** How trees are learned; what each option does to the equations: crates/kernels/src/boosting/mod.rs. */
export const boostingOptions = z.strictObject({
  loss: z
    .enum(['logistic', 'squared'])
    .default('logistic')
    .describe('logistic: probabilities of labels 0 or 1; squared: values'),
  trees: z.int().min(0).max(100_000).default(200).describe('trees, at most'),
  leaves: z.int().min(2).max(1024).default(15).describe('leaves of a tree, at most'),
  learningRate: z.number().positive().max(1).default(0.05).describe('how much of its leaves a tree adds'),
  minimumRows: z.int().min(1).max(10_000_000).default(20).describe('rows of a leaf, at least'),
  minimumHessian: z.number().min(1e-9).max(1e9).default(1e-3).describe('second derivative of a leaf, at least'),
  l2: z.number().min(0).max(1e9).default(1).describe('λ, what keeps the values of leaves small'),
  minimumGain: z.number().min(0).max(1e9).default(0).describe('what a split must gain more than'),
  columnShare: z.number().positive().max(1).default(0.5).describe('share of the features that each tree may ask for'),
  rowShare: z.number().positive().max(1).default(1).describe('share of the rows that each tree is learned from'),
  bins: z.int().min(2).max(255).default(255).describe('bins of the values of a feature, at most'),
  patience: z
    .int()
    .min(0)
    .max(100_000)
    .default(50)
    .describe('trees that make the validation part no better, after which no more are learned; 0: all are'),
  /** The same seed and data give the same bits on any number of workers. */
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
})

export type BoostingOptions = Readonly<z.output<typeof boostingOptions>>
