import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Trained, TrainProgress } from '../../src/models/algorithm.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { valuesOf } from '../../src/models/artifact/trained-tensor.ts'
import { rowsInChunk } from '../../src/models/factors/als/eigenbasis.ts'
import { als } from '../../src/models/factors/als/index.ts'
import { type AlsOptions, alsObjective, alsOptions } from '../../src/models/factors/als/options.ts'
import { halfStepBounds, trainAls } from '../../src/models/factors/als/train.ts'
import { rowOf } from '../../src/models/open/history.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { native } from '../../src/native.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { forgedOptions } from './forged.ts'
import { checkerboard, datasetOf, randomInteractions } from './interactions.ts'
import { naiveAls, naiveHalfStep, naiveLoss } from './naive-als.ts'
import { requestOf } from './requests.ts'
import { trained } from './trained.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

/** Unpadded factors of both sides, and what else a training gives. */
interface Factors {
  readonly users: Float32Array
  readonly items: Float32Array
  readonly rank: number
  readonly spectrum: Float64Array
  readonly loss: readonly number[]
}

async function train(
  dataset: Dataset,
  given: Partial<AlsOptions>,
  more: Partial<Parameters<typeof trainAls>[2]> = {},
): Promise<Factors> {
  return factorsOf(await trainAls(dataset, alsOptions.parse(given), { pool, ...more }))
}

function factorsOf({ tensors, loss }: Trained): Factors {
  const { users, items, spectrum } = tensors
  return {
    users: valuesOf(users!, Float32Array),
    items: valuesOf(items!, Float32Array),
    rank: users!.shape[1]!,
    spectrum: valuesOf(spectrum!, Float64Array),
    loss,
  }
}

/** Inner product of a user's and an item's factors. */
function score({ users, items, rank }: Factors, user: number, item: number): number {
  let sum = 0
  for (let f = 0; f < rank; f++) sum += users[user * rank + f]! * items[item * rank + f]!
  return sum
}

test('the factors of each variant score the withheld checkerboard item highest', async () => {
  // Users have the items of their own parity; each misses one of them, and that is what fits best.
  const size = 50
  const dataset = await datasetOf(checkerboard(size))
  for (const confidence of ['ials', 'implicit', 'hu'] as const) {
    const alpha = confidence === 'implicit' ? 10 : 1
    const factors = await train(dataset, { confidence, alpha, factors: 3, epochs: 15, regularization: 0.01, seed: 7 })
    for (let user = 0; user < size; user++) {
      const seen = new Set(rowOf(dataset.byUser, user).indices)
      const unseen = Array.from({ length: size }, (_, item) => item).filter(item => !seen.has(item))
      const best = unseen.reduce((a, b) => (score(factors, user, b) > score(factors, user, a) ? b : a))
      const id = Number(dataset.users.at(user))
      expect([confidence, id, dataset.items.at(best)]).toEqual([confidence, id, id])
    }
  }
})

test('exact training agrees with a naive one in double precision, to the loss of each epoch', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        pairs: fc.uniqueArray(
          fc.tuple(fc.nat(11), fc.nat(8), fc.integer({ min: 1, max: 4 })).map(([u, i, r]) => [u, i, r] as const),
          { minLength: 1, maxLength: 60, selector: ([u, i]) => u * 100 + i },
        ),
        factors: fc.integer({ min: 1, max: 20 }),
        confidence: fc.constantFrom('ials', 'implicit', 'hu'),
        frequencyExponent: fc.constantFrom(0, 0.5, 1),
        seed: fc.nat(1000),
      }),
      async ({ pairs, ...given }) => {
        const dataset = await datasetOf(pairs)
        const options = alsOptions.parse({
          ...given,
          epochs: 3,
          solver: 'exact',
          alpha: 2,
          regularization: 0.5,
          unobservedWeight: 0.5,
        })
        const found = factorsOf(await trainAls(dataset, options, { pool }))
        const naive = naiveAls(dataset, options)
        expect(found.loss).toHaveLength(3)
        found.loss.forEach((loss, epoch) => {
          expect(Math.abs(loss - naive.loss[epoch]!)).toBeLessThan(2e-3 * Math.max(1, naive.loss[epoch]!))
        })
        for (let user = 0; user < dataset.byUser.rows; user++) {
          for (let item = 0; item < dataset.byItem.rows; item++) {
            expect(Math.abs(score(found, user, item) - naive.score(user, item))).toBeLessThan(5e-3)
          }
        }
      },
    ),
    { numRuns: 30 },
  )
})

