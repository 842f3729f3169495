import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Model, ResolvedRequest, TrainProgress } from '../../src/models/algorithm.ts'
import { noEvents } from '../../src/models/algorithm.ts'
import { Artifact, saveArtifact } from '../../src/models/artifact/artifact.ts'
import { neighbours } from '../../src/models/item-item/neighbours/index.ts'
import { type NeighboursOptions, neighboursOptions } from '../../src/models/item-item/neighbours/options.ts'
import { rowOf } from '../../src/models/open/history.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { checkMemory } from '../../src/models/training/neighbour-memory.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { Csr } from '../../src/storage/csr.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'
import { checkerboard, datasetOf, randomInteractions } from './interactions.ts'

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

/** The pairs of a matrix as rows of numbers, 0 where there is none. */
function denseOf({ rows, columns, indptr, indices, weights }: Csr): number[][] {
  return Array.from({ length: rows }, (_, row) => {
    const dense = Array<number>(columns).fill(0)
    for (let at = Number(indptr[row]); at < Number(indptr[row + 1]); at++) dense[indices[at]!] = weights[at]!
    return dense
  })
}

const sum = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

/** All similarities of every row that are above 0, by the definitions of the papers, from the dense matrix; best first. */
function naiveSimilarities(matrix: Csr, given: Given): Scored[][] {
  const options = neighboursOptions.parse(given)
  const { similarity, weighting, shrinkage: h, locality, similarityK1: k1, similarityB: b } = options
  const raw = denseOf(matrix)
  const has = raw.map(row => row.map(value => value !== 0))
  const w = raw.map(row => row.map(value => (weighting === 'none' ? Number(value !== 0) : value)))
  const [rows, columns] = [raw.length, matrix.columns]
  const columnIds = [...Array(columns).keys()]
  const lengths = w.map(sum)
  const sizes = columnIds.map(column => has.filter(row => row[column]).length)
  const idf = sizes.map(size =>
    similarity === 'tfidf' ? Math.log(1 + rows / size) : Math.log((rows + 1) / (size + 0.5)),
  )
  const meanSquare = sum(idf.map((value, column) => sizes[column]! * value ** 2)) / sum(sizes)
  const g = columnIds.map(column => {
    if (similarity === 'tfidf' || similarity === 'bm25') return idf[column]! ** 2 / meanSquare
    if (similarity === 'rp3beta') return sum(w.map(row => row[column]!)) ** -options.rp3Alpha
    return 1
  })
  const x = w.map((row, i) =>
    row.map(value => {
      if (value === 0) return 0
      const length = k1 * (1 - b + (b * lengths[i]!) / (sum(lengths) / rows))
      if (similarity === 'bm25') return (value * (k1 + 1)) / (length + value)
      return similarity === 'rp3beta' && weighting === 'weight' ? value ** options.rp3Alpha : value
    }),
  )
  const squares = x.map(row => sum(row.map((value, column) => g[column]! * value * value)))
  const of = (i: number, j: number): number => {
    const dot = sum(
      columnIds.map(column => x[i]![column]! && x[j]![column]! && g[column]! * x[i]![column]! * x[j]![column]!),
    )
    if (dot === 0) return 0
    const [left, right] = [squares[i]!, squares[j]!]
    const a = options.asymmetry
    if (similarity === 'bm25') return dot
    if (similarity === 'jaccard') return Math.min(1, dot / (left + right - dot + h))
    if (similarity === 'asymmetric') {
      const ratio = dot / (left ** a * right ** (1 - a) + h)
      // Of weights it may be more.
      return weighting === 'none' ? Math.min(1, ratio) : ratio
    }
    if (similarity === 'rp3beta') {
      const size = has[j]!.filter(Boolean).length
      return dot / (lengths[i]! ** options.rp3Alpha * size ** options.rp3Beta)
    }
    return Math.min(1, dot / (Math.sqrt(left) * Math.sqrt(right) + h))
  }
  return raw.map((_, i) => {
    const others = raw.map((_, j) => ({ item: j, score: i === j ? 0 : of(i, j) }))
    return best(
      others.map(({ item, score }) => ({ item, score: Math.fround(score) })),
      rows,
    ).map(({ item, score }) => ({ item, score: Math.fround(score ** locality) }))
  })
}

