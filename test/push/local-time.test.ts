import { expect, test } from 'vitest'
import { isTimeZone, minuteOfDay, quietUntil, zoneOffset } from '../../src/push/data/local-time.ts'

const at = (text: string) => Date.parse(text)
const night = { from: 22 * 60, until: 8 * 60 }

test('the minute of the day follows the zone and its changes of the clock', () => {
  expect(minuteOfDay('Asia/Seoul', at('2026-01-05T12:30:30Z'))).toBe(21 * 60 + 30.5)
  expect(minuteOfDay('Europe/Berlin', at('2026-03-29T00:59:00Z'))).toBe(1 * 60 + 59)
  expect(minuteOfDay('Europe/Berlin', at('2026-03-29T01:00:00Z'))).toBe(3 * 60)
  expect(minuteOfDay('Asia/Kathmandu', at('2026-01-05T00:00:00Z'))).toBe(5 * 60 + 45)
  expect(minuteOfDay('Australia/Lord_Howe', at('2026-04-04T15:00:00Z'))).toBe(1 * 60 + 30)
  expect(isTimeZone('Mars/Base')).toBe(false)
})

test.each([
  ['UTC', '2026-01-05T12:30:30Z', 0],
  ['Asia/Seoul', '2026-01-05T12:30:30Z', 540],
  ['Asia/Seoul', '2026-01-05T20:30:30Z', 540],
  ['America/New_York', '2026-01-05T02:30:00Z', -300],
  ['America/New_York', '2026-07-05T12:30:00Z', -240],
  ['Asia/Kathmandu', '2026-01-05T23:00:00Z', 345],
  ['Pacific/Auckland', '2026-07-05T12:30:00Z', 720],
])('%s is ahead of UTC at %s by %i minutes', (zone, time, minutes) => {
  expect(zoneOffset(zone, at(time))).toBe(minutes)
})

test('quiet hours over midnight end in the morning', () => {
  expect(quietUntil('UTC', night, at('2026-01-05T21:59:59Z'))).toBeUndefined()
  expect(quietUntil('UTC', night, at('2026-01-05T22:00:00Z'))).toBe(at('2026-01-06T08:00:00Z'))
  expect(quietUntil('UTC', night, at('2026-01-06T07:59:59.500Z'))).toBe(at('2026-01-06T08:00:00Z'))
  expect(quietUntil('UTC', night, at('2026-01-06T08:00:00Z'))).toBeUndefined()
  expect(quietUntil('UTC', { from: 0, until: 0 }, at('2026-01-06T08:00:00Z'))).toBeUndefined()
})

test('quiet hours end by the clock on the wall in the night when it is put forward or back', () => {
  expect(quietUntil('Europe/Berlin', night, at('2026-03-28T22:00:00Z'))).toBe(at('2026-03-29T07:00:00Z'))
  const back = quietUntil('Europe/Berlin', night, at('2026-10-24T21:00:00Z'))
  expect(back).toBe(at('2026-10-25T07:00:00Z'))
})
