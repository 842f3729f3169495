import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Trained } from '../../src/models/algorithm.ts'
import { valuesOf } from '../../src/models/artifact/trained-tensor.ts'
import { bpr } from '../../src/models/factors/bpr/index.ts'
import { blocksOf, layOutSamples } from '../../src/models/factors/bpr/layout.ts'
import { checkMemory } from '../../src/models/factors/bpr/memory.ts'
import { type BprOptions, bprOptions } from '../../src/models/factors/bpr/options.ts'
import { trainBpr } from '../../src/models/factors/bpr/train.ts'
import { rowOf } from '../../src/models/open/history.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { native } from '../../src/native.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { checkerboard, datasetOf, type Interaction, randomInteractions } from './interactions.ts'
import { naiveBpr } from './naive-bpr.ts'
import { eventsOf, requestOf } from './requests.ts'
import { trained } from './trained.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

interface Vectors {
  /** (rows × width) */
  readonly users: Float32Array
  readonly items: Float32Array
  readonly width: number
  readonly loss: readonly number[]
}

async function train(dataset: Dataset, given: Partial<BprOptions>, workers = pool): Promise<Vectors> {
  return vectorsOf(await trainBpr(dataset, bprOptions.parse({ weighting: 'none', ...given }), { pool: workers }))
}

function vectorsOf({ tensors, loss }: Trained): Vectors {
  const { users, items } = tensors
  return {
    users: valuesOf(users!, Float32Array),
    items: valuesOf(items!, Float32Array),
    width: users!.shape[1]!,
    loss,
  }
}

function score({ users, items, width }: Vectors, user: number, item: number): number {
  let sum = 0
  for (let f = 0; f < width; f++) sum += users[user * width + f]! * items[item * width + f]!
  return sum
}

/** Share of the pairs of an item that a user has and one that the user has not of which the former scores higher. */
function rankedRight(dataset: Dataset, model: Vectors): number {
  const { rows, columns } = dataset.byUser
  let [right, all] = [0, 0]
  for (let user = 0; user < rows; user++) {
    const own = new Set(rowOf(dataset.byUser, user).indices)
    const scores = Array.from({ length: columns }, (_, item) => score(model, user, item))
    for (const positive of own) {
      for (let item = 0; item < columns; item++) {
        if (own.has(item)) continue
        all++
        if (scores[positive]! > scores[item]!) right++
      }
    }
  }
  return right / all
}

test('the withheld checkerboard item scores highest of those that the user has not', async () => {
  const size = 50
  const dataset = await datasetOf(checkerboard(size))
  const model = await train(dataset, { factors: 4, epochs: 60, learningRate: 0.1, seed: 7 })
  for (let user = 0; user < size; user++) {
    const seen = new Set(rowOf(dataset.byUser, user).indices)
    const unseen = Array.from({ length: size }, (_, item) => item).filter(item => !seen.has(item))
    const best = unseen.reduce((a, b) => (score(model, user, b) > score(model, user, a) ? b : a))
    const id = Number(dataset.users.at(user))
    expect([id, dataset.items.at(best)]).toEqual([id, id])
  }
})

test('a training is as good as a naive one, by the loss and by the order of scores', async () => {
  const dataset = await datasetOf(randomInteractions(120, 80, 3))
  for (const biases of ['item', 'none'] as const) {
    for (const popularityExponent of [0, 0.75]) {
      const options = bprOptions.parse({
        factors: 8,
        epochs: 40,
        learningRate: 0.1,
        biases,
        popularityExponent,
        initialDeviation: 0.3,
        weighting: 'none',
      })
      const found = await train(dataset, options)
      const naive = naiveBpr(dataset, options)
      expect(Math.abs(found.loss.at(-1)! / naive.loss.at(-1)! - 1)).toBeLessThan(0.15)
      const naiveVectors = { ...found, users: naive.users, items: naive.items }
      expect(Math.abs(rankedRight(dataset, found) - rankedRight(dataset, naiveVectors))).toBeLessThan(0.03)
    }
  }
})

test('any number of workers gives the same bits, with several blocks and chunks', async () => {
  const dataset = await datasetOf(randomInteractions(500, 900, 4))
  expect(blocksOf(dataset.byItem.rows, 48)).toBeGreaterThan(1)
  const options = { factors: 37, epochs: 3, seed: 3, popularityExponent: 0.5, weighting: 'weight' } as const
  const expected = await train(dataset, options)
  for (const threads of [1, 3, 7]) {
    const other = new Pool({ threads })
    const found = await train(dataset, options, other)
    await other.close()
    expect(found).toEqual(expected)
  }
})

