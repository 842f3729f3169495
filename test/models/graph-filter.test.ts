import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Model, ResolvedRequest, TrainProgress } from '../../src/models/algorithm.ts'
import { noEvents } from '../../src/models/algorithm.ts'
import { Artifact, saveArtifact } from '../../src/models/artifact/artifact.ts'
import { forgetInDirectory } from '../../src/models/artifact/forget.ts'
import { graphFilter } from '../../src/models/item-item/graph-filter/index.ts'
import { checkMemory, trainingBytes } from '../../src/models/item-item/graph-filter/memory.ts'
import { type GraphFilterOptions, graphFilterOptions } from '../../src/models/item-item/graph-filter/options.ts'
import { responseOf } from '../../src/models/item-item/graph-filter/polynomial.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { openSafetensors } from '../../src/storage/safetensors.ts'
import { freshFolder } from '../storage/folder.ts'
import { forgedModel, withValue } from './forged.ts'
import { checkerboard, datasetOf, randomInteractions } from './interactions.ts'
import { naiveGraphFilter } from './naive-graph-filter.ts'
import { requestOf } from './requests.ts'
import { trained } from './trained.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

type Given = Partial<GraphFilterOptions>

const train = (dataset: Dataset, given: Given = {}, workers = pool) =>
  graphFilter.train(dataset, graphFilterOptions.parse(given), { pool: workers })

/** A model as it is served: trained, saved and opened. */
async function served(dataset: Dataset, given: Given = {}): Promise<{ model: Model; artifact: Artifact }> {
  const directory = join(freshFolder(), 'model')
  const options = graphFilterOptions.parse(given)
  await saveArtifact(directory, { algorithm: 'graph-filter', options, dataset, trained: await train(dataset, given) })
  const artifact = Artifact.open(directory)
  graphFilter.verify(artifact)
  return { artifact, model: graphFilter.open(artifact) }
}

function request(given: Partial<ResolvedRequest>): ResolvedRequest {
  const history = { indices: new Uint32Array(0), weights: new Float32Array(0) }
  return { user: -1, history, recent: noEvents, limit: 10, exclude: new Uint32Array(0), only: undefined, ...given }
}

/** The scores of all items for a history, by item. */
function scoresOf(model: Model, history: ReadonlyMap<number, number>, items: number): number[] {
  const indices = Uint32Array.from(history.keys()).sort()
  const weights = Float32Array.from(indices, item => history.get(item)!)
  const [list] = model.rank([request({ history: { indices, weights }, limit: items })])
  expect(list!.items).toHaveLength(items)
  const scores = new Array<number>(items)
  list!.items.forEach((item, at) => {
    scores[item] = list!.scores[at]!
  })
  return scores
}

const pairs = fc.uniqueArray(
  fc.tuple(fc.nat(11), fc.nat(9), fc.constantFrom(1, 2, 0.3)).map(([u, i, w]) => [u, i, w] as const),
  { minLength: 8, maxLength: 70, selector: ([u, i]) => u * 100 + i },
)
const options = fc
  .record({
    filter: fc.constantFrom('gf-cf', 'turbo-cf', 'bspm'),
    factors: fc.integer({ min: 1, max: 12 }),
    lowPassWeight: fc.constantFrom(0, 0.2, 1.5),
    userExponent: fc.constantFrom(0.5, 0.5, 0.3),
    itemExponent: fc.constantFrom(0.5, 0.5, 0.8),
    filterOrder: fc.constantFrom(1, 2, 3),
    blurringTime: fc.constantFrom(1, 0.7),
    blurringSteps: fc.constantFrom(1, 2),
    sharpeningTime: fc.constantFrom(0, 1.2, 2.5),
    sharpeningSteps: fc.constantFrom(1, 2),
    sharpeningSolver: fc.constantFrom('euler', 'rk4'),
    lowPassMerge: fc.constantFrom('early', 'late'),
    weighting: fc.constantFrom('none', 'weight'),
    seed: fc.nat(5),
  })
  .map(given => graphFilterOptions.parse({ ...given, powerIterations: 10 }))

