import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { OpenModel } from '../../src/models/open/open-model.ts'
import type { RecommendedList, SimilarQuery } from '../../src/recommend/lists/lists.ts'
import { Recommender } from '../../src/recommend/recommender.ts'
import { cosines, spreadPlaces } from '../../src/search/spread.ts'
import { writeNamedModel } from './models.ts'
import { eventOf, itemsOf, Observed, queryOf, recorded } from './observed.ts'

const items = 300

let folder: string
let recommender: Recommender
let catalogue: Recommender['catalogue']

/** Directories of two models of the same items. */
const place = (name: 'a' | 'b' | 'state') => join(folder, name)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aurochs-test-'))
  await writeNamedModel(place('a'), { prefix: 'i', seed: 1, items })
  await writeNamedModel(place('b'), { prefix: 'i', seed: 2, items })
  recommender = await Recommender.open({ model: place('a'), state: place('state'), threads: 1 })
  catalogue = recommender.catalogue
  return async () => {
    await recommender.close()
    rmSync(folder, { recursive: true })
  }
})
// Nothing is known of any item when a test begins.
beforeEach(() => catalogue.put(Array.from({ length: items }, (_, at) => ({ id: `i${at}` }))))

const even = (item: string | number) => Number(`${item}`.slice(1)) % 2 === 0
/** The items of even numbers, with a tag. */
const tagged = Array.from({ length: items / 2 }, (_, at) => ({ id: `i${2 * at}`, tags: ['even', `t${at % 3}`] }))

/** The lists of a subscription to similar items. */
function similarLists(recommender: Recommender, query: SimilarQuery) {
  const lists: RecommendedList[] = []
  const watch = recommender.subscribeSimilar(
    query,
    list => lists.push(list),
    error => {
      throw error
    },
  )
  const until = async (isWanted: (list: RecommendedList) => boolean) => {
    while (!lists.some(isWanted)) await wait(5)
    return lists.find(isWanted)!
  }
  return { lists, until, watch }
}

test('a hidden item is in no list any more once that is acknowledged, and in all again when it is shown', async () => {
  const live = new Observed(recommender, queryOf('u3'))
  const popular = new Observed(recommender, queryOf('stranger'))
  const similar = similarLists(recommender, { item: 'i7', limit: 5, measure: 'cosine' })
  const lists = [await live.next(), await popular.next(), await similar.until(() => true)]
  const gone = [...new Set(lists.flatMap(list => itemsOf(list).slice(0, 2)))].map(String)
  const [liveBefore, popularBefore, similarBefore] = [live.lists.length, popular.lists.length, similar.lists.length]
  await catalogue.patch(gone.map(id => ({ id, hidden: true })))
  const isClean = (list: RecommendedList) => itemsOf(list).every(item => !gone.includes(`${item}`))
  expect(isClean(await live.next())).toBe(true)
  expect(isClean(await popular.next())).toBe(true)
  await similar.until(isClean)
  expect(
    [...live.lists.slice(liveBefore), ...popular.lists.slice(popularBefore)].filter(list => !isClean(list)),
  ).toEqual([])
  expect(similar.lists.slice(similarBefore).filter(list => !isClean(list))).toEqual([])

  const { lists: batch } = await recommender.recommendBatch(['u3', 'u4', 'stranger'], { limit: 200 })
  expect(batch.flatMap(({ items }) => items).filter(item => gone.includes(`${item}`))).toEqual([])
  expect(batch.map(({ items }) => items.length)).toEqual([200, 200, 200])
  for (const user of ['u3', 'stranger']) expect(isClean(await recommender.recommend(queryOf(user)))).toBe(true)
  const only = await recommender.recommend(queryOf('u3', { only: [...gone, 'i1'] }))
  expect(itemsOf(only).every(item => item === 'i1')).toBe(true)
  for (const measure of ['cosine', 'neighbours'] as const) {
    const list = await recommender.similar({ item: 'i7', limit: 200, measure })
    expect(isClean(list)).toBe(true)
  }

  await catalogue.patch(gone.map(id => ({ id, hidden: false })))
  const again = await live.until(list => !isClean(list))
  expect(itemsOf(again)).toEqual(itemsOf(lists[0]!))
  await similar.until(list => itemsOf(list).join() === itemsOf(lists[2]!).join() && list !== lists[2])
  for (const each of [live, popular, similar.watch]) each.close()
})

