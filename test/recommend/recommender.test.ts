import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { Journal } from '../../src/events/journal.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import type { UserQuery } from '../../src/recommend/lists/lists.ts'
import { Recommender, type RecommenderOptions } from '../../src/recommend/recommender.ts'
import { expectedList, expectedSimilar, writeSmallModel } from '../serve/small-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { eventOf, itemsOf, Observed, queryOf, recorded } from './observed.ts'

let folder: string
let model: string
/** The one of all tests that need none of their own: each has users of its own. */
let recommender: Recommender
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aurochs-recommender-'))
  model = await writeSmallModel(folder)
  recommender = await Recommender.open({ model, state: join(folder, 'state'), threads: 2 })
})
afterAll(async () => {
  await recommender.close()
  rmSync(folder, { recursive: true })
})

let users = 0
/** A user of whom nothing is known. */
const newUser = () => `user-${++users}`

/** A recommender on a fresh state that is closed when the test ends. */
async function opened(options: Partial<RecommenderOptions> = {}): Promise<Recommender> {
  const recommender = await Recommender.open({ model, state: join(freshFolder(), 'state'), threads: 1, ...options })
  onTestFinished(() => recommender.close())
  return recommender
}

test('the list of a known user is that of the folded-in history, filtered as the query says', async () => {
  for (const user of [0, 7, 18]) {
    const list = await recommender.recommend(queryOf(`${user}`))
    expect([itemsOf(list), list.basis, list.after]).toEqual([expectedList(model, user, [], 10), 'model', undefined])
    expect(list.generation).toBe(recommender.generation.name)
  }
  const [first, second, ...rest] = expectedList(model, 7, [], 12)
  const filtered = await recommender.recommend(queryOf('7', { exclude: [first!, second!, 'nothing'] }))
  expect(itemsOf(filtered)).toEqual(rest)
  const few = queryOf('7', { only: [second!, 'i14', 'nothing'] })
  expect(itemsOf(await recommender.recommend(few))).toEqual([second])
  expect(itemsOf(await recommender.recommend({ ...few, seen: 'allow' })).toSorted()).toEqual(['i14', second].sort())
})

test('a user of whom nothing is known gets the most popular items', async () => {
  // Items 2, 4 … 36 have two users each.
  for (const user of ['nobody', '19']) {
    const { basis, items } = await recommender.recommend(queryOf(user, { limit: 3 }))
    expect({ basis, items }).toEqual({
      basis: 'popularity',
      items: ['i2', 'i4', 'i6'].map(item => ({ item, score: 0, source: 'popular' })),
    })
  }
})

test('each list has a name of its own, and so has a batch', async () => {
  const named = await Promise.all([
    recommender.recommend(queryOf('1')),
    recommender.recommend(queryOf('1')),
    recommender.similar({ item: 'i1', limit: 1 }),
    recommender.recommendBatch(['1', '2', '1', 'nobody'], queryOf('')),
    recommender.recommendBatch(['1'], queryOf('')),
  ])
  expect(new Set(named.map(({ list }) => list)).size).toBe(5)
})

test('users of a batch get their lists in the order in which they were named', async () => {
  const users = Array.from({ length: 300 }, (_, at) => `${at % 19}`)
  const { lists, generation } = await recommender.recommendBatch(users, queryOf(''))
  const expected = Array.from({ length: 19 }, (_, user) => expectedList(model, user, [], 10))
  expect(lists.map(({ items }) => items)).toEqual(users.map(user => expected[Number(user)]))
  const alone = await recommender.recommend(queryOf('3'))
  expect(lists[3]!.scores).toEqual(alone.items.map(({ score }) => score))
  expect(generation).toBe(alone.generation)
})

test('no more than 100,000 lists are asked for at a time', async () => {
  const users = Array.from({ length: 50_001 }, () => '3')
  const asked = [1, 2].map(() => recommender.recommendBatch(users, queryOf('', { limit: 1 })))
  await expect(asked[1]).rejects.toMatchObject({ reason: 'overloaded' })
  expect((await asked[0]!).lists).toHaveLength(50_001)
  expect((await recommender.recommend(queryOf('3'))).items).toHaveLength(10)
})