test('a training that is resumed for more epochs gives the bits of one that had them from the start', async () => {
  const dataset = await datasetOf(randomInteractions(60, 40, 5))
  const options = { factors: 5, epochs: 7, seed: 2 }
  const directory = await trained(bpr, dataset, { pool, options: { ...options, epochs: 3 } })
  await trained(bpr, dataset, { pool, options, directory, resume: true })
  const whole = OpenModel.open(await trained(bpr, dataset, { pool, options }))
  const resumed = OpenModel.open(directory)
  for (const side of ['users', 'items'] as const) expect(resumed.vectors(side)).toEqual(whole.vectors(side))
})

test('the loss falls, and begins at ln 2 where all scores are nearly alike', async () => {
  const dataset = await datasetOf(randomInteractions(200, 100, 6))
  const { loss } = await train(dataset, { factors: 8, epochs: 100, learningRate: 0.1, initialDeviation: 0.001 })
  expect(Math.abs(loss[0]! - Math.LN2)).toBeLessThan(0.05)
  expect(loss.at(-1)).toBeLessThan(0.8 * loss[0]!)
})

test('biases order items by their users where there is nothing else to tell', async () => {
  const pairs = Array.from({ length: 60 }, (_, user) =>
    [0, 1, 2, 3].filter(item => user % (item + 1) === 0).map((item): Interaction => [user, item, 1]),
  ).flat()
  const dataset = await datasetOf(pairs)
  const model = await train(dataset, { factors: 1, epochs: 100, regularization: 0.001 })
  const biases = [0, 1, 2, 3].map(item => model.items[dataset.items.indexOf(item) * 2 + 1]!)
  expect(biases).toEqual(biases.toSorted((a, b) => b - a))
  expect((await train(dataset, { factors: 3, biases: 'none', epochs: 1 })).width).toBe(3)
})

test('pairs come as often as their weights say, where these are asked for', async () => {
  // Half the users have item 0 by a large weight beside item 1 by a small one: it is learnt from far more often.
  const pairs = Array.from({ length: 40 }, (_, user): Interaction[] => [
    [user, 0, 9],
    [user, 1, 1],
    [user, 2 + (user % 20), 1],
  ]).flat()
  const dataset = await datasetOf(pairs)
  const { rooms, visits } = layOutSamples(dataset.byUser, true)
  expect(visits).toBeCloseTo(120 / 440)
  expect(Number(rooms.at(-1))).toBeGreaterThanOrEqual(120)
  const bias = ({ items, width }: Vectors, item: number) => items[dataset.items.indexOf(item) * width + width - 1]!
  const options = { factors: 2, epochs: 10, regularization: 0.1 }
  const [even, weighted] = await Promise.all([
    train(dataset, options),
    train(dataset, { ...options, weighting: 'weight' }),
  ])
  expect(Math.abs(bias(even!, 0) - bias(even!, 1))).toBeLessThan(bias(weighted!, 0) - bias(weighted!, 1))
})

test('steps that diverge are noticed, and told with a remedy', async () => {
  const dataset = await datasetOf(randomInteractions(100, 50, 7))
  await expect(train(dataset, { learningRate: 1, regularization: 10, epochs: 20 })).rejects.toThrow(
    /^the training diverged in epoch \d+: the mean loss must be below 1.39, got .+; choose a learning rate \(learningRate, --learning-rate\) below 1, or a regularization/,
  )
})

test('memory that will not suffice is told with the figure', () => {
  const size = { users: 1e6, items: 1e6, stride: 64, factors: 64, samples: 1e8 }
  expect(() => checkMemory(size, 1e9)).toThrow(
    '64 factors of 1000000 users and 1000000 items and 100000000 samples an epoch take 1.6 GB of memory, and there are 1.0 GB',
  )
  checkMemory(size, 3e9)
})

test('a known user is ranked by the trained vector where it is asked for, and by one folded in once there are events', async () => {
  const dataset = await datasetOf(randomInteractions(80, 40, 8))
  const model = OpenModel.open(
    await trained(bpr, dataset, {
      pool,
      options: { factors: 6, epochs: 30, userVectors: 'trained', weighting: 'none' },
    }),
  )
  const { data, factors: width } = model.vectors('users')
  const items = model.vectors('items').data
  const product = (vector: Float32Array, item: number) =>
    vector.reduce((sum, value, f) => sum + value * items[item * width + f]!, 0)
  const [list] = model.rank([requestOf(3, { seen: 'allow' })])
  list!.items.forEach((item, at) => {
    expect(list!.scores[at]).toBeCloseTo(product(data.subarray(3 * width, 4 * width), item), 4)
  })
  const recent = eventsOf([[7, 1]])
  const [changed] = model.rank([requestOf(3, { seen: 'allow', recent })])
  const indices = Uint32Array.from(new Set([...rowOf(model.artifact.history, 3).indices, 7])).sort()
  const history = { indices, weights: new Float32Array(indices.length).fill(1) }
  const folded = model.foldIn([history])
  changed!.items.forEach((item, at) => {
    expect(changed!.scores[at]).toBeCloseTo(product(folded, item), 4)
  })
})

