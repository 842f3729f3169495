/** SLIST from its definition: sessions, pasts and futures as dense rows, plain loops, all items that an item follows as its candidates. */
import type { SlistOptions } from '../../src/models/sequential/slist/options.ts'

type Matrix = number[][]

/** Items in order, and what the session counts. */
export interface NaiveSession {
  readonly items: readonly number[]
  readonly weight: number
}

/** B, with what is above 0 off its diagonal alone. */
export function naiveSlist(sessions: readonly NaiveSession[], items: number, options: SlistOptions): Matrix {
  const { consistency, pastDecay, futureDecay, regularization, dropout, mostOwn } = options
  const gramian = zeros(items)
  const targets = zeros(items)
  const add = (to: Matrix, left: readonly number[], right: readonly number[], factor: number) => {
    for (let i = 0; i < items; i++) for (let j = 0; j < items; j++) to[i]![j]! += factor * left[i]! * right[j]!
  }
  const rowOf = (events: readonly number[], decay: number) => {
    const row = Array<number>(items).fill(0)
    for (const [age, item] of events.entries()) row[item]! += decay ** age
    return row
  }
  for (const { items: events, weight } of sessions) {
    const whole = rowOf(events, 1)
    add(gramian, whole, whole, consistency * weight)
    add(targets, whole, whole, consistency * weight)
    for (let cut = 1; cut < events.length; cut++) {
      const past = rowOf(events.slice(0, cut).toReversed(), pastDecay)
      add(gramian, past, past, (1 - consistency) * weight)
      add(targets, past, rowOf(events.slice(cut), futureDecay), (1 - consistency) * weight)
    }
  }
  const regularized = (row: number[], i: number) =>
    row.map((sum, j) => (i === j ? sum + regularization + (sum * dropout) / (1 - dropout) : sum))
  const columns = targets.map((_, item) => naiveColumn(gramian.map(regularized), targets, item, mostOwn))
  return targets.map((_, i) => columns.map((column, j) => (i === j ? 0 : Math.max(0, column[i]!))))
}

/** Column `item` of B, from itself and the items that it follows. */
function naiveColumn(gramian: Matrix, targets: Matrix, item: number, mostOwn: number): number[] {
  const others = targets.flatMap((row, i) => (i !== item && row[item]! > 0 ? [i] : []))
  const chosen = [item, ...others]
  const inverse = inverseOf(chosen.map(i => chosen.map(j => gramian[i]![j]!)))
  const free = inverse.map(row => row.reduce((sum, p, at) => sum + p * targets[chosen[at]!]![item]!, 0))
  // What brings B_jj down to ξ with the least error.
  const excess = Math.max(0, free[0]! - mostOwn) / inverse[0]![0]!
  const column = Array<number>(gramian.length).fill(0)
  for (const [at, i] of chosen.entries()) column[i] = free[at]! - excess * inverse[at]![0]!
  return column
}

/** The score of every item for these items, newest first, by their weights: a share of all that they speak for. */
export function naiveSlistScores(
  weights: Matrix,
  recent: readonly { readonly item: number; readonly weight: number; readonly again: number }[],
): number[] {
  const sums = weights.map((_, j) => recent.reduce((sum, { item, weight }) => sum + weight * weights[item]![j]!, 0))
  const total = sums.reduce((sum, score) => sum + score, 0)
  const left = Math.max(0.01, 1 - recent.reduce((sum, { again }) => sum + again, 0))
  const own = new Map(recent.map(({ item, again }) => [item, again]))
  return sums.map((score, j) => (total > 0 ? (score / total) * left : 0) + (own.get(j) ?? 0))
}

function zeros(items: number): Matrix {
  return Array.from({ length: items }, () => Array<number>(items).fill(0))
}

/** By Gauss and Jordan, with the identity beside the matrix. */
function inverseOf(matrix: Matrix): Matrix {
  const a = matrix.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))])
  for (let p = 0; p < a.length; p++) {
    const pivot = a[p]![p]!
    a[p] = a[p]!.map(value => value / pivot)
    for (let r = 0; r < a.length; r++) {
      const by = a[r]![p]!
      if (r !== p) a[r] = a[r]!.map((value, c) => value - by * a[p]![c]!)
    }
  }
  return a.map(row => row.slice(a.length))
}
