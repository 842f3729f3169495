import type { Csr } from '../../src/storage/csr.ts'

/** The sparse form of a dense matrix: zeros are what is not there. */
export function csrOf(matrix: readonly (readonly number[])[]): Csr {
  const rows = matrix.map(row => row.flatMap((weight, column) => (weight ? [{ column, weight }] : [])))
  const indptr = new BigUint64Array(rows.length + 1)
  rows.forEach((row, index) => {
    indptr[index + 1] = indptr[index]! + BigInt(row.length)
  })
  return {
    rows: rows.length,
    columns: matrix[0]!.length,
    indptr,
    indices: Uint32Array.from(rows.flat(), pair => pair.column),
    weights: Float32Array.from(rows.flat(), pair => pair.weight),
  }
}
