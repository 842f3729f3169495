import { mkdirSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Journal } from '../../src/events/journal.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { Pool, workerModuleUrl } from '../../src/parallel/pool.ts'
import { MicroBatches } from '../../src/recommend/batches/micro-batches.ts'
import { RecommendError } from '../../src/recommend/errors.ts'
import { Generation } from '../../src/recommend/generations/generation.ts'
import type { RecommendedList, UserList } from '../../src/recommend/lists/lists.ts'
import { Recommender } from '../../src/recommend/recommender.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { eventsOf, requestOf } from '../models/requests.ts'
import { freshFolder } from '../storage/folder.ts'
import { writeNamedModel } from './models.ts'
import { eventOf, itemsOf, Observed, queryOf, recorded } from './observed.ts'

const failing = workerModuleUrl('../models/failing-jobs', import.meta.url)

/** Two models without a common item. */
async function twoModels() {
  const folder = freshFolder()
  const [a, b] = [join(folder, 'a'), join(folder, 'b')]
  await writeNamedModel(a, { prefix: 'a', seed: 1, items: 300 })
  await writeNamedModel(b, { prefix: 'b', seed: 2, items: 250 })
  return { folder, a, b }
}

/** What {@link RecommendedList} says of the model, and the items of it. */
interface NamedItems extends Pick<RecommendedList, 'generation'> {
  readonly items: readonly { readonly item: string | number }[]
}

/** The two models, and a recommender that serves the first. */
async function openedWithTwo(threads = 1) {
  const { folder, a, b } = await twoModels()
  const recommender = await Recommender.open({ model: a, state: join(folder, 'state'), threads })
  onTestFinished(() => recommender.close())
  const prefixes = new Map([a, b].map(directory => [Artifact.open(directory).checksum, directory === a ? 'a' : 'b']))
  const ofOneModel = (list: NamedItems) => {
    const prefix = prefixes.get(list.generation)!
    return list.items.length > 0 && list.items.every(({ item }) => `${item}`.startsWith(prefix))
  }
  return { folder, a, b, recommender, ofOneModel }
}

/** The list that the model gives by itself. */
function expectedItems(directory: string, user: string, events: readonly (readonly [string, number])[] = []) {
  const model = OpenModel.open(directory)
  const { users, items } = model.artifact
  const known = events.map(([item, weight]) => [items.indexOf(item), weight] as const).filter(([row]) => row >= 0)
  const [list] = model.rank([requestOf(users.indexOf(user), { recent: eventsOf(known) })])
  return Array.from(list!.items, row => items.at(row))
}

const isClosed = ({ artifact }: Generation) => {
  try {
    return artifact.history === undefined
  } catch {
    return true
  }
}

test('subscribers get a list of the new model, with the events that it knows the items of', async () => {
  const { a, b, recommender } = await openedWithTwo(2)
  const subscription = new Observed(recommender, queryOf('u3'))
  const similar: RecommendedList[] = []
  recommender.subscribeSimilar(
    { item: 'a1', limit: 3 },
    list => similar.push(list),
    () => {},
  )
  await recorded(recommender, eventOf('u3', 'a7'))
  const before = await subscription.until(({ after }) => after !== undefined)
  expect(itemsOf(before)).toEqual(expectedItems(a, 'u3', [['a7', 1]]))

  const generations: string[] = []
  const end = recommender.onGeneration(() => generations.push(recommender.generation.name))
  const next = await recommender.swap(b)
  expect(recommender.generation).toBe(next)
  expect(generations).toEqual([next.name])
  // No model knows what the other one does: a7 is no item of b.
  const after = await subscription.next()
  expect([itemsOf(after), after.generation, after.after]).toEqual([expectedItems(b, 'u3'), next.name, before.after])
  await recorded(recommender, eventOf('u3', 'b7'))
  expect(itemsOf(await subscription.next())).toEqual(expectedItems(b, 'u3', [['b7', 1]]))

  end()
  await recommender.swap(a)
  expect(generations).toHaveLength(1)
  expect(itemsOf(await subscription.next())).toEqual(expectedItems(a, 'u3', [['a7', 1]]))
  await recommender.drained()
  expect(similar.every(({ items }) => items.every(({ item }) => `${item}`.startsWith('a')))).toBe(true)
})

