import { addSums, type Row } from '../../search/item-lists.ts'
import { type Csr, MappedCsr } from '../../storage/csr.ts'
import type { UserEvents } from '../algorithm.ts'

const nothing: Row = { indices: new Uint32Array(0), weights: new Float32Array(0) }

/**
 * What is known of a user, summed by item: the pairs that the model was trained on and the events since. A sum that is
 * not above 0 is left out, as the import does: the events took the pair back.
 *
 * @param user row of `trained`, or -1
 */
export function historyOf(trained: Csr, user: number, recent: UserEvents): Row {
  const row = user < 0 ? nothing : rowOf(trained, user)
  return recent.items.length === 0 ? row : addSums(row, sumByItem(recent))
}

/** The pairs of one row. */
export function rowOf(matrix: Csr, row: number): Row {
  if (matrix instanceof MappedCsr) return matrix.row(row)
  const { indptr, indices, weights } = matrix
  const [begin, end] = [Number(indptr[row]), Number(indptr[row + 1])]
  return { indices: indices.subarray(begin, end), weights: weights.subarray(begin, end) }
}

/** Events summed by item, ascending by item; sums may be 0 or less. */
function sumByItem({ items, weights }: UserEvents): Row {
  const { length } = items
  // One number an event, by item and then in their order: a Map in its place takes nearly three times as long for thousands.
  const keys = new Float64Array(length)
  for (let at = 0; at < length; at++) keys[at] = items[at] * length + at
  keys.sort()
  const sums = { indices: new Uint32Array(length), weights: new Float32Array(length) }
  let size = 0
  for (let next = 0; next < length; size++) {
    const item = Math.floor(keys[next] / length)
    let sum = 0
    for (; next < length && keys[next] < (item + 1) * length; next++) sum += weights[keys[next] - item * length]
    sums.indices[size] = item
    sums.weights[size] = sum
  }
  return { indices: sums.indices.subarray(0, size), weights: sums.weights.subarray(0, size) }
}