test('a list that is shared does not wait for what the first who watched it asks for besides', async () => {
  const recommender = await opened()
  const flooder = new Observed(recommender, queryOf('3'))
  const own = new Observed(recommender, queryOf('3'))
  await Promise.all([flooder.next(), own.next()])
  flooder.close()
  const lists = Array.from({ length: 20_000 }, () => '3')
  const flood = recommender.recommendBatch(lists, queryOf('', { limit: 1 }))
  const waiting = recommender.waitingQueries
  own.renew()
  await own.next()
  expect(recommender.waitingQueries).toBeGreaterThan(waiting / 2)
  await flood
})

test('an event changes the list, which comes after the event is on disk', async () => {
  const user = newUser()
  const subscription = new Observed(recommender, queryOf(user))
  expect((await subscription.next()).basis).toBe('popularity')
  const order: string[] = []
  const event = eventOf(user, 'i12', { weight: 2 })
  recommender.record(event, outcome => {
    order.push(outcome)
    expect(subscription.lists).toHaveLength(1)
  })
  const list = await subscription.next()
  order.push('list')
  expect(order).toEqual(['stored', 'list'])
  expect([itemsOf(list), list.basis, list.after]).toEqual([
    expectedList(model, -1, [['i12', 2]], 10),
    'model',
    event.id,
  ])
})

