import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { UserEvent } from '../../src/events/event.ts'
import { Journal } from '../../src/events/journal.ts'
import { transitions } from '../../src/models/sequential/transitions/index.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { ItemRows } from '../../src/recommend/generations/item-rows.ts'
import { JournalLearner } from '../../src/recommend/generations/journal-learner.ts'
import { Recommender } from '../../src/recommend/recommender.ts'
import { checkerboard, datasetOf } from '../models/interactions.ts'
import { smallOptions, trained } from '../models/trained.ts'
import { freshFolder } from '../storage/folder.ts'
import { eventOf, itemsOf, Observed, queryOf, recorded } from './observed.ts'

/** How long is waited for what is learned in the background, in ms. */
const patience = 60_000

async function trainedModel(options: object = {}): Promise<string> {
  const pool = new Pool({ threads: 1 })
  const model = await trained(transitions, await datasetOf(checkerboard(20)), {
    pool,
    options: { ...smallOptions(transitions), ...options },
  })
  await pool.close()
  return model
}

async function opened(model: string, state: string): Promise<Recommender> {
  const recommender = await Recommender.open({ model, state, threads: 1 })
  onTestFinished(() => recommender.close())
  return recommender
}

/** Has 150 users do one item, and then the other. */
async function have(recommender: Recommender, first: string, second: string, prefix = 'w'): Promise<void> {
  const events = Array.from({ length: 150 }, (_, at) => [first, second].map(item => eventOf(`${prefix}${at}`, item)))
  await Promise.all(events.flat().map(event => recorded(recommender, event)))
}

/** Waits until the catalogue has been asked of a new item, and lists may have it. */
async function admitted(recommender: Recommender, item: string): Promise<void> {
  const query = queryOf('nobody', { only: [item] })
  await vi.waitUntil(async () => itemsOf(await recommender.recommend(query)).includes(item), patience)
}

test('what others do next is in lists at once, also new items, and after a restart and a swap', async () => {
  const [model, state] = [await trainedModel(), join(freshFolder(), 'state')]
  const recommender = await opened(model, state)
  const known = vi.fn()
  await new Promise<void>(resolve => {
    recommender.record(eventOf('ada', '4'), () => resolve())
  })
  const lists = new Observed(recommender, queryOf('ada', { limit: 3 }))
  const before = itemsOf(await lists.next())
  expect(before.every(item => Number(item) % 2 === 0)).toBe(true)
  await have(recommender, '4', 'fresh')
  await admitted(recommender, 'fresh')
  recommender.record(eventOf('ada', '4'), (_, isKnown) => known(isKnown))
  await lists.until(list => itemsOf(list)[0] === 'fresh')
  expect(known).toHaveBeenCalledWith(true)
  // Who did the new item gets what comes with it, and not the item again; filters know it, too.
  await recorded(recommender, eventOf('bo', 'fresh'))
  expect(itemsOf(await recommender.recommend(queryOf('bo', { limit: 1 })))).toEqual([4])
  expect(itemsOf(await recommender.recommend(queryOf('ada', { exclude: ['fresh'], limit: 3 })))).not.toContain('fresh')
  expect(itemsOf(await recommender.recommend(queryOf('ada', { only: ['fresh', '6'] })))).toEqual(['fresh', 6])
  const explained = await recommender.explain('ada', ['6', 'fresh', 'nothing'])
  expect(explained.items.map(({ item, source }) => [item, source])).toEqual([
    ['fresh', 'fresh'],
    [6, 'context'],
  ])
  expect(explained.items[0]!.because).toEqual([{ item: 4, weight: 1 }])
  const scores = (list: Awaited<ReturnType<Recommender['recommend']>>) => list.items
  const learned = scores(await recommender.recommend(queryOf('ada')))
  await recommender.swap(model)
  expect(scores(await recommender.recommend(queryOf('ada')))).toEqual(learned)
  lists.close()
  await recommender.close()
  const again = await opened(model, state)
  await vi.waitUntil(async () => itemsOf(await again.recommend(queryOf('ada')))[0] === 'fresh', patience)
  await vi.waitUntil(
    async () => scores(await again.recommend(queryOf('ada')))[0]!.score === learned[0]!.score,
    patience,
  )
})

