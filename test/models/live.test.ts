import { expect, test } from 'vitest'
import { withoutNewItems } from '../../src/models/sequential/live/known-rows.ts'
import { RunningSessions } from '../../src/models/sequential/live/running-sessions.ts'

const minute = 60_000

test('a session is what its user did before, newest first, until nothing was done for the gap', () => {
  const sessions = new RunningSessions(0.5, 3)
  const add = (user: string | number, item: number, minutes: number) => [...sessions.add(user, item, minutes * minute)]
  expect(add('ada', 1, 0)).toEqual([])
  expect(add('ada', 2, 1)).toEqual([1])
  expect(add(7, 9, 1)).toEqual([])
  expect(add('ada', 3, 30)).toEqual([2, 1])
  expect(add('ada', 4, 31)).toEqual([3, 2, 1])
  // No more than three are known.
  expect(add('ada', 5, 32)).toEqual([4, 3, 2])
  // What repeats the item of the one before follows nothing.
  expect(add('ada', 5, 33)).toEqual([])
  expect(add('ada', 6, 63)).toEqual([])
  expect(add('ada', 7, 64)).toEqual([6])
})

test('an event that comes late, or from a clock that jumped, counts as if it came with the one before', () => {
  const sessions = new RunningSessions(0.5, 10)
  const add = (item: number, minutes: number) => [...sessions.add('ada', item, minutes * minute)]
  add(1, 100)
  expect(add(2, 20)).toEqual([1])
  expect(add(3, 101)).toEqual([2, 1])
  expect(add(4, 131)).toEqual([])
  const endless = new RunningSessions(0, 10)
  endless.add('ada', 1, 0)
  expect([...endless.add('ada', 2, 1e12)]).toEqual([1])
})

test('of more users than are known the one who came longest ago is forgotten', () => {
  const sessions = new RunningSessions(0, 10, 2)
  sessions.add('ada', 1, 0)
  sessions.add('bo', 1, 0)
  sessions.add('ada', 2, 0)
  sessions.add('cy', 1, 0)
  expect([...sessions.add('ada', 3, 0)]).toEqual([2, 1])
  expect([...sessions.add('bo', 3, 0)]).toEqual([])
})

test('a model that does not learn is asked without the items that came since', () => {
  const request = {
    user: 3,
    history: { indices: Uint32Array.of(1, 4, 5), weights: Float32Array.of(1, 2, 3) },
    recent: {
      items: Uint32Array.of(5, 1, 4),
      weights: Float32Array.of(3, 1, 2),
      times: Float64Array.of(7, 8, 9),
    },
    limit: 5,
    exclude: Uint32Array.of(0, 4),
    only: Uint32Array.of(2, 4),
  }
  expect(withoutNewItems(request, 6)).toBe(request)
  expect(withoutNewItems(request, 4)).toEqual({
    user: 3,
    history: { indices: Uint32Array.of(1), weights: Float32Array.of(1) },
    recent: { items: Uint32Array.of(1), weights: Float32Array.of(1), times: Float64Array.of(8) },
    limit: 5,
    exclude: Uint32Array.of(0),
    only: Uint32Array.of(2),
  })
})
