import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Model, ResolvedRequest, TrainProgress } from '../../src/models/algorithm.ts'
import { noEvents } from '../../src/models/algorithm.ts'
import { Artifact, saveArtifact } from '../../src/models/artifact/artifact.ts'
import { ease } from '../../src/models/item-item/ease/index.ts'
import { checkMemory, neededMemory } from '../../src/models/item-item/ease/memory.ts'
import { easeTensors } from '../../src/models/item-item/ease/model.ts'
import { type EaseOptions, easeOptions } from '../../src/models/item-item/ease/options.ts'
import { tilesOf } from '../../src/models/item-item/ease/tiles.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { testCapabilities } from './contract/capabilities.ts'
import type { Contract } from './contract/contract.ts'
import { testDamage } from './contract/damage.ts'
import { testRanking } from './contract/ranking.ts'
import { testTraining } from './contract/training.ts'
import { checkerboard, datasetOf, type Interaction, randomInteractions } from './interactions.ts'
import { type NaiveEase, naiveEase, naiveScores } from './naive-ease.ts'
import { trained } from './trained.ts'

let pools: readonly Pool[]
beforeAll(() => {
  pools = [1, 2, 3].map(threads => new Pool({ threads }))
})
afterAll(() => Promise.all(pools.map(pool => pool.close())))

type Given = Partial<EaseOptions>

const train = (dataset: Dataset, given: Given = {}, pool = pools[1]!) =>
  ease.train(dataset, easeOptions.parse(given), { pool })

/** A model as it is served: trained, saved, opened and verified. */
async function saved(dataset: Dataset, given: Given = {}): Promise<Artifact> {
  const directory = join(freshFolder(), 'model')
  const options = easeOptions.parse(given)
  await saveArtifact(directory, { algorithm: 'ease', options, dataset, trained: await train(dataset, given) })
  const artifact = Artifact.open(directory)
  ease.verify(artifact)
  return artifact
}

const served = async (dataset: Dataset, given: Given = {}): Promise<Model> => ease.open(await saved(dataset, given))

/** All of B as a saved model has it. */
function weightsOf(artifact: Artifact): Float64Array[] {
  const { items, weights, rows } = easeTensors(artifact)
  return Array.from({ length: items }, (_, item) => {
    if (!rows) return Float64Array.from(weights.data.subarray(item * items, (item + 1) * items))
    const row = new Float64Array(items)
    const [begin, end] = rows.indptr.of(item)
    for (let at = begin; at < end; at++) row[rows.indices.data[at]!] = weights.data[at]!
    return row
  })
}

function request(given: Partial<ResolvedRequest>): ResolvedRequest {
  const history = { indices: new Uint32Array(0), weights: new Float32Array(0) }
  return { user: -1, history, recent: noEvents, limit: 10, exclude: new Uint32Array(0), only: undefined, ...given }
}

const near = (found: number, expected: number) => Math.abs(found - expected) <= 1e-4 * (1 + Math.abs(expected))

/** Expects a list to be what the scores say, but for the order of scores that differ by no more than rounding. */
function expectList(
  { items, scores }: { readonly items: Uint32Array; readonly scores: Float32Array },
  asked: ResolvedRequest,
  all: ReadonlyMap<number, number>,
): void {
  const allowed = [...all.keys()].filter(item => !asked.exclude.includes(item) && (asked.only?.includes(item) ?? true))
  const best = allowed.map(item => all.get(item)!).sort((a, b) => b - a)
  expect(new Set(items).size).toBe(items.length)
  items.forEach((item, at) => {
    expect(allowed).toContain(item)
    expect(near(scores[at]!, all.get(item)!)).toBe(true)
    expect(near(scores[at]!, best[at]!)).toBe(true)
    expect(scores[at]).toBeGreaterThan(0)
    if (at > 0) expect(scores[at]).toBeLessThanOrEqual(scores[at - 1]!)
  })
  const clear = best.filter(score => score > 1e-4).length
  expect(items.length).toBeGreaterThanOrEqual(Math.min(asked.limit, clear))
  expect(items.length).toBeLessThanOrEqual(asked.limit)
}

