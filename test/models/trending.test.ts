import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Algorithm } from '../../src/models/algorithm.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { algorithmNamed } from '../../src/models/registry.ts'
import { chooseHalfLife } from '../../src/models/sequential/trending/half-life.ts'
import { trending } from '../../src/models/sequential/trending/index.ts'
import { TrendReader, TrendWriter, trendSize, trendWords } from '../../src/models/sequential/trending/trend.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { imported } from '../ingest/imported.ts'
import { freshFolder } from '../storage/folder.ts'
import { type Event as NextEvent, sequencesOf } from '../storage/sequences-of.ts'
import { requestOf } from './requests.ts'
import { trained } from './trained.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 1 })
})
afterAll(() => pool.close())

const hour = 3_600_000

type Event = readonly [user: number, item: number, hour: number]

/** Later than the newest of the data that models are trained on: items that are named are then known. */
const begin = 200

function timed(events: readonly Event[]): Promise<Dataset> {
  const known = Array.from({ length: 8 }, (_, item) => [99, item, item] as const)
  const lines = [...known, ...events].map(([user, item, at]) => `u${user},i${item},${at * hour}`)
  return imported(freshFolder(), `user,item,t\n${lines.join('\n')}\n`, { time: 't', timeUnit: 'ms' })
}

const events = (from: number, to: number) =>
  fc
    .array(fc.tuple(fc.nat(5), fc.nat(7), fc.double({ min: from, max: to, noNaN: true }).map(Math.round)), {
      minLength: 1,
      maxLength: 60,
    })
    .map(events => events.toSorted((a, b) => a[2] - b[2]))

/** (items) What each counts as of `now`: once in each session of a user, the slow way. */
function naive(all: readonly Event[], halfLife: number, now: number): number[] {
  const sums = Array<number>(8).fill(0)
  for (const user of new Set(all.map(([user]) => user))) {
    const had = new Set<number>()
    let last = Number.NEGATIVE_INFINITY
    for (const [, item, at] of all.filter(event => event[0] === user)) {
      if (at - last >= 2) had.clear()
      last = at
      if (!had.has(item)) sums[item] = sums[item]! + 2 ** ((at - now) / halfLife)
      had.add(item)
    }
  }
  return sums
}

/** What `counted`, as of `now`, comes to with events that come after: it weighs as 50 events at the least, and its best item as 10, where they did. */
function goneOn(counted: readonly number[], after: readonly Event[], halfLife: number, now: number): number[] {
  let sums = [...counted]
  let clock = now
  const sessions = new Map<number, { had: Set<number>; last: number }>()
  for (const [user, item, at] of after) {
    const session = sessions.get(user)
    const isNew = !session || at - session.last >= 2
    const had = isNew ? new Set<number>() : session.had
    sessions.set(user, { had, last: at })
    if (had.has(item)) continue
    had.add(item)
    if (at > clock) {
      const total = sums.reduce((sum, value) => sum + value, 0)
      const least = Math.max(50 / total, 10 / Math.max(...sums))
      const factor = Math.max(2 ** ((clock - at) / halfLife), Math.min(1, least))
      sums = sums.map(sum => sum * factor)
      clock = at
    }
    sums[item] = sums[item]! + 2 ** ((at - clock) / halfLife)
  }
  return sums
}

const sharesOf = (sums: readonly number[]) => {
  const total = sums.reduce((sum, value) => sum + value, 0)
  return sums.map(sum => sum / total)
}