test('whatever is asked for while items are hidden, nothing that comes after the acknowledgement has one', async () => {
  const users = Array.from({ length: 20 }, (_, user) => `u${user}`)
  const hidden = new Set<string>()
  const wrong: unknown[] = []
  let isOver = false
  let lists = 0
  const asking = [1, 2, 3].map(async () => {
    while (!isOver) {
      const { lists: batch } = await recommender.recommendBatch(users, { limit: 30 })
      lists++
      wrong.push(...batch.flatMap(({ items }) => items).filter(item => hidden.has(`${item}`)))
    }
  })
  const live = users.map(user => new Observed(recommender, queryOf(user)))
  /** Of each hidden item: how many lists had come. */
  const acknowledged: { readonly id: string; readonly lists: readonly number[] }[] = []
  for (let round = 0; round < 60; round++) {
    const { items: best } = await recommender.recommend(queryOf(users[round % 20]!))
    const id = `${best[0]!.item}`
    await catalogue.patch([{ id, hidden: true }])
    hidden.add(id)
    acknowledged.push({ id, lists: live.map(({ lists }) => lists.length) })
  }
  isOver = true
  await Promise.all(asking)
  for (const { id, lists: before } of acknowledged) {
    const after = live.flatMap(({ lists }, at) => lists.slice(before[at]))
    wrong.push(...after.flatMap(list => itemsOf(list)).filter(item => item === id))
  }
  expect(lists).toBeGreaterThan(10)
  expect(hidden.size).toBe(60)
  expect(wrong).toEqual([])
  for (const observed of live) {
    await observed.until(list => itemsOf(list).every(item => !hidden.has(`${item}`)))
    observed.close()
  }
})

test('items appear and vanish when their times come, without an event', async () => {
  const live = new Observed(recommender, queryOf('u3'))
  const [first, second] = itemsOf(await live.next()).map(String)
  // Times that are near enough to be waited for; that of the second is set again when it is its turn.
  const soon = () => Date.now() + 300
  await catalogue.put([{ id: second!, availableFrom: Date.now() + 1e9 }])
  const without = itemsOf(await live.until(list => !itemsOf(list).includes(second!)))
  expect(without).toContain(first!)
  const gone = soon()
  await catalogue.put([{ id: first!, availableUntil: gone }])
  const neither = itemsOf(await live.until(list => !itemsOf(list).includes(first!)))
  expect(Date.now()).toBeGreaterThanOrEqual(gone)
  expect(neither).not.toContain(second!)
  const there = soon()
  await catalogue.put([{ id: second!, availableFrom: there }])
  await live.until(list => itemsOf(list).includes(second!))
  expect(Date.now()).toBeGreaterThanOrEqual(there)
  // Far from what any other interval would give.
  expect(Date.now()).toBeLessThan(there + 10_000)
  // A time that is taken away counts at once.
  await catalogue.patch([{ id: first!, availableUntil: null }])
  await live.until(list => itemsOf(list).includes(first!))
  live.close()
})

test('what is hidden stays so under the next model, after a restart, and where no model had it when it was hidden', async () => {
  const best = itemsOf(await recommender.recommend(queryOf('u3'))).map(String)
  await recommender.swap(place('b'))
  const bestOfNext = itemsOf(await recommender.recommend(queryOf('u3'))).map(String)
  await recommender.swap(place('a'))
  await catalogue.patch([best[0]!, bestOfNext[0]!, 'later0'].map(id => ({ id, hidden: true })))
  await catalogue.put([{ id: bestOfNext[1]!, tags: ['kept'] }])
  await catalogue.delete([bestOfNext[2]!])
  const expected = bestOfNext.filter(id => ![best[0], bestOfNext[0], bestOfNext[2]].includes(id))
  const narrowed = new Observed(recommender, queryOf('u3', { tags: ['kept'] }))
  expect(itemsOf(await narrowed.next())).toEqual([bestOfNext[1]])
  await recommender.swap(place('b'))
  expect(itemsOf(await recommender.recommend(queryOf('u3'))).slice(0, expected.length)).toEqual(expected)
  const { generation } = await narrowed.until(({ generation }) => generation === recommender.generation.name)
  expect(itemsOf(narrowed.lists.findLast(list => list.generation === generation)!)).toEqual([bestOfNext[1]])
  narrowed.close()
  await recommender.close()
  recommender = await Recommender.open({ model: place('b'), state: place('state'), threads: 1 })
  catalogue = recommender.catalogue
  expect(itemsOf(await recommender.recommend(queryOf('u3'))).slice(0, expected.length)).toEqual(expected)
  await recommender.swap(await writeNamedModel(join(folder, 'later'), { prefix: 'later', items: 40 }))
  expect(itemsOf(await recommender.recommend(queryOf('u3', { limit: 40, seen: 'allow' })))).toHaveLength(39)
  await recommender.swap(place('a'))
})