const pairs = fc.uniqueArray(
  fc.tuple(fc.nat(11), fc.nat(9), fc.constantFrom(1, 2, 0.3)).map(([u, i, w]) => [u, i, w] as const),
  { minLength: 1, maxLength: 70, selector: ([u, i]) => u * 100 + i },
)
const options = fc.record({
  regularization: fc.constantFrom(0.5, 3, 20),
  variant: fc.constantFrom('dense', 'sparse'),
  candidates: fc.integer({ min: 1, max: 12 }),
  entries: fc.constantFrom(100),
  weighting: fc.constantFrom('none', 'weight'),
})
const itemSet = fc.uniqueArray(fc.nat(9), { maxLength: 6 }).map(items => items.toSorted((a, b) => a - b))
const requests = fc.array(
  fc.record({
    history: itemSet,
    weight: fc.constantFrom(1, 0.7),
    limit: fc.integer({ min: 1, max: 12 }),
    exclude: itemSet,
    only: fc.option(itemSet),
  }),
  { minLength: 1, maxLength: 4 },
)

test('weights and lists are those of the definition', async () => {
  await fc.assert(
    fc.asyncProperty(pairs, options, requests, async (pairs, given, requests) => {
      const dataset = await datasetOf(pairs)
      const artifact = await saved(dataset, given)
      const parsed = easeOptions.parse(given)
      const expected = naiveEase(dataset.byUser, parsed)
      expectWeights(artifact, expected)

      const { items } = dataset.manifest
      const below = (list: readonly number[]) => Uint32Array.from(list.filter(item => item < items))
      const resolved = requests.map(({ history, weight, limit, exclude, only }) => {
        const indices = below(history)
        return request({
          history: { indices, weights: Float32Array.from(indices, item => weight * (item + 1)) },
          limit,
          exclude: below(exclude),
          only: only ? below(only) : undefined,
        })
      })
      const lists = ease.open(artifact).rank(resolved)
      lists.forEach((list, at) => {
        expectList(list, resolved[at]!, naiveScores(expected, resolved[at]!))
      })
    }),
    { numRuns: 60 },
  )
})

function expectWeights(artifact: Artifact, { weights, residuals }: NaiveEase): void {
  weightsOf(artifact).forEach((row, i) => {
    row.forEach((value, j) => {
      if (!near(value, weights[i]![j]!)) expect([i, j, value]).toEqual([i, j, weights[i]![j]!])
    })
  })
  easeTensors(artifact).residuals.data.forEach((value, j) => {
    expect(near(value, residuals[j]!)).toBe(true)
  })
}

/** Pairs whose weights are all different, so that no entries of B are as large as others. */
function distinctPairs(users: number, items: number): Interaction[] {
  const random = randomNumbers(3)
  return randomInteractions(users, items, 9).map(([user, item]) => [user, item, 0.5 + random()])
}

test('the weights of several tiles are those of the definition, and the largest of each row are kept', async () => {
  const dataset = await datasetOf(distinctPairs(300, 90))
  const { items } = dataset.manifest
  expect(tilesOf(items).count).toBeGreaterThan(2)
  for (const entries of [Math.ceil(items / 2), 7]) {
    for (const variant of ['dense', 'sparse'] as const) {
      const given = { variant, entries, candidates: 20, regularization: 5, weighting: 'weight' } as const
      const all = naiveEase(dataset.byUser, easeOptions.parse({ ...given, entries: items }))
      const found = await saved(dataset, given)
      const isWhole = easeTensors(found).rows === undefined
      expect(isWhole).toBe(variant === 'dense' && entries > 7)
      weightsOf(found).forEach((row, i) => {
        const sizes = all.weights[i]!.map(Math.abs).sort((a, b) => b - a)
        const least = isWhole ? 0 : (sizes[entries] ?? 0)
        row.forEach((value, j) => {
          const expected = all.weights[i]![j]!
          // As large as the first that is left out, but for rounding: it may be either.
          if (value === 0 && Math.abs(expected) <= least + 1e-6) return
          expect(near(value, expected)).toBe(true)
          expect(Math.abs(value)).toBeGreaterThanOrEqual(least - 1e-6)
        })
        if (!isWhole) expect(row.filter(value => value !== 0).length).toBeLessThanOrEqual(entries)
      })
    }
  }
})

