import type { Algorithm } from '../../algorithm.ts'
import { weightingSearch } from '../../weighting/options.ts'
import { openEase, verifyEase } from './model.ts'
import { type EaseOptions, easeOptions } from './options.ts'
import { assertEaseFits, trainEase } from './train.ts'

/** Item-item weights in closed form (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"). */
export const ease: Algorithm<EaseOptions> = {
  name: 'ease',
  summary: 'weights of items on items by ridge regression, in closed form (EASE)',
  notes: `ease: with X the pairs of users and items, the weights B minimise ‖X − XB‖² + λ‖B‖², an item having none on
itself; the score of item j for a user is the sum of B(i,j) over the items i of the history, each times the weight of its pair; items
whose sum is not above 0 come last, as those of which nothing is known. --variant dense solves for all items at
once and needs about 2 × items² bytes of memory (41,000 items: 3.5 GB) and items³ operations; --variant sparse solves
for each item on the --candidates others that explain it best, and needs neither.`,
  options: easeOptions,
  search: {
    regularization: { from: 0.2, to: 20, scale: 'log' },
    ...weightingSearch,
  },
  resumable: false,
  assertFits: assertEaseFits,
  train: trainEase,
  open: openEase,
  verify: verifyEase,
}
