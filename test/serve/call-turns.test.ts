import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CallTurns } from '../../src/serve/http/call-turns.ts'
import { Turns } from '../../src/serve/load/turns.ts'

/** Time passes when the test says so. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  vi.advanceTimersByTime(1000)
})
afterEach(() => void vi.useRealTimers())

test('calls begin at once while there is time; then addresses take turns, and each has its own in order', async () => {
  const calls = new CallTurns(new Turns())
  const begun: string[] = []
  const run = (address: string, n: number) =>
    calls.run(address, async () => {
      vi.advanceTimersByTime(0.5)
      begun.push(`${address} ${n}`)
      return n
    })
  const many = Array.from({ length: 20 }, (_, n) => run('many', n))
  expect(begun).toHaveLength(4)
  const few = [0, 1].map(n => run('few', n))
  expect(begun).toHaveLength(4)
  expect(await Promise.all([...many, ...few])).toEqual([...Array(20).keys(), 0, 1])
  const few1 = begun.indexOf('few 1')
  expect(few1).toBeLessThan(10)
  expect(begun.filter(call => call.startsWith('many'))).toEqual(Array.from({ length: 20 }, (_, n) => `many ${n}`))
  vi.advanceTimersByTime(1)
  run('late', 0)
  expect(begun.at(-1)).toBe('late 0')
})

test('a call that fails fails alone, also where it waited', async () => {
  const calls = new CallTurns(new Turns())
  const run = (n: number) =>
    calls.run('one', async () => {
      vi.advanceTimersByTime(1)
      if (n % 2 === 1) throw new Error(`call ${n}`)
      return n
    })
  const outcomes = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(run))
  expect(outcomes.map(outcome => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.message))).toEqual([
    0,
    'call 1',
    2,
    'call 3',
    4,
    'call 5',
  ])
})

test('all other work is done between two turns', async () => {
  const calls = new CallTurns(new Turns())
  let begun = 0
  const all = Array.from({ length: 40 }, () =>
    calls.run('one', async () => {
      vi.advanceTimersByTime(1)
      begun++
    }),
  )
  const sizes: number[] = []
  for (let before = begun; begun < 40; before = begun) {
    await setImmediate()
    sizes.push(begun - before)
  }
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4)
  await Promise.all(all)
})
