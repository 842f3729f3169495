import type { Algorithm } from '../../algorithm.ts'
import { openSlist, verifySlist } from './model.ts'
import { type SlistOptions, slistOptions, slistSearch } from './options.ts'
import { assertSlistFits, trainSlist } from './train.ts'

/** What comes next as a linear function of what came before, in closed form: SLIST (Choi, Kim, Lee, Shim & Lee 2021). */
export const slist: Algorithm<SlistOptions> = {
  name: 'slist',
  source: 'context',
  summary: 'weights of items on what comes next, by ridge regression over sessions (SLIST); the dataset needs times',
  notes: `slist: with X the sessions, S and T their pasts and futures, the weights B minimise α‖X − XB‖² + (1 − α)‖T − SB‖² + λ‖B‖²,
an item having at most --most-own on itself; α is --consistency, λ --regularization; --dropout adds a regularization in proportion to how frequent an
item is (Steck 2020), with which weights come near the shares of what follows. Each column is solved for by itself, on the --candidates
items that explain it best; weights above 0 are kept. The score of item j is the sum of B(i,j) over the last items i of the user, by how lately they
came, as a share of the sum over all j: a probability.`,
  options: slistOptions,
  search: slistSearch,
  resumable: false,
  assertFits: assertSlistFits,
  train: trainSlist,
  open: openSlist,
  verify: verifySlist,
}
