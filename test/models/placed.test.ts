import { afterAll, expect, test } from 'vitest'
import {
  type ItemList,
  type Model,
  noEvents,
  type RankRequest,
  type ResolvedRequest,
} from '../../src/models/algorithm.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { copyVectors, placedScores, similaritiesOf } from '../../src/models/open/placed/placed-items.ts'
import { PlacedModel } from '../../src/models/open/placed/placed-model.ts'
import { algorithmNamed } from '../../src/models/registry.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { sharedBitmap, writeBit } from '../../src/search/bitmap.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { datasetOf, randomInteractions, shuffledDatasetOf } from './interactions.ts'
import { smallOptions, trained } from './trained.ts'

const items = 50
const noItems = new Uint32Array(0)
const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

/** A model that scores item i by `scores[i]`, whoever asks. */
function modelOf(scores: readonly number[]): Model {
  const best = (limit: number, mayCome: (item: number) => boolean): ItemList => {
    const order = [...scores.keys()].filter(mayCome).sort((a, b) => scores[b]! - scores[a]! || a - b)
    const first = order.slice(0, limit)
    return { items: Uint32Array.from(first), scores: Float32Array.from(first, item => scores[item]!) }
  }
  return {
    rank: requests =>
      requests.map(({ limit, exclude, only }) =>
        best(limit, item => !exclude.includes(item) && (!only || only.includes(item))),
      ),
    similar: requests => requests.map(({ item, limit }) => best(limit, other => other !== item)),
  }
}

const request = (given: Partial<ResolvedRequest>): ResolvedRequest => ({
  user: -1,
  history: { indices: Uint32Array.of(0), weights: Float32Array.of(1) },
  recent: { items: new Uint32Array(0), weights: new Float32Array(0), times: new Float64Array(0) },
  limit: 200,
  exclude: new Uint32Array(0),
  only: undefined,
  ...given,
})

test('a placed item scores the mean of its neighbours by weight, whichever the list lacks counting the floor', () => {
  const seed = Math.floor(Math.random() * 1e6)
  const random = randomNumbers(seed)
  const alike = Array.from({ length: 30 }, () => {
    const own = [...new Set(Array.from({ length: 5 }, () => Math.floor(random() * items)))]
    return { items: own, weights: own.map(() => random() + 0.1) }
  })
  const list: ItemList = {
    items: Uint32Array.of(3, 1, 4, 15, 9, 2, 6),
    scores: Float32Array.of(9, 7, 6, 5.5, 5, 4.5, 4),
  }
  const scores = placedScores(list, 4, { rows: new Uint32Array(30), ...similaritiesOf(alike, items) })
  alike.forEach((own, place) => {
    const sum = own.weights.reduce((all, weight) => all + weight, 0)
    const scoreOf = (item: number) => list.scores[list.items.indexOf(item)] ?? 4
    const expected = own.items.reduce((all, item, at) => all + (own.weights[at]! / sum) * scoreOf(item), 0)
    const isIn = own.items.some(item => scoreOf(item) > 4)
    expect(scores.has(place), `seed ${seed}`).toBe(isIn)
    if (isIn) expect(scores.get(place), `seed ${seed}`).toBeCloseTo(expected, 4)
  })
})

test('placed items come where their scores say, and never where they must not', () => {
  const scores = Array.from({ length: items }, (_, item) => items - item)
  const alike = [
    { items: [0, 2], weights: [1, 1] },
    { items: [10], weights: [3] },
  ]
  const placed = { rows: Uint32Array.of(60, 0xffff_ffff), ...similaritiesOf(alike, items) }
  const model = new PlacedModel({ model: modelOf(scores), rows: items }, placed)
  const listOf = (given: Partial<ResolvedRequest>) => Array.from(model.rank([request(given)])[0]!.items)
  // (50 + 48) / 2 is what item 1 scores, too, which the model knows.
  expect(listOf({ limit: 4 })).toEqual([0, 1, 60, 2])
  expect(listOf({ limit: 4, exclude: Uint32Array.of(0, 2) })).toEqual([1, 60, 3, 4])
  expect(listOf({ limit: 4, exclude: Uint32Array.of(60) })).toEqual([0, 1, 2, 3])
  expect(listOf({ limit: 4, only: Uint32Array.of(5, 60) })).toEqual([60, 5])
  const allowed = sharedBitmap(70, true)
  writeBit(allowed, 60, false)
  expect(listOf({ limit: 4, allowed })).toEqual([0, 1, 2, 3])
  const own = { indices: Uint32Array.of(60), weights: Float32Array.of(1) }
  expect(listOf({ history: own })).toEqual([])
  const similarTo = (item: number) => Array.from(model.similar!([{ item, limit: 3 }])[0]!.items)
  expect(similarTo(1)).toEqual([0, 60, 2])
  expect(similarTo(60)).toEqual([0, 1, 2])
  expect(similarTo(61)).toEqual([])
})

