import { expect, test } from 'vitest'
import { AskedLists } from '../../src/recommend/lists/asked-lists.ts'

test('one client that asks for all there may be leaves others their share', () => {
  const asked = new AskedLists()
  asked.admit('greedy', 150_000, 0)
  asked.add('greedy', 150_000)
  expect(() => asked.admit('greedy', 1, 0)).toThrow('150000 lists are asked for already')
  asked.admit('modest', 1000, 0)
  asked.add('modest', 1000)
  expect(() => asked.admit('modest', 50_000, 0)).toThrow('asked for already')
  asked.add('greedy', -150_000)
  asked.admit('greedy', 99_000, 0)
})

test('who would wait too long is refused at once, and told when to come back', () => {
  const asked = new AskedLists()
  asked.admit('ann', 1, 9_999)
  expect(() => asked.admit('ann', 1, 12_000)).toThrow('expected a wait of at most 10000 ms, got 12000 ms')
  try {
    asked.admit('ann', 1, 12_000)
  } catch (error) {
    expect(error).toMatchObject({ reason: 'overloaded', retryAfter: 7000 })
  }
})
