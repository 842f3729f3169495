import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { removeEvents } from '../../src/events/idle-state.ts'
import {
  countAt,
  forgottenAfterHalfLives,
  mostShown,
  noteShown,
  type ShownItems,
} from '../../src/events/impressions.ts'
import { Journal, type Outcome } from '../../src/events/journal.ts'
import { randomNumbers } from '../../src/storage/random.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-impressions-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const hour = 3_600_000
const now = Date.now()

const shownTo = (journal: Journal, user: string, id: string, items: readonly string[], time = now) =>
  new Promise<Outcome>(resolve => journal.appendImpressions({ id, user, items, time }, resolve))
const does = (journal: Journal, user: string, id: string, item: string) =>
  new Promise<Outcome>(resolve => journal.append({ id, user, item, weight: 1, time: now }, resolve))
const shownItems = async (journal: Journal, user: string) => [
  ...((await journal.recent(user)).shown ?? new Map()).keys(),
]

test('a showing counts 1, and half as much after each half-life, in whatever order they come', () => {
  const random = randomNumbers(3)
  for (let round = 0; round < 50; round++) {
    const times = Array.from({ length: 6 }, () => Math.round(4 * hour * random()))
    const now = 5 * hour
    const expected = times.reduce((sum, time) => sum + 0.5 ** ((now - time) / hour), 0)
    const shown: ShownItems = new Map()
    for (const time of times) noteShown(shown, { items: ['a', 'a'], time }, hour)
    expect(countAt(shown.get('a')!, now, hour)).toBeCloseTo(expected, 9)
    // A clock that was set back makes nothing count more.
    expect(countAt(shown.get('a')!, 0, hour)).toBe(shown.get('a')!.count)
  }
})

test('of one user the items are kept that were shown last', () => {
  const shown: ShownItems = new Map()
  for (let at = 0; at < mostShown + 50; at++) noteShown(shown, { items: [`i${at}`], time: at }, hour)
  expect(shown.size).toBe(mostShown)
  expect(shown.has('i49')).toBe(false)
  expect(shown.has('i50')).toBe(true)
})

test('what was shown is on disk, once for each id, until an event on it is, and until the user is forgotten', async () => {
  const first = await Journal.open(directory, { impressionHalfLife: hour })
  expect(await shownTo(first, 'ann', '1', ['a', 'b', 'c'])).toBe('stored')
  expect(await shownTo(first, 'ann', '1', ['d'])).toBe('duplicate')
  expect(await shownTo(first, 'bob', '1', ['a'])).toBe('stored')
  // The ids of events are others.
  expect(await does(first, 'ann', '1', 'b')).toBe('stored')
  expect(await shownItems(first, 'ann')).toEqual(['a', 'c'])
  // One that is there already takes nothing away.
  expect(await shownTo(first, 'ann', '2', ['b'], now + hour)).toBe('stored')
  expect(await does(first, 'ann', '1', 'b')).toBe('duplicate')
  await first.close()
  const second = await Journal.open(directory, { impressionHalfLife: hour })
  expect(await shownTo(second, 'ann', '3', ['a'], now + hour)).toBe('stored')
  const { shown, events } = await second.recent('ann')
  expect(Object.fromEntries(shown!)).toEqual({
    a: { count: 1.5, time: now + hour },
    b: { count: 1, time: now + hour },
    c: { count: 1, time: now },
  })
  expect(events.map(({ item }) => item)).toEqual(['b'])
  // They take no place among the events.
  expect(second.position).toBe(1)
  expect(await second.after(0, 10)).toHaveLength(1)
  expect(await second.forget('ann')).toEqual({ events: 1, ids: 3, shown: 3 })
  expect(await shownItems(second, 'ann')).toEqual([])
  expect(await shownItems(second, 'bob')).toEqual(['a'])
  await second.close()
})

test('on disk, too, a user has no more of them than are kept', async () => {
  const journal = await Journal.open(directory)
  const items = (begin: number) => Array.from({ length: 100 }, (_, at) => `i${begin + at}`)
  for (const begin of [0, 100, 200]) await shownTo(journal, 'ann', `${begin}`, items(begin), now + begin)
  expect((await shownItems(journal, 'ann')).toSorted()).toEqual([...items(100), ...items(200)].toSorted())
  await journal.close()
})

test('what is no impression is refused before anything is recorded', async () => {
  const journal = await Journal.open(directory)
  const append = (change: object) =>
    journal.appendImpressions({ id: '1', user: 'ann', items: ['a'], time: 0, ...change }, () => {})
  expect(() => append({ items: [] })).toThrow('must have an item')
  expect(() => append({ items: ['a', 'b\0'] })).toThrow("the impressions' items must be text")
  expect(() => append({ user: '' })).toThrow("the impressions' user must be text")
  expect(() => append({ time: 0.5 })).toThrow('time must be whole ms since 1970, got 0.5')
  expect(journal.pending).toBe(0)
  await journal.close()
  await expect(Journal.open(directory, { impressionHalfLife: 0 })).rejects.toThrow('must be ms above 0, got 0')
})

test('what was shown so long ago that it counts nothing is removed, also of users who do not come again', async () => {
  const halfLife = 30 * 24 * hour
  const past = now - forgottenAfterHalfLives * halfLife
  const journal = await Journal.open(directory, { impressionHalfLife: halfLife })
  await shownTo(journal, 'bob', '1', ['a'], past + hour)
  await shownTo(journal, 'ann', '1', ['a', 'b', 'c'], past - hour)
  // Takes two away for each item that comes.
  await shownTo(journal, 'cid', '1', ['a'])
  expect(await shownItems(journal, 'ann')).toHaveLength(1)
  const nothing = { upTo: 0, keep: 0, keepIds: 0 }
  expect(await journal.remove(nothing)).toEqual({ events: 0, ids: 0, shown: 1 })
  expect(await shownItems(journal, 'ann')).toEqual([])
  await shownTo(journal, 'ann', '2', ['d'], past - hour)
  await journal.close()
  // Where no server runs, by the half-life that it had.
  const removeShown = () => removeEvents(directory, nothing, () => 0).shown
  expect(removeShown()).toBe(1)
  const later = await Journal.open(directory, { impressionHalfLife: hour })
  expect([await shownItems(later, 'bob'), await shownItems(later, 'cid')]).toEqual([['a'], ['a']])
  await later.close()
  expect(removeShown()).toBe(1)
})

test('one transaction records no more impressions than would hold up events for long', async () => {
  const groups: number[] = []
  const journal = await Journal.open(directory, { onCommit: size => groups.push(size) })
  const items = Array.from({ length: 100 }, (_, at) => `i${at}`)
  const outcomes = Array.from({ length: 60 }, (_, id) => shownTo(journal, 'ann', `${id}`, items))
  outcomes.push(does(journal, 'ann', 'e', 'i7'))
  expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['stored']))
  expect(groups.reduce((sum, size) => sum + size)).toBe(61)
  expect(Math.max(...groups)).toBeLessThanOrEqual(20)
  expect(await shownItems(journal, 'ann')).toHaveLength(99)
  await journal.close()
})