test.each([
  ['blend', { parts: 'als(factors=3, seed=7) + 2 * graph-filter' }],
  ['context-taste', smallOptions(algorithmNamed('context-taste'))],
])(
  'what %s scores placed items is of one scale with the others, whatever a request leaves out',
  async (name, options) => {
    const interactions = randomInteractions(60, 300, 5)
    const dataset = await (name === 'blend' ? shuffledDatasetOf(interactions) : datasetOf(interactions))
    const model = OpenModel.open(await trained(algorithmNamed(name), dataset, { pool, options }))
    const size = model.artifact.items.size
    // Each is like one item alone, so that it is to score the same.
    const rows = Uint32Array.from({ length: size }, (_, item) => size + item)
    const alike = Array.from(rows, (_, item) => ({ items: [item], weights: [1] }))
    model.place({ rows, ...similaritiesOf(alike, size) })
    const listOf = (given: Partial<RankRequest>) => {
      const request: RankRequest = {
        user: 3,
        recent: noEvents,
        seen: 'exclude',
        limit: 60,
        exclude: noItems,
        only: undefined,
      }
      const { items, scores } = model.rank([{ ...request, ...given }])[0]!
      return new Map(Array.from(items, (item, at) => [item, scores[at]!]))
    }
    // Those of which the model has no opinion have 0.
    const isScored = (score = 0) => score !== 0
    const some = Uint32Array.from(rows.keys()).filter(item => item % 7 === 0)
    const only = Uint32Array.from([...some, ...some.map(item => item + size)])
    const allowed = sharedBitmap(2 * size, false)
    for (const item of only) writeBit(allowed, item, true)
    for (const given of [{}, { seen: 'allow' }, { only }, { allowed }, { exclude: some }] as const) {
      const scores = listOf(given)
      const pairs = [...scores.keys()].filter(item => item < size && isScored(scores.get(item + size)))
      expect(pairs.length).toBeGreaterThan(5)
      for (const item of pairs) expect(scores.get(item + size)! / scores.get(item)!).toBeCloseTo(1, 4)
    }
    model.close()
  },
)

test('a list is ranked once where its filters leave enough, and as it is where no placed item may come', () => {
  const scores = Array.from({ length: 300 }, (_, item) => 300 - item)
  const asked: ResolvedRequest[] = []
  const own = modelOf(scores)
  const counted: Model = {
    ...own,
    rank: requests => {
      asked.push(...requests)
      return own.rank(requests)
    },
  }
  const placed = { rows: Uint32Array.of(400), ...similaritiesOf([{ items: [0], weights: [1] }], 300) }
  const model = new PlacedModel({ model: counted, rows: 300 }, placed)
  const asksFor = (given: Partial<ResolvedRequest>) => {
    asked.length = 0
    model.rank([request({ limit: 5, ...given })])
    return asked.length
  }
  expect(asksFor({ exclude: Uint32Array.from({ length: 250 }, (_, item) => item) })).toBe(1)
  expect(asksFor({ only: Uint32Array.of(3, 299) })).toBe(1)
  expect(asksFor({ only: Uint32Array.of(3, 299, 400) })).toBe(2)
  // What is excluded is among what a model weighs its sources by.
  const weighing = new PlacedModel({ model: { ...counted, sources: ['context', 'taste'] }, rows: 300 }, placed)
  const exclude = Uint32Array.of(1, 2)
  const lists = [model, weighing].map(each => {
    asked.length = 0
    const [{ items }] = each.rank([request({ limit: 5, exclude })]) as [ItemList]
    return [asked[0]!.exclude, [...items]]
  })
  expect(lists).toEqual([
    [noItems, [0, 400, 3, 4, 5]],
    [exclude, [0, 400, 3, 4, 5]],
  ])
})

test('the vector of a placed item is the mean of those of its neighbours by weight', () => {
  const data = Float32Array.of(1, 2, 3, 4, 5, 6)
  const placed = {
    rows: Uint32Array.of(7, 0xffff_ffff),
    ...similaritiesOf(
      [
        { items: [0, 2], weights: [3, 1] },
        { items: [1], weights: [1] },
      ],
      3,
    ),
  }
  const rows = new Float32Array(6)
  copyVectors(Uint32Array.of(1, 7, 8), { data, factors: 2 }, placed, rows)
  expect([...rows]).toEqual([3, 4, 2, 3, 0, 0])
})