/** Expects the best of `all`. Powers and logarithms may differ in their last bit from those of the kernel. */
function expectBest(found: readonly Scored[], all: readonly Scored[], limit: number): void {
  const expected = all.slice(0, limit)
  expect(found).toHaveLength(expected.length)
  found.forEach(({ item, score }, at) => {
    expect(score / expected[at]!.score).toBeCloseTo(1, 5)
    expect(score / all.find(other => other.item === item)!.score).toBeCloseTo(1, 5)
    if (at > 0) expect(score).toBeLessThanOrEqual(found[at - 1]!.score)
  })
}

/** What needs neither: sums, square roots and quotients are the same everywhere. */
const isExact = ({ similarity = 'tfidf', locality = 1 }: Given) =>
  ['cosine', 'jaccard'].includes(similarity) && locality === 1

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
  similarity: fc.constantFrom('cosine', 'tfidf', 'bm25', 'jaccard', 'asymmetric', 'rp3beta'),
  neighbours: fc.integer({ min: 1, max: 12 }),
  weighting: fc.constantFrom('none', 'weight'),
  shrinkage: fc.constantFrom(0, 2.5),
  locality: fc.constantFrom(1, 1, 1.7),
  asymmetry: fc.constantFrom(0.3, 0.8),
  similarityK1: fc.constantFrom(1.2, 100),
  rp3Alpha: fc.constantFrom(1, 0.7),
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
      const all = naiveSimilarities(dataset.byItem, given)
      const similar = model.similar!(all.map((_, item) => ({ item, limit: 100 }))).map(scored)
      similar.forEach((list, item) => {
        if (isExact(given)) expect(list).toEqual(all[item]!.slice(0, given.neighbours))
        else expectBest(list, all[item]!, given.neighbours)
      })

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
      expect(lists.map(scored)).toEqual(resolved.map(one => naiveRank(similar, one)))
    }),
    {
      numRuns: 25,
      examples: [
        [
          [
            [0, 0, 0.3],
            [0, 1, 1],
          ],
          {
            similarity: 'asymmetric',
            weighting: 'weight',
            asymmetry: 0.3,
            shrinkage: 0,
            neighbours: 1,
            locality: 1,
            similarityK1: 1.2,
            rp3Alpha: 1,
          },
          [],
        ],
      ],
    },
  )
})

/** The list of one request by the users most like it: the slow way, for similarities that are exact. */
function naiveRankByUsers(dataset: Dataset, given: Given, one: ResolvedRequest): Scored[] {
  const { similarity, weighting, shrinkage, neighbours } = neighboursOptions.parse(given)
  const raw = denseOf(dataset.byUser)
  const counted = (row: readonly number[]) => row.map(value => (weighting === 'none' ? Number(value !== 0) : value))
  const history = Array<number>(dataset.byUser.columns).fill(0)
  one.history.indices.forEach((item, at) => {
    history[item] = one.history.weights[at]!
  })
  const own = counted(history)
  const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((value, at) => value * b[at]!))
  const users = raw.map((row, user) => {
    const other = counted(row)
    const [common, left, right] = [dot(own, other), dot(own, own), dot(other, other)]
    const denominator = similarity === 'jaccard' ? left + right - common : Math.sqrt(left) * Math.sqrt(right)
    const score = user === one.user || common === 0 ? 0 : Math.min(1, common / (denominator + shrinkage))
    return { item: user, score: Math.fround(score) }
  })
  const scores = Array<number>(history.length).fill(0)
  for (const { item: user, score } of best(users, neighbours)) {
    raw[user]!.forEach((weight, item) => {
      scores[item]! += score * weight
    })
  }
  const allowed = scores.map((score, item) => ({ item, score: Math.fround(score) }))
  return best(
    allowed.filter(({ item }) => !one.exclude.includes(item) && (one.only?.includes(item) ?? true)),
    one.limit,
  )
}

