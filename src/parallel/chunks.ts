/**
 * Cuts the rows of a sparse matrix into at most `chunks` ranges of about equal cost, where a row costs `perRow` plus 1
 * for each of its entries. Range c is rows `bounds[c]` to `bounds[c + 1]`.
 *
 * @param indptr where each row's entries begin (rows + 1 values)
 */
export function splitByCost(indptr: BigUint64Array, chunks: number, perRow: number): Uint32Array {
  const rows = indptr.length - 1
  const first = Number(indptr[0])
  const target = (Number(indptr[rows]) - first + rows * perRow) / chunks
  const bounds = [0]
  for (let cut = 1; cut < chunks; cut++) {
    // The first row at which the cost so far reaches this cut: costs rise with the row, so halving finds it.
    let low = bounds[bounds.length - 1]
    let high = rows
    while (low < high) {
      const middle = (low + high) >>> 1
      if (Number(indptr[middle]) - first + middle * perRow < cut * target) low = middle + 1
      else high = middle
    }
    if (low > bounds[bounds.length - 1] && low < rows) bounds.push(low)
  }
  if (rows > 0) bounds.push(rows)
  return Uint32Array.from(bounds)
}
