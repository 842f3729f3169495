import { expect, test } from 'vitest'
import type { List } from '../../src/client/index.ts'
import { listedItems, sharesOf } from '../../src/serve/page/app/try/listed-item.ts'
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

const list = { type: 'list', subscription: 1, sequence: 1, list: 'l', generation: 'g', items: [] } as const

test('takes source, reasons and weights from servers that say them, and nothing from what is not of their form', () => {
  const saying = [
    { item: 'a', score: 1, source: 'context', explain: [{ item: 'b', weight: 0.5 }, { item: 7 }, 'c'] },
    { item: 2, score: 0.5 },
    { item: 'd', score: 0, source: 3, explain: [null, {}, { item: {} }] },
  ]
  expect(listedItems({ ...list, items: saying } as List)).toEqual([
    {
      item: 'a',
      score: 1,
      source: 'context',
      reasons: [
        { item: 'b', weight: 0.5 },
        { item: '7', weight: undefined },
        { item: 'c', weight: undefined },
      ],
    },
    { item: '2', score: 0.5, source: undefined, reasons: [] },
    { item: 'd', score: 0, source: undefined, reasons: [] },
  ])
  expect(sharesOf({ ...list, weights: { taste: 1, context: 3, age: 'x', other: -1 } } as List)).toEqual([
    ['context', 0.75],
    ['taste', 0.25],
  ])
  for (const weights of [undefined, null, [1], 'x', {}, { taste: 0 }])
    expect(sharesOf({ ...list, weights } as List)).toEqual([])
})
