/** Sparse matrices, compressed by rows. */
import { openSafetensors, type Safetensors, tensorOf } from './safetensors.ts'

/**
 * A sparse matrix of `rows` × `columns`. Row `r` has the columns `indices[indptr[r] … indptr[r + 1]]`, ascending and
 * distinct, and their `weights`, finite and above 0.
 */
export interface Csr {
  readonly rows: number
  readonly columns: number
  /** (rows + 1) */
  readonly indptr: BigUint64Array
  /** (pairs) */
  readonly indices: Uint32Array
  /** (pairs) */
  readonly weights: Float32Array
}

/** Views the tensors `indptr`, `indices` and `weights` of a file as a matrix. `verify` also reads all of it. */
export function openCsr(path: string, columns: number, verify = false): { csr: Csr; file: Safetensors } {
  const file = openSafetensors(path)
  const indptr = tensorOf(file, 'indptr', BigUint64Array)
  const indices = tensorOf(file, 'indices', Uint32Array)
  const weights = tensorOf(file, 'weights', Float32Array)
  const pairs = BigInt(indices.length)
  if (indptr.length === 0 || indptr[0] !== 0n || indptr.at(-1) !== pairs || weights.length !== indices.length) {
    throw new Error(
      `${path} holds no matrix: ${indptr.length} row bounds from ${indptr[0]} to ${indptr.at(-1)}, ` +
        `${indices.length} indices and ${weights.length} weights do not fit together`,
    )
  }
  const csr: Csr = { rows: indptr.length - 1, columns, indptr, indices, weights }
  const fault = verify ? faultOf(csr) : undefined
  if (fault) throw new Error(`${path} holds no matrix: ${fault}`)
  return { csr, file }
}

/** The same matrix by columns: (columns × rows). O(pairs). */
export function transposed({ rows, columns, indptr, indices, weights }: Csr): Csr {
  const next = new Float64Array(columns + 1)
  for (const column of indices) next[column + 1] += 1
  for (let column = 0; column < columns; column++) next[column + 1] += next[column]
  const bounds = BigUint64Array.from(next, BigInt)
  const columnwise = { indices: new Uint32Array(indices.length), weights: new Float32Array(indices.length) }
  for (let row = 0, at = 0; row < rows; row++) {
    for (const end = Number(indptr[row + 1]); at < end; at++) {
      const to = next[indices[at]]++
      columnwise.indices[to] = row
      columnwise.weights[to] = weights[at]
    }
  }
  return { rows: columns, columns: rows, indptr: bounds, ...columnwise }
}

/** What is wrong with a matrix, in words, or nothing. */
function faultOf({ rows, columns, indptr, indices, weights }: Csr): string | undefined {
  for (let row = 0, at = 0; row < rows; row++) {
    const end = Number(indptr[row + 1])
    if (end < at || end > indices.length) return `row ${row} ends at ${end}, before it begins or after all pairs`
    for (let previous = -1; at < end; at++) {
      const column = indices[at]
      if (column <= previous) return `the columns of row ${row} do not ascend`
      if (column >= columns) return `row ${row} names column ${column} of ${columns}`
      if (!(weights[at] > 0 && weights[at] < Infinity)) return `row ${row} has the weight ${weights[at]}`
      previous = column
    }
  }
  return undefined
}