test('an item counts the sessions that have it by when they were, in training and as events come, however long apart', async () => {
  await fc.assert(
    fc.asyncProperty(
      events(10, 190),
      fc.oneof(events(begin, 300), events(begin, 30_000)),
      fc.constantFrom(3, 24, 1000),
      async (before, after, halfLifeHours) => {
        const dataset = await timed(before)
        const directory = await trained(trending, dataset, { pool, options: { halfLifeHours, sessionGap: 2 } })
        const known = Array.from({ length: 8 }, (_, item): Event => [99, item, item])
        const artifact = Artifact.open(directory)
        const rows = known.map((_, item) => artifact.items.indexOf(`i${item}`))
        const learning = trending.live!(artifact)!
        const live = { words: new Uint32Array(new SharedArrayBuffer(4 * learning.words(10))), rows: 10 }
        const model = new OpenModel(artifact, live)
        const expectShares = (sums: readonly number[]) => {
          const [list] = model.rank([requestOf(0, { seen: 'allow' })])
          const expected = sharesOf(sums)
          expect(list!.items).toHaveLength(8)
          list!.items.forEach((row, place) => {
            expect(list!.scores[place]).toBeCloseTo(expected[rows.indexOf(row)]!, 5)
          })
          expect([...list!.scores]).toEqual([...list!.scores.toSorted().toReversed()])
        }
        const newest = Math.max(...before.map(([, , at]) => at))
        const counted = naive([...known, ...before], halfLifeHours, newest)
        expectShares(counted)
        const learner = learning.learner(live)
        expectShares(counted)
        for (const [user, item, at] of after) {
          learner.learn({ user: `v${user}`, item: rows[item]!, time: at * hour, weight: 1 })
        }
        const since = after.map(([user, item, at]): Event => [100 + user, item, at])
        expectShares(goneOn(counted, since, halfLifeHours, newest))
        model.close()
      },
    ),
    { numRuns: 20 },
  )
})

test('after a pause one event is not all that many do', async () => {
  const dataset = await timed(Array.from({ length: 200 }, (_, at): Event => [at, at % 8, 20]))
  const artifact = Artifact.open(await trained(trending, dataset, { pool, options: { halfLifeHours: 24 } }))
  const learning = trending.live!(artifact)!
  const live = { words: new Uint32Array(new SharedArrayBuffer(4 * learning.words(12))), rows: 12 }
  const learner = learning.learner(live)
  const model = new OpenModel(artifact, live)
  learner.learn({ user: 'stranger', item: 9, time: 6000 * hour, weight: 1 })
  const shareOf = (row: number) => {
    const [list] = model.rank([requestOf(0, { seen: 'allow', limit: 20 })])
    return list!.scores[list!.items.indexOf(row)]
  }
  // Each of eight items weighs as ten events.
  expect(shareOf(9)).toBeCloseTo(1 / 81, 4)
  // A thousand that go on doing it are.
  for (let user = 0; user < 1000; user++) learner.learn({ user: `v${user}`, item: 9, time: 6001 * hour, weight: 1 })
  expect(shareOf(9)).toBeGreaterThan(0.9)
  model.close()
})

test('who does the same again in a session, or takes back, moves nothing, and new items get in', async () => {
  const dataset = await timed([[1, 3, 20]])
  const artifact = Artifact.open(await trained(trending, dataset, { pool, options: {} }))
  const learning = trending.live!(artifact)!
  const live = { words: new Uint32Array(new SharedArrayBuffer(4 * learning.words(12))), rows: 12 }
  const learner = learning.learner(live)
  const model = new OpenModel(artifact, live)
  const list = () => [...model.rank([requestOf(-1, { limit: 3 })])[0]!.items]
  const learn = (user: string, item: number, minutes: number, weight = 1) =>
    learner.learn({ user, item, time: 20 * hour + minutes * 60_000, weight })
  const [first] = list()
  learn('ada', 11, 1)
  for (let again = 0; again < 20; again++) {
    learn('ada', 10, again)
    learn('ada', 9, again)
    learn('bo', 9, again, -1)
  }
  expect(list()).toEqual([first, 11, 9])
  learn('bo', 10, 20)
  expect(list().slice(0, 2)).toEqual([10, first])
  // Nor what was done long before all else.
  learner.learn({ user: 'cy', item: 8, time: -1e12, weight: 1 })
  expect([...model.rank([requestOf(0, { limit: 20, seen: 'allow' })])[0]!.scores].every(share => share > 0)).toBe(true)
  model.close()
})

test('the half-life is chosen by what the latest events were', () => {
  const sequences = (item: (at: number) => number) =>
    sequencesOf(
      Array.from({ length: 3000 }, (_, at): NextEvent[] => [{ item: item(at), time: (at * hour) / 10, weight: 1 }]),
      900,
    )
  // What is done changes every twelve hours, is about the same all the time, or is hardly anything.
  const moving = (at: number) => 15 * Math.floor(at / 120) + (at % 15)
  const random = randomNumbers(4)
  const steady = () => Math.floor(900 * random() ** 4)
  expect(chooseHalfLife(sequences(moving), 0.5, 900)).toBeLessThanOrEqual(12)
  expect(chooseHalfLife(sequences(steady), 0.5, 900)).toBeGreaterThanOrEqual(72)
  expect(chooseHalfLife(sequencesOf([[{ item: 1, time: 0, weight: 1 }]], 900), 0.5, 900)).toBe(24)
})

