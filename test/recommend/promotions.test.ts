import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { Promotions } from '../../src/catalogue/promotions/promotions.ts'
import type { Generation } from '../../src/recommend/generations/generation.ts'
import { Arrangement } from '../../src/recommend/promotions/arrangement.ts'
import { boosted, withPins } from '../../src/recommend/promotions/promoted-ranking.ts'
import { PromotedRows } from '../../src/recommend/promotions/promoted-rows.ts'
import { Recommender } from '../../src/recommend/recommender.ts'
import { writeNamedModel } from './models.ts'
import { eventOf, itemsOf, Observed, queryOf, recorded } from './observed.ts'

const items = 300
let folder: string
let recommender: Recommender
let catalogue: Recommender['catalogue']
const open = (model: 'a' | 'b') =>
  Recommender.open({ model: join(folder, model), state: join(folder, 'state'), threads: 1 })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aurochs-test-'))
  await writeNamedModel(join(folder, 'a'), { prefix: 'i', seed: 1, items })
  await writeNamedModel(join(folder, 'b'), { prefix: 'i', seed: 2, items })
  recommender = await open('a')
  catalogue = recommender.catalogue
  return async () => {
    await recommender.close()
    rmSync(folder, { recursive: true })
  }
})
beforeEach(async () => {
  const ids = Array.from({ length: items }, (_, at) => `i${at}`)
  await catalogue.put(ids.map(id => ({ id })))
  await catalogue.boost(ids, 1)
  await catalogue.unpin(ids)
})

const listOf = async (query: object = {}, user = 'u3') =>
  itemsOf(await recommender.recommend(queryOf(user, query))).map(String)

test('boosts divide places, of two alike the one that was before comes first, and scores stay with their items', () => {
  const ranking = {
    items: Uint32Array.of(7, 8, 9, 4, 5),
    scores: Float32Array.of(9, 8, 7, 6, 5),
    sources: Uint8Array.of(0, 0, 3, 4, 0),
    basis: 'model',
  } as const
  const moved = boosted(
    ranking,
    new Map([
      [4, 4],
      [5, 2.5],
      [7, 0.25],
    ]),
  )
  // Places 4, 2, 3, 1, 2.
  expect(moved).toEqual({
    items: Uint32Array.of(4, 8, 5, 9, 7),
    scores: Float32Array.of(6, 8, 5, 7, 9),
    sources: Uint8Array.of(4, 0, 0, 3, 0),
    basis: 'model',
  })
})

test('pins stand at their places, of two for one the second behind the first, and only what was found', () => {
  const sources = Uint8Array.of(0, 1, 2)
  const ranking = { items: Uint32Array.of(1, 2, 3), scores: Float32Array.of(3, 2, 1), sources, basis: 'model' } as const
  const found = { items: Uint32Array.of(3, 8, 9), scores: Float32Array.of(1, 0.5, 0.25), sources }
  const at = (...pins: [number, number][]) => pins.map(([row, place]) => ({ row, place }))
  const rows = (pins: ReturnType<typeof at>, limit = 4) => [...withPins(ranking, pins, found, limit).items]
  expect(rows(at([3, 0]))).toEqual([3, 1, 2])
  expect(rows(at([8, 1], [9, 1]))).toEqual([1, 8, 9, 2])
  expect(rows(at([7, 0]))).toEqual([1, 2, 3])
  expect(rows(at([9, 9]))).toEqual([1, 2, 3, 9])
  expect(rows(at([9, 9]), 3)).toEqual([1, 2, 3])
})

test('a boosted item rises from beyond the list, one that is lowered makes room, and 1 undoes it', async () => {
  const whole = await listOf({ limit: 60 })
  await catalogue.boost([whole[39]!], 8)
  await catalogue.boost([whole[0]!], 0.25)
  const moved = whole.filter(id => id !== whole[0] && id !== whole[39])
  // At 40 / 8, behind what stood at 5; at 1 / 0.25, before what stood at 4.
  const expected = [...moved.slice(0, 2), whole[0]!, ...moved.slice(2, 4), whole[39]!, ...moved.slice(4)]
  expect(await listOf({ limit: 10 })).toEqual(expected.slice(0, 10))
  const { lists } = await recommender.recommendBatch(['u3'], { limit: 10 })
  expect(lists[0]!.items.map(String)).toEqual(expected.slice(0, 10))
  expect(await listOf({ limit: 60, only: whole })).toEqual(expected)
  await catalogue.boost([whole[0]!, whole[39]!], 1)
  expect(await listOf({ limit: 60 })).toEqual(whole)
})

