import type { Csr } from '../storage/csr.ts'

/** Some rows of a matrix, one after the other. */
export interface CsrPart {
  readonly indices: Uint32Array
  readonly weights: Float32Array
}

/**
 * The rows of the transpose of `matrix` in parts of about `most` pairs, each made by one pass over `matrix`, which may be
 * a mapped file: sorting in place of counting costs ten times as much, and the whole need not fit in memory.
 *
 * @param bounds (columns + 1) where each column's pairs begin, if sorted by column.
 */
export function* transposedParts(matrix: Csr, bounds: BigUint64Array, most: number): Generator<CsrPart> {
  for (let column = 0; column < matrix.columns; ) {
    const begin = column
    const first = Number(bounds[begin])
    do column++
    while (column < matrix.columns && Number(bounds[column + 1]) - first <= most)
    const partBounds = Array.from(bounds.subarray(begin, column + 1), bound => Number(bound) - first)
    yield transposedRows(matrix, Float64Array.from(partBounds), begin)
  }
}

/** Rows `begin` and following of the transpose, which begin and end at `bounds`. O(pairs of `matrix`). */
function transposedRows({ rows, indptr, indices, weights }: Csr, bounds: Float64Array, begin: number): CsrPart {
  const count = bounds.length - 1
  const next = bounds.slice(0, count)
  const part = { indices: new Uint32Array(bounds[count]!), weights: new Float32Array(bounds[count]!) }
  for (let row = 0, pair = 0; row < rows; row++) {
    for (const end = Number(indptr[row + 1]); pair < end; pair++) {
      const column = indices[pair]! - begin
      if (column < 0 || column >= count) continue
      const to = next[column]!++
      part.indices[to] = row
      part.weights[to] = weights[pair]!
    }
  }
  return part
}
