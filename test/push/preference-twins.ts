/** Naive twins of what `PreferenceModel` computes, in float64 and without vectors that are made ahead. */
import type { TrainedUsers } from '../../src/push/prefer/components/user-factors.ts'

/** The factors of each user at length 1; undefined where there are none. */
export function unitFactors({ data, factors, rows }: TrainedUsers): (number[] | undefined)[] {
  return Array.from(rows, row => {
    if (row < 0) return undefined
    const own = Array.from(data.subarray(row * factors, (row + 1) * factors))
    const length = Math.hypot(...own)
    return length > 0 ? own.map(value => value / length) : undefined
  })
}

/** x of A x = b, by Gauss and Jordan. */
export function solved(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = a.map((row, at) => [...row, b[at]!])
  for (let at = 0; at < rows.length; at++) {
    const pivot = rows[at]![at]!
    rows[at] = rows[at]!.map(value => value / pivot)
    for (let other = 0; other < rows.length; other++) {
      if (other === at) continue
      const factor = rows[other]![at]!
      rows[other] = rows[other]!.map((value, column) => value - factor * rows[at]![column]!)
    }
  }
  return rows.map(row => row.at(-1)!)
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)
export const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((value, at) => value * b[at]!))

function meanOf(rows: readonly number[][]): number[] {
  return rows[0]!.map((_, k) => sum(rows.map(row => row[k]!)) / rows.length)
}

function squares(rows: readonly number[][]): number[][] {
  return rows[0]!.map((_, a) => rows[0]!.map((_, b) => sum(rows.map(row => row[a]! * row[b]!))))
}

const identity = (n: number, value: number) =>
  Array.from({ length: n }, (_, a) => Array.from({ length: n }, (_, b) => (a === b ? value : 0)))

/** The vectors of early readers: the minimum of the loss of ALS, ridge regression, and the centre. */
export function naiveReaderVectors(users: readonly (number[] | undefined)[], earlyReaders: readonly number[]) {
  const known = users.filter(own => own !== undefined)
  const readers = earlyReaders.map(user => users[user]).filter(own => own !== undefined)
  const n = known[0]!.length
  const [all, own] = [squares(known), squares(readers)]
  const ridge = identity(n, 1)
  const foldIn = solved(
    all.map((row, a) => row.map((value, b) => 0.003 * value + own[a]![b]! + ridge[a]![b]!)),
    readers[0]!.map((_, k) => sum(readers.map(row => row[k]!))),
  )
  const [mean, readerMean] = [meanOf(known), meanOf(readers)]
  const covariance = squares(known.map(row => row.map((value, k) => value - mean[k]!))).map(row =>
    row.map(value => value / known.length),
  )
  const trace = sum(covariance.map((row, a) => row[a]!))
  const difference = readerMean.map((value, k) => value - mean[k]!)
  const classifier = solved(
    covariance.map((row, a) => row.map((value, b) => value + identity(n, (0.3 * trace) / n)[a]![b]!)),
    difference,
  )
  return { foldIn, classifier, centroid: difference }
}

/** How similar an item is to an article: readers in common ÷ √(early readers × (its readers + 10)). */
export function naiveCoReads(
  histories: readonly (readonly number[])[],
  earlyReaders: readonly number[],
  lastOf: readonly (readonly number[])[],
): number[] {
  return lastOf.map(items =>
    sum(
      items.map(item => {
        const common = earlyReaders.filter(user => histories[user]!.includes(item)).length
        const readers = histories.filter(history => history.includes(item)).length
        return common / Math.sqrt(earlyReaders.length * (readers + 10))
      }),
    ),
  )
}
