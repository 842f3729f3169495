import { native } from '../../../native.ts'
import { allocateFactors, type FactorMatrix, MAX_RANK } from '../../../storage/factors.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { Phases } from '../../training/phases.ts'
import type { NormalisedMatrix } from './normalised-matrix.ts'

/** Rows that a worker initialises or rotates at a time. */
const rowsInChunk = 1024

/**
 * Of a basis, directions whose squared norm is below this part of the largest are what rounding left in single precision; of the result,
 * those of eigenvalues of P below the second.
 */
const negligible = { inBasis: 1e-7, inResult: 1e-6 }

/**
 * Columns of the basis in which `factors` singular vectors are found: some more, so that the last of them are right too, also where
 * there are no more users. As many random columns as there are directions can be nearly dependent.
 */
export function columnsFor(factors: number, items: number): number {
  return Math.min(factors + Math.max(16, Math.ceil(factors / 4)), items, MAX_RANK)
}

/**
 * The first right singular vectors of a normalised matrix, (items × columns), by falling singular value, those of which there are none 0:
 * a randomised range finder with power iterations (Halko, Martinsson & Tropp 2011, algorithm 4.4) on the side of the items, and the
 * procedure of Rayleigh and Ritz in that basis. The basis is made orthonormal by the eigenvectors of its Gramian (Stathopoulos & Wu 2002,
 * "SVQB"), once an iteration and twice at the end: all of it sparse products, Gramians and rotations of rows in chunks, none of
 * which depends on the number of workers.
 *
 * `byUser` (users × columns) is memory to use again; `largest` is the largest eigenvalue of P.
 */
export async function singularVectors(
  matrix: NormalisedMatrix,
  columns: number,
  { powerIterations, seed }: { readonly powerIterations: number; readonly seed: number },
  phases: Phases,
): Promise<{ readonly vectors: FactorMatrix; readonly byUser: FactorMatrix; readonly largest: number }> {
  const [basis, byUser] = [allocateFactors(matrix.items, columns), allocateFactors(matrix.users, columns)]
  const eigenbasis = new Eigenbasis(basis.stride, phases)
  if (columns === matrix.items) fillIdentity(basis)
  else await phases.uncounted('initialise', { factors: basis, chunkRows: rowsInChunk, seed })
  for (let iteration = 0; iteration < powerIterations; iteration++) {
    await matrix.timesItems(basis, byUser)
    await matrix.timesUsers(byUser, basis)
    await eigenbasis.orthonormalise(basis)
  }
  await eigenbasis.orthonormalise(basis)
  await matrix.timesItems(basis, byUser)
  const eigenvalues = await eigenbasis.of(byUser)
  const largest = eigenvalues[0]!
  eigenbasis.scaleVectors(eigenvalues, value => (value > negligible.inResult * largest ? 1 : 0))
  await eigenbasis.rotate(basis)
  return { vectors: basis, byUser, largest }
}

function fillIdentity({ data, stride, rank }: FactorMatrix): void {
  for (let column = 0; column < rank; column++) data[column * stride + column] = 1
}

/** Rows rotated by the eigenvectors of a Gramian. */
class Eigenbasis {
  readonly #phases: Phases
  readonly #vectors: Float32Array
  /** Partial Gramians: as many as keep all workers busy within 64 MiB. Their number must not depend on the workers. */
  readonly #partials: Float32Array

  constructor(stride: number, phases: Phases) {
    const cells = stride ** 2
    this.#phases = phases
    this.#vectors = sharedArray(Float32Array, cells)
    this.#partials = sharedArray(Float32Array, Math.max(1, Math.min(64, Math.floor(2 ** 24 / cells))) * cells)
  }

  /** Makes the columns of `basis` orthonormal where they are independent, and 0 where not. */
  async orthonormalise(basis: FactorMatrix): Promise<void> {
    const eigenvalues = await this.of(basis)
    const least = negligible.inBasis * eigenvalues[0]!
    this.scaleVectors(eigenvalues, value => (value > least ? 1 / Math.sqrt(value) : 0))
    await this.rotate(basis)
  }

  /** Finds the eigenvectors of the Gramian of `rows`; gives the eigenvalues, falling. */
  async of(rows: FactorMatrix): Promise<Float64Array> {
    const cells = rows.stride ** 2
    const chunkRows = Math.max(1, Math.ceil(rows.rows / (this.#partials.length / cells)))
    await this.#phases.uncounted('gramians', { factors: rows, chunkRows, partials: this.#partials })
    const values = new Float64Array(rows.stride)
    const made = this.#partials.subarray(0, Math.ceil(rows.rows / chunkRows) * cells)
    try {
      native.eigenbasis(made, rows.rank, this.#vectors, values)
    } catch (cause) {
      throw new RangeError(
        'the pairs have weights beyond what single precision holds: scale them to about 1, or count every pair 1 (weighting none)',
        { cause },
      )
    }
    return values.subarray(0, rows.rank)
  }

  /** Multiplies each eigenvector by what `scale` makes of its eigenvalue. */
  scaleVectors(eigenvalues: Float64Array, scale: (eigenvalue: number) => number): void {
    const stride = Math.sqrt(this.#vectors.length)
    eigenvalues.forEach((value, column) => {
      const by = scale(value)
      for (let at = column; at < this.#vectors.length; at += stride) this.#vectors[at]! *= by
    })
  }

  async rotate(factors: FactorMatrix): Promise<void> {
    await this.#phases.uncounted('rotate', { factors, chunkRows: rowsInChunk, vectors: this.#vectors })
  }
}
