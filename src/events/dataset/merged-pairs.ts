import type { Csr } from '../../storage/csr.ts'
import { absent, type PairSums, type Rows } from './pair-sums.ts'

/** Rows that follow each other: their pairs, and how many each has. */
export interface PairsOfRows {
  readonly indices: Uint32Array
  readonly weights: Float32Array
  readonly counts: readonly number[] | Float64Array
}

/**
 * The rows of `byUser` with `sums` added, and then those of the users that are appended. A pair whose sum is not above 0 is
 * left out, as an import does. O(pairs).
 */
export function* mergedPairs(
  byUser: Csr,
  sums: PairSums,
  { users, items }: { readonly users: Rows; readonly items: Rows },
): Generator<PairsOfRows> {
  for (let row = 0; row < users.former; ) {
    const begin = row
    while (row < users.former && sums.indptr[row] === sums.indptr[row + 1]) row++
    if (row > begin) yield rowsBetween(byUser, begin, row)
    if (row === users.former) break
    const changed = mergedRow(rowsBetween(byUser, row, row + 1), changesOf(row, sums, items))
    yield { ...changed, counts: [changed.indices.length] }
    row++
  }
  for (const number of users.added) {
    const added = mergedRow(noPairs, changesOf(number, sums, items))
    yield { ...added, counts: [added.indices.length] }
  }
}

const noPairs = { indices: new Uint32Array(), weights: new Float32Array() }

function rowsBetween({ indptr, indices, weights }: Csr, begin: number, end: number): PairsOfRows {
  const [first, last] = [Number(indptr[begin]), Number(indptr[end])]
  const counts = Float64Array.from({ length: end - begin }, (_, at) =>
    Number(indptr[begin + at + 1]! - indptr[begin + at]!),
  )
  return { indices: indices.subarray(first, last), weights: weights.subarray(first, last), counts }
}

/** What the items of a user change by, ascending by row; items without a row have none. */
function changesOf(user: number, { indptr, items: numbers, sums }: PairSums, items: Rows) {
  const [begin, end] = [indptr[user]!, indptr[user + 1]!]
  const places = Array.from({ length: end - begin }, (_, at) => begin + at)
    .filter(at => items.rowOf[numbers[at]!] !== absent)
    .sort((a, b) => items.rowOf[numbers[a]!]! - items.rowOf[numbers[b]!]!)
  return {
    indices: Uint32Array.from(places, at => items.rowOf[numbers[at]!]!),
    sums: Float64Array.from(places, at => sums[at]!),
  }
}

/** Both ascend. */
function mergedRow(
  row: Pick<PairsOfRows, 'indices' | 'weights'>,
  changes: { readonly indices: Uint32Array; readonly sums: Float64Array },
): Pick<PairsOfRows, 'indices' | 'weights'> {
  const most = row.indices.length + changes.indices.length
  const merged = { indices: new Uint32Array(most), weights: new Float32Array(most) }
  let [length, left, right] = [0, 0, 0]
  while (left < row.indices.length || right < changes.indices.length) {
    const [a = absent, b = absent] = [row.indices[left], changes.indices[right]]
    const item = Math.min(a, b)
    const weight = Math.fround((a === item ? row.weights[left++]! : 0) + (b === item ? changes.sums[right++]! : 0))
    if (!(weight > 0)) continue
    merged.indices[length] = item
    // Beyond what single precision holds, as the sum of events without end: the largest that it does.
    merged.weights[length++] = Math.min(weight, largest)
  }
  return { indices: merged.indices.subarray(0, length), weights: merged.weights.subarray(0, length) }
}

const largest = 3.4028234663852886e38
