import { expect, test } from 'vitest'
import { KeptIds } from '../../src/recommend/generations/kept-ids.ts'

test('ids are those of their rows, also where rows share a place, and are read once as long as they are kept', () => {
  const read: number[] = []
  const at = (row: number) => {
    read.push(row)
    return row === 5 ? 2n ** 60n : `item ${row}`
  }
  const ids = new KeptIds({ at }, 4)
  expect([1, 1, 5, 1, 2, 2, 1].map(row => ids.at(row))).toEqual([
    'item 1',
    'item 1',
    '1152921504606846976',
    'item 1',
    'item 2',
    'item 2',
    'item 1',
  ])
  expect(read).toEqual([1, 5, 1, 2])
})

test('a row that is none is refused, and keeps nothing', () => {
  const ids = new KeptIds({
    at: row => {
      if (row !== 1) throw new RangeError(`no row ${row}`)
      return 'one'
    },
  })
  expect(() => ids.at(1 + 65_536)).toThrow(RangeError)
  expect(ids.at(1)).toBe('one')
})
