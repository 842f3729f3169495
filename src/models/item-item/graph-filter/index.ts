import type { Algorithm } from '../../algorithm.ts'
import { weightingSearch } from '../../weighting/options.ts'
import { openGraphFilter, verifyGraphFilter } from './model.ts'
import { type GraphFilterOptions, graphFilterOptions } from './options.ts'
import { assertGraphFilterFits, trainGraphFilter } from './train.ts'

/** Filters on the graph of users and items: GF-CF (Shen et al. 2021), Turbo-CF (Park et al. 2024), BSPM (Choi et al. 2023). */
export const graphFilter: Algorithm<GraphFilterOptions> = {
  name: 'graph-filter',
  summary: 'filters on the graph of users and items: linear, low-pass by singular vectors, blurring and sharpening',
  notes: `With r a user's history, R̃ = D_U^-a R D_I^-b the pairs, normalised (--user-exponent a, --item-exponent b), P = R̃ᵀR̃, and V the first
singular vectors of R̃ (--factors), graph-filter scores by
  --filter gf-cf     r P + α r D_I^-b V Vᵀ D_I^b, α being --low-pass-weight        (Shen et al. 2021)
  --filter turbo-cf  r f(P) with a polynomial f of --filter-order                   (Park et al. 2024)
  --filter bspm      (r P + α r D_I^-b V Vᵀ D_I^b) s(P), s(λ) ≈ exp(−λ · --sharpening-time)  (Choi et al. 2023)`,
  options: graphFilterOptions,
  // GF-CF is BSPM that does not sharpen.
  search: {
    factors: { from: 32, to: 512, scale: 'log', isWhole: true },
    lowPassWeight: { from: 0.03, to: 3, scale: 'log' },
    sharpeningTime: { from: 0, to: 2.5, scale: 'linear' },
    itemExponent: { from: 0.2, to: 0.8, scale: 'linear' },
    userExponent: { from: 0.2, to: 0.8, scale: 'linear' },
    ...weightingSearch,
  },
  resumable: false,
  userTensors: ['userScales'],
  assertFits: assertGraphFilterFits,
  train: trainGraphFilter,
  open: openGraphFilter,
  verify: verifyGraphFilter,
}