test('lists by users are those of the users whose histories are most like it as it is now', async () => {
  const exact = fc.record({
    similarity: fc.constantFrom('cosine', 'jaccard'),
    neighbours: fc.integer({ min: 1, max: 12 }),
    weighting: fc.constantFrom('none', 'weight'),
    shrinkage: fc.constantFrom(0, 2.5),
    by: fc.constant('users'),
  })
  await fc.assert(
    fc.asyncProperty(pairs, exact, requests, fc.integer({ min: -1, max: 11 }), async (pairs, given, requests, user) => {
      const dataset = await datasetOf(pairs)
      const { rows, columns } = dataset.byUser
      const model = await served(dataset, given)
      const below = (items: readonly number[]) => Uint32Array.from(items.filter(item => item < columns))
      const resolved = requests.map(({ history, weight, limit, exclude, only }) => {
        const indices = below(history)
        return request({
          user: user < rows ? user : -1,
          history: { indices, weights: Float32Array.from(indices, item => weight * (item + 1)) },
          limit,
          exclude: below(exclude),
          only: only ? below(only) : undefined,
        })
      })
      // As it was in the training, too.
      if (rows > 0) resolved.push(request({ user: 0, history: rowOf(dataset.byUser, 0) }))
      expect(model.rank(resolved).map(scored)).toEqual(resolved.map(one => naiveRankByUsers(dataset, given, one)))
    }),
    { numRuns: 25 },
  )
})

test.each(['tfidf', 'bm25', 'asymmetric', 'rp3beta'] as const)(
  'users are compared by %s as rows of a training',
  async similarity => {
    const dataset = await datasetOf(randomInteractions(60, 30, 3))
    for (const weighting of ['none', 'weight'] as const) {
      const given = { similarity, weighting, by: 'users', neighbours: 1 } as const
      const model = await served(dataset, given)
      const all = naiveSimilarities(dataset.byUser, given)
      all.forEach((others, user) => {
        const history = rowOf(dataset.byUser, user)
        const [list] = model.rank([request({ user, history, limit: 100 })])
        // With one neighbour the scores are its weights times the similarity.
        const [first] = others
        const score = list!.scores[0]! / Math.max(...rowOf(dataset.byUser, first!.item).weights)
        expect(score / first!.score).toBeCloseTo(1, 4)
      })
    }
  },
)

test('a model of users finds similar items by the users that they share', async () => {
  const dataset = await datasetOf(randomInteractions(60, 30, 3))
  const model = await served(dataset, { by: 'users', weighting: 'none' })
  const all = naiveSimilarities(dataset.byItem, { similarity: 'tfidf', weighting: 'none' })
  const lists = model.similar!(all.map((_, item) => ({ item, limit: 7 })))
  lists.forEach((list, item) => {
    expectBest(scored(list), all[item]!, 7)
  })
})

test('a model from before there was a choice is read as what it is', async () => {
  const dataset = await datasetOf(randomInteractions(60, 30, 3))
  const directory = join(freshFolder(), 'model')
  const trained = await train(dataset, { similarity: 'cosine', neighbours: 20 })
  const options = { neighbours: 20, weighting: 'none', shrinkage: 10 }
  await saveArtifact(directory, { algorithm: 'neighbours', options, dataset, trained })
  const model = OpenModel.open(directory)
  const [list] = model.similar([{ item: 0, limit: 5 }])
  expect(scored(list!)).toEqual(naiveSimilarities(dataset.byItem, { similarity: 'cosine' })[0]!.slice(0, 5))
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
  const model = await served(dataset, { similarity: 'cosine', shrinkage: 0 })
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