test('any number of workers gives the same bits', async () => {
  const dataset = await datasetOf(randomInteractions(400, 150, 3))
  for (const given of [{}, { entries: 20 }, { variant: 'sparse', candidates: 30, entries: 12 }] as const) {
    const [expected, ...others] = await Promise.all(
      pools.map(async pool => {
        const directory = await trained(ease, dataset, { pool, options: given })
        return readFileSync(join(directory, 'tensors.safetensors'))
      }),
    )
    for (const other of others) expect(other.equals(expected!)).toBe(true)
  }
})

test('similar items are those of the highest partial correlation', async () => {
  const dataset = await datasetOf(distinctPairs(200, 40))
  const { weights, residuals } = naiveEase(dataset.byUser, easeOptions.parse({ weighting: 'weight', entries: 100 }))
  const model = await served(dataset, { weighting: 'weight' })
  const lists = model.similar!(weights.map((_, item) => ({ item, limit: 5 })))
  lists.forEach(({ items, scores }, i) => {
    const correlations = weights[i]!.map((weight, j) => weight * Math.sqrt(residuals[i]! / residuals[j]!))
    const best = correlations.filter(value => value > 0).sort((a, b) => b - a)
    expect(items.length).toBe(Math.min(5, best.length))
    items.forEach((item, at) => {
      expect(item).not.toBe(i)
      expect(near(scores[at]!, correlations[item]!)).toBe(true)
      expect(near(scores[at]!, best[at]!)).toBe(true)
    })
  })
})

test('a list without history is empty, and so is one of a single item', async () => {
  for (const given of [{}, { variant: 'sparse' }] as const) {
    const model = await served(await datasetOf([[0, 0, 1]]), given)
    const history = { indices: Uint32Array.of(0), weights: Float32Array.of(1) }
    expect(model.rank([request({}), request({ history })]).map(({ items }) => items.length)).toEqual([0, 0])
    expect(model.similar!([{ item: 0, limit: 5 }])[0]!.items).toHaveLength(0)
  }
})

test('an item that does not exist is refused, and later requests are answered', async () => {
  for (const given of [{}, { variant: 'sparse' }] as const) {
    const model = await served(await datasetOf(checkerboard(20)), given)
    const history = { indices: Uint32Array.of(3), weights: Float32Array.of(1) }
    const before = model.rank([request({ history })])
    const unknown = { indices: Uint32Array.of(2, 20), weights: Float32Array.of(1, 1) }
    expect(() => model.rank([request({ history: unknown })])).toThrow('history.items must hold items below 20, got 20')
    expect(model.rank([request({ history })])).toEqual(before)
  }
})

test('aborting ends the training with the reason, and the pool goes on', async () => {
  const dataset = await datasetOf(randomInteractions(300, 120, 3))
  const reason = new Error('enough')
  for (const variant of ['dense', 'sparse'] as const) {
    const parsed = easeOptions.parse({ variant })
    const aborted = { pool: pools[1]!, signal: AbortSignal.abort(reason) }
    await expect(ease.train(dataset, parsed, aborted)).rejects.toBe(reason)
    const controller = new AbortController()
    const onProgress = () => controller.abort(reason)
    const training = ease.train(dataset, parsed, { pool: pools[1]!, signal: controller.signal, onProgress })
    await expect(
      training.then(({ complete }) => (variant === 'sparse' ? Promise.reject(reason) : complete)),
    ).rejects.toBe(reason)
    expect((await train(dataset, { variant })).complete).toBe(true)
  }
})

test('progress ends at the whole, with a rate and no time left', async () => {
  for (const variant of ['dense', 'sparse'] as const) {
    const seen: TrainProgress[] = []
    const context = { pool: pools[1]!, onProgress: (progress: TrainProgress) => seen.push(progress) }
    await ease.train(await datasetOf(checkerboard(50)), easeOptions.parse({ variant }), context)
    expect(seen.at(-1)).toMatchObject({ done: 1, secondsLeft: 0 })
    expect(seen.at(-1)!.rowsPerSecond).toBeGreaterThan(0)
  }
})

