/** Jobs of ALS on worker threads: each call takes chunks of rows from the shared counter until there is none. */
import { native } from '../../../native.ts'
import { type CsrFile, cachedCsr } from '../../../storage/csr-cache.ts'
import type { FactorMatrix } from '../../../storage/factors.ts'
import type { alsObjective } from './options.ts'

interface RowsArgs {
  readonly factors: FactorMatrix
  readonly chunkRows: number
  readonly instructions?: string | undefined
  readonly next: Int32Array
}

function phase({ factors, chunkRows, instructions, next }: RowsArgs) {
  return { factors: factors.data, rank: factors.rank, chunkRows, next, ...(instructions && { simd: instructions }) }
}

export function initialise(args: RowsArgs & { readonly deviation: number; readonly seed: number }): void {
  native.initialiseFactors(phase(args), args.deviation, args.seed)
}

export function gramians(args: RowsArgs & { readonly partials: Float32Array }): void {
  native.partialGramians(phase(args), args.partials)
}

export function rotate(args: RowsArgs & { readonly vectors: Float32Array }): void {
  native.rotateFactors(phase(args), args.vectors)
}

export interface HalfStepArgs {
  /** The file of the sparse matrix whose rows are solved, and its columns. */
  readonly entries: CsrFile
  readonly fixed: FactorMatrix
  readonly solved: FactorMatrix
  /** Eigenvalues of the Gramian of `fixed`, `rank` of them. */
  readonly spectrum: Float64Array
  readonly objective: ReturnType<typeof alsObjective>
  /** Absent: exact. */
  readonly steps?: number | undefined
  readonly instructions?: string | undefined
  readonly bounds: Uint32Array
  readonly lossTerms: Float64Array
}

/** @throws Error naming the file, the row, and what to do. */
export function halfStep(args: HalfStepArgs & { readonly next: Int32Array }): void {
  const entries = cachedCsr(args.entries)
  const { fixed, solved, spectrum, objective, steps, instructions } = args
  const step = {
    entries,
    fixed: fixed.data,
    fixedStride: fixed.stride,
    spectrum,
    objective,
    ...(steps !== undefined && { steps }),
    ...(instructions && { simd: instructions }),
  }
  try {
    native.alsHalfStep(step, solved.data, args.bounds, args.lossTerms, args.next)
  } catch (cause) {
    throw new Error(`${args.entries.file}: ${(cause as Error).message}`, { cause })
  }
}
