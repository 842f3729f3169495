import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Turns } from '../../src/serve/load/turns.ts'

/** Time passes when the test says so. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  vi.advanceTimersByTime(1000)
})
afterEach(() => void vi.useRealTimers())

/** A reader of `count` frames, each of which takes `ms`. */
function readerOf(name: string, count: number, ms: number, read: string[]) {
  let left = count
  return {
    takeTurn: () => {
      for (let n = 0; n < 16 && left > 0; n++, left--) {
        vi.advanceTimersByTime(ms)
        read.push(name)
      }
      return left > 0
    },
  }
}

test('after the time of a turn frames wait, and their sockets take turns', async () => {
  const turns = new Turns()
  expect(turns.begin()).toBe(true)
  vi.advanceTimersByTime(3)
  turns.end()
  expect(turns.begin()).toBe(false)
  const read: string[] = []
  turns.add(readerOf('many', 100, 0, read))
  turns.add(readerOf('few', 3, 0, read))
  expect(read).toEqual([])
  for (let turn = 0; turn < 10; turn++) await setImmediate()
  expect(read.slice(0, 20)).toEqual([...Array(16).fill('many'), 'few', 'few', 'few', 'many'])
  expect(read).toHaveLength(103)
  vi.advanceTimersByTime(1)
  expect(turns.begin()).toBe(true)
})

test('between two slices of frames everything else has its turn', async () => {
  const turns = new Turns()
  const read: string[] = []
  turns.add(readerOf('slow', 64, 1, read))
  const sizes: number[] = []
  while (read.length < 64) {
    await setImmediate()
    sizes.push(read.length - sizes.reduce((sum, size) => sum + size, 0))
  }
  expect(Math.max(...sizes)).toBe(16)
})

test('a socket that has gone is read no more', async () => {
  const turns = new Turns()
  const read: string[] = []
  const reader = readerOf('gone', 10, 0, read)
  turns.add(reader)
  turns.remove(reader)
  for (let turn = 0; turn < 3; turn++) await setImmediate()
  expect(read).toEqual([])
})