test('what cannot fit in memory is refused with the figure and the remedy', () => {
  const size = { items: 500_000, threads: 2, candidatePairs: 1_000_000 }
  const dense = easeOptions.parse({})
  expect(() => checkMemory(dense, size, 24e9)).toThrow(
    /^the dense weights of 500000 items need 50\d\.\d GB of memory to be trained, but there are 24\.0 GB: take the sparse variant \(variant: sparse, --variant sparse\), or train where there is more memory$/,
  )
  const sparse = easeOptions.parse({ variant: 'sparse' })
  expect(() => checkMemory(sparse, size, 24e9)).not.toThrow()
  expect(() => checkMemory(easeOptions.parse({ variant: 'sparse', candidates: 2000 }), size, 12e9)).toThrow(
    /need 1\d\.\d GB .+ take fewer candidates than 2000 \(candidates, --candidates\), or/,
  )
  // Half a matrix of 41,000 × 41,000, and little beside it.
  const needed = neededMemory(dense, { items: 40_981, threads: 2, candidatePairs: 0 })
  expect(needed).toBeGreaterThan(3.4e9)
  expect(needed).toBeLessThan(4e9)
})

test('a regularization that is too small for the numbers is refused with the remedy', async () => {
  // Two items of the same users: XᵀX has no inverse.
  const dataset = await datasetOf([
    [0, 0, 1],
    [0, 1, 1],
    [1, 0, 1],
    [1, 1, 1],
  ])
  await expect(train(dataset, { regularization: 0 })).rejects.toThrow(
    'row 1 of XᵀX + λI has no pivot above 0 with a regularization of 0: train with a larger one (regularization, --regularization)',
  )
  await expect(train(dataset, { regularization: 0, variant: 'sparse' })).rejects.toThrow(
    / with a regularization of 0: train with a larger one \(regularization, --regularization\)$/,
  )
  const heavy = await datasetOf(randomInteractions(100, 30, 5).map(([user, item]) => [user, item, 3e4] as const))
  await expect(train(heavy, { regularization: 1e-6, weighting: 'weight' })).resolves.toBeTruthy()
})

test('options that cannot be are refused by name', () => {
  expect(() => easeOptions.parse({ regularization: -1 })).toThrow(/regularization/)
  expect(() => easeOptions.parse({ variant: 'some' })).toThrow(/variant/)
  expect(() => easeOptions.parse({ k: 5 })).toThrow(/k/)
})

// Of few items a model is a dense matrix: the other forms have to do the same.
describe.each([
  ['the largest entries of rows', { entries: 19 }],
  ['the sparse variant', { variant: 'sparse', candidates: 60 }],
] as const)('of %s', (_, given) => {
  const contract: Contract = {
    algorithm: ease,
    isPersonal: true,
    hasTies: true,
    pools: () => pools,
    train: (dataset, options) => trained(ease, dataset, { pool: pools[1]!, options: given, ...options }),
  }
  describe('ranks', () => testRanking(contract))
  describe('trains', () => testTraining(contract))
  describe('when damaged', () => testDamage(contract))
  describe('can', () => testCapabilities(contract))
})

const gowalla = join(import.meta.dirname, '../../../shared/data/gowalla/train.txt')

test.skipIf(!existsSync(gowalla))(
  'a tenth of the Gowalla users: the inverse is one',
  async () => {
    const lines = readFileSync(gowalla, 'utf8').split('\n')
    const pairs = lines
      .filter((_, at) => at % 10 === 0)
      .flatMap(line => {
        const [user, ...items] = line.trim().split(' ').map(Number)
        // Of the items with the lowest numbers, so that the test takes seconds.
        return items.filter(item => item < 250).map((item): Interaction => [user!, item, 1])
      })
    const dataset = await datasetOf(pairs)
    const artifact = await saved(dataset, { regularization: 5 })
    const expected = naiveEase(dataset.byUser, easeOptions.parse({ regularization: 5, entries: 1000 }))
    expectWeights(artifact, expected)
  },
  60_000,
)