test('the reported loss is that of the factors, with few steps too', async () => {
  const dataset = await datasetOf(checkerboard(20))
  for (const frequencyExponent of [0, 1]) {
    const options = alsOptions.parse({ factors: 5, epochs: 4, steps: 1, frequencyExponent, regularization: 0.1 })
    const { users, items, loss } = factorsOf(await trainAls(dataset, options, { pool }))
    const exact = naiveLoss(dataset, options, Float64Array.from(users), Float64Array.from(items))
    expect(Math.abs(loss.at(-1)! - exact)).toBeLessThan(1e-3 * exact)
    expect(loss).toEqual([...loss].sort((a, b) => b - a))
  }
})

test('any number of workers gives the same bits', async () => {
  const dataset = await datasetOf(checkerboard(120))
  const options = { factors: 37, epochs: 3, seed: 3 }
  const expected = await train(dataset, options)
  for (const threads of [1, 3, 7]) {
    const other = new Pool({ threads })
    const found = await train(dataset, options, { pool: other })
    await other.close()
    expect(found).toEqual(expected)
  }
})

test('any number of workers gives the same bits where each phase has several chunks', async () => {
  // Factors are initialised and rotated in chunks of 1024 rows, half-steps cut by cost.
  const size = 2500
  const random = randomNumbers(4)
  const pairs = Array.from({ length: size }, (_, user) =>
    [...new Set(Array.from({ length: 6 }, () => Math.floor(random() * size))).add(user)].map(
      item => [user, item, 1] as const,
    ),
  ).flat()
  const dataset = await datasetOf(pairs)
  for (const { rows, indptr } of [dataset.byUser, dataset.byItem]) {
    expect(rows / rowsInChunk).toBeGreaterThan(2)
    expect(halfStepBounds(indptr).length - 1).toBeGreaterThan(100)
  }
  const options = { factors: 17, epochs: 2, seed: 3 }
  const expected = await train(dataset, options)
  for (const threads of [1, 3]) {
    const other = new Pool({ threads })
    const found = await train(dataset, options, { pool: other })
    await other.close()
    expect(found).toEqual(expected)
  }
})

test('the instruction set that was used is recorded, and a resumed training goes on with it', async () => {
  const dataset = await datasetOf(checkerboard(40))
  const given = { factors: 9, epochs: 4, seed: 11 }
  const [widest] = native.instructionSets().filter(name => name !== 'avx512vnni')
  const stopped = async (options: Readonly<Record<string, unknown>>) => {
    const stop = new AbortController()
    const onProgress = ({ epochs }: TrainProgress) => epochs?.done === 2 && stop.abort()
    return trained(als, dataset, { pool, options, signal: stop.signal, onProgress })
  }
  expect(Artifact.open(await stopped(given)).manifest.options).toMatchObject({ instructions: widest })
  // As it is on another processor: there none was named, and `plain` was the widest.
  const whole = Artifact.open(await trained(als, dataset, { pool, options: { ...given, instructions: 'plain' } }))
  const directory = await stopped({ ...given, instructions: 'plain' })
  await trained(als, dataset, { pool, options: given, directory, resume: true })
  const { manifest } = Artifact.open(directory)
  expect(manifest.options).toMatchObject({ instructions: 'plain' })
  expect(manifest.files).toEqual(whole.manifest.files)

  const missing = ['neon', 'avx512'].find(name => !native.instructionSets().includes(name))!
  await expect(trained(als, dataset, { pool, options: { ...given, instructions: missing } })).rejects.toThrow(
    `instructions must be one of ${native.instructionSets().join(', ')}, which this processor has, got ${missing}`,
  )
  const foreign = await forgedOptions(await stopped(given), before => ({ ...before, instructions: missing }))
  await expect(trained(als, dataset, { pool, options: given, directory: foreign, resume: true })).rejects.toThrow(
    `${foreign} cannot be resumed here: instructions must be one of`,
  )
  // A model that does not say is of before it was recorded.
  const old = await forgedOptions(await stopped(given), ({ instructions: _, ...others }) => others)
  await trained(als, dataset, { pool, options: given, directory: old, resume: true })
  expect(Artifact.open(old).manifest.options).toMatchObject({ instructions: widest })
})