test('lists under a stream of events never rest on one that is not on disk, and the last rests on all', async () => {
  const user = newUser()
  const subscription = new Observed(recommender, queryOf(user, { limit: 5 }))
  await subscription.next()
  const stored = new Set<string>()
  const events = Array.from({ length: 400 }, (_, at) => eventOf(user, `i${(at * 7) % 40}`, { weight: 0.25 }))
  for (const [at, event] of events.entries()) {
    recommender.record(event, outcome => {
      expect(outcome).toBe('stored')
      stored.add(event.id)
    })
    if (at % 20 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  const last = await subscription.until(list => {
    expect(stored).toContain(list.after)
    return list.after === events.at(-1)!.id
  })
  const weights = events.map(({ item }): [string, number] => [item!, 0.25])
  expect(itemsOf(last)).toEqual(expectedList(model, -1, weights, 5))
  expect(subscription.errors).toEqual([])
})

test('an event that was sent again does not count twice', async () => {
  const user = newUser()
  const subscription = new Observed(recommender, queryOf(user))
  await subscription.next()
  const event = eventOf(user, 'i12')
  expect(await recorded(recommender, event)).toBe('stored')
  await subscription.until(({ after }) => after === event.id)
  expect(await recorded(recommender, { ...event, weight: 50 })).toBe('duplicate')
  const other = eventOf(user, 'i30')
  await recorded(recommender, other)
  const list = await subscription.until(({ after }) => after === other.id)
  const expected = expectedList(
    model,
    -1,
    [
      ['i12', 1],
      ['i30', 1],
    ],
    10,
  )
  expect(itemsOf(list)).toEqual(expected)
  // No list that was given out rests on the duplicate.
  const once = expectedList(model, -1, [['i12', 1]], 10)
  for (const { after, ...list } of subscription.lists) if (after === event.id) expect(itemsOf(list)).toEqual(once)
  expect(itemsOf(await recommender.recommend(queryOf(user)))).toEqual(expected)
})

test('an event that is taken back counts no more', async () => {
  const recommender = await opened()
  const subscription = new Observed(recommender, queryOf('5'))
  await subscription.next()
  const event = eventOf('5', 'i38', { weight: 3 })
  await recorded(recommender, event)
  const with38 = await subscription.until(({ after }) => after === event.id)
  expect(itemsOf(with38)).toEqual(expectedList(model, 5, [['i38', 3]], 10))
  const undo = eventOf('5', undefined, { undo: event.id })
  expect(await recorded(recommender, undo)).toBe('stored')
  const without = await subscription.until(({ after }) => after === undo.id)
  expect(itemsOf(without)).toEqual(expectedList(model, 5, [], 10))
})

test('an event can be taken back before it arrives', async () => {
  const user = newUser()
  const event = eventOf(user, 'i38')
  await recorded(recommender, eventOf(user, undefined, { undo: event.id }))
  await recorded(recommender, event)
  await recorded(recommender, eventOf(user, 'i12'))
  expect(itemsOf(await recommender.recommend(queryOf(user)))).toEqual(expectedList(model, -1, [['i12', 1]], 10))
})

test('a negative weight lowers what the user has, and takes the item back where nothing is left', async () => {
  const recommender = await opened()
  // User 5 has i10 (2), i11 and i12.
  await recorded(recommender, eventOf('5', 'i10', { weight: -1 }))
  const lowered = await recommender.recommend(queryOf('5'))
  expect(itemsOf(lowered)).toEqual(expectedList(model, 5, [['i10', -1]], 10))
  await recorded(recommender, eventOf('5', 'i10', { weight: -1 }))
  const only = queryOf('5', { only: ['i10', 'i11'] })
  expect(itemsOf(await recommender.recommend(only))).toEqual(['i10'])
  for (const item of ['i11', 'i12']) await recorded(recommender, eventOf('5', item, { weight: -5 }))
  expect((await recommender.recommend(queryOf('5'))).basis).toBe('popularity')
})

test('a user without a subscription is served all events, in memory or not', async () => {
  const user = newUser()
  const recommender = await opened()
  await recorded(recommender, eventOf(user, 'i3'))
  const first = await recommender.recommend(queryOf(user))
  expect(itemsOf(first)).toEqual(expectedList(model, -1, [['i3', 1]], 10))
  await recorded(recommender, eventOf(user, 'i30'))
  const both = expectedList(
    model,
    -1,
    [
      ['i3', 1],
      ['i30', 1],
    ],
    10,
  )
  expect(itemsOf(await recommender.recommend(queryOf(user)))).toEqual(both)
  expect(recommender.cachedUsers).toBe(1)
})

test('events outlive the recommender, and those from before the model are left to it', async () => {
  const state = join(freshFolder(), 'state')
  const first = await Recommender.open({ model, state, threads: 1 })
  await recorded(first, eventOf('ann', 'i3'))
  await first.close()
  const second = await Recommender.open({ model, state, threads: 1 })
  expect(itemsOf(await second.recommend(queryOf('ann')))).toEqual(expectedList(model, -1, [['i3', 1]], 10))
  await second.close()
  await new Promise(resolve => setTimeout(resolve, 5))
  const third = await opened({ state, since: Date.now() })
  expect((await third.recommend(queryOf('ann'))).basis).toBe('popularity')
})

test('of a long history the newest events count', async () => {
  const state = join(freshFolder(), 'state')
  const items = ['i1', 'i5', 'i9', 'i13', 'i17', 'i21', 'i25', 'i29', 'i33', 'i37']
  const newest = (count: number) => items.slice(-count).map((item): [string, number] => [item, 1])
  const first = await Recommender.open({ model, state, threads: 1, historyLimit: 3 })
  await first.recommend(queryOf('ann'))
  for (const item of items) await recorded(first, eventOf('ann', item))
  // In memory there may be up to twice as many.
  const found = itemsOf(await first.recommend(queryOf('ann')))
  expect([3, 4, 5, 6].map(count => expectedList(model, -1, newest(count), 10))).toContainEqual(found)
  await first.close()
  const second = await opened({ state, historyLimit: 3 })
  expect(itemsOf(await second.recommend(queryOf('ann')))).toEqual(expectedList(model, -1, newest(3), 10))
})

test('where newer events turn out not to count, those that they took the place of count again', async () => {
  const state = join(freshFolder(), 'state')
  const recommender = await opened({ state, historyLimit: 3 })
  const events = Array.from({ length: 6 }, (_, at) => eventOf('ann', `i${at}`))
  for (const event of events) await recorded(recommender, event)
  const newest = events.slice(-3).map(({ item, weight }): [string, number] => [item!, weight])
  const expected = expectedList(model, -1, newest, 10)
  const subscription = new Observed(recommender, queryOf('ann'))
  const list = async () => itemsOf(await recommender.recommend(queryOf('ann')))
  expect(await list()).toEqual(expected)
  // All sent again, as after a lost connection.
  expect(await Promise.all([...events, ...events].map(event => recorded(recommender, event)))).toEqual(
    Array(12).fill('duplicate'),
  )
  expect(await list()).toEqual(expected)
  const disk = new DatabaseSync(join(state, 'events.db'))
  disk.exec(`CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
  const more = Array.from({ length: 7 }, (_, at) => eventOf('ann', `i${20 + at}`))
  const outcomes = Promise.all(more.map(event => recorded(recommender, event)))
  expect(await outcomes).toEqual(Array(7).fill('failed'))
  disk.exec('DROP TRIGGER full')
  disk.close()
  expect(await list()).toEqual(expected)
  await recommender.drained()
  expect(itemsOf(subscription.lists.at(-1)!)).toEqual(expected)
  subscription.close()
})

test('an event of an item that the model lacks is stored like any other, and changes no list yet', async () => {
  const user = newUser()
  const settled = (item: string | undefined, undo?: string) =>
    new Promise(settle => recommender.record(eventOf(user, item, { undo }), (...outcome) => settle(outcome)))
  expect(await settled('nothing')).toEqual(['stored', false])
  expect(await settled('i3')).toEqual(['stored', true])
  expect(await settled(undefined, 'other')).toEqual(['stored', true])
  expect(await recommender.knows(user)).toBe(true)
  expect(itemsOf(await recommender.recommend(queryOf(user)))).toEqual(expectedList(model, -1, [['i3', 1]], 10))
})

test('without a state lists come all the same, and events are refused', async () => {
  const recommender = await Recommender.open({ model, threads: 1 })
  onTestFinished(() => recommender.close())
  expect(itemsOf(await recommender.recommend(queryOf('7')))).toEqual(expectedList(model, 7, [], 10))
  expect(() => recommender.record(eventOf('7', 'i1'), () => {})).toThrow(
    expect.objectContaining({ reason: 'storage_failed' }),
  )
  expect(await recommender.knows('ann')).toBe(false)
  expect(await recommender.knows('7')).toBe(true)
})

test('a user is known by the model or by an event', async () => {
  const user = newUser()
  expect(await recommender.knows('7')).toBe(true)
  expect(await recommender.knows(user)).toBe(false)
  await recorded(recommender, eventOf(user, 'i1'))
  expect(await recommender.knows(user)).toBe(true)
  // Read from the journal, too.
  const other = newUser()
  await recorded(recommender, eventOf(other, 'i1'))
  expect(await recommender.knows(other)).toBe(true)
})

test('items similar to one come by cosine, and an item that the model lacks is refused', async () => {
  const { items } = await recommender.similar({ item: 'i10', limit: 3, measure: 'cosine' })
  const expected = expectedSimilar(model, 10, 3)
  expect(items.map(({ item }) => item)).toEqual(expected.map(({ item }) => item))
  items.forEach(({ score }, at) => {
    expect(score).toBeCloseTo(expected[at]!.cosine, 5)
  })
  await expect(recommender.similar({ item: 'nothing', limit: 3 })).rejects.toMatchObject({ reason: 'unknown_item' })
})

test('lists of similar items are found together, and not where nobody waits for them any more', async () => {
  const recommender = await opened()
  const similar = vi.spyOn(ModelPool.prototype, 'similar')
  onTestFinished(() => similar.mockRestore())
  const controller = new AbortController()
  const item = (at: number) => `i${at % 40}`
  const asked = Array.from({ length: 200 }, (_, at) =>
    recommender.similar({ item: item(at), limit: 5, measure: 'cosine' }),
  )
  const dropped = Promise.allSettled(
    Array.from({ length: 200 }, (_, at) =>
      recommender.similar({ item: item(at), limit: 5, measure: 'cosine' }, controller.signal),
    ),
  )
  const subscriptions = Array.from({ length: 200 }, (_, at) => {
    const query = { item: item(at), limit: 5, measure: 'cosine' as const }
    return recommender.subscribeSimilar(
      query,
      () => expect.unreachable(),
      () => expect.unreachable(),
    )
  })
  const long = recommender.similar({ item: 'i1', limit: 30, measure: 'cosine' })
  controller.abort()
  for (const subscription of subscriptions) subscription.close()
  const user = recommender.recommend(queryOf('7'))
  await Promise.race([user, long])
  expect(itemsOf(await user)).toEqual(expectedList(model, 7, [], 10))
  const lists = await Promise.all(asked)
  const expected = (at: number, limit: number) => expectedSimilar(model, at, limit).map(({ item }) => item)
  for (const [at, list] of lists.entries()) expect(itemsOf(list)).toEqual(expected(at % 40, 5))
  expect(itemsOf(await long)).toEqual(expected(1, 30))
  for (const { status } of await dropped) expect(status).toBe('rejected')
  const lookups = similar.mock.calls.flatMap(([requests]) => requests)
  expect([lookups.length, similar.mock.calls.length]).toEqual([201, 15])
  expect(recommender.waitingQueries).toBe(0)
})

test('a query whose signal is aborted fails with the reason, and is ranked no more', async () => {
  const batches: number[] = []
  const recommender = await opened({ onBatch: queries => batches.push(queries) })
  const reason = new Error('too late')
  await expect(recommender.recommend(queryOf('7'), AbortSignal.abort(reason))).rejects.toBe(reason)
  await recommender.recommend(queryOf('7'))
  const before = batches.length
  const controller = new AbortController()
  const waiting = recommender.recommend(queryOf('8'), controller.signal)
  const similar = recommender.similar({ item: 'i1', limit: 3 }, controller.signal)
  controller.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  await expect(similar).rejects.toBe(reason)
  await recommender.drained()
  expect(batches).toHaveLength(before)
  expect(itemsOf(await recommender.recommend(queryOf('8')))).toEqual(expectedList(model, 8, [], 10))
})

test('a closed subscription gets no more lists', async () => {
  const user = newUser()
  const [closed, open] = [new Observed(recommender, queryOf(user)), new Observed(recommender, queryOf(user))]
  await Promise.all([closed.next(), open.next()])
  closed.close()
  await recorded(recommender, eventOf(user, 'i12'))
  await open.next()
  expect(closed.lists).toHaveLength(1)
})

test('a query that fails, fails alone', async () => {
  const recommender = await opened()
  // Two weights that are finite have a sum that is not, in 32 bits.
  for (let at = 0; at < 2; at++) await recorded(recommender, eventOf('bad', 'i1', { weight: 3e38 }))
  const users = Array.from({ length: 40 }, (_, at) => (at % 8 === 3 ? 'bad' : `${at % 19}`))
  const outcomes = await Promise.allSettled(users.map(user => recommender.recommend(queryOf(user))))
  outcomes.forEach((outcome, at) => {
    if (users[at] === 'bad') expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(Error) })
    else if (outcome.status === 'rejected') throw outcome.reason
    else expect(itemsOf(outcome.value)).toEqual(expectedList(model, Number(users[at]), [], 10))
  })
})

test('a listener that throws is reported, and whatever else was to be done is done', async () => {
  const faults: string[] = []
  const fail = (message: string) => () => {
    throw new Error(message)
  }
  const recommender = await opened({
    onFault: error => faults.push((error as Error).message),
    onBatch: fail('batch'),
    onCommit: fail('commit'),
  })
  recommender.subscribe(queryOf('1'), fail('list'), fail('error'))
  recommender.subscribe(queryOf('2', { only: ['i1'] }), fail('list'), () => {})
  recommender.subscribeSimilar({ item: 'i1', limit: 2 }, fail('similar'), () => {})
  recommender.subscribeSimilar({ item: 'none', limit: 2 }, () => {}, fail('similar error'))
  recommender.onGeneration(fail('generation'))
  let announced = 0
  recommender.onGeneration(() => announced++)
  recommender.record(eventOf('1', 'i1'), fail('settle'))
  expect(await recorded(recommender, eventOf('1', 'i2'))).toBe('stored')
  await recommender.swap(model)
  await recommender.drained()
  await recommender.recommend(queryOf('3'))
  expect(announced).toBe(1)
  expect(new Set(faults)).toEqual(
    new Set(['error', 'similar', 'similar error', 'generation', 'settle', 'batch', 'commit']),
  )
})

test('a query that names only its user has the defaults, and a limit that is none is refused', async () => {
  const recommender = await opened()
  expect(itemsOf(await recommender.recommend({ user: '5' }))).toEqual(expectedList(model, 5, [], 10))
  const [list] = (await recommender.recommendBatch(['5'], {})).lists
  expect(list?.items).toEqual(expectedList(model, 5, [], 10))
  for (const limit of [0, -1, 1.5, Number.NaN]) {
    await expect(recommender.recommend({ user: '5', limit })).rejects.toThrow('limit must be a whole number from 1 on')
  }
})

test('events that the disk refuses do not count, and lists come all the same', async () => {
  const state = join(freshFolder(), 'state')
  const recommender = await opened({ state })
  const subscription = new Observed(recommender, queryOf('ann'))
  await subscription.next()
  const kept = eventOf('ann', 'i12')
  await recorded(recommender, kept)
  await subscription.until(({ after }) => after === kept.id)
  const disk = new DatabaseSync(join(state, 'events.db'))
  disk.exec(`CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
  expect(await recorded(recommender, eventOf('ann', 'i30'))).toBe('failed')
  expect(recommender.storageFailure).toContain('the disk is full')
  const expected = expectedList(model, -1, [['i12', 1]], 10)
  expect(itemsOf(await recommender.recommend(queryOf('ann')))).toEqual(expected)
  for (const list of subscription.lists.slice(1)) expect(itemsOf(list)).toEqual(expected)
  disk.exec('DROP TRIGGER full')
  disk.close()
  expect(await recorded(recommender, eventOf('ann', 'i30'))).toBe('stored')
  expect(recommender.storageFailure).toBeUndefined()
})

test('an event is recorded as it is when it is given, whatever becomes of the object', async () => {
  const recommender = await opened()
  const subscription = new Observed(recommender, queryOf('ann'))
  await subscription.next()
  const event = eventOf('ann', 'i12')
  const changing = { ...event }
  const outcome = recorded(recommender, changing)
  Object.assign(changing, { user: 'bob', item: 'i30', id: 'another' })
  expect(await outcome).toBe('stored')
  const list = await subscription.until(({ after }) => after !== undefined)
  expect([list.after, itemsOf(list)]).toEqual([event.id, expectedList(model, -1, [['i12', 1]], 10)])
})

test('where events cannot be read, subscribers get an error, and their list as soon as they can', async () => {
  const recommender = await opened()
  await recorded(recommender, eventOf('ann', 'i12'))
  const failing = vi.spyOn(Journal.prototype, 'recent').mockRejectedValueOnce(new Error('the disk cannot be read'))
  onTestFinished(() => failing.mockRestore())
  const subscription = new Observed(recommender, queryOf('ann'))
  await expect(subscription.next()).rejects.toThrow('the disk cannot be read')
  expect(itemsOf(await subscription.next())).toEqual(expectedList(model, -1, [['i12', 1]], 10))
})

test('an event that is on disk though the journal could not say so counts', async () => {
  const recommender = await opened()
  const subscription = new Observed(recommender, queryOf('ann'))
  await subscription.next()
  const { append } = Journal.prototype
  const failing = vi.spyOn(Journal.prototype, 'append').mockImplementationOnce(function (this: Journal, event, settle) {
    return append.call(this, event, () => settle('failed', 0))
  })
  onTestFinished(() => failing.mockRestore())
  const event = eventOf('ann', 'i12')
  expect(await recorded(recommender, event)).toBe('failed')
  const list = await subscription.until(({ after }) => after === event.id)
  expect(itemsOf(list)).toEqual(expectedList(model, -1, [['i12', 1]], 10))
  expect(await recorded(recommender, event)).toBe('duplicate')
  expect(itemsOf(await recommender.recommend(queryOf('ann')))).toEqual(itemsOf(list))
})

test('drained waits for lists that an event made stale while they were ranked', async () => {
  const recommender = await opened()
  const subscription = new Observed(recommender, queryOf('ann'))
  await subscription.next()
  const events = Array.from({ length: 30 }, (_, at) => eventOf('ann', `i${at}`))
  for (const event of events) recommender.record(event, () => {})
  await recommender.drained()
  expect(subscription.lists.at(-1)!.after).toBe(events.at(-1)!.id)
})

test('a model that is missing or a state in use ends the opening, and leaves nothing open', async () => {
  const state = join(freshFolder(), 'state')
  await expect(Recommender.open({ model: join(folder, 'nowhere'), state })).rejects.toThrow('there is no model at')
  await expect(Recommender.open({ model, state, threads: 0 })).rejects.toThrow('threads must be')
  const recommender = await opened({ state })
  await expect(Recommender.open({ model, state })).rejects.toThrow('is in use by another server')
  expect(await recorded(recommender, eventOf('ann', 'i1'))).toBe('stored')
})

test('who watches one user with the same filters shares one ranking and one list', async () => {
  const queries: number[] = []
  const recommender = await opened({ onBatch: count => queries.push(count) })
  const user = newUser()
  const watch = (given: Partial<UserQuery> = {}) => new Observed(recommender, queryOf(user, given))
  const filtered = { exclude: ['i2', 'i1'], limit: 5 }
  const plain = [watch(), watch(), watch()]
  const others = [watch(filtered), watch({ ...filtered, exclude: ['i1', 'i2'] })]
  for (const observed of [...plain, ...others]) await observed.next()
  expect(queries.reduce((sum, count) => sum + count, 0)).toBe(2)
  await recorded(recommender, eventOf(user, 'i3'))
  const changed = await Promise.all([...plain, ...others].map(observed => observed.next()))
  expect(new Set(changed).size).toBe(2)
  expect(changed[0]).not.toBe(changed[3])
  // One more gets its list, and none of the others gets another.
  const late = watch()
  expect(itemsOf(await late.next())).toEqual(itemsOf(changed[0]!))
  plain[0]!.close()
  await recorded(recommender, eventOf(user, 'i4'))
  const last = await Promise.all([plain[1]!, plain[2]!, late].map(observed => observed.next()))
  expect(new Set(last).size).toBe(1)
  expect([...plain, late].map(({ lists }) => lists.length)).toEqual([2, 3, 3, 2])
})

test('a watcher that has lost its list gets it once more, alone', async () => {
  const recommender = await opened()
  const lists: string[] = []
  const watches = ['first', 'second'].map(name =>
    recommender.subscribe(
      queryOf('7'),
      () => lists.push(name),
      error => expect.unreachable(error.message),
    ),
  )
  await expect.poll(() => lists).toEqual(['first', 'second'])
  watches[1]!.renew()
  await expect.poll(() => lists).toEqual(['first', 'second', 'second'])
  for (const watch of watches) watch.close()
  watches[1]!.renew()
  await recommender.drained()
  expect(lists).toHaveLength(3)
})
