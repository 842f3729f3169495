import type { Algorithm } from '../../algorithm.ts'
import { withInstructions } from '../../training/instructions.ts'
import { weightingSearch } from '../../weighting/options.ts'
import { bprFromFactors } from './from-factors.ts'
import { openBpr, verifyBpr } from './model.ts'
import { type BprOptions, bprOptions } from './options.ts'
import { trainBpr } from './train.ts'

/** Matrix factorization by Bayesian personalized ranking (Rendle, Freudenthaler, Gantner & Schmidt-Thieme 2009). */
export const bpr: Algorithm<BprOptions> = {
  name: 'bpr',
  summary: 'matrix factorization by Bayesian personalized ranking: what a user has above what the user has not',
  notes: `With x the score of an item that a user has less that of one that the user has not, BPR minimises
  Σ −ln σ(x) + regularisation by stochastic gradient descent. An epoch has as many samples as pairs: each pair once or,
  with a --weighting, in proportion to its weight. Its negative is drawn evenly, or in proportion to the item's users to the power of
  --popularity-exponent, from the block of items that is at hand; again where the user has it, and after 16 times not at all.`,
  options: bprOptions,
  search: {
    learningRate: { from: 0.01, to: 0.3, scale: 'log' },
    regularization: { from: 0.0003, to: 0.1, scale: 'log' },
    factors: { values: [32, 64, 128, 256] },
    popularityExponent: { values: [0, 0.25, 0.5, 0.75] },
    ...weightingSearch,
  },
  resumable: true,
  warmEpochs: 5,
  userTensors: ['users'],
  resolve: withInstructions,
  train: trainBpr,
  fromFactors: bprFromFactors,
  open: openBpr,
  verify: verifyBpr,
}
