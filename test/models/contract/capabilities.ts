import { expect, test } from 'vitest'
import { itemSources, noEvents, type SimilarMeasure, similarMeasures } from '../../../src/models/algorithm.ts'
import { algorithmsWith, UnsupportedError } from '../../../src/models/open/capabilities.ts'
import { rowOf } from '../../../src/models/open/history.ts'
import { ModelPool } from '../../../src/models/open/model-pool.ts'
import { OpenModel } from '../../../src/models/open/open-model.ts'
import { hasBit } from '../../../src/search/bitmap.ts'
import { checkerboard, datasetOf } from '../interactions.ts'
import { bitmapOf, plainList } from '../requests.ts'
import type { Contract } from './contract.ts'

/** What a model can do beside ranking: it does it, or says that it cannot. */
export function testCapabilities({ algorithm, isPersonal, pools, train }: Contract): void {
  test('is listed, and the rest is refused in words', async () => {
    const model = OpenModel.open(await train(await datasetOf(checkerboard(20))))
    const calls = {
      similar: () => model.similar([{ item: 0, limit: 3 }]),
      foldIn: () => model.foldIn([{ indices: Uint32Array.of(0), weights: Float32Array.of(1) }]),
      vectors: () => model.vectors('items'),
    }
    const meaning = {
      similar: 'find similar items',
      foldIn: 'make vectors of histories',
      vectors: 'give vectors of users and items',
    }
    for (const name of ['similar', 'foldIn', 'vectors'] as const) {
      // Models that are made of others can what a part of theirs can.
      if (algorithmsWith[name].includes(algorithm.name)) expect(model.capabilities).toContain(name)
      if (model.capabilities.includes(name)) {
        if (!algorithm.parts) expect(algorithmsWith[name]).toContain(algorithm.name)
        calls[name]()
        continue
      }
      expect(calls[name]).toThrow(UnsupportedError)
      expect(calls[name]).toThrow(
        `a model of ${algorithm.name} cannot ${meaning[name]}: train another algorithm for that: ${algorithmsWith[name].join(', ')}`,
      )
    }
  })

  test('similar items by each measure are of the same kind, best first, without the item itself', async () => {
    const model = OpenModel.open(await train(await datasetOf(checkerboard(20))))
    if (!model.capabilities.includes('similar')) return
    for (const measure of [undefined, ...model.similarBy]) await expectSimilar(model, measure)
    // Of one batch each request has its own.
    if (model.similarBy.length === 0) return
    const mixed = model.similarBy.map((measure, item) => ({ item, limit: 5, measure }))
    const alone = mixed.map(request => plainList(model.similar([request])[0]!))
    expect(model.similar(mixed).map(plainList)).toEqual(alone)
    expect(plainList(model.similar([{ item: 0, limit: 5 }])[0]!)).toEqual(alone[0])
  })

  test('similar items of a bitmap are those of the whole list that it has', async () => {
    const model = OpenModel.open(await train(await datasetOf(checkerboard(20))))
    if (!model.capabilities.includes('similar')) return
    for (const measure of model.similarBy.length > 0 ? model.similarBy : [undefined]) {
      const requests = Array.from({ length: 20 }, (_, item) => ({ item, limit: 20, measure }))
      const bits = requests.map(({ item }) => bitmapOf([0, 3, 4, 5, 11, item], 20))
      const whole = model.similar(requests).map(plainList)
      const byBits = model.similar(requests.map((request, at) => ({ ...request, limit: 2, allowed: bits[at % 3]! })))
      byBits.forEach((list, at) => {
        const items = whole[at]!.items.filter(item => hasBit(bits[at % 3]!, item)).slice(0, 2)
        expect([...list.items]).toEqual(items)
      })
    }
  })

  async function expectSimilar(model: OpenModel, measure: SimilarMeasure | undefined): Promise<void> {
    const { items } = model.artifact
    const requests = Array.from({ length: 20 }, (_, item) => ({
      item: items.indexOf(item),
      limit: 1 + (item % 9),
      measure,
    }))
    const lists = model.similar(requests)
    lists.forEach(({ items: list, scores }, item) => {
      expect(list).toHaveLength(requests[item]!.limit)
      expect(new Set(list).size).toBe(list.length)
      for (const row of list) expect(Number(items.at(row)) % 2).toBe(item % 2)
      expect(list).not.toContain(items.indexOf(item))
      for (let at = 1; at < list.length; at++) {
        expect(scores[at]).toBeLessThanOrEqual(scores[at - 1]!)
        if (scores[at] === scores[at - 1]) expect(list[at]).toBeGreaterThan(list[at - 1]!)
      }
    })
    expect(requests.map(request => plainList(model.similar([request])[0]!))).toEqual(lists.map(plainList))
    const [all] = model.similar([{ item: 3, limit: 1000, measure }])
    expect(all!.items.length).toBeLessThan(20)
    expect(all!.items).not.toContain(3)
    const models = await ModelPool.open(model.artifact.directory, { pool: pools()[1]! })
    const listsOfPool = await models.similar(requests)
    expect(listsOfPool.map(({ items, scores }) => plainList({ items, scores }))).toEqual(lists.map(plainList))
    await models.close()
  }

  test('a measure of similarity that it does not have is refused in words', async () => {
    const model = OpenModel.open(await train(await datasetOf(checkerboard(20))))
    if (!model.capabilities.includes('similar')) return
    const models = await ModelPool.open(model.artifact.directory, { pool: pools()[1]! })
    expect(models.similarBy).toEqual(model.similarBy)
    for (const measure of similarMeasures.filter(measure => !model.similarBy.includes(measure))) {
      const message = `a model of ${algorithm.name} cannot find similar items by ${measure}: `
      expect(() => model.similar([{ item: 0, limit: 3, measure }])).toThrow(UnsupportedError)
      expect(() => model.similar([{ item: 0, limit: 3, measure }])).toThrow(message)
      await expect(models.similar([{ item: 0, limit: 3, measure }])).rejects.toThrow(UnsupportedError)
    }
    await models.close()
  })

  test('vectors have a row for each user and item, and those of histories as many factors', async () => {
    const model = OpenModel.open(await train(await datasetOf(checkerboard(20))))
    if (!model.capabilities.includes('vectors')) return
    const { users, items, history } = model.artifact
    const { data, factors } = model.vectors('items')
    expect(model.vectors('users').factors).toBe(factors)
    expect(data).toHaveLength(items.size * factors)
    expect(model.vectors('users').data).toHaveLength(users.size * factors)
    for (const vector of [data, model.vectors('users').data]) expect(vector.every(Number.isFinite)).toBe(true)
    if (!model.capabilities.includes('foldIn')) return
    const row = { indices: history.indices.slice(0, 9), weights: history.weights.slice(0, 9) }
    const folded = model.foldIn([row, { indices: new Uint32Array(0), weights: new Float32Array(0) }])
    expect(folded).toHaveLength(2 * factors)
    expect(folded.subarray(0, factors).some(value => value !== 0)).toBe(true)
    expect([...folded.subarray(factors)]).toEqual(Array(factors).fill(0))
  })

  test('what speaks for an item is what the user had and its score would lose by', async () => {
    const model = OpenModel.open(await train(await datasetOf(checkerboard(20))))
    const { users, items, sums } = model.artifact
    const user = users.indexOf(4)
    const own = rowOf(sums, user).indices
    const only = Uint32Array.from([items.indexOf(4), items.indexOf(5), own[0]!]).sort()
    const request = { user, recent: noEvents, seen: 'allow', limit: 3, exclude: new Uint32Array(), only } as const
    const { items: explained, weights = {} } = model.explain(request)
    const [list] = model.rank([request])
    const places = explained.map(({ item }) => list!.items.indexOf(item))
    expect(places).toEqual([...places].sort())
    if (isPersonal) expect(explained.map(({ item }) => item)).toContain(items.indexOf(4))
    for (const { item, score, source, because } of explained) {
      expect(itemSources).toContain(source)
      expect(score).toBe(list!.scores[list!.items.indexOf(item)])
      expect(because.length).toBeLessThanOrEqual(5)
      if (isPersonal && item === items.indexOf(4)) expect(because.length).toBeGreaterThan(0)
      if (!isPersonal) expect(because).toEqual([])
      for (const { item: reason, weight } of because) {
        expect([...own]).toContain(reason)
        expect(reason).not.toBe(item)
        expect(weight).toBeGreaterThan(0)
      }
      expect(because.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThan(1.0001)
    }
    const sum = Object.values(weights).reduce((all, weight) => all + weight, 0)
    if (Object.keys(weights).length > 0) expect(sum).toBeCloseTo(1)
    // Nothing speaks for anything where nothing is known.
    expect(model.explain({ ...request, user: -1 }).items).toEqual([])
  })
}
