/** Jobs of BPR on worker threads. */
import { native } from '../../../native.ts'
import { type CsrFile, cachedCsr } from '../../../storage/csr-cache.ts'
import type { FactorMatrix } from '../../../storage/factors.ts'

type Samples = Parameters<typeof native.bprDeal>[1]
type Model = Parameters<typeof native.bprEpoch>[1]

export interface InitialiseArgs {
  readonly factors: FactorMatrix
  readonly chunkRows: number
  readonly deviation: number
  readonly seed: number
}

export function initialise(args: InitialiseArgs & { readonly next: Int32Array }): void {
  const { factors, chunkRows, next, deviation, seed } = args
  native.initialiseFactors({ factors: factors.data, rank: factors.rank, chunkRows, next }, deviation, seed)
}

/** Divides the items into blocks; done once, by one worker. */
export function partition({ order, places, blocks, seed, epoch }: Samples): void {
  native.bprPartition(order, places, blocks, seed, epoch)
}

export interface DealArgs {
  /** The file of the pairs by user. */
  readonly entries: CsrFile
  readonly to: Samples
  readonly visits?: number | undefined
}

/** @throws Error naming the file and the row. */
export function deal({ entries, to, visits, next }: DealArgs & { readonly next: Int32Array }): void {
  try {
    native.bprDeal(cachedCsr(entries), to, visits, next)
  } catch (cause) {
    throw new Error(`${entries.file}: ${(cause as Error).message}`, { cause })
  }
}

export interface EpochArgs {
  readonly from: Samples
  readonly model: Model
  readonly tallies: Float64Array
  readonly turns: Int32Array
}

export function epoch({ from, model, tallies, turns }: EpochArgs): void {
  native.bprEpoch(from, model, tallies, turns)
}
