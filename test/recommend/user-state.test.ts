import { expect, test } from 'vitest'
import type { UserEvent } from '../../src/events/event.ts'
import type { UserEvents } from '../../src/models/algorithm.ts'
import type { Generation } from '../../src/recommend/generations/generation.ts'
import { UserState } from '../../src/recommend/users/user-state.ts'

/** A generation with these items, in these rows. */
function generationOf(...items: string[]): Generation {
  const users = { indexOf: () => -1 }
  return {
    artifact: { users },
    itemRows: { size: items.length, indicesOf: (ids: string[]) => Int32Array.from(ids, id => items.indexOf(id)) },
  } as unknown as Generation
}

const letters = generationOf('a', 'b', 'c', 'd')

function event(id: string, item: string | undefined, given: Partial<UserEvent> = {}): UserEvent {
  return { id, user: 'ann', item, weight: 1, time: Number(id), ...given }
}

const plain = ({ items, weights, times }: UserEvents) => Array.from(items, (item, at) => [item, weights[at], times[at]])

const times = (state: UserState) => Array.from(state.recent(letters).times)

/** The events as the journal gives them. */
const stored = (events: readonly UserEvent[]) => events.map((event, at) => ({ ...event, position: at + 1 }))

/** A state that has these events from the journal, of which the last is number `asOf`. */
function stateOf(events: readonly UserEvent[], asOf = 0): UserState {
  const state = new UserState('ann')
  state.load({ events: stored(events), changes: [], asOf }, 5000)
  return state
}

test('nothing is known before the journal was read', () => {
  const state = new UserState('ann')
  expect([state.isLoaded, state.hasEvents, state.newest]).toEqual([false, false, undefined])
  expect(plain(state.recent(letters))).toEqual([])
  state.load({ events: [], changes: [], asOf: 7 }, 5000)
  expect([state.isLoaded, state.hasEvents, state.newest, state.sequence]).toEqual([true, false, undefined, 7])
})

test('events come in order of their times, whenever they arrived; equal times keep the order of arrival', () => {
  const state = stateOf([event('1', 'c', { time: 30 }), event('2', 'a', { time: 10 })], 2)
  state.add(event('3', 'b', { time: 20 }), 3)
  state.add(event('4', 'd', { time: 10, weight: -2 }), 4)
  expect(plain(state.recent(letters))).toEqual([
    [0, 1, 10],
    [3, -2, 10],
    [1, 1, 20],
    [2, 1, 30],
  ])
  // What was sent last is what a list takes into account, not what happened last.
  expect([state.newest, state.sequence]).toEqual(['4', 4])
})

test('events that arrive while the journal is read count once', () => {
  const state = new UserState('ann')
  state.add(event('5', 'a'), 5)
  state.add(event('6', 'b'), 6)
  state.add(event('7', 'c'), 7)
  // The journal had 5 and 6 by the time that it was read.
  state.load({ events: stored([event('1', 'd'), event('5', 'a'), event('6', 'b')]), changes: [], asOf: 6 }, 5000)
  expect(plain(state.recent(letters)).map(([item]) => item)).toEqual([3, 0, 1, 2])
  expect([state.newest, state.sequence]).toEqual(['7', 7])
})

test('an event that turns out not to count is removed, and lists that rest on it are outdated', () => {
  const state = stateOf([event('1', 'a')], 1)
  state.add(event('2', 'b'), 2)
  state.add(event('3', 'c'), 3)
  const { version } = state
  expect(state.remove(2)).toBe(true)
  expect(state.version).not.toBe(version)
  expect(plain(state.recent(letters)).map(([item]) => item)).toEqual([0, 2])
  expect(state.newest).toBe('3')
  expect(state.remove(2)).toBe(false)
  expect(state.remove(99)).toBe(false)
})

test('an event that fails while the journal is read never counts', () => {
  const state = new UserState('ann')
  state.add(event('5', 'a'), 5)
  expect(state.remove(5)).toBe(false)
  state.load({ events: [], changes: [], asOf: 4 }, 5000)
  expect(plain(state.recent(letters))).toEqual([])
})