test('subscribers to similar items get those of the new model, or why there are none', async () => {
  const { folder, a, b, recommender } = await openedWithTwo()
  const lists: RecommendedList[] = []
  const errors: Error[] = []
  const subscription = recommender.subscribeSimilar(
    { item: 'a1', limit: 3 },
    list => lists.push(list),
    error => errors.push(error),
  )
  const count = async (lists: number, errors: number, of: { lists: unknown[]; errors: unknown[] }) => {
    while (of.lists.length < lists || of.errors.length < errors) await wait(5)
  }
  await count(1, 0, { lists, errors })
  await recommender.swap(b)
  await count(1, 1, { lists, errors })
  expect(errors[0]).toMatchObject({ reason: 'unknown_item' })
  await recommender.swap(await writeNamedModel(join(folder, 'a2'), { prefix: 'a', seed: 9 }))
  await count(2, 1, { lists, errors })
  expect(lists[1]!.generation).toBe(recommender.generation.name)
  const model = OpenModel.open(join(folder, 'a2'))
  const [expected] = model.similar([{ item: 1, limit: 3 }])
  expect(lists[1]!.items.map(({ item }) => item)).toEqual(
    Array.from(expected!.items, row => model.artifact.items.at(row)),
  )
  subscription.close()
  await recommender.swap(a)
  await recommender.drained()
  expect([lists.length, errors.length]).toEqual([2, 1])
})

test('a list that waits for the disk at a swap is made anew at once: not behind those of all other users', async () => {
  const { b, recommender } = await openedWithTwo()
  const subscription = new Observed(recommender, queryOf('u3'))
  await subscription.next()
  const event = eventOf('u3', 'a7')
  const settled = vi.spyOn(Journal.prototype, 'settled', 'get').mockReturnValue(0)
  onTestFinished(() => void settled.mockRestore())
  await recorded(recommender, event)
  await recommender.drained()
  const background = vi.spyOn(MicroBatches.prototype, 'pushInBackground')
  onTestFinished(() => void background.mockRestore())
  await recommender.swap(b)
  settled.mockRestore()
  expect(background).not.toHaveBeenCalled()
  const list = await subscription.next()
  expect([list.after, list.generation]).toEqual([event.id, recommender.generation.name])
})

test('under a stream of queries and events no query fails, no event is lost, and no list mixes two models', async () => {
  const { a, b, recommender, ofOneModel } = await openedWithTwo(2)
  const random = randomNumbers(7)
  const subscriptions = Array.from(
    { length: 12 },
    (_, user) => new Observed(recommender, queryOf(`u${user}`, { seen: 'allow' })),
  )
  const mixed: NamedItems[] = []
  const check = (list: NamedItems) => ofOneModel(list) || mixed.push(list)
  let [isRunning, queries, sent, stored] = [true, 0, 0, 0]
  const querying = async () => {
    while (isRunning) {
      const user = `u${Math.floor(random() * 30)}`
      const batch = recommender.recommendBatch([user, 'nobody', 'u1'], queryOf('', { limit: 5, seen: 'allow' }))
      const [prefix] = String(recommender.generation.artifact.items.at(0))
      const similar = recommender.similar({
        item: `${prefix}${Math.floor(random() * 25)}`,
        limit: 4,
        measure: 'cosine',
      })
      const { generation, lists } = await batch
      for (const { items } of lists) check({ generation, items: items.map(item => ({ item })) })
      check(await similar)
      queries++
      await wait(2)
    }
  }
  const sending = async () => {
    while (isRunning) {
      const { items } = recommender.generation.artifact
      const item = String(items.at(Math.floor(random() * items.size)))
      recommender.record(eventOf(`u${Math.floor(random() * 12)}`, item), outcome => {
        if (outcome === 'stored') stored++
      })
      sent++
      if (sent % 5 === 0) await wait(10)
    }
  }
  const load = [querying(), querying(), querying(), sending()]
  const swaps = 8
  for (let swap = 0; swap < swaps; swap++) {
    await recommender.swap(swap % 2 === 0 ? b : a)
    await wait(30)
  }
  isRunning = false
  await Promise.all(load)
  await recommender.drained()
  for (const { lists, errors } of subscriptions) {
    expect(errors).toEqual([])
    for (const list of lists) check(list)
    expect(new Set(lists.map(({ generation }) => generation)).size).toBe(2)
  }
  expect(mixed.slice(0, 3)).toEqual([])
  expect(stored).toBe(sent)
  expect(queries).toBeGreaterThan(swaps)
  expect(sent).toBeGreaterThan(100)
})

