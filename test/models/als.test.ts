import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { foldIn } from '../../src/models/als/fold-in.ts'
import { type AlsOptions, alsObjective, alsOptions } from '../../src/models/als/options.ts'
import { type AlsFactors, trainAls } from '../../src/models/als/train.ts'
import { native } from '../../src/native.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { unpadded } from '../../src/storage/factors.ts'
import { checkerboard, datasetOf } from './interactions.ts'
import { naiveAls, naiveHalfStep, naiveLoss } from './naive-als.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

const train = (dataset: Dataset, given: Partial<AlsOptions>, more: Partial<Parameters<typeof trainAls>[2]> = {}) =>
  trainAls(dataset, alsOptions.parse(given), { pool, ...more })

/** Inner product of a user's and an item's factors. */
function score({ users, items }: AlsFactors, user: number, item: number): number {
  const at = (side: typeof users, row: number, f: number) => side.data[row * side.stride + f]
  let sum = 0
  for (let f = 0; f < users.rank; f++) sum += at(users, user, f) * at(items, item, f)
  return sum
}

test('ranks the withheld checkerboard item first', async () => {
  // Users like the items of their own parity; each misses one of them, and that is what fits best.
  const size = 50
  const dataset = await datasetOf(checkerboard(size))
  for (const confidence of ['ials', 'implicit', 'hu'] as const) {
    const alpha = confidence === 'implicit' ? 10 : 1
    const factors = await train(dataset, { confidence, alpha, factors: 3, epochs: 15, regularization: 0.01, seed: 7 })
    for (let user = 0; user < size; user++) {
      const own = dataset.byUser
      const [from, to] = [Number(own.indptr[user]), Number(own.indptr[user + 1])]
      const seen = new Set(own.indices.subarray(from, to))
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
          ...{ epochs: 3, solver: 'exact', alpha: 2, regularization: 0.5, unobservedWeight: 0.5 },
        })
        const found = await trainAls(dataset, options, { pool })
        const naive = naiveAls(dataset, options)
        found.loss.forEach((loss, epoch) => {
          expect(Math.abs(loss - naive.loss[epoch])).toBeLessThan(2e-3 * Math.max(1, naive.loss[epoch]))
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
    const found = await trainAls(dataset, options, { pool })
    const plain = (side: AlsFactors['users']) => Float64Array.from(unpadded(side))
    const exact = naiveLoss(dataset, options, plain(found.users), plain(found.items))
    expect(Math.abs(found.loss.at(-1)! - exact)).toBeLessThan(1e-3 * exact)
    expect(found.loss).toEqual([...found.loss].sort((a, b) => b - a))
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

test('every instruction set trains to the same scores', async () => {
  const dataset = await datasetOf(checkerboard(30))
  const trained = native
    .instructionSets()
    .map(instructions => train(dataset, { factors: 6, epochs: 4, instructions: instructions as 'plain' }))
  const [first, ...others] = await Promise.all(trained)
  for (const other of others) {
    for (let user = 0; user < 30; user++) {
      for (let item = 0; item < 30; item++) {
        expect(Math.abs(score(other, user, item) - score(first, user, item))).toBeLessThan(1e-3)
      }
    }
  }
})

test('stopping and going on gives the same bits as not stopping', async () => {
  const dataset = await datasetOf(checkerboard(40))
  const whole = await train(dataset, { factors: 9, epochs: 5, seed: 11 })
  const stop = new AbortController()
  const onEpoch = ({ epochs }: AlsFactors) => (epochs === 2 ? stop.abort() : undefined)
  const half = await train(dataset, { factors: 9, epochs: 5, seed: 11 }, { signal: stop.signal, onEpoch })
  expect(half.epochs).toBe(2)
  const from = { ...half, users: unpadded(half.users), items: unpadded(half.items) }
  expect(await train(dataset, { factors: 9, epochs: 5, seed: 11 }, { from })).toEqual(whole)
})

test('one user, one item, equal weights, more factors than data: right and finite', async () => {
  const one = await train(await datasetOf([[0, 0, 1]]), { factors: 8, epochs: 5, regularization: 0.001 })
  expect(score(one, 0, 0)).toBeGreaterThan(0.8)
  const everything = Array.from({ length: 16 }, (_, i) => [i % 4, i >> 2, 1] as const)
  const all = await train(await datasetOf(everything), { factors: 1024, epochs: 3, regularization: 0 })
  for (let i = 0; i < 16; i++) expect(score(all, i % 4, i >> 2)).toBeCloseTo(1 / 1.1, 2)
})

test('what is published is in the eigenbasis of the items: the Gramian is diagonal and falls', async () => {
  const dataset = await datasetOf(checkerboard(60))
  const { items, spectrum } = await train(dataset, { factors: 10, epochs: 3 })
  for (let f = 0; f < 10; f++) {
    for (let g = 0; g < 10; g++) {
      let sum = 0
      for (let i = 0; i < 60; i++) sum += items.data[i * items.stride + f] * items.data[i * items.stride + g]
      expect(sum).toBeCloseTo(f === g ? spectrum[f] : 0, 3)
    }
  }
  expect([...spectrum]).toEqual([...spectrum].sort((a, b) => b - a))
})

test('folding in a training history gives that user of an exact half-step', async () => {
  const dataset = await datasetOf(checkerboard(40))
  const options = alsOptions.parse({ factors: 6, epochs: 4 })
  const { items, spectrum } = await trainAls(dataset, options, { pool })
  const { indptr, indices, weights } = dataset.byUser
  const parts = { itemFactors: unpadded(items), rank: 6, spectrum, objective: alsObjective(options) }
  const folded = foldIn(parts, { indptr: Uint32Array.from(indptr, Number), indices, weights })
  const exact = naiveHalfStep(dataset.byUser, Float64Array.from(parts.itemFactors), 6, parts.objective)
  for (let at = 0; at < folded.length; at++) expect(folded[at]).toBeCloseTo(exact[at], 4)
  const nobody = foldIn(parts, {
    indptr: Uint32Array.of(0, 0),
    indices: indices.slice(0, 0),
    weights: weights.slice(0, 0),
  })
  expect([...nobody]).toEqual([0, 0, 0, 0, 0, 0])
})

test('progress tells epochs, rate, loss and time left', async () => {
  const seen: { epoch: number; rowsPerSecond: number; secondsLeft: number; losses: number }[] = []
  await train(
    await datasetOf(checkerboard(30)),
    { epochs: 3 },
    { onProgress: ({ loss, ...p }) => seen.push({ ...p, losses: loss.length }) },
  )
  const last = seen.at(-1)!
  expect(last).toMatchObject({ epoch: 3, losses: 3, secondsLeft: 0 })
  expect(last.rowsPerSecond).toBeGreaterThan(0)
})

test('options that cannot be are refused by name', () => {
  expect(() => alsOptions.parse({ factors: 0 })).toThrow(/factors/)
  expect(() => alsOptions.parse({ factors: 1025 })).toThrow(/factors/)
  expect(() => alsOptions.parse({ lambda: 1 })).toThrow(/lambda/)
})
