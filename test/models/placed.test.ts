import { expect, test } from 'vitest'
import type { ItemList, Model, ResolvedRequest } from '../../src/models/algorithm.ts'
import { placedScores, similaritiesOf } from '../../src/models/placed/placed-items.ts'
import { PlacedModel } from '../../src/models/placed/placed-model.ts'
import { sharedBitmap, writeBit } from '../../src/search/bitmap.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const items = 50

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
