import { splitByCost } from '../../../parallel/chunks.ts'
import type { CsrFile } from '../../../storage/csr-cache.ts'
import type { Dataset } from '../../../storage/dataset.ts'
import { allocateFactors, type FactorMatrix } from '../../../storage/factors.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { Phases } from '../../training/phases.ts'
import type { MultiplyArgs } from './jobs.ts'

interface Parts {
  readonly byUser: CsrFile
  readonly byItem: CsrFile
  /** (users) */
  readonly userScales: Float32Array
  /** (items) */
  readonly itemScales: Float32Array
  readonly weighted: boolean
  readonly phases: Phases
}

/** Rows that stand for themselves times a scale. */
export interface ScaledRows {
  readonly matrix: FactorMatrix
  readonly scaleOf: (row: number) => number
}

/** R̃ = D_U^-a R D_I^-b, of which only R and the two diagonals are there. */
export class NormalisedMatrix {
  readonly users: number
  readonly items: number
  readonly #parts: Parts
  readonly #bounds: Readonly<Record<'byUser' | 'byItem', Uint32Array>>

  constructor({ byUser, byItem }: Dataset, parts: Parts) {
    this.users = byUser.rows
    this.items = byItem.rows
    this.#parts = parts
    // A row costs about what four entries do.
    this.#bounds = { byUser: splitByCost(byUser.indptr, 512, 4), byItem: splitByCost(byItem.indptr, 512, 4) }
  }

  /** `out` (users × columns) = R̃ · `dense` (items × columns); with `columnScales` in place of D_I^-b where they are given. */
  timesItems(dense: FactorMatrix, out: FactorMatrix, columnScales = this.#parts.itemScales): Promise<void> {
    const rowScales = this.#parts.userScales
    return this.#multiply('byUser', { rowScales, columnScales, dense, out })
  }

  /** `out` (items × columns) = R̃ᵀ · `dense` (users × columns), plus `added.coefficient` · D_I^b · `added.rows`. */
  timesUsers(dense: FactorMatrix, out: FactorMatrix, added?: MultiplyArgs['added']): Promise<void> {
    const { itemScales: rowScales, userScales: columnScales } = this.#parts
    return this.#multiply('byItem', { rowScales, columnScales, dense, out, added })
  }

  /**
   * g(P) D_I^b `vectors` (items × columns), by Horner's rule; g has the coefficients `polynomial` from the constant on.
   *
   * @param byUser (users × columns) is overwritten.
   */
  async responseOf(vectors: FactorMatrix, polynomial: readonly number[], byUser: FactorMatrix): Promise<ScaledRows> {
    const { itemScales } = this.#parts
    const degree = polynomial.length - 1
    if (degree === 0) {
      return { matrix: vectors, scaleOf: item => (itemScales[item]! > 0 ? polynomial[0]! / itemScales[item]! : 0) }
    }
    // R̃ D_I^b = D_U^-a R: the first product needs no matrix of D_I^b V.
    const highest = sharedArray(Float32Array, this.items).fill(polynomial[degree]!)
    const response = allocateFactors(vectors.rows, vectors.rank)
    for (let power = degree - 1; power >= 0; power--) {
      if (power === degree - 1) await this.timesItems(vectors, byUser, highest)
      else await this.timesItems(response, byUser)
      await this.timesUsers(byUser, response, { coefficient: polynomial[power]!, rows: vectors })
    }
    return { matrix: response, scaleOf: () => 1 }
  }

  async #multiply(
    side: 'byUser' | 'byItem',
    args: Omit<MultiplyArgs, 'matrix' | 'weighted' | 'bounds'>,
  ): Promise<void> {
    const { weighted, phases } = this.#parts
    const bounds = this.#bounds[side]
    const all: MultiplyArgs = { ...args, matrix: this.#parts[side], weighted, bounds }
    await phases.run({ name: 'multiply', chunks: Math.max(1, bounds.length - 1), work: 1 }, all)
  }
}