test('scores are those of dense matrices, for users of the training and others', async () => {
  await fc.assert(
    fc.asyncProperty(pairs, options, fc.uniqueArray(fc.nat(9), { minLength: 1 }), async (pairs, given, likes) => {
      const dataset = await datasetOf(pairs)
      const { rows: items, columns: users } = dataset.byItem
      const naive = naiveGraphFilter(dataset.byUser, given)
      // Where the last vector that is kept is as good as the next, or rounding alone says whether there is one, either will do.
      const kept = Math.min(given.factors!, users, items)
      const [last = 0, next = 0] = [naive.eigenvalues[kept - 1], naive.eigenvalues[kept]]
      fc.pre(kept === items || last - next > 0.02 || last < 1e-9)
      // Vectors of eigenvalues below a thousandth of the largest are less exact in single precision; filters hardly pass them.
      fc.pre(naive.eigenvalues.every(value => value > 0.002 || value < 1e-9))

      const { model } = await served(dataset, given)
      const known = likes.filter(item => item < items)
      fc.pre(known.length > 0)
      const history = new Map(known.map(item => [item, 1 + (item % 3)]))
      const row = Array.from({ length: items }, (_, item) =>
        given.weighting === 'weight' ? (history.get(item) ?? 0) : Number(history.has(item)),
      )
      const expected = naive.scores(row)
      const most = Math.max(1, ...expected.map(Math.abs))
      scoresOf(model, history, items).forEach((score, item) => {
        expect(Math.abs(score - expected[item]!) / most, `item ${item}`).toBeLessThan(2e-3)
      })
    }),
    { numRuns: 25 },
  )
})

test.each([
  [11, 9],
  [7, 12],
])('all directions of %i users and %i items are found, whatever the seed', async (users, items) => {
  const dataset = await datasetOf(
    Array.from({ length: users * items }, (_, at) => [at % users, Math.floor(at / users), 1] as const).filter(
      ([user, item]) =>
        (user * 7 + item * item * 3 + user * item) % 5 < 2 ||
        user % items === item ||
        (items > users && item % users === user),
    ),
  )
  const given: Given = { filter: 'bspm', factors: 12, lowPassWeight: 1.5, lowPassMerge: 'late', powerIterations: 3 }
  const expected = naiveGraphFilter(dataset.byUser, graphFilterOptions.parse(given)).scores(
    Array.from({ length: items }, (_, item) => Number(item % 3 === 0)),
  )
  const history = new Map(
    Array.from({ length: items }, (_, item) => [item, 1] as const).filter(([item]) => item % 3 === 0),
  )
  for (let seed = 0; seed < 20; seed++) {
    const { model } = await served(dataset, { ...given, seed })
    scoresOf(model, history, items).forEach((score, item) => {
      expect(score, `seed ${seed}, item ${item}`).toBeCloseTo(expected[item]!, 3)
    })
  }
})

test('the published filters are the polynomials that they are', () => {
  const of = (given: Given) => responseOf(graphFilterOptions.parse(given))
  expect(of({ filter: 'gf-cf', lowPassWeight: 0.3 })).toEqual({ linear: [0, 1], lowPass: [0.3] })
  expect(of({ filter: 'turbo-cf', filterOrder: 2 })).toEqual({ linear: [0, 2, -1] })
  const sharpening = [1, -2.5, 3.125, -(2.5 ** 3) / 6, 2.5 ** 4 / 24]
  const bspm: Given = { filter: 'bspm', lowPassWeight: 1, sharpeningTime: 2.5, sharpeningSolver: 'rk4' }
  expect(of(bspm)).toEqual({ linear: [0, ...sharpening], lowPass: sharpening })
  expect(of({ ...bspm, lowPassMerge: 'late' }).lowPass).toEqual([1])
  expect(of({ ...bspm, lowPassWeight: 0 }).lowPass).toBeUndefined()
})

test('any number of workers gives the same bits', async () => {
  const dataset = await datasetOf(randomInteractions(200, 90, 3))
  const tensorsOf = async (workers: Pool) => {
    const { tensors } = await train(dataset, { factors: 12 }, workers)
    return Object.entries(tensors).map(([name, tensor]) => [
      name,
      'data' in tensor ? [tensor.data] : Array.from(tensor.pieces(), piece => piece.slice()),
    ])
  }
  const expected = await tensorsOf(pool)
  for (const threads of [1, 3, 7]) {
    const other = new Pool({ threads })
    expect(await tensorsOf(other)).toEqual(expected)
    await other.close()
  }
})

