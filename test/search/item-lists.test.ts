import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addRecent, concat, firstAllowed, pointers, union } from '../../src/search/item-lists.ts'

const indices = fc.uniqueArray(fc.nat(30)).map(list => Uint32Array.from(list))
const sorted = indices.map(list => list.toSorted())
/** Weights that floats add exactly, whatever the order. */
const weighted = (list: Uint32Array) => ({ indices: list, weights: Float32Array.from(list, index => (index % 7) + 1) })

test('recent events are added to what was trained on, item by item', () => {
  fc.assert(
    fc.property(sorted.map(weighted), indices.map(weighted), (trained, recent) => {
      const expected = new Map<number, number>()
      for (const row of [trained, recent]) {
        row.indices.forEach((item, i) => {
          expected.set(item, (expected.get(item) ?? 0) + row.weights[i])
        })
      }
      const { indices, weights } = addRecent(trained, recent)
      expect([...indices].map((item, i) => [item, weights[i]])).toEqual([...expected].sort(([a], [b]) => a - b))
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

test('the first allowed items are those that a look at each one finds', () => {
  fc.assert(
    fc.property(
      fc.nat(12),
      fc.nat(30),
      sorted,
      fc.option(sorted, { nil: undefined }),
      (limit, count, excluded, only) => {
        const expected = [...Array(31).keys()]
          .filter(index => (only ? only.includes(index) : index < count))
          .filter(index => !excluded.includes(index))
        expect([...firstAllowed(limit, count, excluded, only)]).toEqual(expected.slice(0, limit))
      },
    ),
  )
})

test('parts that lie one after another are found again by their pointers', () => {
  const parts = [[1, 2], [], [3]].map(part => Uint32Array.from(part))
  expect([...pointers(parts.map(part => part.length))]).toEqual([0, 2, 2, 3])
  expect([...concat(Uint32Array, parts)]).toEqual([1, 2, 3])
})