test('weights beyond what single precision holds are refused with the file, the row and what to do', async () => {
  const dataset = await datasetOf(checkerboard(40).map(([user, item]) => [user, item, 3e38] as const))
  await expect(train(dataset, { factors: 8 })).rejects.toThrow(
    /by-(user|item)\.safetensors: row \d+ has no factors .+ weights from 3e38 to 3e38: scale the weights/,
  )
})

test('every instruction set trains to the same scores', async () => {
  const dataset = await datasetOf(checkerboard(30))
  const sets = native.instructionSets() as NonNullable<AlsOptions['instructions']>[]
  const [first, ...others] = await Promise.all(
    sets.map(instructions => train(dataset, { factors: 6, epochs: 4, instructions })),
  )
  for (const other of others) {
    for (let user = 0; user < 30; user++) {
      for (let item = 0; item < 30; item++) {
        expect(Math.abs(score(other, user, item) - score(first!, user, item))).toBeLessThan(1e-3)
      }
    }
  }
})

test('a training that ends after two epochs and goes on gives the same bits as one that did not end', async () => {
  const dataset = await datasetOf(checkerboard(40))
  // Nine factors are padded in memory, and not on disk.
  const options = { factors: 9, epochs: 5, seed: 11 }
  const whole = Artifact.open(await trained(als, dataset, { pool, options }))
  const stop = new AbortController()
  const onProgress = ({ epochs }: TrainProgress) => epochs?.done === 2 && stop.abort()
  const directory = await trained(als, dataset, { pool, options, signal: stop.signal, onProgress })
  expect(Artifact.open(directory).manifest).toMatchObject({ epochs: 2, complete: false })
  await trained(als, dataset, { pool, options, directory, resume: true })
  const { epochs, files, loss } = Artifact.open(directory).manifest
  expect({ epochs, files, loss }).toEqual({ epochs: 5, files: whole.manifest.files, loss: whole.manifest.loss })
})

test('more epochs go on from a complete model as if they had been asked for at once', async () => {
  const dataset = await datasetOf(checkerboard(40))
  const whole = Artifact.open(await trained(als, dataset, { pool, options: { factors: 5, epochs: 6 } }))
  const directory = await trained(als, dataset, { pool, options: { factors: 5, epochs: 2 } })
  await trained(als, dataset, { pool, options: { factors: 5, epochs: 6 }, directory, resume: true })
  expect(Artifact.open(directory).manifest.files).toEqual(whole.manifest.files)
})

test('one user, one item, equal weights, more factors than data: right and finite', async () => {
  const one = await train(await datasetOf([[0, 0, 1]]), { factors: 8, epochs: 5, regularization: 0.001 })
  expect(score(one, 0, 0)).toBeGreaterThan(0.8)
  const everything = Array.from({ length: 16 }, (_, i) => [i % 4, i >> 2, 1] as const)
  const all = await train(await datasetOf(everything), { factors: 160, epochs: 3, regularization: 0 })
  for (let i = 0; i < 16; i++) expect(score(all, i % 4, i >> 2)).toBeCloseTo(1 / 1.1, 2)
})