test('a batch during which the model is swapped is of the new model alone', async () => {
  const { b, recommender, ofOneModel } = await openedWithTwo()
  const users = Array.from({ length: 200 }, (_, user) => `u${user % 30}`)
  const { rankOnOne } = ModelPool.prototype
  let [calls, goOn] = [0, () => {}]
  const swapped = new Promise<void>(resolve => {
    goOn = resolve
  })
  const ranked = vi.spyOn(ModelPool.prototype, 'rankOnOne').mockImplementation(async function (this: ModelPool, ...of) {
    if (++calls > 1) await swapped
    return rankOnOne.apply(this, of)
  })
  onTestFinished(() => void ranked.mockRestore())
  const batch = recommender.recommendBatch(users, queryOf('', { limit: 5, seen: 'allow' }))
  // The first 64 are answered once the next are to be ranked.
  await vi.waitUntil(() => calls > 1, 60_000)
  const next = await recommender.swap(b)
  goOn()
  const { generation, lists } = await batch
  expect(generation).toBe(next.name)
  const wrong = lists.filter(({ items }) => !ofOneModel({ generation, items: items.map(item => ({ item })) }))
  expect([lists.length, wrong]).toEqual([200, []])
})

test('a model that takes the place of the served one on disk is swapped in under load, too', async () => {
  const folder = freshFolder()
  const directory = await writeNamedModel(join(folder, 'model'), { prefix: 'a', seed: 1 })
  const recommender = await Recommender.open({ model: directory, threads: 2 })
  onTestFinished(() => recommender.close())
  let isRunning = true
  const names = new Set<string>()
  const querying = async () => {
    while (isRunning) {
      const lists = await Promise.all([
        recommender.recommend(queryOf('u1')),
        recommender.recommend(queryOf('u2')),
        ...Array.from({ length: 6 }, (_, item) => recommender.similar({ item: `a${item}`, limit: 3 })),
      ])
      for (const { generation } of lists) names.add(generation)
      await wait(2)
    }
  }
  const load = [querying(), querying(), querying()]
  for (let seed = 2; seed <= 5; seed++) {
    await writeNamedModel(directory, { prefix: 'a', seed })
    await recommender.swap(directory)
    await expect.poll(() => names.has(recommender.generation.name)).toBe(true)
    expect(itemsOf(await recommender.recommend(queryOf('u1')))).toEqual(expectedItems(directory, 'u1'))
  }
  isRunning = false
  await Promise.all(load)
  expect(names.size).toBeGreaterThan(3)
})

test('the old generation is closed when its last query has ended, and not before', async () => {
  const { b, recommender } = await openedWithTwo()
  const old = recommender.generation
  let release: () => void = () => {}
  const held = old.use(
    () =>
      new Promise<void>(resolve => {
        release = resolve
      }),
  )
  await recommender.swap(b)
  const query = await recommender.recommend(queryOf('u1'))
  expect(query.generation).toBe(recommender.generation.name)
  await wait(50)
  expect(isClosed(old)).toBe(false)
  release()
  await held
  await expect.poll(() => isClosed(old)).toBe(true)
  expect(isClosed(recommender.generation)).toBe(false)
})

test('retiring a generation that nobody uses closes it at once', async () => {
  const { a } = await twoModels()
  const pool = new Pool({ threads: 1 })
  const generation = await Generation.open(a, { pool })
  expect(generation.name).toBe(Artifact.open(a).checksum)
  await expect(generation.use(() => Promise.reject(new Error('a failing query')))).rejects.toThrow('a failing query')
  await generation.retire()
  expect(isClosed(generation)).toBe(true)
  await pool.close()
})

test('a recommender ends its workers even where the model or the journal cannot be closed', async () => {
  const { folder, a } = await twoModels()
  const ended = vi.spyOn(Pool.prototype, 'close')
  onTestFinished(() => void ended.mockRestore())
  for (const [owner, closing] of [
    ['the model', vi.spyOn(ModelPool.prototype, 'close')],
    ['the journal', vi.spyOn(Journal.prototype, 'close')],
  ] as const) {
    const recommender = await Recommender.open({ model: a, state: join(folder, owner), threads: 1 })
    ended.mockClear()
    closing.mockImplementationOnce(() => Promise.reject(new Error('a worker ended')))
    const closed = recommender.close()
    if (owner === 'the journal') await expect(closed).rejects.toThrow('a worker ended')
    else await closed
    expect(ended).toHaveBeenCalledTimes(3)
    closing.mockRestore()
  }
})

