import { expect, test } from 'vitest'
import { Newest } from '../../src/client/newest.ts'

test('a slow reader gets the newest value and none of those between', async () => {
  const values = new Newest<number>(() => {})
  for (const value of [1, 2, 3]) values.put(value)
  expect(await values.next()).toEqual({ done: false, value: 3 })
  const next = values.next()
  values.put(4)
  expect(await next).toEqual({ done: false, value: 4 })
})

test('the last value is still given before the end, and before an error', async () => {
  for (const finish of ['end', 'fail'] as const) {
    const values = new Newest<number>(() => {})
    values.put(1)
    values[finish](new Error('gone'))
    expect(await values.next()).toEqual({ done: false, value: 1 })
    if (finish === 'fail') await expect(values.next()).rejects.toThrow('gone')
    expect(await values.next()).toEqual({ done: true, value: undefined })
  }
})

test('leaving the loop is reported once', async () => {
  let ends = 0
  const values = new Newest<number>(() => ends++)
  values.put(1)
  for await (const value of values) {
    expect(value).toBe(1)
    break
  }
  values.end()
  expect(ends).toBe(1)
})
