import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ItemList } from '../../../src/models/algorithm.ts'
import { Artifact } from '../../../src/models/artifact/artifact.ts'
import { ModelPool } from '../../../src/models/open/model-pool.ts'
import { OpenModel } from '../../../src/models/open/open-model.ts'
import { sharedBitmap } from '../../../src/search/bitmap.ts'
import { freshFolder } from '../../storage/folder.ts'
import { checkerboard, datasetOf, randomInteractions, shuffledDatasetOf } from '../interactions.ts'
import {
  allowedItems,
  bitmapOf,
  eventsOf,
  expectSound,
  historyOf,
  plainList,
  randomRequests,
  requestOf,
} from '../requests.ts'
import type { Contract } from './contract.ts'

/** What lists hold, in what order, and that they are the same however they are made. */
export function testRanking({ algorithm, isPersonal, hasTies, pools, train }: Contract): void {
  /** A model of random pairs, some items far more popular than others, in rows of random order. */
  const randomModel = async (users = 40, items = 25) =>
    OpenModel.open(await train(await shuffledDatasetOf(randomInteractions(users, items, 5))))

  test('ranks the withheld checkerboard item first', async () => {
    const size = 40
    const model = OpenModel.open(await train(await datasetOf(checkerboard(size))))
    const { users, items } = model.artifact
    const requests = Array.from({ length: size }, (_, user) => requestOf(users.indexOf(user)))
    model.rank(requests).forEach(({ items: list, basis }, user) => {
      const expected = isPersonal ? user : items.at(allowedItems(model.artifact, requests[user]!)[0]!)
      expect([user, items.at(list[0]!), basis]).toEqual([user, expected, 'model'])
    })
  })

  test('a user whom the training did not know gets what the recent events point to', async () => {
    const size = 40
    const model = OpenModel.open(await train(await datasetOf(checkerboard(size))))
    const { items } = model.artifact
    for (const withheld of [4, 7]) {
      const own = Array.from({ length: size }, (_, item) => item).filter(item => item % 2 === withheld % 2)
      const events = own.filter(item => item !== withheld).map(item => [items.indexOf(item), 1] as const)
      const request = requestOf(-1, { recent: eventsOf(events) })
      const [list] = model.rank([request])
      const expected = isPersonal ? withheld : items.at(allowedItems(model.artifact, request)[0]!)
      expect([items.at(list!.items[0]!), list!.basis]).toEqual([expected, 'model'])
    }
  })

  test('lists have what was asked for, and each is the same alone as among others', async () => {
    const model = await randomModel()
    const requests = randomRequests(model.artifact, 300)
    const lists = model.rank(requests)
    expect(lists).toHaveLength(requests.length)
    lists.forEach((list, at) => {
      expectSound(model.artifact, requests[at]!, list)
    })
    const alone = requests.map(request => plainList(model.rank([request])[0]!))
    expect(lists.map(plainList)).toEqual(alone)
    expect(model.rank([])).toEqual([])
  })

  test('an item that `only` names twice comes once, whatever is known of the user', async () => {
    const model = await randomModel()
    for (const user of [-1, 0, 7]) {
      for (const seen of ['allow', 'exclude'] as const) {
        const only = Uint32Array.of(0, 0, 1, 3, 3, 3, 8, 11, 11, 20)
        const [list] = model.rank([requestOf(user, { seen, only, limit: 20 })])
        const [expected] = model.rank([requestOf(user, { seen, only: Uint32Array.from(new Set(only)), limit: 20 })])
        expect(plainList(list!)).toEqual(plainList(expected!))
        expect(new Set(list!.items).size).toBe(list!.items.length)
      }
    }
  })

  test('a bitmap of the items that may come gives the lists that naming these gives', async () => {
    const model = await randomModel()
    const requests = randomRequests(model.artifact, 200, 4)
    const bitmaps = requests.map(({ only }) => only && bitmapOf(only, model.artifact.items.size))
    const byBits = requests.map((request, at) => ({ ...request, only: undefined, allowed: bitmaps[at] }))
    expect(model.rank(byBits).map(plainList)).toEqual(model.rank(requests).map(plainList))
    const shared = sharedBitmap(model.artifact.items.size, true)
    const all = requests.map(request => ({ ...request, only: undefined }))
    const bySharedBits = all.map(request => ({ ...request, allowed: shared }))
    expect(model.rank(bySharedBits).map(plainList)).toEqual(model.rank(all).map(plainList))
  })

  test('scores fall, of equal scores the lower row comes first, and popular items without a score follow', async () => {
    // Each item has a twin with the same users, so that there are equal scores.
    const twins = randomInteractions(40, 12, 8).flatMap(([user, item, weight]) => [
      [user, 2 * item, weight] as const,
      [user, 2 * item + 1, weight] as const,
    ])
    const artifact = Artifact.open(await train(await shuffledDatasetOf(twins)))
    const model = new OpenModel(artifact)
    const own = algorithm.open(artifact)
    const sourcesOf = (list: ItemList): string[] =>
      plainList(list).sources ?? Array.from(list.items, () => algorithm.source ?? 'taste')
    let equal = 0
    for (const request of randomRequests(artifact, 200, 3)) {
      const history = historyOf(artifact, request)
      if (history.size === 0) continue
      const [list] = model.rank([request])
      const indices = Uint32Array.from(history.keys()).sort()
      const sums = { indices, weights: Float32Array.from(indices, item => history.get(item)!) }
      const isWithoutSeen =
        request.seen === 'exclude' || (request.only && !indices.some(item => request.only!.includes(item)))
      const exclude = new Set([...request.exclude, ...(isWithoutSeen ? indices : [])])
      const [scored] = own.rank([
        {
          user: request.user,
          recent: request.recent,
          limit: request.limit,
          only: request.only,
          history: artifact.weighting?.pairs.of(sums) ?? sums,
          exclude: Uint32Array.from(exclude).sort(),
        },
      ])
      const { items, scores } = scored!
      for (let at = 1; at < items.length; at++) {
        expect(scores[at]).toBeLessThanOrEqual(scores[at - 1]!)
        if (scores[at] !== scores[at - 1]) continue
        equal++
        expect(items[at]).toBeGreaterThan(items[at - 1]!)
      }
      const rest = allowedItems(artifact, request).filter(item => !items.includes(item))
      const missing = Math.max(0, Math.min(request.limit - items.length, rest.length))
      expect(plainList(list!)).toEqual({
        basis: 'model',
        items: [...items, ...rest.slice(0, missing)],
        scores: [...scores, ...Array(missing).fill(0)],
        sources: [...sourcesOf(scored!), ...Array(missing).fill('popular')],
        weights: scored!.weights,
      })
    }
    if (hasTies) expect(equal).toBeGreaterThan(0)
  })

  test('seen items come again only where the request allows it', async () => {
    const model = await randomModel()
    const { users, items, history } = model.artifact
    for (let user = 0; user < users.size; user++) {
      const own = history.indices.subarray(Number(history.indptr[user]), Number(history.indptr[user + 1]))
      const limit = items.size + 5
      const [without, all] = model.rank([requestOf(user, { limit }), requestOf(user, { limit, seen: 'allow' })])
      expect([...without!.items].filter(item => own.includes(item))).toEqual([])
      expect(without!.items).toHaveLength(items.size - own.length)
      expect(all!.items.toSorted()).toEqual(Uint32Array.from({ length: items.size }, (_, item) => item))
      const only = own.slice()
      expect(model.rank([requestOf(user, { only })])[0]!.items).toHaveLength(0)
      const [again] = model.rank([requestOf(user, { limit, only, seen: 'allow' })])
      expect(again!.items.toSorted()).toEqual(own)
    }
  })

  test('a user of whom nothing is known gets what most users have, in whatever rows it lies', async () => {
    const pairs = randomInteractions(60, 25, 11)
    const dataset = await shuffledDatasetOf(pairs)
    const model = OpenModel.open(await train(dataset))
    const { items } = model.artifact
    const count = (row: number) => pairs.filter(([, item]) => item === items.at(row)).length
    const byPopularity = Array.from({ length: items.size }, (_, row) => row).sort(
      (a, b) => count(b) - count(a) || a - b,
    )
    // Otherwise the rows would say it, too.
    expect(byPopularity).not.toEqual(byPopularity.toSorted((a, b) => a - b))
    const [list, few] = model.rank([requestOf(-1, { limit: 100 }), requestOf(-1, { limit: 3 })])
    expect(plainList(list!)).toEqual({
      basis: 'popularity',
      items: byPopularity,
      scores: byPopularity.map(() => 0),
      sources: byPopularity.map(() => 'popular'),
    })
    expect([...few!.items]).toEqual(byPopularity.slice(0, 3))
    const counts = [...model.artifact.popularity.counts.data]
    expect(counts).toEqual(counts.map((_, row) => count(row)))
  })

  test('a negative weight takes a pair back: the item may come again', async () => {
    const model = OpenModel.open(await train(await datasetOf(checkerboard(20))))
    const { users, items } = model.artifact
    const user = users.indexOf(6)
    const [taken, kept] = [items.indexOf(2), items.indexOf(4)]
    const limit = items.size
    const [before] = model.rank([requestOf(user, { limit })])
    expect(before!.items).not.toContain(taken)
    const [after] = model.rank([requestOf(user, { limit, recent: eventsOf([[taken, -1]]) })])
    expect(after!.basis).toBe('model')
    expect(after!.items).toContain(taken)
    expect(after!.items).not.toContain(kept)
    // Two items of the user's own parity are missing now, and both fit best.
    if (isPersonal) expect([...after!.items.subarray(0, 2)].map(row => items.at(row)).sort()).toEqual([2, 6])
    const [partly] = model.rank([requestOf(user, { limit, recent: eventsOf([[taken, -0.5]]) })])
    expect(partly!.items).not.toContain(taken)
    const own = [...historyOf(model.artifact, requestOf(user)).keys()]
    const [nothing] = model.rank([requestOf(user, { limit, recent: eventsOf(own.map(item => [item, -1])) })])
    expect(plainList(nothing!)).toEqual(plainList(model.rank([requestOf(-1, { limit })])[0]!))
  })

  test('a model that was saved gives the same lists wherever it is opened, without its dataset', async () => {
    const dataset = await shuffledDatasetOf(randomInteractions(40, 25, 5))
    const directory = await train(dataset)
    const model = OpenModel.open(directory)
    const requests = randomRequests(model.artifact, 50)
    const expected = model.rank(requests).map(plainList)
    model.close()
    rmSync(dataset.directory, { recursive: true })
    const copy = join(freshFolder(), 'copy')
    cpSync(directory, copy, { recursive: true })
    for (const place of [directory, copy]) {
      const again = OpenModel.open(place)
      expect(again.artifact.checksum).toBe(model.artifact.checksum)
      expect(again.rank(requests).map(plainList)).toEqual(expected)
    }
  })

  test('any number of workers ranks the same lists as one thread', async () => {
    const directory = await train(await shuffledDatasetOf(randomInteractions(80, 40, 3)))
    const model = OpenModel.open(directory)
    const requests = randomRequests(model.artifact, 600)
    const expected = model.rank(requests).map(plainList)
    for (const pool of pools()) {
      const models = await ModelPool.open(directory, { pool })
      expect((await models.rank(requests)).map(plainList)).toEqual(expected)
      expect((await models.rankOnOne(requests.slice(0, 9))).map(plainList)).toEqual(expected.slice(0, 9))
      expect(await models.rank([])).toEqual([])
      expect(models.capabilities).toEqual(model.capabilities)
      await models.close()
    }
  })
}
