import { expect, test } from 'vitest'
import { noEvents } from '../../src/models/algorithm.ts'
import { recentItems } from '../../src/models/sequential/sessions/recent-items.ts'
import { repeatShares } from '../../src/models/sequential/sessions/repeats.ts'
import { visitSessions } from '../../src/models/sequential/sessions/sessions.ts'
import { type Event, sequencesOf } from '../storage/sequences-of.ts'

const hour = 3_600_000

/** Events of items at these hours. */
function eventsAt(...events: readonly (readonly [item: number, hours: number])[]): Event[] {
  return events.map(([item, hours]) => ({ item, time: hours * hour, weight: 1 }))
}

function recentOf(...events: readonly (readonly [item: number, hours: number, weight?: number])[]) {
  return {
    items: Uint32Array.from(events, ([item]) => item),
    weights: Float32Array.from(events, ([, , weight = 1]) => weight),
    times: Float64Array.from(events, ([, hours]) => hours * hour),
  }
}

const history = { indices: Uint32Array.of(0, 2, 3, 4), weights: new Float32Array(4).fill(1) }
const trained = sequencesOf([eventsAt([0, 0], [3, 1], [4, 1.2], [3, 1.3], [2, 9])], 6)

test('the last items come newest first, each once, and of those that are not in the history none', () => {
  const options = { recentItems: 3, recencyDecay: 0.5 }
  const recent = recentOf([0, 20], [5, 20.1], [5, 20.2, -1])
  const found = (given: object) => recentItems({ user: 0, history, recent, ...given }, trained, options)
  expect(found({})).toEqual({ items: Uint32Array.of(0, 2, 3), weights: Float32Array.of(1, 0.5, 0.25), running: 3 })
  expect(found({ recent: noEvents }).items).toEqual(Uint32Array.of(2, 3, 4))
  expect(found({ user: -1 }).items).toEqual(Uint32Array.of(0))
  // Without an order, all alike.
  const all = { items: history.indices, weights: Float32Array.of(1, 1, 1, 1), running: 0 }
  expect(found({ user: -1, recent: noEvents })).toEqual(all)
})

test('items of earlier sessions count less while one runs, and alike when none does', () => {
  const options = { recentItems: 10, recencyDecay: 0.5, sessionGap: 0.5, earlierSessions: 0.1 }
  const recent = recentOf([0, 9.2], [4, 9.4])
  const at = (now: number | undefined, given: object = {}) =>
    recentItems({ user: 0, history, recent, now: now && now * hour, ...given }, trained, options)
  const items = Uint32Array.of(4, 0, 2, 3)
  // The session began in the training.
  expect(at(9.5)).toEqual({ items, weights: Float32Array.of(1, 0.5, 0.25, 0.0125), running: 3 })
  expect(at(undefined)).toEqual(at(9.5))
  expect(at(12)).toEqual({ items, weights: Float32Array.of(1, 0.5, 0.25, 0.125), running: 0 })
  expect(at(9.5, { user: -1 })).toEqual({ items: Uint32Array.of(4, 0), weights: Float32Array.of(1, 0.5), running: 2 })
})

test('sessions end with the user and where there is a gap; repeats and events that count nothing are left out', () => {
  const events = sequencesOf(
    [
      [
        ...eventsAt([0, 0], [0, 0.1], [1, 0.3]),
        { item: 2, time: 0.5 * hour, weight: 0 },
        ...eventsAt([1, 1], [3, 1.4]),
      ],
      [],
      eventsAt([2, 0]),
    ],
    4,
  )
  const sessions = (gap: number) => {
    const found: number[][] = [[]]
    visitSessions(events, gap, { event: item => found.at(-1)!.push(item), end: () => found.push([]) })
    expect(found.pop()).toEqual([])
    return found
  }
  expect(sessions(0.5)).toEqual([[0, 1], [1, 3], [2]])
  expect(sessions(0)).toEqual([[0, 1, 3], [2]])
})

test('the share of repeats is by how many items lie between, in the running session and before it', () => {
  // Places of the repeats: 1 (of two: newest first 1, 0), 0, and after a gap 1.
  const events = sequencesOf([eventsAt([0, 0], [1, 0.1], [0, 0.2], [0, 0.3], [1, 5])], 2)
  // In the session: place 0 had 3 chances and 1 repeat; place 1 had 2 chances and 1 repeat. Before it: 1 chance each.
  const shares = repeatShares(events, 0.5, 2)
  const expectNear = (found: Float32Array, expected: readonly number[]) =>
    expected.forEach((share, place) => {
      expect(found[place]).toBeCloseTo(share, 3)
    })
  expectNear(shares, [1 / 3, 1 / 2, 0, 1])
  expectNear(repeatShares(events, 0, 2), [1 / 4, 2 / 3, 0, 0])
})

test('of repeats the later ones count more, where there are enough', () => {
  // First two items by turns, then others that never come again.
  const size = 200_000
  const sequences = {
    rows: 1,
    indptr: BigUint64Array.of(0n, BigInt(size)),
    columns: size,
    items: Uint32Array.from({ length: size }, (_, at) => (at < size / 2 ? at % 2 : at)),
    times: BigInt64Array.from({ length: size }, (_, at) => BigInt(at)),
  }
  const [last, before] = repeatShares(sequences, 0, 2)
  expect(last).toBe(0)
  // Five half-lives ago.
  expect(before).toBeGreaterThan(0)
  expect(before).toBeLessThan(0.05)
})
