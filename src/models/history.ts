import { addSums, type Row } from '../search/item-lists.ts'
import { type Csr, MappedCsr } from '../storage/csr.ts'
import type { UserEvents } from './algorithm.ts'

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
  const sums = new Map<number, number>()
  items.forEach((item, at) => {
    sums.set(item, (sums.get(item) ?? 0) + weights[at])
  })
  const indices = Uint32Array.from(sums.keys()).sort()
  return { indices, weights: Float32Array.from(indices, item => sums.get(item)!) }
}