test('an event that is undone is left out, whichever of the two comes first', () => {
  const state = stateOf([event('1', 'a'), event('2', 'b'), event('3', undefined, { undo: '1' })], 3)
  expect(plain(state.recent(letters)).map(([item]) => item)).toEqual([1])
  state.add(event('4', undefined, { undo: '5' }), 4)
  state.add(event('5', 'c'), 5)
  expect(plain(state.recent(letters)).map(([item]) => item)).toEqual([1])
  state.add(event('6', undefined, { undo: '2' }), 6)
  expect(plain(state.recent(letters))).toEqual([])
  expect(state.hasEvents).toBe(true)
})

test('an event counts again when its undo is undone', () => {
  const state = stateOf([event('1', 'a'), event('2', undefined, { undo: '1' })], 2)
  expect(plain(state.recent(letters))).toEqual([])
  state.add(event('3', undefined, { undo: '2' }), 3)
  expect(plain(state.recent(letters)).map(([item]) => item)).toEqual([0])
  state.add(event('4', undefined, { undo: '3' }), 4)
  expect(plain(state.recent(letters))).toEqual([])
})

test('items are found anew in each generation, and those that it lacks are left out', () => {
  const state = stateOf([event('1', 'a'), event('2', 'b')], 2)
  expect(plain(state.recent(letters)).map(([item]) => item)).toEqual([0, 1])
  const other = generationOf('b', 'x')
  expect(plain(state.recent(other)).map(([item]) => item)).toEqual([0])
  state.add(event('3', 'x'), 3)
  expect(plain(state.recent(other)).map(([item]) => item)).toEqual([0, 1])
  expect(plain(state.recent(letters)).map(([item]) => item)).toEqual([0, 1])
})

test('of a long history the newest events count, however many there were', () => {
  const state = stateOf([], 0)
  for (let at = 1; at <= 20; at++) {
    state.add(event(`${at}`, 'a'), at)
    state.trim(3)
    expect(times(state)).toEqual([at - 2, at - 1, at].filter(time => time > 0))
    expect(state.newest).toBe(`${at}`)
  }
})

test('where an event of a long history turns out not to count, an older one counts in its place', () => {
  const state = stateOf([], 0)
  for (let at = 1; at <= 5; at++) {
    state.add(event(`${at}`, 'a'), at)
    state.trim(3)
  }
  state.remove(4)
  expect(times(state)).toEqual([2, 3, 5])
})

const rule = { decay: 0.5, halfLife: 1000 }

/** What the scores of items are multiplied by at 0, by id. */
function discountsIn(state: UserState): Record<string, number> {
  const { items = [], factors = [] } = state.discounts(letters, 0, rule) ?? {}
  return Object.fromEntries(Array.from(items, (row, at) => ['abcd'[row]!, factors[at]!]))
}

test('items that were shown are discounted until an event on them, from its arrival on', () => {
  const state = stateOf([])
  expect(discountsIn(state)).toEqual({})
  state.noteShown({ id: '1', user: 'ann', items: ['a', 'b', 'z'], time: 0 }, rule.halfLife)
  state.noteShown({ id: '2', user: 'ann', items: ['a'], time: 0 }, rule.halfLife)
  expect(discountsIn(state)).toEqual({ a: 0.25, b: 0.5 })
  state.add(event('1', 'a'), 1)
  expect(discountsIn(state)).toEqual({ b: 0.5 })
  // It did not count: as if it had never come.
  state.remove(1)
  expect(discountsIn(state)).toEqual({ a: 0.25, b: 0.5 })
  state.add(event('2', 'a'), 2)
  state.settle(2, 1)
  state.noteShown({ id: '3', user: 'ann', items: ['a'], time: 0 }, rule.halfLife)
  expect(discountsIn(state)).toEqual({ a: 0.5, b: 0.5 })
  state.clear()
  expect(discountsIn(state)).toEqual({})
})

test('impressions and events that come while the journal is read are not missed', () => {
  const state = new UserState('ann')
  const shown = () => new Map([['a', { count: 1, time: 0 }]])
  state.isLoading = true
  state.expectImpressions()
  state.load({ events: [], changes: [], shown: shown(), asOf: 0 }, 5000)
  // They may have been read, or not: it is to be read again.
  expect(state.isIncomplete).toBe(true)
  state.unload()
  state.add(event('1', 'a'), 1)
  state.settle(1, 1)
  state.load({ events: [], changes: [], shown: shown(), asOf: 0 }, 5000)
  expect(state.isIncomplete).toBe(false)
  expect(discountsIn(state)).toEqual({})
})