test('a vector that is folded in ranks nearly as the trained one does', async () => {
  const dataset = await datasetOf(checkerboard(40))
  const options = { factors: 4, epochs: 60, learningRate: 0.1, seed: 7, userVectors: 'trained' }
  const model = OpenModel.open(await trained(bpr, dataset, { pool, options }))
  for (let user = 0; user < 40; user++) {
    const [own] = model.rank([requestOf(user, { limit: 1 })])
    const { indices, weights } = rowOf(model.artifact.history, user)
    const recent = eventsOf([...indices].map((item, at) => [item, weights[at]!] as const))
    const [folded] = model.rank([requestOf(-1, { limit: 1, recent })])
    expect([user, folded!.items[0]]).toEqual([user, own!.items[0]])
  }
})

test('similar items are those of the nearest direction, whatever their biases', async () => {
  const dataset = await datasetOf(randomInteractions(150, 60, 9))
  const model = OpenModel.open(await trained(bpr, dataset, { pool, options: { factors: 5, epochs: 40 } }))
  const { data, factors: width } = model.vectors('items')
  const direction = (item: number) => data.subarray(item * width, item * width + width - 1)
  const cosine = (a: Float32Array, b: Float32Array) => {
    const product = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, f) => sum + value * y[f]!, 0)
    return product(a, b) / Math.sqrt(product(a, a) * product(b, b))
  }
  for (const item of [0, 11, 59]) {
    const expected = Array.from({ length: dataset.byItem.rows }, (_, other) => other)
      .filter(other => other !== item)
      .map(other => cosine(direction(item), direction(other)))
      .sort((a, b) => b - a)
    const [list] = model.similar([{ item, limit: 10, measure: 'cosine' }])
    list!.scores.forEach((found, at) => {
      expect(found).toBeCloseTo(expected[at]!, 4)
    })
  }
})

test('the work is cut by the data alone, into blocks of about a mebibyte and chunks of about equal cost', () => {
  expect([blocksOf(1, 64), blocksOf(99, 64), blocksOf(250, 64), blocksOf(1_000_000, 64)]).toEqual([1, 1, 2, 245])
  expect(blocksOf(100_000_000, 128)).toBe(256)
  fc.assert(
    fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 40 }), lengths => {
      const indptr = new BigUint64Array(lengths.length + 1)
      lengths.forEach((length, user) => {
        indptr[user + 1] = indptr[user]! + BigInt(length)
      })
      const pairs = Number(indptr.at(-1))
      if (pairs === 0) return
      const weights = new Float32Array(pairs).map((_, at) => 1 + (at % 7))
      const csr = { rows: lengths.length, columns: 9, indptr, indices: new Uint32Array(pairs), weights }
      const { users, rooms } = layOutSamples(csr, true)
      expect([users[0], users.at(-1)]).toEqual([0, lengths.length])
      expect(rooms).toHaveLength(users.length)
      expect(Number(rooms.at(-1))).toBeGreaterThanOrEqual(pairs)
    }),
  )
})

test('a call that fails ends those that wait for it', () => {
  const turns = new Int32Array(new SharedArrayBuffer(8))
  const from = {
    // A place beyond the block.
    samples: Uint32Array.of(0, 5),
    rooms: BigUint64Array.of(0n, 1n),
    bounds: Uint32Array.of(0, 1),
    users: Uint32Array.of(0, 1),
    order: Uint32Array.of(0, 1),
    places: Uint32Array.of(0, 1),
    blocks: 1,
    seed: 0,
    epoch: 0,
  }
  const model = {
    users: new Float32Array(16),
    items: new Float32Array(32),
    biases: new Float32Array(2),
    rank: 3,
    rate: 0.1,
    regularization: 0,
  }
  const epoch = () => native.bprEpoch(from, model, new Float64Array(2), turns)
  expect(epoch).toThrow('a sample must be of the chunk and the block, but one is of user 0 and place 5')
  expect(turns[1]).toBeLessThan(0)
  turns[0] = 0
  expect(epoch).toThrow('another part of the epoch has failed')
})
