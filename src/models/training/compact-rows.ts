/**
 * Closes the gaps between rows that have fewer entries than there was room for, in place: row r has `counts[r]` from `starts[r]` on
 * in each of `values`. Gives where each row then begins, (rows + 1). O(entries).
 */
export function compactRows(
  starts: BigUint64Array,
  counts: Uint32Array,
  values: readonly (Uint32Array | Float32Array)[],
): BigUint64Array {
  const indptr = new BigUint64Array(starts.length)
  let size = 0
  counts.forEach((count, row) => {
    const begin = Number(starts[row])
    if (begin > size) for (const array of values) array.copyWithin(size, begin, begin + count)
    size += count
    indptr[row + 1] = BigInt(size)
  })
  return indptr
}
