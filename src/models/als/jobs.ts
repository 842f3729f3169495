/** Jobs of ALS on worker threads: each call takes chunks of rows from the shared counter until there is none. */
import { statSync } from 'node:fs'
import { native } from '../../native.ts'
import { type Csr, openCsr } from '../../storage/csr.ts'
import type { FactorMatrix } from '../../storage/factors.ts'
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
  readonly entries: { readonly file: string; readonly columns: number }
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

export function halfStep(args: HalfStepArgs & { readonly next: Int32Array }): void {
  const { indptr, indices, weights } = opened(args.entries)
  const { fixed, solved, spectrum, objective, steps, instructions } = args
  native.alsHalfStep(
    {
      ...{ indptr, indices, weights, fixed: fixed.data, fixedStride: fixed.stride, spectrum, objective },
      ...(steps !== undefined && { steps }),
      ...(instructions && { simd: instructions }),
    },
    ...([solved.data, args.bounds, args.lossTerms, args.next] as const),
  )
}

/** The two matrices that this worker used last, by file. */
const open = new Map<string, Csr>()

function opened({ file, columns }: HalfStepArgs['entries']): Csr {
  const { ino, mtimeMs } = statSync(file)
  // A file that took the place of another is not the same.
  const name = `${file} ${ino} ${mtimeMs}`
  const csr = open.get(name) ?? openCsr(file, columns).csr
  open.delete(name)
  open.set(name, csr)
  if (open.size > 2) open.delete(open.keys().next().value!)
  return csr
}
