import { native } from '../../../native.ts'
import { type Pool, workerModuleUrl } from '../../../parallel/pool.ts'
import type { FactorMatrix } from '../../../storage/factors.ts'
import { sharedArray } from '../../../storage/shared-array.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Rows that a worker initialises or rotates at a time. */
export const rowsInChunk = 1024

interface RotatedFactors {
  readonly users: FactorMatrix
  readonly items: FactorMatrix
  readonly instructions?: string | undefined
}

/** Rotates the factors of users and items into a basis in which the Gramian of one side is diagonal: inner products stay what they are. */
export class Eigenbasis {
  /** Eigenvalues of the Gramian of the side that the factors are in the eigenbasis of, falling. */
  spectrum = new Float64Array()
  readonly #pool: Pool
  readonly #factors: RotatedFactors
  readonly #vectors: Float32Array
  /** Partial Gramians: as many as keep all workers busy within 64 MiB. Their number must not depend on the workers. */
  readonly #partials: Float32Array

  constructor(pool: Pool, factors: RotatedFactors) {
    this.#pool = pool
    this.#factors = factors
    const cells = factors.users.stride ** 2
    this.#vectors = sharedArray(Float32Array, cells)
    this.#partials = sharedArray(Float32Array, Math.max(1, Math.min(64, Math.floor(2 ** 24 / cells))) * cells)
  }

  /** Rotates both sides into the eigenbasis of the Gramian of `side`. */
  async rotateTo(side: FactorMatrix): Promise<void> {
    const { users, items, instructions } = this.#factors
    const cells = side.stride ** 2
    const chunkRows = Math.max(1, Math.ceil(side.rows / (this.#partials.length / cells)))
    const args = { factors: side, chunkRows, partials: this.#partials, instructions }
    await this.#pool.phase(work, 'gramians', args)
    const values = new Float64Array(side.stride)
    const made = this.#partials.subarray(0, Math.ceil(side.rows / chunkRows) * cells)
    native.eigenbasis(made, side.rank, this.#vectors, values)
    this.spectrum = values.slice(0, side.rank)
    for (const factors of [users, items]) await this.rows('rotate', factors, { vectors: this.#vectors })
  }

  /** Has the workers do the job `name` on all rows of `factors`. */
  async rows(name: 'initialise' | 'rotate', factors: FactorMatrix, args: object): Promise<void> {
    const { instructions } = this.#factors
    await this.#pool.phase(work, name, { factors, chunkRows: rowsInChunk, instructions, ...args })
  }
}
