/** Jobs of the training of graph filters on worker threads. */
import { native } from '../../../native.ts'
import { type CsrFile, cachedCsr } from '../../../storage/csr-cache.ts'
import type { FactorMatrix } from '../../../storage/factors.ts'

export interface ScalesArgs {
  readonly matrix: CsrFile
  readonly weighted: boolean
  readonly exponent: number
  /** (rows) */
  readonly scales: Float32Array
}

/** @throws Error naming the file and the row that is damaged. */
export function scales({ matrix, weighted, exponent, scales }: ScalesArgs): void {
  named(matrix, () => native.filterScales(cachedCsr(matrix), matrix.columns, weighted, exponent, scales))
}

export interface MultiplyArgs {
  readonly matrix: CsrFile
  readonly weighted: boolean
  readonly rowScales: Float32Array
  readonly columnScales: Float32Array
  readonly dense: FactorMatrix
  readonly out: FactorMatrix
  /** A multiple of other rows, each by the reciprocal of its scale, that is added. */
  readonly added?: { readonly coefficient: number; readonly rows: FactorMatrix } | undefined
  /** Chunk c is rows `bounds[c]` to `bounds[c + 1]`. */
  readonly bounds: Uint32Array
}

/** Takes chunks of rows from the shared counter until there is none. @throws Error naming the file and the row that is damaged. */
export function multiply(args: MultiplyArgs & { readonly next: Int32Array }): void {
  const { matrix, weighted, rowScales, columnScales, dense, out, added, bounds, next } = args
  const product = {
    matrix: cachedCsr(matrix),
    weighted,
    rowScales,
    columnScales,
    dense: dense.data,
    rank: dense.rank,
    ...(added && { added: { coefficient: added.coefficient, rows: added.rows.data } }),
  }
  named(matrix, () => native.filterMultiply(product, out.data, bounds, next))
}

interface RowsArgs {
  readonly factors: FactorMatrix
  readonly chunkRows: number
  readonly next: Int32Array
}

function phase({ factors, chunkRows, next }: RowsArgs) {
  return { factors: factors.data, rank: factors.rank, chunkRows, next }
}

export function initialise(args: RowsArgs & { readonly seed: number }): void {
  native.initialiseFactors(phase(args), 1, args.seed)
}

export function gramians(args: RowsArgs & { readonly partials: Float32Array }): void {
  native.partialGramians(phase(args), args.partials)
}

export function rotate(args: RowsArgs & { readonly vectors: Float32Array }): void {
  native.rotateFactors(phase(args), args.vectors)
}

function named({ file }: CsrFile, work: () => void): void {
  try {
    work()
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause })
  }
}
