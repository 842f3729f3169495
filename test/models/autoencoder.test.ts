import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ItemList } from '../../src/models/algorithm.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { forgetInDirectory } from '../../src/models/artifact/forget.ts'
import { valuesOf } from '../../src/models/artifact/trained-tensor.ts'
import { autoencoder } from '../../src/models/factors/autoencoder/index.ts'
import { allocateLayers, layerTensors } from '../../src/models/factors/autoencoder/layers.ts'
import { type AutoencoderModel, openAutoencoder } from '../../src/models/factors/autoencoder/model.ts'
import { seedOf } from '../../src/models/factors/autoencoder/options.ts'
import { OutputSampler } from '../../src/models/factors/autoencoder/sample.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'
import { checkerboard, datasetOf, randomInteractions } from './interactions.ts'
import { requestOf } from './requests.ts'
import { smallOptions, trained } from './trained.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

const size = 40
const tagNames = ['even', 'odd', 'all']

/** The checkerboard, whose users are tagged with their parity, and all alike with a third tag. */
async function tagged(): Promise<Dataset> {
  const plain = await datasetOf(checkerboard(size))
  const { byUser, users, items } = plain
  const ids = Array.from({ length: users.size }, (_, row) => users.at(row))
  const directory = `${freshFolder()}/tagged`
  await writeDataset(directory, {
    byUser: {
      rows: byUser.rows,
      columns: byUser.columns,
      indptr: byUser.indptr,
      indices: byUser.indices,
      weights: byUser.weights,
    },
    users: ids,
    items: Array.from({ length: items.size }, (_, row) => items.at(row)),
    tags: {
      byUser: csrOf(ids.map(id => (Number(id) % 2 === 0 ? [1, 0, 1] : [0, 1, 1]))),
      ids: tagNames,
    },
  })
  return Dataset.open(directory, { verify: true })
}

const options = { ...smallOptions(autoencoder), itemsOnly: 0.3, tagsOnly: 0.3 }
const nothing = { indices: new Uint32Array(0), weights: new Float32Array(0) }

function rowOf(indices: readonly number[]) {
  return { indices: Uint32Array.from(indices).sort(), weights: new Float32Array(indices.length).fill(1) }
}

describe('with tags', () => {
  test('tags are told from items, items from tags, and both lie in the space of the users', async () => {
    const directory = await trained(autoencoder, await tagged(), { pool, options })
    const artifact = Artifact.open(directory)
    const model = openAutoencoder(artifact)
    expect(Array.from({ length: 3 }, (_, tag) => artifact.tags!.at(tag))).toEqual(tagNames)
    const { items } = artifact
    for (const parity of [0, 1]) {
      const own = rowOf([2, 4, 6, 8].map(item => items.indexOf(item + parity)))
      const [even, odd, all] = model.tagScores(model.foldInTagged([{ items: own, tags: nothing }]))
      expect(parity === 0 ? even! > odd! : odd! > even!).toBe(true)
      expect(all).toBeGreaterThan(Math.min(even!, odd!))
      const byTag = model.foldInTagged([{ items: nothing, tags: rowOf([parity]) }])
      const request = {
        user: -1,
        history: nothing,
        recent: requestOf(-1).recent,
        limit: 10,
        exclude: new Uint32Array(0),
      }
      const [list] = model.rankBy([{ ...request, only: undefined }], byTag)
      for (const item of list!.items) expect(Number(items.at(item)) % 2).toBe(parity)
      const { data, factors } = model.vectors('tags')
      const cosine = (tag: number) => {
        const vector = data.subarray(tag * factors, (tag + 1) * factors)
        const product = vector.reduce((sum, value, at) => sum + value * byTag[at]!, 0)
        return product / Math.hypot(...vector) / Math.hypot(...byTag)
      }
      expect(cosine(parity)).toBeGreaterThan(cosine(1 - parity))
    }
    expect(model.foldInTagged([{ items: nothing, tags: nothing }]).every(value => value === 0)).toBe(true)
  })

  test('a resumed training and one by other workers give the same model', async () => {
    const dataset = await tagged()
    const one = new Pool({ threads: 1 })
    const whole = Artifact.open(await trained(autoencoder, dataset, { pool: one, options })).manifest
    await one.close()
    const controller = new AbortController()
    const onProgress = ({ done }: { done: number }) => {
      if (done > 0.3) controller.abort()
    }
    const directory = await trained(autoencoder, dataset, { pool, options, onProgress, signal: controller.signal })
    expect(Artifact.open(directory).manifest.complete).toBe(false)
    await trained(autoencoder, dataset, { pool, options, directory, resume: true })
    expect(Artifact.open(directory).manifest.files).toEqual(whole.files)
  })

  test('tags of a user are forgotten in the dataset, and the ids of tags stay with the model', async () => {
    const dataset = await tagged()
    const directory = await trained(autoencoder, dataset, { pool, options: { ...options, epochs: 2 } })
    const row = dataset.users.indexOf(3)
    expect(dataset.tags!.byUser.row(row).indices).toHaveLength(2)
    expect(await forgetInDirectory({ directory: dataset.directory, user: '3' })).toBe(true)
    const after = Dataset.open(dataset.directory, { verify: true })
    expect(after.tags!.byUser.row(row).indices).toHaveLength(0)
    expect(after.manifest.userTags).toEqual({ tags: 3, pairs: 2 * size - 2 })
    expect(await forgetInDirectory({ directory, user: '3' })).toBe(true)
    expect(Artifact.open(directory).tags!.size).toBe(3)
  })
})

