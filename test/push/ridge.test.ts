import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fitRidge, SparseRowsBuilder } from '../../src/push/text/ridge.ts'

/** (Xᵀ V⁻¹ X + λ) b = Xᵀ V⁻¹ y with V written out, by elimination. */
function naiveRidge(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  weights: readonly number[],
  groups: readonly number[],
  { penalty, groupVariance }: { readonly penalty: number; readonly groupVariance: number },
): number[] {
  const covariance = weights.map((weight, a) =>
    weights.map((_, b) => (groups[a] === groups[b] ? groupVariance : 0) + (a === b ? 1 / weight : 0)),
  )
  const size = rows[0]!.length
  const whitened = solve(
    covariance,
    rows.map((row, at) => [...row, targets[at]!]),
  )
  const normal = Array.from({ length: size }, (_, a) => [
    ...Array.from({ length: size }, (_, b) => {
      return rows.reduce((sum, row, at) => sum + row[a]! * whitened[at]![b]!, a === b ? penalty : 0)
    }),
  ])
  const right = Array.from({ length: size }, (_, a) => [
    rows.reduce((sum, row, at) => sum + row[a]! * whitened[at]![size]!, 0),
  ])
  return solve(normal, right).map(([value]) => value!)
}

/** A X = B by Gauss and Jordan. */
function solve(matrix: readonly (readonly number[])[], right: readonly (readonly number[])[]): number[][] {
  const all = matrix.map((row, at) => [...row, ...right[at]!])
  for (let pivot = 0; pivot < all.length; pivot++) {
    const best = all.findIndex(
      (row, at) =>
        at >= pivot && Math.abs(row[pivot]!) === Math.max(...all.slice(pivot).map(row => Math.abs(row[pivot]!))),
    )
    const swapped = all[pivot]!
    all[pivot] = all[best]!
    all[best] = swapped
    all.forEach((row, at) => {
      if (at === pivot) return
      const factor = row[pivot]! / all[pivot]![pivot]!
      all[at] = row.map((value, column) => value - factor * all[pivot]![column]!)
    })
  }
  return all.map((row, at) => row.slice(matrix.length).map(value => value / row[at]!))
}

const value = fc.integer({ min: -3, max: 3 })

test('ridge regression with random intercepts of groups is what its equations say', () => {
  const problems = fc.record({
    rows: fc.array(
      fc.tuple(
        fc.array(value, { minLength: 4, maxLength: 4 }),
        value,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 2 }),
      ),
      {
        minLength: 1,
        maxLength: 12,
      },
    ),
    penalty: fc.constantFrom(0.5, 3),
    groupVariance: fc.constantFrom(0.1, 2),
  })
  fc.assert(
    fc.property(problems, ({ rows, penalty, groupVariance }) => {
      const builder = new SparseRowsBuilder()
      for (const [row] of rows) {
        for (const [column, value] of row.entries()) builder.add(column, value)
        builder.endRow()
      }
      const found = fitRidge({
        features: builder.build(),
        columns: 4,
        targets: Float64Array.from(rows, ([, target]) => target),
        weights: Float64Array.from(rows, ([, , weight]) => weight),
        groups: Uint32Array.from(rows, ([, , , group]) => group),
        groupVariance,
        penalty,
      })
      const expected = naiveRidge(
        rows.map(([row]) => row),
        rows.map(([, target]) => target),
        rows.map(([, , weight]) => weight),
        rows.map(([, , , group]) => group),
        { penalty, groupVariance },
      )
      for (const [at, coefficient] of found.entries()) expect(coefficient).toBeCloseTo(expected[at]!, 4)
    }),
  )
})