test('after a restart what was taken back, and only that, is not learned again', async () => {
  const [model, state] = [await trainedModel(), join(freshFolder(), 'state')]
  const recommender = await opened(model, state)
  const list = async (of: Recommender) => itemsOf(await of.recommend(queryOf('ada', { limit: 30 })))
  await recorded(recommender, eventOf('ada', '4'))
  const wrong = Array.from({ length: 150 }, (_, at) => [eventOf(`w${at}`, '4'), eventOf(`w${at}`, 'wrong')]).flat()
  await Promise.all(wrong.map(event => recorded(recommender, event)))
  await have(recommender, '4', 'right', 'v')
  for (const item of ['wrong', 'right']) await admitted(recommender, item)
  expect(await list(recommender)).toEqual(expect.arrayContaining(['wrong', 'right']))
  const undoing = wrong.map(({ user, id }) => eventOf(user, undefined, { undo: id }))
  await Promise.all(undoing.map(event => recorded(recommender, event)))
  await recommender.close()
  const again = await opened(model, state)
  await vi.waitUntil(() => again.isCurrent, patience)
  await admitted(again, 'right')
  expect(await list(again)).toContain('right')
  expect(await list(again)).not.toContain('wrong')
})

test('clocks that jump neither age what others did nor keep it from being learned, and what they say is on disk', async () => {
  const [model, state] = [await trainedModel({ sessionHalfLife: 1 }), join(freshFolder(), 'state')]
  const recommender = await opened(model, state)
  const jumps = [8.64e15, -8.64e15, 0, Date.now() + 1e11]
  await have(recommender, '4', 'fresh')
  for (const time of jumps) {
    for (const item of ['4', '7']) await recorded(recommender, eventOf(`eve${time}`, item, { time }))
  }
  await have(recommender, '4', 'fresh', 'late')
  await admitted(recommender, 'fresh')
  await recorded(recommender, eventOf('ada', '4', { time: 8.64e15 }))
  const ask = async (of: Recommender, user: string) => itemsOf(await of.recommend(queryOf(user, { limit: 30 })))
  const lists = [await ask(recommender, 'ada'), await ask(recommender, 'eve-8640000000000000')]
  expect(lists[0]![0]).toBe('fresh')
  expect(lists[1]).not.toContain(7)
  await recommender.close()
  const again = await opened(model, state)
  await vi.waitUntil(async () => (await ask(again, 'ada'))[0] === 'fresh', patience)
  expect(await ask(again, 'eve-8640000000000000')).not.toContain(7)
})

test('what was learned of a user is forgotten with the user', async () => {
  const recommender = await opened(await trainedModel(), join(freshFolder(), 'state'))
  await recorded(recommender, eventOf('ada', '4'))
  for (const item of ['4', 'secret', '4', 'secret']) await recorded(recommender, eventOf('eve', item))
  await admitted(recommender, 'secret')
  expect(itemsOf(await recommender.recommend(queryOf('ada', { limit: 30 })))).toContain('secret')
  // A try that fails after the events are gone is made good by the next.
  const failing = vi.spyOn(recommender.catalogue, 'forgetUser').mockRejectedValueOnce(new Error('the disk is away'))
  await expect(recommender.forget('eve')).rejects.toThrow('the disk is away')
  failing.mockRestore()
  const { events } = await recommender.forget('eve')
  expect(events).toBe(0)
  expect(itemsOf(await recommender.recommend(queryOf('ada', { limit: 30 })))).not.toContain('secret')
})

test('users who are forgotten at once are all forgotten, each in turn', async () => {
  const recommender = await opened(await trainedModel(), join(freshFolder(), 'state'))
  await recorded(recommender, eventOf('ada', '4'))
  for (const [user, secret] of [
    ['eve', 'first secret'],
    ['bob', 'second secret'],
  ] as const) {
    for (const item of ['4', secret, '4', secret]) await recorded(recommender, eventOf(user, item))
    await admitted(recommender, secret)
  }
  const forgotten = await Promise.all(['nobody', 'eve', 'bob'].map(user => recommender.forget(user)))
  expect(forgotten.map(({ events }) => events)).toEqual([0, 4, 4])
  const list = itemsOf(await recommender.recommend(queryOf('ada', { limit: 30 })))
  expect(list.length).toBeGreaterThan(0)
  for (const secret of ['first secret', 'second secret']) expect(list).not.toContain(secret)
})

test('a recommender that is closed does not first read the whole journal for the model that is swapped in', async () => {
  const [model, state] = [await trainedModel(), join(freshFolder(), 'state')]
  const recommender = await opened(model, state)
  await have(recommender, '4', 'fresh')
  let pages = 0
  const { after } = Journal.prototype
  const reading = vi.spyOn(Journal.prototype, 'after').mockImplementation(async function (this: Journal, position) {
    // The first of a journal without end.
    pages++
    return after.call(this, Math.min(position, 0), 256)
  })
  onTestFinished(() => reading.mockRestore())
  const swapped = recommender.swap(model).catch(error => error)
  await vi.waitUntil(() => pages > 3, patience)
  await recommender.close()
  expect(await swapped).toBeDefined()
})

