import type { Csr } from '../../storage/csr.ts'
import { absent, type PairChanges } from './pair-sums.ts'

/** Rows that follow each other: their pairs, and how many each has. */
export interface PairsOfRows {
  readonly indices: Uint32Array
  readonly weights: Float32Array
  readonly counts: Float64Array
}

/** Pairs of changed rows that come together. */
const pairsAtOnce = 1 << 16

/**
 * The rows of `byUser` with `changes` added, and then those that only these have. A pair whose sum is not above 0 is left out,
 * as an import does. What is given holds until the next is asked for. O(pairs).
 */
export function* mergedPairs(byUser: Csr, changes: PairChanges): Generator<PairsOfRows> {
  const rows = changes.indptr.length - 1
  const isSame = (row: number) => row < byUser.rows && changes.indptr[row] === changes.indptr[row + 1]
  for (let row = 0; row < rows; ) {
    const begin = row
    while (row < rows && isSame(row)) row++
    if (row > begin) {
      yield rowsBetween(byUser, begin, row)
      continue
    }
    const merged = new MergedRows()
    while (row < rows && !isSame(row) && merged.length < pairsAtOnce) merged.add(byUser, changes, row++)
    yield merged.rows()
  }
}

function rowsBetween({ indptr, indices, weights }: Csr, begin: number, end: number): PairsOfRows {
  const [first, last] = [Number(indptr[begin]), Number(indptr[end])]
  const counts = new Float64Array(end - begin)
  for (let row = begin; row < end; row++) counts[row - begin] = Number(indptr[row + 1]! - indptr[row]!)
  return { indices: indices.subarray(first, last), weights: weights.subarray(first, last), counts }
}

/** Changed rows, one after the other. */
class MergedRows {
  length = 0
  #indices = new Uint32Array(pairsAtOnce)
  #weights = new Float32Array(pairsAtOnce)
  readonly #counts: number[] = []

  rows(): PairsOfRows {
    const [indices, weights] = [this.#indices.subarray(0, this.length), this.#weights.subarray(0, this.length)]
    return { indices, weights, counts: Float64Array.from(this.#counts) }
  }

  /** Both rows ascend. */
  add(byUser: Csr, changes: PairChanges, row: number): void {
    const before = this.length
    const [begin, end] = row < byUser.rows ? [Number(byUser.indptr[row]), Number(byUser.indptr[row + 1])] : [0, 0]
    let [left, right] = [begin, changes.indptr[row]!]
    const changesEnd = changes.indptr[row + 1]!
    this.#makeRoom(end - begin + changesEnd - right)
    const [indices, weights] = [this.#indices, this.#weights]
    while (left < end || right < changesEnd) {
      const a = left < end ? byUser.indices[left]! : absent
      const b = right < changesEnd ? changes.indices[right]! : absent
      const item = Math.min(a, b)
      const weight = Math.fround((a === item ? byUser.weights[left++]! : 0) + (b === item ? changes.sums[right++]! : 0))
      if (!(weight > 0)) continue
      indices[this.length] = item
      // Beyond what single precision holds, as the sum of events without end: the largest that it does.
      weights[this.length++] = Math.min(weight, largest)
    }
    this.#counts.push(this.length - before)
  }

  #makeRoom(pairs: number): void {
    if (this.length + pairs <= this.#indices.length) return
    const size = 2 * (this.length + pairs)
    const [indices, weights] = [new Uint32Array(size), new Float32Array(size)]
    indices.set(this.#indices)
    weights.set(this.#weights)
    this.#indices = indices
    this.#weights = weights
  }
}

const largest = 3.4028234663852886e38
