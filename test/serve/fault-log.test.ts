import pino from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FaultLog } from '../../src/serve/fault-log.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a fault is logged at once, and what repeats it by its number only', () => {
  const lines: Record<string, unknown>[] = []
  const faults = new FaultLog(pino({ level: 'error' }, { write: line => lines.push(JSON.parse(line)) }))
  for (let time = 0; time < 1000; time++) faults.report(new Error('one'))
  faults.report(new Error('another'))
  faults.report('the disk is full', 'events could not be made durable')
  expect(lines.map(({ msg, err }) => (err as Error | undefined)?.message ?? msg)).toEqual([
    'one',
    'another',
    'events could not be made durable',
  ])
  lines.length = 0
  vi.advanceTimersByTime(60_000)
  expect(lines).toMatchObject([{ fault: 'a fault of the server: one', count: 999, seconds: 60 }])
  faults.report(new Error('one'))
  faults.report(new Error('another'))
  expect(lines).toHaveLength(2)
  vi.advanceTimersByTime(60_000)
  expect(lines).toMatchObject([{ count: 999 }, { err: { message: 'another' } }, { count: 1 }])
  vi.advanceTimersByTime(60_000)
  faults.report(new Error('one'))
  expect(lines.at(-1)).toMatchObject({ err: { message: 'one' } })
})

test('faults that all differ do not fill the log', () => {
  const lines: Record<string, unknown>[] = []
  const faults = new FaultLog(pino({ level: 'error' }, { write: line => lines.push(JSON.parse(line)) }))
  for (let time = 0; time < 10_000; time++) faults.report(new Error(`of item ${time}`))
  expect(lines).toHaveLength(101)
  expect(lines.at(-1)).toMatchObject({ msg: 'there are too many different faults to log each' })
  vi.advanceTimersByTime(60_000)
  expect(lines.slice(101)).toMatchObject([{ count: 9899 }])
})