test('a learner takes each event once and in order, however reading and storing come together', async () => {
  const stored = Array.from({ length: 700 }, (_, at) => ({ ...eventOf('ada', `i${at}`), position: 2 * at + 1 }))
  const learned: UserEvent[] = []
  let [size, reads] = [300, 0]
  const journal = {
    after: async (position: number, limit: number) => {
      const page = stored.slice(0, size).filter(event => event.position > position)
      // Some are stored while the page is on its way.
      for (const event of stored.slice(size, size + 50)) learner.stored(event)
      size = Math.min(500, size + 50)
      if (++reads === 2) throw new Error('the disk is away')
      return page.slice(0, limit).map(event => ({ ...event, isTakenBack: false }))
    },
  }
  const learner = new JournalLearner({ learn: (event: UserEvent) => learned.push(event) }, journal, 19)
  await expect(learner.catchUp()).rejects.toThrow('the disk is away')
  expect(learner.isCurrent).toBe(false)
  await learner.catchUp()
  expect(learner.isCurrent).toBe(true)
  for (const event of stored.slice(size)) learner.stored(event)
  for (const event of stored.slice(-3)) learner.stored(event)
  expect(learned).toMatchObject(stored.slice(10))
})

test('new items get the rows after those of the model, as many as there is room for', async () => {
  const dataset = await datasetOf(checkerboard(4))
  const rows = new ItemRows(dataset.items, 6)
  const added = ['x', '7', 'y', 'x', '1'].map((item, at) => rows.add(item, `user${at}`))
  expect(added).toEqual([4, 5, -1, 4, dataset.items.indexOf(1)])
  expect([...rows.indicesOf(['y', 'x', '1', '7'])]).toEqual([-1, 4, dataset.items.indexOf(1), 5])
  // As the ids of the model are.
  expect([rows.at(4), rows.at(5), rows.size]).toEqual(['x', 7, 6])
  expect(() => rows.at(6)).toThrow('row must be from 0 to 5, got 6')
})

test('no user takes the rows of new items from the others, whose events bring what that user could not', async () => {
  const dataset = await datasetOf(checkerboard(4))
  const rows = new ItemRows(dataset.items, 4 + 65_536)
  for (let at = 0; at < 70_000; at++) rows.add(`flood${at}`, 'mallory')
  expect(rows.size - 4).toBe(1009)
  expect(rows.add('flood69999', 'mallory')).toBe(-1)
  expect(rows.add('flood69999', 'ann')).toBe(4 + 1009)
  expect(rows.add('flood69999', 'mallory')).toBe(4 + 1009)
  for (let user = 0; user < 100; user++) {
    for (let at = 0; at < 1100; at++) rows.add(`${user}/${at}`, `accomplice${user}`)
  }
  expect(rows.size).toBeLessThan(0.81 * 65_536)
  expect(rows.add('news', 'bob')).toBe(rows.size - 1)
})

test('items that no user brought get half of the new rows at the most', async () => {
  const dataset = await datasetOf(checkerboard(4))
  const rows = new ItemRows(dataset.items, 4 + 200)
  const added = Array.from({ length: 150 }, (_, at) => rows.add(`placed${at}`))
  expect(added.filter(row => row >= 0)).toHaveLength(100)
  expect([rows.leftToPlace, rows.add('placed0'), rows.add('event', 'ann')]).toEqual([0, 4, 104])
})

test('an item gets a row once it is on disk and counts, and then counts for its own user, too', async () => {
  const recommender = await opened(await trainedModel(), join(freshFolder(), 'state'))
  const { itemRows } = recommender.generation
  const event = eventOf('ada', 'own')
  await recorded(recommender, eventOf('ada', '4'))
  await recorded(recommender, event)
  expect(itemRows.size).toBe(21)
  // Neither what is sent again nor what takes back brings new items.
  await recorded(recommender, { ...event, item: 'other' })
  await recorded(recommender, eventOf('ada', 'less', { weight: -1 }))
  expect(itemRows.size).toBe(21)
  expect(itemsOf(await recommender.recommend(queryOf('ada', { limit: 30 })))).not.toContain('own')
  expect(itemsOf(await recommender.recommend(queryOf('ada', { limit: 30, seen: 'allow' })))).toContain('own')
})