test('what a half-life was chosen is said, also where trending is a part', async () => {
  const dataset = await timed([[1, 1, 100]])
  const findingsOf = async (algorithm: Algorithm, options: object) =>
    Artifact.open(await trained(algorithm, dataset, { pool, options: { ...options } })).manifest.findings
  expect(await findingsOf(trending as Algorithm, {})).toEqual(['Events count half after 24 hours.'])
  expect(await findingsOf(trending as Algorithm, { halfLifeHours: 1 })).toBeUndefined()
  const blended = { parts: 'popular + trending' }
  expect(await findingsOf(algorithmNamed('blend'), blended)).toEqual(['Of trending: Events count half after 24 hours.'])
})

test('no more than the first hundred items of a session count, in training and live', async () => {
  const user = (name: number, from: number, size: number) =>
    Array.from({ length: size }, (_, at) => `u${name},i${from + at},${at}`)
  const text = `user,item,t\n${[...user(1, 0, 120), ...user(2, 110, 1)].join('\n')}\n`
  const dataset = await imported(freshFolder(), text, { time: 't', timeUnit: 's' })
  const artifact = Artifact.open(await trained(trending, dataset, { pool, options: {} }))
  const rows = artifact.items.size
  const learning = trending.live!(artifact)!
  const live = { words: new Uint32Array(new SharedArrayBuffer(4 * learning.words(300))), rows: 300 }
  const learner = learning.learner(live)
  const model = new OpenModel(artifact, live)
  const listed = () => model.rank([requestOf(0, { limit: 300, seen: 'allow' })])[0]!
  expect(listed().scores.filter(share => share > 0)).toHaveLength(101)
  for (let round = 0; round < 3; round++) {
    for (let item = rows; item < 300; item++) learner.learn({ user: 'ada', item, time: 200_000, weight: 1 })
  }
  expect(listed().items).toHaveLength(rows + 100)
  model.close()
})

test('of more items than a trend has those that count most are in it', () => {
  const rows = trendSize + 200
  const live = { words: new Uint32Array(new SharedArrayBuffer(4 * trendWords)), rows }
  const writer = new TrendWriter(live, new Float32Array(0), new Uint32Array(0))
  const reader = new TrendReader(live)
  const sums = new Float64Array(rows)
  for (let step = 0; step < 20_000; step++) {
    const item = (step * 7919) % rows
    const amount = 1 + ((step * 31) % 17)
    sums[item] = sums[item]! + amount
    writer.add(item, amount)
  }
  const expected = [...sums.keys()].sort((a, b) => sums[b]! - sums[a]! || a - b).slice(0, trendSize)
  expect([...reader.read()!.items]).toEqual(expected)
  writer.scale(1e-300)
  expect(reader.read()!.items).toHaveLength(0)
  writer.add(5, 1)
  expect(reader.read()).toEqual({ items: Uint32Array.of(5), shares: Float32Array.of(1) })
  expect(() => new TrendWriter({ words: new Uint32Array(8), rows }, new Float32Array(0), new Uint32Array(0))).toThrow(
    'must have 2003 words, but has 8',
  )
})

test('readers see a trend whole while it is written', async () => {
  const live = { words: new Uint32Array(new SharedArrayBuffer(4 * trendWords)), rows: 64 }
  const done = new Uint32Array(new SharedArrayBuffer(8))
  const writer = new Worker(new URL('write-trend.ts', import.meta.url), { workerData: { live, done } })
  const ended = new Promise((resolve, reject) => {
    writer.once('exit', resolve)
    writer.once('error', reject)
  })
  const reader = new TrendReader(live)
  let reads = 0
  // A turn of the event loop each, so that the thread is heard where it fails.
  while (Atomics.load(done, 0) === 0 || reads < 100) {
    const trend = reader.read()
    if (trend && trend.items.length > 0) {
      reads++
      // All items have been added to in turn: each once, what they count in sum is all.
      expect(new Set(trend.items).size).toBe(trend.items.length)
      expect(trend.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 4)
      expect([...trend.shares]).toEqual([...trend.shares.toSorted().toReversed()])
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  await ended
  expect(Atomics.load(done, 0)).toBe(1)
})