test('what is published is in the eigenbasis of the items: the Gramian is diagonal and falls', async () => {
  const { items, spectrum } = await train(await datasetOf(checkerboard(60)), { factors: 10, epochs: 3 })
  for (let f = 0; f < 10; f++) {
    for (let g = 0; g < 10; g++) {
      let sum = 0
      for (let i = 0; i < 60; i++) sum += items[i * 10 + f]! * items[i * 10 + g]!
      expect(sum).toBeCloseTo(f === g ? spectrum[f]! : 0, 3)
    }
  }
  expect([...spectrum]).toEqual([...spectrum].sort((a, b) => b - a))
})

test('folding in a training history gives that user of an exact half-step', async () => {
  const dataset = await datasetOf(checkerboard(40))
  const model = OpenModel.open(await trained(als, dataset, { pool, options: { factors: 6, epochs: 4 } }))
  const { data } = model.vectors('items')
  const histories = Array.from({ length: 40 }, (_, user) => rowOf(dataset.byUser, user))
  const objective = alsObjective(alsOptions.parse({ factors: 6, epochs: 4 }))
  const exact = naiveHalfStep(dataset.byUser, Float64Array.from(data), 6, objective)
  const folded = model.foldIn(histories)
  expect(folded).toHaveLength(exact.length)
  folded.forEach((value, at) => {
    expect(value).toBeCloseTo(exact[at]!, 4)
  })
  const nobody = model.foldIn([{ indices: new Uint32Array(0), weights: new Float32Array(0) }])
  expect([...nobody]).toEqual([0, 0, 0, 0, 0, 0])
})

test('lists are ranked by the inner product with the vector that the whole history is folded into', async () => {
  const dataset = await datasetOf(randomInteractions(30, 20, 9))
  const options = alsOptions.parse({ factors: 4, confidence: 'hu', weighting: 'weight', seed: 2 })
  const model = OpenModel.open(await trained(als, dataset, { pool, options }))
  const { data } = model.vectors('items')
  const vectors = naiveHalfStep(dataset.byUser, Float64Array.from(data), 4, alsObjective(options))
  const scoreOf = (user: number, item: number) => {
    let sum = 0
    for (let f = 0; f < 4; f++) sum += vectors[user * 4 + f]! * data[item * 4 + f]!
    return sum
  }
  const lists = model.rank(
    Array.from({ length: 30 }, (_, user) => requestOf(user, { limit: dataset.byItem.rows, seen: 'allow' })),
  )
  lists.forEach(({ items, scores }, user) => {
    expect(items).toHaveLength(dataset.byItem.rows)
    items.forEach((item, at) => {
      expect(scores[at]).toBeCloseTo(scoreOf(user, item), 4)
    })
  })
})

test('the next epoch waits for the checkpoint of the one before', async () => {
  const dataset = await datasetOf(checkerboard(30))
  const seen: string[] = []
  await train(
    dataset,
    { epochs: 3, factors: 4 },
    {
      onProgress: ({ epochs }) => {
        if (!seen.includes(`epoch ${epochs!.done}`)) seen.push(`epoch ${epochs!.done}`)
      },
      onCheckpoint: async ({ epochs, complete, loss }) => {
        expect([complete, loss.length]).toEqual([false, epochs])
        await new Promise(resolve => setTimeout(resolve, 30))
        seen.push(`checkpoint ${epochs}`)
      },
    },
  )
  expect(seen).toEqual(['epoch 1', 'checkpoint 1', 'epoch 2', 'checkpoint 2', 'epoch 3'])
})

test('progress has epochs, rate, loss and time left', async () => {
  const seen: TrainProgress[] = []
  await train(await datasetOf(checkerboard(30)), { epochs: 3 }, { onProgress: progress => seen.push(progress) })
  const last = seen.at(-1)!
  expect(last).toMatchObject({ done: 1, epochs: { done: 3, total: 3 }, secondsLeft: 0 })
  expect(last.loss).toHaveLength(3)
  expect(last.rowsPerSecond).toBeGreaterThan(0)
})

test('options that cannot be are refused by name', () => {
  expect(() => alsOptions.parse({ factors: 0 })).toThrow(/factors/)
  expect(() => alsOptions.parse({ factors: 1025 })).toThrow(/factors/)
  expect(() => alsOptions.parse({ lambda: 1 })).toThrow(/lambda/)
})
