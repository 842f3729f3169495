import { native } from '../native.ts'
import { alignedArray } from './shared-array.ts'
import { assertWholeNumber } from './whole-number.ts'

/** A dense matrix of `rows` × `rank` floats in shared memory; row r starts at `data[r * stride]`, and what lies between `rank` and `stride` is zero. */
export interface FactorMatrix {
  readonly rows: number
  readonly rank: number
  readonly stride: number
  readonly data: Float32Array
}

/** Largest rank of a factorization. */
export const MAX_RANK = 1024

/**
 * Allocates a matrix of zeros for training: rows start on cache lines, on huge pages where the system grants them.
 * It can be posted to workers, which then share it.
 */
export function allocateFactors(rows: number, rank: number): FactorMatrix {
  assertWholeNumber('rank', rank, 1, MAX_RANK)
  const stride = native.factorStride(rank)
  return { rows, rank, stride, data: alignedArray(Float32Array, rows * stride) }
}

/** A copy without padding, (rows × rank). */
export function unpadded({ rows, rank, stride, data }: FactorMatrix): Float32Array {
  if (rank === stride) return data
  const out = new Float32Array(rows * rank)
  for (let row = 0; row < rows; row++) out.set(data.subarray(row * stride, row * stride + rank), row * rank)
  return out
}

/** The values of the rows without padding, in pieces of whole rows. */
export function* unpaddedPieces({ rows, rank, stride, data }: FactorMatrix): Generator<Float32Array> {
  if (rank === stride) return yield data
  const most = Math.max(1, Math.floor(2 ** 18 / rank))
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first)
    yield unpadded({ rows: count, rank, stride, data: data.subarray(first * stride, (first + count) * stride) })
  }
}

/** Copies a matrix without padding into `to`, of the same rows and rank. */
export function setUnpadded(to: FactorMatrix, from: Float32Array): void {
  if (from.length !== to.rows * to.rank) {
    throw new RangeError(`expected ${to.rows} × ${to.rank} factors, got ${from.length} values`)
  }
  if (to.rank === to.stride) to.data.set(from)
  else {
    for (let row = 0; row < to.rows; row++) {
      to.data.set(from.subarray(row * to.rank, (row + 1) * to.rank), row * to.stride)
    }
  }
}
