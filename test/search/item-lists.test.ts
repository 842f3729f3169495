import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addSums, concat, contains, firstAllowed, pointers, union } from '../../src/search/item-lists.ts'

const indices = fc.uniqueArray(fc.nat(30)).map(list => Uint32Array.from(list))
const sorted = indices.map(list => list.toSorted())
/** Weights that floats add exactly, whatever the order; those of changes may take back. */
const row = sorted.map(list => ({
  indices: list,
  weights: Float32Array.from(list, index => (index % 7) + 1),
}))
const changes = sorted.chain(list =>
  fc
    .array(fc.integer({ min: -8, max: 8 }), { minLength: list.length, maxLength: list.length })
    .map(weights => ({ indices: list, weights: Float32Array.from(weights) })),
)

test('changes are added item by item, and what is not above 0 is left out', () => {
  fc.assert(
    fc.property(row, changes, (trained, changed) => {
      const expected = new Map<number, number>()
      for (const { indices, weights } of [trained, changed]) {
        indices.forEach((item, i) => {
          expected.set(item, (expected.get(item) ?? 0) + weights[i]!)
        })
      }
      const { indices, weights } = addSums(trained, changed)
      expect(Array.from(indices, (item, i) => [item, weights[i]])).toEqual(
        [...expected].filter(([, sum]) => sum > 0).sort(([a], [b]) => a - b),
      )
    }),
  )
})

test('the union of two rows has each index once, ascending', () => {
  fc.assert(
    fc.property(sorted, sorted, (a, b) => {
      expect([...union(a, b)]).toEqual([...new Set([...a, ...b])].sort((x, y) => x - y))
    }),
  )
})

test('the first allowed items are those that a look at each one finds, in the order of the candidates', () => {
  fc.assert(
    fc.property(indices, fc.nat(12), sorted, (candidates, limit, excluded) => {
      const expected = [...candidates].filter(item => !excluded.includes(item)).slice(0, limit)
      expect([...firstAllowed(candidates, limit, excluded)]).toEqual(expected)
    }),
  )
})

test('a sorted list contains what a look at each value finds', () => {
  fc.assert(
    fc.property(sorted, fc.nat(31), (list, value) => {
      expect(contains(list, value)).toBe(list.includes(value))
    }),
  )
})

test('parts that lie one after another are found again by their pointers', () => {
  const parts = [[1, 2], [], [3]].map(part => Uint32Array.from(part))
  expect([...pointers(parts.map(part => part.length))]).toEqual([0, 2, 2, 3])
  expect([...concat(Uint32Array, parts)]).toEqual([1, 2, 3])
})
