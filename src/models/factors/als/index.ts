import type { Algorithm } from '../../algorithm.ts'
import { withInstructions } from '../../training/instructions.ts'
import { weightingSearch } from '../../weighting/options.ts'
import { alsFromFactors } from './from-factors.ts'
import { openAls, verifyAls } from './model.ts'
import { type AlsOptions, alsOptions } from './options.ts'
import { trainAls } from './train.ts'

/** Matrix factorization by alternating least squares for implicit feedback (Hu, Koren & Volinsky 2008). */
export const als: Algorithm<AlsOptions> = {
  name: 'als',
  summary: 'matrix factorization by alternating least squares, for implicit feedback',
  notes: `With r the weight of a pair and s its score, ALS minimises (λ (n + α₀·N)^ν is the regularisation of a row of n pairs):
  --confidence ials       Σ αr (1 − s)² over the pairs + Σ α₀ s² over everything       (Rendle et al. 2021)
  --confidence implicit   Σ αr (1 − s)² over the pairs + Σ α₀ s² over all others       (the library implicit: α₀ = 1, ν = 0)
  --confidence hu         Σ (1 + αr)(1 − s)² over the pairs + Σ α₀ s² over all others  (Hu, Koren & Volinsky 2008: the same)`,
  options: alsOptions,
  search: {
    unobservedWeight: { from: 0.003, to: 1, scale: 'log' },
    regularization: { from: 0.002, to: 0.5, scale: 'log' },
    frequencyExponent: { from: 0, to: 1, scale: 'linear' },
    ...weightingSearch,
  },
  choice: {
    candidates: [
      { unobservedWeight: 0.003, regularization: 0.03 },
      { unobservedWeight: 0.01, regularization: 0.1 },
      { unobservedWeight: 0.03, regularization: 0.1 },
      { unobservedWeight: 0.03, regularization: 0.3 },
      { unobservedWeight: 0.3, regularization: 0.3 },
      { unobservedWeight: 1, regularization: 0.3 },
    ],
    variants: [{ weighting: 'tfidf' }, { weighting: 'bm25' }],
    cheaper: ({ factors }) => ({ factors: Math.min(32, Math.ceil(factors / 2)) }),
    // Few epochs and factors do better with more unobserved weight than many; and where little weight is best, so often is a
    // regularisation that grows with the pairs of a row.
    beside({ unobservedWeight, regularization }) {
      const less = { unobservedWeight: Number((unobservedWeight / 3).toPrecision(2)) }
      return [less, { ...less, frequencyExponent: 1, regularization: Number((regularization / 8).toPrecision(2)) }]
    },
  },
  resumable: true,
  warmEpochs: 3,
  userTensors: ['users'],
  resolve: withInstructions,
  train: trainAls,
  fromFactors: alsFromFactors,
  open: openAls,
  verify: verifyAls,
}
