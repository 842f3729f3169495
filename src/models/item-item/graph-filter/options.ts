import { z } from 'zod'
import { MAX_RANK } from '../../../storage/factors.ts'
import { weightingOptions } from '../../weighting/options.ts'

/**
 * What is made of the filter P = R̃ᵀR̃, R̃ = D_U^-a R D_I^-b (crates/kernels/src/graph_filter has the terms), with α the weight of
 * the low-pass and r a user's history:
 *
 * | `filter` | scores | published as |
 * | --- | --- | --- |
 * | `gf-cf` | r P + α r D_I^-b V Vᵀ D_I^b | Shen et al. 2021, α = 0.3, k = 256 |
 * | `turbo-cf` | r f(P), f by `filterOrder`: λ, 2λ − λ², λ + 0.01 (−λ³ + 10λ² − 29λ) | Park et al. 2024, a + b = 1, without their powers of single elements of P, which would need all of it |
 * | `bspm` | (r b(P) + α r D_I^-b V Vᵀ D_I^b) s(P) | Choi et al. 2023, on Gowalla α = 0.2, k = 448 and one Runge–Kutta step of 2.5 |
 *
 * b(λ) is what Euler's method makes of blurring, dx/dt = x (P − I): (1 − τ + τλ)^steps with steps of τ; s(λ) is what `sharpeningSolver` makes of
 * sharpening, dx/dt = −x P: per step of τ, 1 − τλ by Euler's method and Σ (−τλ)ʲ / j! for j ≤ 4 by that of Runge and Kutta. With `lowPassMerge` late
 * the low-pass is added after sharpening. Where a and b are not both ½, P is divided by its largest eigenvalue, which is 1 there.
 *
 * Measured on validation parts, a fifth of the pairs of the training parts alone (one random split; NDCG@20). LE and LR: BSPM by Euler's
 * method and by that of Runge and Kutta, with the sharpening time; a = 0.5:
 *
 * | filter | b | α | k | MovieLens 100K | hetrec-lastfm | citeulike-a | Gowalla |
 * | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
 * | gf-cf | 0.5 | 0.3 | 256 | .253 | .198 | .185 | .126 |
 * | gf-cf | 0.5 | 0.3 | 64 | .287 | .185 | .184 | |
 * | LR 2.5 | 0.5 | 0.2 | 256 | .229 | .187 | .188 | .129 |
 * | LR 1 | 0.5 | 0.2 | 128 | .273 | .200 | .186 | |
 * | LE 0.8 | 0.5 | 0.1 | 128 | .280 | .203 | .182 | |
 * | LE 0.5 | 0.5 | 0.1 | 256 | .273 | .207 | .184 | .120 |
 * | LE 0.5 | 0.4 | 0.1 | 128 | .282 | .209 | .191 | |
 * | LE 0.5 | 0.3 | 0.1 | 128 | .278 | .216 | .192 | |
 * | LE 0.8 | 0.3 | 0.1 | 128 | .264 | .224 | .194 | |
 * | LR 2.5 | 0.4 | 0.2 | 256 | | | | .133 |
 * | LE 0.5 (default) | 0.3 | 0.1 | absent: 58, 118, 256, 256 | .289 | .215 | .194 | .133 |
 * | LE 0.5 | 0.2 | 0.1 | absent | .284 | .210 | .190 | |
 *
 * Exponents of users of 0.4 and 0.6 gained next to nothing at b = 0.5 and 0.4.
 */
export const graphFilterOptions = z.strictObject({
  filter: z.enum(['gf-cf', 'turbo-cf', 'bspm']).default('bspm').describe('which filter'),
  factors: z
    .int()
    .min(1)
    .max(MAX_RANK)
    .optional()
    .describe(
      'k, singular vectors of the low-pass, 1 to 1024 (default: 256; a sixteenth of the users or items where that is less, but 16 at least)',
    ),
  lowPassWeight: z
    .number()
    .min(0)
    .max(1000)
    .default(0.1)
    .describe('α, the weight of the low-pass beside the linear filter; not of turbo-cf'),
  userExponent: z.number().min(0).max(1).default(0.5).describe('a, how much less the pairs of a user of many count'),
  itemExponent: z.number().min(0).max(1).default(0.3).describe('b, how much less the pairs of an item of many count'),
  filterOrder: z.int().min(1).max(3).default(1).describe('degree of the polynomial of turbo-cf'),
  blurringTime: z.number().min(0).max(10).default(1).describe('how long bspm blurs'),
  blurringSteps: z
    .int()
    .min(1)
    .max(4)
    .default(1)
    .describe('steps of blurring, each a pass over the data in every list'),
  sharpeningTime: z.number().min(0).max(10).default(0.5).describe('how long bspm sharpens; 0: not at all'),
  sharpeningSteps: z.int().min(1).max(4).default(1).describe('steps of sharpening'),
  sharpeningSolver: z
    .enum(['euler', 'rk4'])
    .default('euler')
    .describe('what a step of sharpening is: euler, one pass over the data, or rk4, Runge and Kutta, four'),
  lowPassMerge: z.enum(['early', 'late']).default('early').describe('whether the low-pass of bspm is sharpened, too'),
  powerIterations: z.int().min(1).max(100).default(8).describe('power iterations that find the singular vectors'),
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
  ...weightingOptions,
})

export type GraphFilterOptions = Readonly<z.output<typeof graphFilterOptions>>
