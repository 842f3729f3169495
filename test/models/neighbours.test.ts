import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Model, ResolvedRequest, TrainProgress } from '../../src/models/algorithm.ts'
import { noEvents } from '../../src/models/algorithm.ts'
import { Artifact, saveArtifact } from '../../src/models/artifact.ts'
import { neighbours } from '../../src/models/neighbours/index.ts'
import { checkMemory } from '../../src/models/neighbours/memory.ts'
import { type NeighboursOptions, neighboursOptions } from '../../src/models/neighbours/options.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'
import { checkerboard, datasetOf } from './interactions.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

interface Scored {
  readonly item: number
  readonly score: number
}

type Given = Partial<NeighboursOptions>

const train = (dataset: Dataset, given: Given = {}, workers = pool) =>
  neighbours.train(dataset, neighboursOptions.parse(given), { pool: workers })

/** A model as it is served: trained, saved and opened. */
async function served(dataset: Dataset, given: Given = {}): Promise<Model> {
  const directory = join(freshFolder(), 'model')
  const options = neighboursOptions.parse(given)
  await saveArtifact(directory, { algorithm: 'neighbours', options, dataset, trained: await train(dataset, given) })
  return neighbours.open(Artifact.open(directory))
}

function scored({ items, scores }: { readonly items: Uint32Array; readonly scores: Float32Array }): Scored[] {
  return Array.from(items, (item, at) => ({ item, score: scores[at]! }))
}

/** The best of `all` with a score above 0, of equal scores the lower item first. */
function best(all: readonly Scored[], limit: number): Scored[] {
  return all
    .filter(({ score }) => score > 0)
    .toSorted((a, b) => b.score - a.score || a.item - b.item)
    .slice(0, limit)
}

/** The neighbours of every item, from the dense matrix of all similarities. */
function naiveNeighbours(dataset: Dataset, options: NeighboursOptions): Scored[][] {
  const { rows, columns, indptr, indices, weights } = dataset.byItem
  const dense = Array.from({ length: rows }, (_, item) => {
    const row = new Float64Array(columns)
    for (let at = Number(indptr[item]); at < Number(indptr[item + 1]); at++) {
      row[indices[at]!] = options.weighting === 'weight' ? weights[at]! : 1
    }
    return row
  })
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, at) => sum + value * b[at]!, 0)
  const norms = dense.map(row => Math.sqrt(dot(row, row)))
  return dense.map((row, item) => {
    const similarities = dense.map((other, at) => {
      const cosine = dot(row, other) / (norms[item]! * norms[at]! + options.shrinkage)
      return { item: at, score: Math.fround(Math.min(1, cosine)) }
    })
    return best(
      similarities.filter(other => other.item !== item),
      options.neighbours,
    )
  })
}

function naiveRank(lists: readonly Scored[][], { history, limit, exclude, only }: ResolvedRequest): Scored[] {
  const sums = new Map<number, number>()
  history.indices.forEach((item, at) => {
    for (const other of lists[item]!) {
      sums.set(other.item, (sums.get(other.item) ?? 0) + history.weights[at]! * other.score)
    }
  })
  const allowed = [...sums].filter(([item]) => !exclude.includes(item) && (only?.includes(item) ?? true))
  return best(
    allowed.map(([item, sum]) => ({ item, score: Math.fround(sum) })),
    limit,
  )
}

function request(given: Partial<ResolvedRequest>): ResolvedRequest {
  const history = { indices: new Uint32Array(0), weights: new Float32Array(0) }
  return { user: -1, history, recent: noEvents, limit: 10, exclude: new Uint32Array(0), only: undefined, ...given }
}

