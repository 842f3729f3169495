import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SimilarMeasure } from '../../src/models/algorithm.ts'
import { als } from '../../src/models/factors/als/index.ts'
import { UnsupportedError } from '../../src/models/open/capabilities.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { openDirectory, writeDirectory } from '../../src/storage/directory.ts'
import { freshFolder } from '../storage/folder.ts'
import { randomInteractions, shuffledDatasetOf } from './interactions.ts'
import { trained } from './trained.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

async function small(): Promise<{ readonly dataset: Dataset; readonly model: OpenModel }> {
  const dataset = await shuffledDatasetOf(randomInteractions(80, 40, 4))
  const model = OpenModel.open(await trained(als, dataset, { pool, options: { factors: 5, seed: 3 } }))
  return { dataset, model }
}

/** The items of `count` but `item` with a score above `least`, best first, of equal scores the lower row first. */
function best(count: number, item: number, scoreOf: (other: number) => number, least = Number.NEGATIVE_INFINITY) {
  return Array.from({ length: count }, (_, other) => ({ item: other, score: Math.fround(scoreOf(other)) }))
    .filter(({ item: other, score }) => other !== item && score > least)
    .sort((a, b) => b.score - a.score || a.item - b.item)
}

function listOf(model: OpenModel, measure: SimilarMeasure, item: number) {
  const [{ items, scores }] = model.similar([{ item, limit: 7, measure }]) as [
    { items: Uint32Array; scores: Float32Array },
  ]
  return Array.from(items, (item, at) => ({ item, score: scores[at]! }))
}

test('by neighbours, items are similar that share many users, above all of few items, for how many they have', async () => {
  const { dataset, model } = await small()
  const { indptr, indices } = dataset.byItem
  const idf = Array.from({ length: dataset.byUser.rows }, (_, user) => {
    const count = Number(dataset.byUser.indptr[user + 1]! - dataset.byUser.indptr[user]!)
    return Math.log(1 + dataset.byItem.rows / count) ** 2
  })
  const mean = indices.reduce((sum, user) => sum + idf[user]!, 0) / indices.length
  const weight = (users: Iterable<number>) => [...users].reduce((sum, user) => sum + idf[user]! / mean, 0)
  const usersOf = (item: number) => new Set(indices.subarray(Number(indptr[item]), Number(indptr[item + 1])))
  for (let item = 0; item < dataset.byItem.rows; item++) {
    const own = usersOf(item)
    const scoreOf = (other: number) => {
      const users = usersOf(other)
      const common = [...own].filter(user => users.has(user))
      return weight(common) / (Math.sqrt(weight(own)) * Math.sqrt(weight(users)) + 10)
    }
    const expected = best(dataset.byItem.rows, item, scoreOf, 0).slice(0, 7)
    const found = listOf(model, 'neighbours', item)
    expect(found).toHaveLength(expected.length)
    found.forEach(({ item: other, score }, at) => {
      expect(score / expected[at]!.score).toBeCloseTo(1, 5)
      expect(score / scoreOf(other)).toBeCloseTo(1, 5)
    })
  }
})

test.each([
  ['cosine', 0],
  ['shrunk-cosine', 0.01],
] as const)('by %s, items are similar whose vectors are', async (measure, shrinkage) => {
  const { dataset, model } = await small()
  const { data, factors } = model.vectors('items')
  const vectorOf = (item: number) => data.subarray(item * factors, (item + 1) * factors)
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * b[at]!, 0)
  const norm = (item: number) => Math.sqrt(dot(vectorOf(item), vectorOf(item)))
  const items = dataset.byItem.rows
  const meanSquare = dot(data, data) / items
  for (let item = 0; item < items; item++) {
    const scoreOf = (other: number) =>
      dot(vectorOf(item), vectorOf(other)) / (norm(item) * norm(other) + shrinkage * meanSquare)
    const expected = best(items, item, scoreOf)
    listOf(model, measure, item).forEach(({ item: other, score }, at) => {
      expect(score).toBeCloseTo(expected[at]!.score, 5)
      expect(score).toBeCloseTo(scoreOf(other), 5)
    })
  }
})

test('a model that was saved without its pairs by item has the other measures', async () => {
  const { model } = await small()
  const old = join(freshFolder(), 'old')
  const { directory } = model.artifact
  const { files, ...fields } = openDirectory(directory, 'aurochs-model')
  await writeDirectory(old, async draft => {
    for (const name of Object.keys(files)) {
      if (name !== 'by-item.safetensors') cpSync(join(directory, name), join(draft, name))
    }
    return fields
  })
  const opened = OpenModel.open(old)
  expect(opened.similarBy).toEqual(model.similarBy.filter(measure => measure !== 'neighbours'))
  expect(listOf(opened, 'cosine', 3)).toEqual(listOf(model, 'cosine', 3))
  expect(() => listOf(opened, 'neighbours', 3)).toThrow(UnsupportedError)
  expect(() => listOf(opened, 'neighbours', 3)).toThrow(
    `a model of als cannot find similar items by neighbours: ask for ${opened.similarBy.join(' or ')}`,
  )
  expect(() => opened.artifact.byItem).toThrow('train the model anew')
})