test('lists are narrowed by tags and categories to what the whole list has of them, and follow changes of these', async () => {
  await catalogue.put([...tagged, { id: 'i1', tags: ['t0'], categories: ['odd'] }, { id: 'elsewhere', tags: ['even'] }])
  const whole = itemsOf(await recommender.recommend(queryOf('u3', { limit: items })))
  const list = async (narrowing: object, limit = 20) =>
    itemsOf(await recommender.recommend(queryOf('u3', { limit, ...narrowing })))
  const having = (tag: string) => whole.filter(item => tagged.some(({ id, tags }) => id === item && tags.includes(tag)))
  expect(await list({ tags: ['even'] })).toEqual(whole.filter(even).slice(0, 20))
  expect(await list({ allTags: ['even', 't1'] })).toEqual(having('t1').slice(0, 20))
  expect(await list({ noTags: ['even'] })).toEqual(whole.filter(item => !even(item)).slice(0, 20))
  expect(await list({ tags: ['t1', 't2'], noTags: ['t2'] })).toEqual(having('t1').slice(0, 20))
  expect(await list({ categories: ['odd', 'none'] })).toEqual(whole.filter(item => item === 'i1'))
  expect(await list({ tags: ['nobody has it'] })).toEqual([])
  expect(await list({ tags: [] })).toEqual([])
  expect(await list({ noTags: ['nobody has it'] })).toEqual(whole.slice(0, 20))
  expect(await list({ tags: ['even'], exclude: whole.filter(even).slice(0, 3).map(String) }, 2)).toEqual(
    whole.filter(even).slice(3, 5),
  )
  const batch = await recommender.recommendBatch(['u3', 'stranger'], { tags: ['even'], limit: 20 })
  expect(batch.lists[0]!.items).toEqual(whole.filter(even).slice(0, 20))
  expect(batch.lists[1]!.items.every(even)).toBe(true)
  for (const measure of ['cosine', 'neighbours'] as const) {
    const all = itemsOf(await recommender.similar({ item: 'i7', limit: items, measure }))
    const some = itemsOf(await recommender.similar({ item: 'i7', limit: 5, measure, tags: ['even'] }))
    expect(some).toEqual(all.filter(even).slice(0, 5))
  }

  const live = new Observed(recommender, queryOf('u3', { tags: ['even'], limit: 5 }))
  const [best] = itemsOf(await live.next()).map(String)
  await catalogue.patch([{ id: best!, tags: ['other'] }])
  expect(itemsOf(await live.next())).toEqual(whole.filter(even).slice(1, 6))
  const [odd] = whole.filter(item => !even(item)).map(String)
  await catalogue.patch([{ id: odd!, tags: ['even'] }])
  const after = whole.filter(item => item === odd || (even(item) && item !== best)).slice(0, 5)
  expect(itemsOf(await live.until(list => itemsOf(list).includes(odd!)))).toEqual(after)
  live.close()
})

test('items of a list differ by their vectors as far as is asked for, and no tag has more items than it may', async () => {
  await catalogue.put(tagged)
  const { items: whole } = await recommender.recommend(queryOf('u3', { limit: 100 }))
  const model = OpenModel.open(recommender.generation.artifact.directory)
  const { data, factors } = model.vectors('items')
  const rows = whole.map(({ item }) => model.artifact.items.indexOf(String(item)))
  const vectors = Float32Array.from(rows.flatMap(row => [...data.subarray(row * factors, (row + 1) * factors)]))
  const tags = whole.map(({ item }) => tagged.find(({ id }) => id === item)?.tags ?? [])
  const candidates = { scores: whole.map(({ score }) => score), similarity: cosines(vectors, factors), tags }
  for (const [diversity, perTag] of [
    [0.5, Number.POSITIVE_INFINITY],
    [1, 2],
    [0, 1],
  ] as const) {
    const places = spreadPlaces(candidates, { limit: 10, diversity, perTag })
    const given = { diversity, ...(perTag < Number.POSITIVE_INFINITY && { perTag }) }
    const list = await recommender.recommend(queryOf('u3', given))
    expect(list.items).toEqual(places.map(place => whole[place]))
    expect(itemsOf(list)).not.toEqual(whole.slice(0, 10).map(({ item }) => item))
    const live = new Observed(recommender, queryOf('u3', given))
    expect((await live.next()).items).toEqual(list.items)
    live.close()
  }
  model.close()
  await expect(recommender.recommend(queryOf('u3', { diversity: 2 }))).rejects.toThrow(
    'diversity must be from 0 to 1, got 2',
  )
})

test('events count whether the catalogue has their item or not, and it may have items that no model has', async () => {
  await catalogue.put([{ id: 'new', title: 'Not trained yet' }])
  const outcomes = await Promise.all(['i5', 'new', 'nobody'].map(item => recorded(recommender, eventOf('ann', item))))
  expect(outcomes).toEqual(['stored', 'stored', 'stored'])
  const list = await recommender.recommend(queryOf('ann', { limit: items }))
  expect([list.basis, itemsOf(list).length]).toEqual(['model', items - 1])
  expect(await catalogue.get(['nobody', 'new'])).toMatchObject([undefined, { title: 'Not trained yet' }])
})

test('without a state there is no catalogue, and lists can be narrowed to nothing only', async () => {
  const stateless = await Recommender.open({ model: place('a'), threads: 1 })
  expect(() => stateless.catalogue).toThrow('there is no state to keep a catalogue in')
  expect(itemsOf(await stateless.recommend(queryOf('u1', { tags: ['x'] })))).toEqual([])
  await stateless.close()
})
