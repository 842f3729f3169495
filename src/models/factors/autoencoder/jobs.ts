/** Jobs of the autoencoder on worker threads: each call takes shards or chunks from the shared counter until there is none. */
import { native } from '../../../native.ts'
import { type CsrFile, cachedCsr } from '../../../storage/csr-cache.ts'
import type { FactorMatrix } from '../../../storage/factors.ts'

type Batch = Parameters<typeof native.autoencoderForward>[0]

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

export interface StepArgs {
  /** The files of the users' items and tags. */
  readonly byUser: CsrFile
  readonly userTags?: CsrFile | undefined
  readonly batch: Omit<Batch, 'byUser' | 'userTags'>
}

/** @throws Error naming the file and the row. */
export function forward({ next, ...args }: StepArgs & { readonly next: Int32Array }): void {
  try {
    native.autoencoderForward(batchOf(args), next)
  } catch (cause) {
    throw new Error(`${args.byUser.file}: ${(cause as Error).message}`, { cause })
  }
}

export function update({ next, ...args }: StepArgs & { readonly next: Int32Array }): void {
  native.autoencoderUpdate(batchOf(args), next)
}

function batchOf({ byUser, userTags, batch }: StepArgs): Batch {
  return {
    ...batch,
    byUser: cachedCsr(byUser).operand,
    ...(userTags && { userTags: cachedCsr(userTags).operand }),
  }
}