test('tags that no user shows in training say nothing', async () => {
  const unseen = { ...options, itemsOnly: 1, tagsOnly: 0, epochs: 5 }
  const model = openAutoencoder(Artifact.open(await trained(autoencoder, await tagged(), { pool, options: unseen })))
  const items = rowOf([3, 5, 8])
  const [plain, both] = [nothing, rowOf([0, 1])].map(tags => model.foldInTagged([{ items, tags }]))
  expect(both).toEqual(plain)
})

test('any width of the hidden layer trains', async () => {
  const dataset = await datasetOf(checkerboard(20))
  for (const factors of [1, 15, 16, 17]) {
    const model = OpenModel.open(
      await trained(autoencoder, dataset, { pool, options: { ...smallOptions(autoencoder), factors, epochs: 2 } }),
    )
    expect(model.vectors('items').factors).toBe(factors)
  }
})

test('the scores of two networks are the means of those of each', async () => {
  const dataset = await tagged()
  const modelOf = async (more: object) => {
    const directory = await trained(autoencoder, dataset, {
      pool,
      options: { ...options, refinement: 0, epochs: 3, ...more },
    })
    return openAutoencoder(Artifact.open(directory))
  }
  const [both, ...each] = [
    await modelOf({ factors: 11, networks: 2 }),
    await modelOf({ factors: 5, networks: 1 }),
    await modelOf({ factors: 6, networks: 1, seed: seedOf({ seed: 7 }, 1) }),
  ]
  const own = { items: rowOf([3, 5, 8]), tags: rowOf([1]) }
  const request = { ...requestOf(-1), history: own.items, only: undefined }
  const scoresOf = (model: AutoencoderModel) => {
    const hidden = model.foldInTagged([own])
    const [{ items, scores }] = model.rankBy([{ ...request, limit: size }], hidden) as [ItemList]
    return { tags: model.tagScores(hidden), items: new Map(Array.from(items, (item, at) => [item, scores[at]!])) }
  }
  const [expected, found] = [each.map(scoresOf), scoresOf(both)]
  expect(found.items.size).toBe(size)
  for (const [item, score] of found.items) {
    expect(score).toBeCloseTo((expected[0]!.items.get(item)! + expected[1]!.items.get(item)!) / 2, 4)
  }
  found.tags.forEach((score, tag) => {
    expect(score).toBeCloseTo((expected[0]!.tags[tag]! + expected[1]!.tags[tag]!) / 2, 4)
  })
})

