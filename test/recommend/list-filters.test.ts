import { expect, test } from 'vitest'
import type { Generation } from '../../src/recommend/generations/generation.ts'
import { ResolvedFilters } from '../../src/recommend/lists/list-filters.ts'

/** A generation with these items, in this order. */
function generationOf(items: readonly string[]): Generation {
  const indicesOf = (ids: readonly string[]) => Int32Array.from(ids, id => items.indexOf(id))
  return {
    itemRows: {
      indicesOf,
      get size() {
        return items.length
      },
    },
  } as unknown as Generation
}

test('an item that a filter names twice is one row, and rows ascend', () => {
  const filters = new ResolvedFilters({
    limit: 5,
    seen: 'allow',
    exclude: ['c', 'a', 'c', 'none'],
    only: ['b', 'c', 'b', 'a', 'b', 'none'],
  })
  expect(filters.rowsIn(generationOf(['a', 'b', 'c']))).toEqual({
    exclude: Uint32Array.of(0, 2),
    only: Uint32Array.of(0, 1, 2),
  })
  expect(filters.rowsIn(generationOf(['c', 'b']))).toEqual({ exclude: Uint32Array.of(0), only: Uint32Array.of(0, 1) })
})

test('a filter that names nothing the model has allows nothing', () => {
  const filters = new ResolvedFilters({ limit: 5, seen: 'allow', exclude: [], only: ['none'] })
  expect(filters.rowsIn(generationOf(['a']))).toEqual({ exclude: new Uint32Array(), only: new Uint32Array() })
})

test('an item that a filter names before it has a row is filtered as soon as it has one', () => {
  const items = ['a']
  const generation = generationOf(items)
  const filters = new ResolvedFilters({ exclude: ['new'] })
  expect([...filters.rowsIn(generation).exclude]).toEqual([])
  items.push('new')
  expect([...filters.rowsIn(generation).exclude]).toEqual([1])
})
