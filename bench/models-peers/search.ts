import type { Pool } from '../../src/parallel/pool.ts'
import { PeerFailure } from '../peers/python.ts'
import type { Library } from './library.ts'
import { type Quality, qualityOf } from './measure.ts'
import type { Parts } from './parts.ts'
import type { Report } from './report.ts'

export interface SearchOptions<Setting> {
  /** Tried one after the other: the same for all libraries. */
  readonly settings: readonly Setting[]
  readonly parts: Parts
  readonly factors: number
  /** Of each trial. */
  readonly epochs: number
  /** No trial begins later than this many seconds after the first. */
  readonly seconds: number
  readonly pool: Pool
  readonly report: Report
}

export interface Found<Setting> {
  readonly setting: Setting
  /** After the epochs of a trial. */
  readonly validation: Quality
  /** Decides nothing. */
  readonly test: Quality
  readonly trials: number
}

/**
 * The setting with which `library` has the best NDCG@20 on the validation part after a number of epochs. One with which it fails is a
 * trial, too: buffalo's BPR crashes where the steps diverge.
 *
 * @throws the last failure when none serves.
 */
export async function searchSettings<Setting extends object>(
  library: Library<Setting>,
  { settings, parts, factors, epochs, seconds, pool, report }: SearchOptions<Setting>,
): Promise<Found<Setting>> {
  const begun = performance.now()
  let best: Omit<Found<Setting>, 'trials'> | undefined
  let failure: unknown
  let trials = 0
  for (const setting of settings) {
    if (trials > 0 && performance.now() - begun > seconds * 1000) break
    trials++
    try {
      await library.train(
        { train: parts.train, setting, factors, epochs, wanted: 'last' },
        async ({ total }, found) => {
          if (!found) return false
          const validation = await qualityOf(found, parts.validation, pool)
          const test = await qualityOf(found, parts.test, pool)
          report.print({ search: library.name, factors, ...setting, ndcg: validation.ndcg, seconds: total })
          if (!best || validation.ndcg > best.validation.ndcg) best = { setting, validation, test }
          return false
        },
      )
    } catch (error) {
      // Ours says by a RangeError that it diverges.
      if (!(error instanceof PeerFailure || error instanceof RangeError)) throw error
      failure = error
      report.print({ search: library.name, factors, ...setting, failed: error.message.split('\n', 1)[0] })
    }
  }
  if (!best) throw failure
  return { ...best, trials }
}