test('the vectors of users and items multiply to the part of the low-pass', async () => {
  const dataset = await datasetOf(randomInteractions(60, 130, 5))
  const given: Given = { filter: 'bspm', factors: 6, lowPassWeight: 3 }
  const { model, artifact } = await served(dataset, given)
  const linear = (await served(dataset, { ...given, lowPassWeight: 0 })).model
  const { data, factors } = model.vectors!('items')
  const users = model.vectors!('users').data
  expect(factors).toBe(6)
  const items = dataset.byItem.rows
  for (const user of [0, 7, 33]) {
    const [begin, end] = [Number(artifact.history.indptr[user]), Number(artifact.history.indptr[user + 1])]
    const { indices, weights } = artifact.history
    const history = new Map([...indices.subarray(begin, end)].map((item, at) => [item, weights[begin + at]!]))
    const [all, without] = [scoresOf(model, history, items), scoresOf(linear, history, items)]
    all.forEach((score, item) => {
      let product = 0
      for (let f = 0; f < factors; f++) product += users[user * factors + f]! * data[item * factors + f]!
      expect(score - without[item]!).toBeCloseTo(product, 3)
    })
  }
})

test('a filter without low-pass has neither vectors nor tensors of them', async () => {
  const dataset = await datasetOf(checkerboard(20))
  for (const given of [{ filter: 'turbo-cf' }, { filter: 'gf-cf', lowPassWeight: 0 }] as const) {
    const { model, artifact } = await served(dataset, given)
    expect(model.vectors).toBeUndefined()
    expect(model.foldIn).toBeUndefined()
    const { tensors } = openSafetensors(join(artifact.directory, 'tensors.safetensors'))
    expect(Object.keys(tensors).sort()).toEqual(['itemScales', 'userScales'])
    const model2 = new OpenModel(artifact)
    expect(() => model2.vectors('items')).toThrow('a model of graph-filter cannot give vectors of users and items')
  }
})

test('a list without history is empty, and items without pairs are ranked last', async () => {
  const folder = freshFolder()
  const { rows, columns, indptr, indices, weights } = (await datasetOf(checkerboard(6))).byUser
  const wider = { rows, columns: columns + 1, indptr, indices, weights }
  await writeDataset(join(folder, 'data'), { byUser: wider, users: [0, 1, 2, 3, 4, 5], items: [0, 1, 2, 3, 4, 5, 6] })
  const { model } = await served(Dataset.open(join(folder, 'data')), { factors: 2 })
  expect(model.rank([request({})])[0]!.items).toHaveLength(0)
  const [first] = model.rank([request({ history: { indices: Uint32Array.of(0), weights: Float32Array.of(1) } })])
  expect(first!.items).toHaveLength(7)
  expect(first!.scores[first!.items.indexOf(6)]).toBe(0)
})

test('a user who is forgotten counts for nobody any more', async () => {
  const dataset = await datasetOf(randomInteractions(30, 20, 2))
  const directory = await trained(graphFilter, dataset, { pool, options: { filter: 'turbo-cf' } })
  const before = OpenModel.open(directory)
  const row = before.artifact.users.indexOf(3)
  const history = before.artifact.history
  const own = history.indices.slice(Number(history.indptr[row]), Number(history.indptr[row + 1]))
  before.close()
  await forgetInDirectory({ directory, user: '3' })
  const after = OpenModel.open(directory)
  expect(after.artifact.users.indexOf(3)).toBe(-1)
  const scales = openSafetensors(join(directory, 'tensors.safetensors')).tensors.userScales!
  expect(scales.data[row]).toBe(0)
  const recent = { items: own, weights: new Float32Array(own.length).fill(1), times: new Float64Array(own.length) }
  expect(after.rank([requestOf(-1, { recent })])[0]!.basis).toBe('model')
})