test('a closed recommender refuses what comes, and swaps that have not begun', async () => {
  const { folder, a, b } = await twoModels()
  for (const state of [undefined, join(folder, 'state')]) {
    const recommender = await Recommender.open({ model: a, state, threads: 1 })
    const begun = recommender.swap(b)
    const asked = recommender.recommend(queryOf('u1'))
    await setImmediate()
    const waiting = recommender.swap(a)
    const closed = recommender.close()
    await expect(waiting).rejects.toMatchObject({ reason: 'shutting_down' })
    await begun
    await asked
    await Promise.all([closed, recommender.close()])
    await expect(recommender.recommend(queryOf('u2'))).rejects.toThrow('closed')
    await expect(recommender.recommendBatch(['u3', 'u1'], queryOf(''))).rejects.toThrow('closed')
    await expect(recommender.swap(a)).rejects.toMatchObject({ reason: 'shutting_down' })
  }
})

test('a swap that nobody waits for any more is not begun', async () => {
  const { a, b, recommender } = await openedWithTwo()
  const controller = new AbortController()
  const swaps = [recommender.swap(b), recommender.swap(a, controller.signal)]
  const reason = new Error('too late')
  controller.abort(reason)
  await expect(swaps[1]).rejects.toBe(reason)
  expect(recommender.generation).toBe(await swaps[0])
})

test('a model that cannot be opened is refused, and the old one goes on', async () => {
  const { folder, a, b, recommender } = await openedWithTwo()
  const before = recommender.generation
  const generations: string[] = []
  recommender.onGeneration(() => generations.push(recommender.generation.name))
  const subscription = new Observed(recommender, queryOf('u1'))
  await subscription.next()
  const refused = async (directory: string, why: string) => {
    const error = await recommender.swap(directory).then(
      () => expect.unreachable(),
      error => error,
    )
    expect(error).toBeInstanceOf(RecommendError)
    expect(error).toMatchObject({ reason: 'bad_model', message: expect.stringContaining(why) })
  }
  await refused(join(folder, 'nowhere'), 'there is no model at')
  mkdirSync(join(folder, 'empty'))
  await refused(join(folder, 'empty'), 'is no model of Aurochs')
  await refused(`${b}-data`, 'must be a model, which `aurochs train` makes, but is a dataset')
  truncateSync(join(b, 'tensors.safetensors'), 100)
  await refused(b, 'tensors.safetensors is damaged')
  expect([recommender.generation, generations]).toEqual([before, []])
  expect(itemsOf(await recommender.recommend(queryOf('u1')))).toEqual(expectedItems(a, 'u1'))
  await recorded(recommender, eventOf('u1', 'a3'))
  expect(itemsOf(await subscription.next())).toEqual(expectedItems(a, 'u1', [['a3', 1]]))
  // What failed is in the way of nothing.
  await writeNamedModel(b, { prefix: 'b', seed: 2 })
  expect((await recommender.swap(b)).name).toBe(Artifact.open(b).checksum)
})