test('a boost of an item that stands far behind leaves lists whose items differ as they are', async () => {
  const whole = await listOf({ limit: items })
  const spread = await listOf({ diversity: 1 })
  // At 260 / 2, behind the 100 of which the list is chosen.
  await catalogue.boost([whole[259]!], 2)
  expect(await listOf({ diversity: 1 })).toEqual(spread)
})

test('lowered items make a list deeper only where many of them are at its front', async () => {
  const whole = await listOf({ limit: items })
  const lowered = new Set([...whole.slice(0, 60), ...whole.slice(200, 290)])
  const arrange = vi.spyOn(Arrangement.prototype, 'arrange')
  onTestFinished(() => arrange.mockRestore())
  await catalogue.boost(whole.slice(200, 290), 0.1)
  expect(await listOf()).toEqual(whole.slice(0, 10))
  expect(arrange.mock.lastCall![0].request.limit).toBe(20)
  const live = new Observed(recommender, queryOf('u3'))
  await live.next()
  await catalogue.boost(whole.slice(0, 60), 0.1)
  const keys = whole.map((id, at) => ({ id, at, key: (at + 1) / (lowered.has(id) ? 0.1 : 1) }))
  const moved = keys.sort((one, other) => one.key - other.key || one.at - other.at).map(({ id }) => id)
  expect(await listOf()).toEqual(moved.slice(0, 10))
  expect(await listOf({ limit: 100 })).toEqual(moved.slice(0, 100))
  await live.until(list => itemsOf(list).join() === moved.slice(0, 10).join())
  live.close()
})

test('promotions are looked up once, and of new items as they come', () => {
  const ids = ['a', 'b', 'c']
  const indicesOf = vi.fn((asked: readonly string[]) => Int32Array.from(asked, id => ids.indexOf(id)))
  const itemRows = {
    indicesOf,
    at: (row: number) => ids[row],
    get size() {
      return ids.length
    },
  }
  const generation = { itemRows } as unknown as Generation
  const promotions = new Promotions()
  promotions.apply([
    ['c', { boost: 2, pin: { place: 2 } }],
    ['new', { boost: 0.5, pin: { place: 1, tag: 'x' } }],
    ['newer', { pin: { place: 1, until: 1 } }],
  ])
  const rows = new PromotedRows(promotions)
  const seen = () => [
    [...rows.factors(generation)],
    rows.pinned(generation, { tags: ['x'] }, 10),
    rows.depth(generation, 10),
  ]
  expect(seen()).toEqual([[[2, 2]], [{ row: 2, place: 1 }], 20])
  ids.push('other', 'new', 'newer')
  expect(seen()).toEqual([
    [
      [2, 2],
      [4, 0.5],
    ],
    [
      { row: 4, place: 0 },
      { row: 2, place: 1 },
    ],
    21,
  ])
  expect(rows.pinned(generation, {}, 10)).toEqual([{ row: 2, place: 1 }])
  expect(rows.pinned(generation, {}, 1)).toEqual([])
  expect(indicesOf).toHaveBeenCalledOnce()
  promotions.apply([['c', {}]])
  expect(seen()).toEqual([[[4, 0.5]], [{ row: 4, place: 0 }], 11])
})

