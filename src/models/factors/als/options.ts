import { z } from 'zod'
import { MAX_RANK } from '../../../storage/factors.ts'
import { instructions } from '../../training/instructions.ts'
import { weightingOptions } from '../../weighting/options.ts'

/**
 * What ALS minimises, in the terms of the papers. With r the value of an observed pair, s = x·y its score, and the sums
 * over observed pairs (S) or all others (¬S):
 *
 * | `confidence` | loss | published as |
 * | --- | --- | --- |
 * | `ials` (default) | Σ_S αr (1 − s)² + α₀ Σ_all s² | Rendle et al. 2021, "Revisiting iALS"; α = 1 with r = 1 there |
 * | `implicit` | Σ_S αr (1 − s)² + α₀ Σ_¬S s² | the library implicit, whose unobserved weight α₀ is 1 |
 * | `hu` | Σ_S (1 + αr)(1 − s)² + α₀ Σ_¬S s² | Hu, Koren & Volinsky 2008, α₀ = 1 |
 *
 * and to each the regularisation Σ λ (n + α₀·N)^ν ‖x‖² over the rows of both sides, n being the row's entries and N the
 * rows of the other side. ν = 0 regularises each row alike, as implicit and Hu et al. do; ν = 1 in proportion to its
 * weight in the loss, as in iALS.
 *
 * How they relate: an observed pair has weight αr + α₀ on s² in `ials`, αr in `implicit` and 1 + αr in `hu`. With values
 * r = 1, `ials` with α, α₀ and λ has the same minimum as `implicit` with α′ = α + α₀ and target α/(α + α₀) in place of 1:
 * each half-step's solution is that of `implicit` times this factor, and rankings hardly change while α₀ ≪ α. With r = 1,
 * `implicit` with α is `hu` with α − 1. Multiplying α, α₀ and λ by one number changes no solution (ν = 0).
 */
export const alsOptions = z.strictObject({
  factors: z.int().min(1).max(MAX_RANK).default(64).describe('dimensions of the factors, 1 to 1024'),
  epochs: z.int().min(0).max(100_000).default(15).describe('passes over the data, in all'),
  regularization: z.number().min(0).max(1e9).default(0.03).describe('λ, what keeps factors small'),
  frequencyExponent: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('ν, how much more of λ frequent rows get: 0 all alike, 1 in proportion'),
  unobservedWeight: z
    .number()
    .min(0)
    .max(1e9)
    .default(0.1)
    .describe('α₀, the weight of pairs that are not in the data'),
  alpha: z.number().positive().max(1e9).default(1).describe('α, the weight of a unit of observed value'),
  confidence: z.enum(['ials', 'implicit', 'hu']).default('ials').describe('how weights make confidence'),
  /** `auto`: a few conjugate-gradient steps from the last solution, or an exact solver where it costs no more. */
  solver: z.enum(['auto', 'exact']).default('auto').describe('auto, or exact for exact solutions in each half-step'),
  steps: z.int().min(1).max(1000).default(2).describe('conjugate-gradient steps a row in each half-step'),
  /** Folded in, a vector is one exact half-step from the items. Users with events since the training are always folded in. */
  userVectors: z
    .enum(['folded', 'trained'])
    .default('folded')
    .describe('what known users are ranked by: folded, a vector made of the history, or trained'),
  /** Initial factors have the standard deviation this / √k. */
  initialDeviation: z.number().positive().max(100).default(0.1).describe('standard deviation of the initial scores'),
  /** The same seed, data and instruction set give the same bits on any number of workers. */
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
  instructions,
  ...weightingOptions,
})

export type AlsOptions = Readonly<z.output<typeof alsOptions>>

/** The kernel's terms: see the table in crates/kernels/src/als/mod.rs. */
export function alsObjective(options: AlsOptions) {
  const unobserved = options.unobservedWeight
  const [weightOffset, targetOffset] = {
    ials: [0, 0],
    implicit: [-unobserved, 0],
    hu: [1 - unobserved, 1],
  }[options.confidence] as [number, number]
  return {
    unobserved,
    alpha: options.alpha,
    weightOffset,
    targetOffset,
    regularization: options.regularization,
    frequencyExponent: options.frequencyExponent,
  }
}
