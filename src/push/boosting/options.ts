import { z } from 'zod'

/**
 * How trees are learned; what each option does to the equations: crates/kernels/src/boosting/mod.rs.
 *
 * The defaults are measured on two kinds of rows: headlines of the upworthy tests (6,531 of different text; 300 words
 * and 12 features of style; whether the click rate is above the median; five folds of whole tests), and the 80,000 ×
 * 200 made-up rows of bench/boosting.ts. Log loss of what was held out, after 200 trees, and on the headlines also the
 * least, with the trees that it takes; learning rate 0.05:
 *
 * | leaves | column share | beside that | headlines | least | made up |
 * | ---: | ---: | --- | ---: | --- | ---: |
 * | 31 | 0.5 | | .6547 | .6518, 114 | .5733 |
 * | 31 | 0.2 | | .6517 | .6511, 173 | |
 * | 31 | 0.3 | | | | .5788 |
 * | 31 | 0.3 | row share 0.8 | .6529 | .6512, 146 | .5804 |
 * | 31 | 1 | | | | .5713 |
 * | 15 | 0.5 | | .6561 | .6549, 161 | |
 * | 15 | 0.5 | row share 0.8 | .6541 | .6534, 179 | |
 * | 15 | 0.5 | row share 0.5 | .6576 | .6563, 159 | |
 * | 15 | 0.5 | 5 rows of a leaf | .6553 | .6550, 186 | |
 * | 15 | 0.5 | 50 rows of a leaf | .6591 | .6590, 188 | |
 * | 15 | 0.5 | λ = 0 | .6553 | .6544, 164 | |
 * | 15 | 0.5 | λ = 10 | .6559 | .6546, 300 | |
 * | 15 | 0.5 | learning rate 0.1 | .6597 | .6537, 109 | |
 * | 7 | 0.5 | | .6590 | .6565, 329 | |
 * | 4 | 0.5 | | .6652 | .6604, 400 | |
 *
 * (No trees: .6943.) What matters is the number of trees, which a validation part decides; to choose the other options,
 * too, would gain less than 1 % of the loss, and is not offered.
 */
export const boostingOptions = z.strictObject({
  loss: z
    .enum(['logistic', 'squared'])
    .default('logistic')
    .describe('logistic: probabilities of labels 0 or 1; squared: values'),
  trees: z.int().min(0).max(100_000).default(200).describe('trees, at most'),
  leaves: z.int().min(2).max(1024).default(31).describe('leaves of a tree, at most'),
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
    .default(30)
    .describe('trees that make the validation part no better, after which no more are learned; 0: all are'),
  /** The same seed and data give the same bits on any number of workers. */
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
})

export type BoostingOptions = Readonly<z.output<typeof boostingOptions>>
