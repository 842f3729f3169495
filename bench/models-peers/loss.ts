import { join } from 'node:path'
import { native } from '../../src/native.ts'
import { splitByCost } from '../../src/parallel/chunks.ts'
import { type Pool, workerModuleUrl } from '../../src/parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../src/storage/dataset.ts'
import type { Factors } from './library.ts'
import type { PairTermsArgs } from './loss-jobs.ts'

/** What all libraries of ALS minimise: see {@link alsLoss}. */
export interface Objective {
  readonly alpha: number
  readonly regularization: number
}

const work = workerModuleUrl('./loss-jobs', import.meta.url)

/**
 * Σ αr (1 − s)² over the pairs + Σ s² over all others + λ (‖X‖² + ‖Y‖²), with s = x·y and r the weight of a pair, in double
 * precision but for the products of factors: that of implicit, and with r′ = αr − 1 and α′ = 1 that of libraries whose confidence is
 * 1 + α′r′.
 */
export async function alsLoss(
  { users, items, factors }: Factors,
  { alpha, regularization }: Objective,
  { byUser, byItem, directory }: Dataset,
  pool: Pool,
): Promise<number> {
  const [ofUsers, ofItems] = [native.bprGramian(users, factors), native.bprGramian(items, factors)]
  const all = ofUsers.reduce((sum, value, at) => sum + value * ofItems[at]!, 0)
  let norms = 0
  for (let k = 0; k < factors; k++) norms += ofUsers[k * factors + k]! + ofItems[k * factors + k]!
  const args: PairTermsArgs = {
    entries: { file: join(directory, datasetFiles.byUser), columns: byItem.rows },
    bounds: splitByCost(byUser.indptr, 256, 1),
    users,
    items,
    factors,
    alpha,
  }
  const terms = await pool.phase<number>(work, 'pairTerms', args)
  return terms.reduce((sum, value) => sum + value, all + regularization * norms)
}