const pairs = fc.uniqueArray(
  fc.tuple(fc.nat(11), fc.nat(9), fc.constantFrom(1, 2, 0.3)).map(([u, i, w]) => [u, i, w] as const),
  { minLength: 1, maxLength: 70, selector: ([u, i]) => u * 100 + i },
)
const options = fc.record({
  neighbours: fc.integer({ min: 1, max: 12 }),
  weighting: fc.constantFrom('none', 'weight'),
  shrinkage: fc.constantFrom(0, 2.5),
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

test('lists and neighbours are those of the dense matrix of similarities', async () => {
  await fc.assert(
    fc.asyncProperty(pairs, options, requests, async (pairs, given, requests) => {
      const dataset = await datasetOf(pairs)
      const count = dataset.byItem.rows
      const model = await served(dataset, given)
      const expected = naiveNeighbours(dataset, given)
      const similar = model.similar!(expected.map((_, item) => ({ item, limit: 100 })))
      expect(similar.map(scored)).toEqual(expected)

      const below = (items: readonly number[]) => Uint32Array.from(items.filter(item => item < count))
      const resolved = requests.map(({ history, weight, limit, exclude, only }) => {
        const indices = below(history)
        return request({
          history: { indices, weights: Float32Array.from(indices, item => weight * (item + 1)) },
          limit,
          exclude: below(exclude),
          only: only ? below(only) : undefined,
        })
      })
      const lists = model.rank(resolved)
      expect(lists.map(scored)).toEqual(resolved.map(one => naiveRank(expected, one)))
    }),
    { numRuns: 40 },
  )
})

test('any number of workers gives the same bits', async () => {
  const dataset = await datasetOf(checkerboard(120))
  const expected = await train(dataset, { weighting: 'weight', neighbours: 7 })
  for (const threads of [1, 3, 7]) {
    const other = new Pool({ threads })
    const found = await train(dataset, { weighting: 'weight', neighbours: 7 }, other)
    await other.close()
    expect(found).toEqual(expected)
  }
})

test('keeps the most similar items, and gives fewer where fewer are asked for', async () => {
  // Users of item 0: three; they share two with item 1, one with item 2.
  const dataset = await datasetOf([
    [0, 0, 1],
    [1, 0, 1],
    [2, 0, 1],
    [0, 1, 1],
    [1, 1, 1],
    [2, 2, 1],
  ])
  const model = await served(dataset, { shrinkage: 0 })
  const [all, first] = model.similar!([
    { item: 0, limit: 10 },
    { item: 0, limit: 1 },
  ])
  expect(scored(all!)).toEqual([
    { item: 1, score: Math.fround(2 / Math.sqrt(3 * 2)) },
    { item: 2, score: Math.fround(1 / Math.sqrt(3)) },
  ])
  expect(scored(first!)).toEqual(scored(all!).slice(0, 1))
  const one = await served(dataset, { neighbours: 1 })
  expect([...one.similar!([{ item: 0, limit: 10 }])[0]!.items]).toEqual([1])
})

test('a list without history is empty, and so is one of a single item', async () => {
  const model = await served(await datasetOf([[0, 0, 1]]))
  const history = { indices: Uint32Array.of(0), weights: Float32Array.of(1) }
  const lists = model.rank([request({}), request({ history })])
  expect(lists.map(({ items }) => items.length)).toEqual([0, 0])
  expect(model.similar!([{ item: 0, limit: 5 }])[0]!.items).toHaveLength(0)
})

test('an item that does not exist is refused, and later requests are answered', async () => {
  const model = await served(await datasetOf(checkerboard(20)))
  const history = { indices: Uint32Array.of(3), weights: Float32Array.of(1) }
  const before = model.rank([request({ history })])
  const unknown = { indices: Uint32Array.of(2, 20), weights: Float32Array.of(1, 1) }
  expect(() => model.rank([request({ history: unknown })])).toThrow('history.items must hold items below 20, got 20')
  expect(model.rank([request({ history })])).toEqual(before)
})

test('aborting ends the training with the reason, and the pool goes on', async () => {
  const dataset = await datasetOf(checkerboard(60))
  const reason = new Error('enough')
  const aborted = { pool, signal: AbortSignal.abort(reason) }
  await expect(neighbours.train(dataset, neighboursOptions.parse({}), aborted)).rejects.toBe(reason)

  const controller = new AbortController()
  const training = neighbours.train(dataset, neighboursOptions.parse({}), { pool, signal: controller.signal })
  controller.abort(reason)
  await expect(training).rejects.toBe(reason)
  expect((await train(dataset)).complete).toBe(true)
})

test('progress ends at the whole, with a rate and no time left', async () => {
  const seen: TrainProgress[] = []
  const dataset = await datasetOf(checkerboard(30))
  await neighbours.train(dataset, neighboursOptions.parse({}), { pool, onProgress: progress => seen.push(progress) })
  expect(seen.at(-1)).toMatchObject({ done: 1, secondsLeft: 0 })
  expect(seen.at(-1)!.rowsPerSecond).toBeGreaterThan(0)
})

test('what cannot fit in memory is refused with what would', () => {
  const counts = { items: 500_000, neighbours: 10_000, most: 4_500_000_000 }
  expect(() => checkMemory(counts, 24e9)).toThrow(
    new RangeError(
      'neighbours must be at most 6000 for those of 500000 items to fit in 24.0 GB of memory, got 10000, ' +
        'which take up to 36.0 GB: keep fewer, or train where there is more memory',
    ),
  )
  expect(() => checkMemory({ ...counts, neighbours: 6000, most: 3_000_000_000 }, 24e9)).not.toThrow()
  // The data cannot give more than this, whatever is asked for.
  expect(() => checkMemory({ ...counts, most: 1_000_000 }, 24e9)).not.toThrow()
  expect(() => checkMemory({ items: 2 ** 31, neighbours: 10_000, most: 2 ** 31 * 10_000 })).toThrow(
    /^neighbours must be/,
  )
})

test('more neighbours than there are items are not too many', async () => {
  const dataset = await datasetOf(checkerboard(20))
  expect(await train(dataset, { neighbours: 10_000 })).toEqual(await train(dataset, { neighbours: 19 }))
})

test('options that cannot be are refused by name', () => {
  expect(() => neighboursOptions.parse({ neighbours: 0 })).toThrow(/neighbours/)
  expect(() => neighboursOptions.parse({ weighting: 'some' })).toThrow(/weighting/)
  expect(() => neighboursOptions.parse({ k: 5 })).toThrow(/k/)
})