test('tensors of several networks are made when they are written, not after every epoch', () => {
  const networks = [5, 6].map(factors => allocateLayers(30, 2, factors))
  const tensors = layerTensors(networks, true)
  for (const [network, { outputs, factors }] of networks.entries()) {
    const { data, stride } = outputs.vectors
    for (let row = 0; row < 32; row++) data.fill(network + 1, row * stride, row * stride + factors + 1)
  }
  const of = (name: string) => Array.from(valuesOf(tensors[name]!, Float32Array))
  const row = [...Array(5).fill(1), ...Array(6).fill(2), 1.5]
  expect(of('items')).toEqual(Array.from({ length: 30 }, () => row).flat())
  expect(of('tags')).toEqual([...row, ...row])
  expect(valuesOf(tensors.index!, Uint8Array)).not.toEqual(
    valuesOf(
      layerTensors(
        [5, 6].map(factors => allocateLayers(30, 2, factors)),
        true,
      ).index!,
      Uint8Array,
    ),
  )
})

test('a refinement of two networks goes up the likelihood of their mean scores', async () => {
  const dataset = await tagged()
  const step = 1.5
  const [plain, refined] = await Promise.all(
    [0, step].map(async refinement => {
      const small = { ...options, factors: 10, networks: 2, epochs: 3, refinement }
      return openAutoencoder(Artifact.open(await trained(autoencoder, dataset, { pool, options: small })))
    }),
  )
  const own = rowOf([3, 5, 8])
  const before = plain!.foldIn([own])
  const request = { ...requestOf(-1), history: own, only: undefined, limit: size }
  const [{ items, scores }] = plain!.rankBy([request], before) as [ItemList]
  const { data, factors } = plain!.vectors('items')
  const sum = scores.reduce((total, score) => total + Math.exp(score), 0)
  const expected = Array.from(before, (value, k) => {
    const slope = Array.from(items).reduce((total, item, at) => {
      const share = own.indices.includes(item) ? 1 / own.indices.length : 0
      return total + (share - Math.exp(scores[at]!) / sum) * data[item * factors + k]!
    }, 0)
    return value + (step / 2) * slope
  })
  refined!.foldIn([own]).forEach((value, k) => {
    expect(value).toBeCloseTo(expected[k]!, 4)
  })
})

test('a sampled softmax ranks the withheld checkerboard item first, too', async () => {
  const dataset = await datasetOf(checkerboard(size))
  const sampled = { ...smallOptions(autoencoder), softmax: 'sampled', samples: 20, batch: 8 }
  const model = OpenModel.open(await trained(autoencoder, dataset, { pool, options: sampled }))
  const { users, items } = model.artifact
  for (let user = 0; user < size; user++) {
    expect(items.at(model.rank([requestOf(users.indexOf(user))])[0]!.items[0]!)).toBe(user)
  }
})

test('outputs are drawn as often as their corrections say', async () => {
  const { byUser } = await datasetOf(randomInteractions(60, 30, 3))
  const counts = new Uint32Array(byUser.columns)
  for (const item of byUser.indices) counts[item]! += 1
  const sampler = new OutputSampler([{ byUser, counts }], 6, byUser.indices.length)
  const found = new Float64Array(byUser.columns)
  const draws = 4000
  const random = randomNumbers(5)
  const corrections = new Float64Array(byUser.columns)
  for (let draw = 0; draw < draws; draw++) {
    const users = Uint32Array.from({ length: 4 }, () => Math.floor(random() * byUser.rows))
    const sample = sampler.draw(users, draw)
    sample.active.forEach((item, at) => {
      found[item]! += 1
      corrections[item] = sample.corrections[at]!
    })
    expect(sample.active).toEqual(sample.active.toSorted())
  }
  found.forEach((count, item) => {
    expect(count / draws).toBeCloseTo(Math.exp(-corrections[item]!), 1)
  })
})
