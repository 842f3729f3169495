/** What ALS asks of workers: each call takes chunks of rows from the shared counter until there is none. */
import { Dataset } from '../../memory/dataset.ts'
import type { FactorMatrix } from '../../memory/factors.ts'
import { native } from '../../native.ts'
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

export function start(args: RowsArgs & { readonly deviation: number; readonly seed: number }): void {
  native.startFactors(phase(args), args.deviation, args.seed)
}

export function gramians(args: RowsArgs & { readonly partials: Float32Array }): void {
  native.partialGramians(phase(args), args.partials)
}

export function turn(args: RowsArgs & { readonly vectors: Float32Array }): void {
  native.turnFactors(phase(args), args.vectors)
}

export interface HalfStepArgs {
  readonly dataset: string
  readonly side: 'byUser' | 'byItem'
  readonly fixed: FactorMatrix
  readonly solved: FactorMatrix
  /** Eigenvalues of the Gramian of `fixed`, `rank` of them. */
  readonly spectrum: Float64Array
  readonly objective: ReturnType<typeof alsObjective>
  /** Absent: exact. */
  readonly steps?: number | undefined
  readonly instructions?: string | undefined
  readonly bounds: Uint32Array
  readonly energies: Float64Array
}

export function halfStep(args: HalfStepArgs & { readonly next: Int32Array }): void {
  const { indptr, indices, weights } = opened(args.dataset)[args.side]
  const { fixed, solved, spectrum, objective, steps, instructions } = args
  native.alsHalfStep(
    {
      ...{ indptr, indices, weights, fixed: fixed.data, fixedStride: fixed.stride, spectrum, objective },
      ...(steps !== undefined && { steps }),
      ...(instructions && { simd: instructions }),
    },
    ...([solved.data, args.bounds, args.energies, args.next] as const),
  )
}

/** The dataset that this worker has open: maps are cheap, and all workers share the pages. */
let current: { readonly directory: string; readonly dataset: Dataset } | undefined

function opened(directory: string): Dataset {
  if (current?.directory !== directory) {
    current?.dataset.close()
    current = { directory, dataset: Dataset.open(directory) }
  }
  return current.dataset
}