test('an item that does not exist is refused, and later requests are answered', async () => {
  const { model } = await served(await datasetOf(checkerboard(20)))
  const history = { indices: Uint32Array.of(3), weights: Float32Array.of(1) }
  const before = model.rank([request({ history })])
  const unknown = { indices: Uint32Array.of(2, 20), weights: Float32Array.of(1, 1) }
  expect(() => model.rank([request({ history: unknown })])).toThrow('history.items must hold items below 20, got 20')
  expect(model.rank([request({ history })])).toEqual(before)
})

test('negative scales, and responses of items beyond the last, are refused', async () => {
  const directory = await trained(graphFilter, await datasetOf(checkerboard(20)), { pool })
  const file = 'tensors.safetensors'
  const negative = await forgedModel(directory, file, tensors => withValue(tensors, 'itemScales', 4, -1))
  expect(() => OpenModel.open(negative)).toThrow('itemScales: place 4 must be finite and not below 0, but is -1')
  const beyond = await forgedModel(directory, file, tensors => withValue(tensors, 'response', 20, 1))
  expect(() => OpenModel.open(beyond)).toThrow('response: beyond the last item it must be 0, but is 1')
})

test('aborting ends the training with the reason, and the pool goes on', async () => {
  const dataset = await datasetOf(checkerboard(60))
  const reason = new Error('enough')
  const options = graphFilterOptions.parse({})
  const aborted = { pool, signal: AbortSignal.abort(reason) }
  await expect(graphFilter.train(dataset, options, aborted)).rejects.toBe(reason)

  const controller = new AbortController()
  const onProgress = () => controller.abort(reason)
  const training = graphFilter.train(dataset, options, { pool, signal: controller.signal, onProgress })
  await expect(training).rejects.toBe(reason)
  expect((await train(dataset)).complete).toBe(true)
})

test('progress rises to the whole, with a rate and no time left', async () => {
  const seen: TrainProgress[] = []
  const dataset = await datasetOf(checkerboard(30))
  const onProgress = (progress: TrainProgress) => seen.push(progress)
  await graphFilter.train(dataset, graphFilterOptions.parse({}), { pool, onProgress })
  const shares = seen.map(({ done }) => done)
  expect(shares).toEqual(shares.toSorted((a, b) => a - b))
  expect(seen.at(-1)).toMatchObject({ done: 1, secondsLeft: 0 })
  expect(seen.at(-1)!.rowsPerSecond).toBeGreaterThan(0)
})

test('weights beyond single precision are refused in words', async () => {
  const dataset = await datasetOf([
    [0, 0, 3e38],
    [0, 1, 3e38],
    [1, 1, 1e-30],
    [1, 2, 3e38],
  ])
  await expect(train(dataset, { weighting: 'weight' })).resolves.toBeDefined()
  const message = /weighting none/
  await expect(train(dataset, { weighting: 'weight', userExponent: 0, itemExponent: 0 })).rejects.toThrow(message)
})

test('what cannot fit in memory is refused with what would', () => {
  const sizes = { users: 1_000_000, items: 2_000_000, factors: 512, columns: 640 }
  expect(trainingBytes(sizes)).toBeGreaterThan(12.8e9)
  expect(() => checkMemory(sizes, 8e9)).toThrow(
    /^factors must be at most \d+ for those of 1000000 users and 2000000 items to fit in 8\.0 GB of memory, got 512, which take 12\.9 GB: /,
  )
  const most = Number(/at most (\d+)/.exec(messageOf(() => checkMemory(sizes, 8e9)))![1])
  expect(() => checkMemory({ ...sizes, factors: most, columns: most + 128 }, 8e9)).not.toThrow()
  expect(() => checkMemory({ ...sizes, factors: most + 1, columns: most + 129 }, 8e9)).toThrow(/^factors must be/)
})

function messageOf(work: () => void): string {
  try {
    work()
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

test('options that cannot be are refused by name', () => {
  expect(() => graphFilterOptions.parse({ factors: 0 })).toThrow(/factors/)
  expect(() => graphFilterOptions.parse({ filter: 'some' })).toThrow(/filter/)
  expect(() => graphFilterOptions.parse({ k: 5 })).toThrow(/k/)
})
