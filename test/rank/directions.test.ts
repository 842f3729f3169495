import { expect, test } from 'vitest'
import { directions } from '../../src/rank/directions.ts'

test('rows get length 1 and zeros stay zeros', () => {
  expect([...directions(Float32Array.of(3, 4, 0, 0, 0, -7), 2)]).toEqual([
    ...[Math.fround(0.6), Math.fround(0.8)],
    ...[0, 0],
    ...[0, -1],
  ])
})

test('the tiniest and the largest rows have a direction too', () => {
  expect([...directions(Float32Array.of(1e-30, 0, 3e38, 0), 2)]).toEqual([1, 0, 1, 0])
})