test('a pinned item stands at its place at once in all lists that may have it, and in no other', async () => {
  const whole = await listOf({ limit: 200 })
  const last = whole[150]!
  const live = new Observed(recommender, queryOf('u3'))
  const stranger = new Observed(recommender, queryOf('stranger'))
  await Promise.all([live.next(), stranger.next()])
  await catalogue.pin([{ id: last, place: 3 }])
  const expected = [whole[0], whole[1], last, ...whole.slice(2, 9)]
  expect(await listOf()).toEqual(expected)
  expect(itemsOf(await live.until(list => itemsOf(list)[2] === last))).toEqual(expected)
  await stranger.until(list => itemsOf(list)[2] === last)
  expect(await listOf({ diversity: 0.5 })).toHaveLength(10)
  expect((await listOf({ diversity: 0.5 }))[2]).toBe(last)
  expect(await listOf({ limit: 2 })).toEqual(whole.slice(0, 2))
  expect(await listOf({ exclude: [last] })).not.toContain(last)
  expect(await listOf({ only: whole.slice(0, 5) })).not.toContain(last)
  expect(await listOf({ tags: ['x'] })).toEqual([])
  const { items: scored } = await recommender.recommend(queryOf('u3', { limit: 200 }))
  expect(scored[2]!.score).toBeLessThan(scored[3]!.score)
  await recorded(recommender, eventOf('u3', last))
  expect(await listOf()).not.toContain(last)
  expect((await listOf({ seen: 'allow' }))[2]).toBe(last)
  await catalogue.patch([{ id: last, hidden: true }])
  expect(await listOf({ seen: 'allow' })).not.toContain(last)
  await stranger.until(list => !itemsOf(list).includes(last))
  await catalogue.unpin([last])
  for (const each of [live, stranger]) each.close()
})

test('a pin of a tag counts in lists that are narrowed by it, and ends by itself', async () => {
  const whole = await listOf({ limit: 200 }, 'u5')
  const [one, other, late] = [whole[120]!, whole[130]!, whole[140]!]
  await catalogue.patch([one, other, late].map(id => ({ id, tags: ['x'] })))
  await catalogue.pin([{ id: late, place: 1, tag: 'x' }])
  expect(await listOf({ tags: ['x'] }, 'u5')).toEqual([late, one, other])
  expect(await listOf({ allTags: ['x'] }, 'u5')).toEqual([late, one, other])
  expect(await listOf({ limit: 10 }, 'u5')).toEqual(whole.slice(0, 10))
  const live = new Observed(recommender, queryOf('u5', { tags: ['x'] }))
  await live.until(list => itemsOf(list)[0] === late)
  await catalogue.pin([{ id: late, place: 1, tag: 'x', until: Date.now() + 500 }])
  expect(itemsOf(await live.until(list => itemsOf(list)[0] === one))).toEqual([one, other, late])
  live.close()
})

test('boosts and pins are explained, and are there under the next model and after a restart', async () => {
  const whole = await listOf({ limit: 50 }, 'u7')
  const [up, pinned] = [whole[20]!, whole[30]!]
  await catalogue.boost([up], 2)
  await catalogue.pin([{ id: pinned, place: 1 }])
  const explained = await recommender.explain('u7', [up, pinned, whole[0]!])
  expect(explained.promoted).toEqual([
    { item: up, boost: 2 },
    { item: pinned, pinned: 1 },
  ])
  expect((await recommender.explain('u7', [whole[0]!])).promoted).toBeUndefined()
  await recommender.swap(join(folder, 'b'))
  expect((await listOf({}, 'u7'))[0]).toBe(pinned)
  await recommender.close()
  recommender = await open('a')
  catalogue = recommender.catalogue
  expect((await listOf({}, 'u7'))[0]).toBe(pinned)
  expect(await catalogue.get([up, pinned])).toMatchObject([{ boost: 2 }, { pin: { place: 1 } }])
  await catalogue.put([{ id: up, title: 'Put anew' }])
  expect(await catalogue.get([up])).toMatchObject([{ boost: 2 }])
})

test('what cannot be boosted or pinned is named, and then nothing of the call is kept', async () => {
  await expect(catalogue.boost(['i1', 'i2'], 11)).rejects.toThrow(
    'item "i1", boost: expected a factor from 0.1 to 10, got 11',
  )
  await expect(catalogue.boost(['i1'], Number.NaN)).rejects.toThrow('got NaN')
  const pin = (place: number) =>
    catalogue.pin([
      { id: 'i1', place: 1 },
      { id: 'i2', place },
    ])
  for (const place of [0, 101, 1.5]) {
    await expect(pin(place)).rejects.toThrow(`item "i2", place: expected a whole number from 1 to 100, got ${place}`)
  }
  const many = Array.from({ length: 1001 }, (_, at) => ({ id: `p${at}`, place: 1 }))
  await expect(catalogue.pin(many)).rejects.toThrow(
    'would have 1001 pins, expected at most 1000: unpin_items takes one',
  )
  expect(catalogue.promotions.pins.has('i1')).toBe(false)
  expect(await listOf()).toHaveLength(10)
})