test('swaps are done one after the other, the last asked for is served, and a failing one is left out', async () => {
  const { folder, a, b, recommender } = await openedWithTwo()
  const c = await writeNamedModel(join(folder, 'c'), { prefix: 'c', seed: 3 })
  const generations: string[] = []
  recommender.onGeneration(() => generations.push(recommender.generation.name))
  const swaps = await Promise.allSettled([b, c, join(folder, 'nowhere'), a].map(each => recommender.swap(each)))
  expect(swaps.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  const names = [b, c, a].map(directory => Artifact.open(directory).checksum)
  expect(generations).toEqual(names)
  expect(recommender.generation.name).toBe(names[2])
  expect(itemsOf(await recommender.recommend(queryOf('u1')))).toEqual(expectedItems(a, 'u1'))
})

test('after a swap to the model that is served, its directory may be replaced', async () => {
  const { a, b, recommender } = await openedWithTwo(2)
  const expected = expectedItems(a, 'u1')
  const { name } = recommender.generation
  expect((await recommender.swap(a)).name).toBe(name)
  rmSync(a, { recursive: true })
  await writeNamedModel(a, { prefix: 'a', seed: 5 })
  for (let round = 0; round < 8; round++) {
    const lists = await Promise.all(['u1', 'u1'].map(user => recommender.recommend(queryOf(user))))
    expect(lists.map(itemsOf)).toEqual([expected, expected])
  }
  await recommender.swap(b)
  expect(itemsOf(await recommender.recommend(queryOf('u1')))).toEqual(expectedItems(b, 'u1'))
})

test('a model that cannot be closed keeps no later swap, and no end', async () => {
  const { a, b, recommender, folder } = await openedWithTwo()
  const closing = vi.spyOn(ModelPool.prototype, 'close').mockRejectedValueOnce(new Error('a worker died'))
  onTestFinished(() => void closing.mockRestore())
  await recommender.swap(b)
  await recommender.swap(a)
  expect(closing).toHaveBeenCalledTimes(2)
  expect(itemsOf(await recommender.recommend(queryOf('u1')))).toEqual(expectedItems(a, 'u1'))
  const other = await Recommender.open({ model: a, state: join(folder, 'other'), threads: 1 })
  closing.mockRejectedValueOnce(new Error('a worker died'))
  await other.swap(b)
  await other.close()
})

test('a list that cannot be given out fails alone', async () => {
  const { recommender } = await openedWithTwo()
  const { items } = recommender.generation.artifact
  const at = vi.spyOn(items, 'at').mockImplementationOnce(() => {
    throw new RangeError('no such item')
  })
  onTestFinished(() => void at.mockRestore())
  await expect(recommender.recommend(queryOf('u1'))).rejects.toThrow('no such item')
  expect((await recommender.recommend(queryOf('u1'))).items).not.toEqual([])
  const rows = vi.spyOn(recommender.generation.artifact.users, 'indexOf').mockImplementationOnce(() => {
    throw new RangeError('no such user')
  })
  onTestFinished(() => void rows.mockRestore())
  await expect(recommender.recommend(queryOf('u5'))).rejects.toThrow('no such user')
  expect((await recommender.recommend(queryOf('u5'))).items).not.toEqual([])
})

test('closing waits for a swap that is under way', async () => {
  const { folder, a, b } = await twoModels()
  const recommender = await Recommender.open({ model: a, state: join(folder, 'other'), threads: 1 })
  const swapped = recommender.swap(b)
  await setImmediate()
  await recommender.close()
  const generation = await swapped
  expect(isClosed(generation)).toBe(true)
})

test('the served model may be deleted from disk: what is mapped stays', async () => {
  const { a, recommender } = await openedWithTwo()
  const expected = expectedItems(a, 'u1')
  rmSync(a, { recursive: true })
  expect(itemsOf(await recommender.recommend(queryOf('u1')))).toEqual(expected)
})

test('a worker that takes the place of one that ended serves the same generation, or fails in words', async () => {
  const { a, b } = await twoModels()
  const pool = new Pool({ threads: 2 })
  onTestFinished(() => pool.close())
  const generation = await Generation.open(a, { pool })
  const endWorkers = async () => {
    const ended = await Promise.allSettled([1, 2].map(() => pool.run(failing, 'exit', {})))
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  }
  /** On both workers at once. */
  const rank = () =>
    generation.use(async models => {
      const { items } = models.artifact
      const lists = await models.rank([requestOf(1), requestOf(1)])
      return lists.map(list => Array.from(list.items, row => items.at(row)))
    })
  const expected = [1, 2].map(() => expectedItems(a, 'u1'))
  await endWorkers()
  expect(await rank()).toEqual(expected)
  const served = generation.name
  await writeNamedModel(a, { prefix: 'a', seed: 5 })
  expect(await rank()).toEqual(expected)
  await endWorkers()
  await expect(rank()).rejects.toThrow(
    `${a} must hold the model ${served}, but holds ${Artifact.open(a).checksum}: it was replaced`,
  )
  // The next generation is served by the same workers.
  const next = await Generation.open(b, { pool })
  const lists = await next.use(models => models.rank([requestOf(1)]))
  expect(Array.from(lists[0]!.items, row => next.artifact.items.at(row))).toEqual(expectedItems(b, 'u1'))
  await next.retire()
  await generation.retire()
})

test('a list that waits for the disk when the model is swapped is made anew', async () => {
  const { b, recommender, ofOneModel } = await openedWithTwo()
  const subscription = new Observed(recommender, queryOf('u2'))
  await subscription.next()
  const events = Array.from({ length: 50 }, (_, item) => eventOf('u2', `a${item}`))
  const swapped = recommender.swap(b)
  for (const event of events) recommender.record(event, () => {})
  const { name } = await swapped
  const last: UserList = await subscription.until(
    ({ generation, after }) => generation === name && after === events.at(-1)!.id,
  )
  expect(itemsOf(last)).toEqual(expectedItems(b, 'u2'))
  expect(subscription.lists.filter(list => !ofOneModel(list))).toEqual([])
})
