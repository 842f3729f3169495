import { expect, test } from 'vitest'
import { listedItems, sharesOf, withReasons } from '../../src/serve/page/app/try/listed-item.ts'
import { movementsOf, summary } from '../../src/serve/page/app/try/movement.ts'

test('tells how items moved between two lists', () => {
  const movements = movementsOf(['a', 'b', 'c'], ['c', 'b', 'd', 'a'])
  expect([...movements]).toEqual([
    ['c', { kind: 'up', by: 2 }],
    ['b', { kind: 'same' }],
    ['d', { kind: 'new' }],
    ['a', { kind: 'down', by: 3 }],
  ])
  expect(summary(movements)).toBe('1 new, 1 up, 1 down')
  expect(movementsOf([], ['a']).size).toBe(0)
})

const list = { type: 'list', subscription: 1, sequence: 1, list: 'l', generation: 'g' } as const

test('shows what the server says of items, and how far it leans on each source', () => {
  const items = listedItems({
    ...list,
    items: [
      { item: 'a', score: 1, source: 'context' },
      { item: 2, score: 0.5, source: 'popular' },
    ],
  })
  const because = [{ item: 7, weight: 0.5 }]
  const explained = {
    user: 'ann',
    generation: 'g',
    items: [{ item: 'a', score: 1, source: 'context', because }],
    left: ['2'],
  }
  expect(withReasons(items, explained)).toEqual([
    { item: 'a', score: 1, source: 'context', reasons: [{ item: '7', weight: 0.5 }] },
    { item: '2', score: 0.5, source: 'popular', reasons: [] },
  ])
  expect(sharesOf({ weights: { taste: 0.25, context: 0.75 } })).toEqual([
    ['context', 0.75],
    ['taste', 0.25],
  ])
  expect(sharesOf({})).toEqual([])
})
