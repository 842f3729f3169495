import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportFactors } from '../../src/interchange/factors/export.ts'
import { type ImportFactorsOptions, importFactors } from '../../src/interchange/factors/import/import.ts'
import { noEvents } from '../../src/models/algorithm.ts'
import { als } from '../../src/models/factors/als/index.ts'
import { bpr } from '../../src/models/factors/bpr/index.ts'
import { ease } from '../../src/models/item-item/ease/index.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Recommender } from '../../src/recommend/recommender.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { type Tensor, writeSafetensors } from '../../src/storage/safetensors.ts'
import { aurochs, aurochsInTurn } from '../cli/aurochs.ts'
import { testCapabilities } from '../models/contract/capabilities.ts'
import type { Contract } from '../models/contract/contract.ts'
import { testDamage } from '../models/contract/damage.ts'
import { testRanking } from '../models/contract/ranking.ts'
import { datasetOf, randomInteractions } from '../models/interactions.ts'
import { eventsOf, requestOf } from '../models/requests.ts'
import { smallOptions, trained } from '../models/trained.ts'
import { freshFolder } from '../storage/folder.ts'
import { type Descr, npyBytes, type ZipOptions, zipBytes } from '../storage/numpy/archive.ts'
import { run } from './parquet.ts'

/** Four users and three items of two factors; the scores of user 1 are 1, 4, 3. */
const users = [1, 0, 1, 2, 0, 3, 2, -1]
const items = [1, 0, 0, 2, 3, 0]

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

/** What a file of implicit's ALS has. */
const saved = {
  'user_factors.npy': npyBytes('<f4', users, { shape: [4, 2] }),
  'item_factors.npy': npyBytes('<f4', items, { shape: [3, 2] }),
  'regularization.npy': npyBytes('<f8', [0.5], { shape: [] }),
  'factors.npy': npyBytes('<i8', [2], { shape: [] }),
  'use_cg.npy': npyBytes('|b1', [1], { shape: [] }),
  'cg_steps.npy': npyBytes('<i8', [3], { shape: [] }),
  'dtype.npy': npyBytes('<U7', ['float32'], { shape: [] }),
  'alpha.npy': npyBytes('<f8', [2], { shape: [] }),
}

function written(name: string, contents: Uint8Array | string, folder = freshFolder()): string {
  const path = join(folder, name)
  writeFileSync(path, contents)
  return path
}

const implicitFile = (files: Record<string, Buffer> = saved, options: ZipOptions = {}) =>
  written('als.npz', zipBytes(files, options))

async function imported(sources: readonly string[], options: Partial<ImportFactorsOptions> = {}): Promise<OpenModel> {
  const directory = join(freshFolder(), 'model')
  await importFactors(directory, { sources, pool, ...options })
  return OpenModel.open(directory)
}

/** Items and scores of a user's list. */
function listOf(model: OpenModel, user: number, given: Parameters<typeof requestOf>[1] = {}) {
  const [list] = model.rank([requestOf(user, given)])
  return {
    basis: list!.basis,
    items: Array.from(list!.items, row => model.artifact.items.at(row)),
    scores: [...list!.scores],
  }
}

const close = (values: readonly number[]) => values.map(value => expect.closeTo(value, 4))

test('a model of implicit serves: its users by their own vectors, with its options for whom it does not know', async () => {
  for (const options of [{}, { isDeflated: true }, { isZip64: true }]) {
    const model = await imported([implicitFile(saved, options)])
    expect(model.artifact.manifest).toMatchObject({
      algorithm: 'als',
      options: {
        factors: 2,
        confidence: 'implicit',
        alpha: 2,
        regularization: 0.5,
        unobservedWeight: 1,
        frequencyExponent: 0,
        weighting: 'weight',
        userVectors: 'trained',
      },
      dataset: { users: 4, items: 3, pairs: 0 },
      complete: true,
    })
    expect(listOf(model, 1)).toEqual({ basis: 'model', items: [1, 2, 0], scores: close([4, 3, 1]) })
    expect(listOf(model, -1).basis).toBe('popularity')
    // Item 0, (1, 0), twice: with Y^TY = diag(10, 4) and c = 2·2, (10 + 0.5 + 3) x = 4.
    const recent = eventsOf([[0, 2]])
    const folded = listOf(model, -1, { recent, seen: 'allow' })
    expect(folded).toEqual({ basis: 'model', items: [2, 0, 1], scores: close([(3 * 4) / 13.5, 4 / 13.5, 0]) })
    model.close()
  }
})

test('events of a user whose history is not known are added to what the vector says', async () => {
  const model = await imported([implicitFile()])
  const recent = eventsOf([[0, 2]])
  const list = listOf(model, 1, { recent })
  expect(list).toEqual({ basis: 'model', items: [1, 2], scores: close([4, 3 + (3 * 4) / 13.5]) })
  expect(listOf(model, 1, { recent: noEvents }).items).toEqual([1, 2, 0])
  expect(model.similarBy).toEqual(['cosine', 'shrunk-cosine'])
  const [similar] = model.similar([{ item: 0, limit: 2 }])
  expect([...similar!.items]).toEqual([2, 1])
})

test("biases of implicit's BPR stay biases, and a logistic factorization ranks as it does", async () => {
  const parameters = {
    'factors.npy': npyBytes('<i8', [2], { shape: [] }),
    'verify_negative_samples.npy': npyBytes('|b1', [1], { shape: [] }),
  }
  const withBias = {
    'user_factors.npy': npyBytes('<f4', [1, 0, 1, 0, 2, 1], { shape: [2, 3] }),
    'item_factors.npy': npyBytes('<f4', [1, 0, 0.5, 0, 2, -0.5], { shape: [2, 3] }),
  }
  const model = await imported([implicitFile({ ...withBias, ...parameters })])
  expect(model.artifact.manifest).toMatchObject({ algorithm: 'bpr', options: { factors: 2, biases: 'item' } })
  expect(listOf(model, 0)).toEqual({ basis: 'model', items: [0, 1], scores: close([1.5, -0.5]) })
  expect(listOf(model, 1)).toEqual({ basis: 'model', items: [1, 0], scores: close([3.5, 0.5]) })
  const logistic = await imported([implicitFile({ ...withBias, 'neg_prop.npy': npyBytes('<i8', [30], { shape: [] }) })])
  expect(logistic.artifact.manifest).toMatchObject({ algorithm: 'als', options: { factors: 3 } })
  expect(listOf(logistic, 1)).toEqual({ basis: 'model', items: [1, 0], scores: close([3.5, 0.5]) })
  const noBias = implicitFile({
    ...withBias,
    'user_factors.npy': npyBytes('<f4', [1, 0, 7], { shape: [1, 3] }),
    ...parameters,
  })
  await expect(imported([noBias])).rejects.toThrow(
    'must be 1, which the biases of items are multiplied by, but that of user 0 is 7: give --biases none',
  )
})

test('arrays of NumPy and safetensors are read in any order and precision, with ids from files', async () => {
  const folder = freshFolder()
  const columns = (values: readonly number[]) => [
    ...values.filter((_, at) => at % 2 === 0),
    ...values.filter((_, at) => at % 2),
  ]
  const files = (descr: Descr, isFortran: boolean) =>
    [users, items].map((values, side) =>
      written(
        `${side}-${descr.slice(1)}-${isFortran}.npy`,
        npyBytes(descr, isFortran ? columns(values) : values, { shape: [values.length / 2, 2], isFortran }),
        folder,
      ),
    )
  const itemIds = written('items.txt', 'a\nb\r\nc\n', folder)
  const userIds = written('users.npy', npyBytes('<i8', [70, 50, 90, 60]), folder)
  for (const descr of ['<f4', '>f4', '<f8'] as const) {
    for (const isFortran of [false, true]) {
      const model = await imported(files(descr, isFortran), { userIds, itemIds })
      expect(model.artifact.users.at(1)).toBe(50)
      expect(listOf(model, 1)).toEqual({ basis: 'model', items: ['b', 'c', 'a'], scores: close([4, 3, 1]) })
    }
  }
  const tensors: [string, Tensor, string, Tensor][] = [
    [
      'users',
      { data: Float32Array.from(users), shape: [4, 2] },
      'items',
      { data: Float32Array.from(items), shape: [3, 2] },
    ],
    [
      'user_embedding.weight',
      { data: Float64Array.from(users), shape: [4, 2] },
      'item_embedding.weight',
      { data: Float32Array.from(items), shape: [3, 2] },
    ],
  ]
  for (const [at, [user, usersOf, item, itemsOf]] of tensors.entries()) {
    const path = join(folder, `${at}.safetensors`)
    const ids = { data: BigInt64Array.of(7n, 2n ** 60n, 9n), shape: [3] }
    await writeSafetensors(path, { [user]: usersOf, [item]: itemsOf, item_ids: ids })
    const model = await imported([path])
    expect(listOf(model, 1)).toEqual({ basis: 'model', items: [2n ** 60n, 9, 7], scores: close([4, 3, 1]) })
  }
})

test('tables of Parquet are read whatever their columns are called', async () => {
  const folder = freshFolder()
  const [left, right] = [join(folder, 'u.parquet'), join(folder, 'i.parquet')]
  await run(
    `copy (select * from (values ('x', [1.0, 0.0]), ('y', [1.0, 2.0])) t(name, embedding)) to '${left}' (format parquet)`,
  )
  await run(
    `copy (select id, features::float[2] as features, 1 as other from (values (12, [1, 0]), (10, [0, 2])) t(id, features)) to '${right}' (format parquet)`,
  )
  const model = await imported([left, right])
  expect(model.artifact.users.at(1)).toBe('y')
  expect(listOf(model, 1)).toEqual({ basis: 'model', items: [10, 12], scores: close([4, 1]) })
  const bad = join(folder, 'bad.parquet')
  await run(`copy (select 1 as a, 2 as b, [1.0] as c) to '${bad}' (format parquet)`)
  await expect(imported([bad, right])).rejects.toThrow(
    'bad.parquet must have a column of ids (id, or the only one of integers or text) and one of lists of floats, but has a INTEGER, b INTEGER, c ',
  )
  await run(`copy (select * from (values (1, [1.0]), (2, [1.0, 2.0])) t(id, v)) to '${bad}' (format parquet)`)
  await expect(imported([bad, right])).rejects.toThrow('vectors must be of one length, got from 1 to 2 values')
  await run(`copy (select * from (values (1, [1.0, null]), (2, [1.0, 2.0])) t(id, v)) to '${bad}' (format parquet)`)
  await expect(imported([bad, right])).rejects.toThrow('1 rows lack an id, a vector or a value of it: leave them out')
})

/** A model as Spark 4.3 saves it: metadata of one line, factors in parts of Parquet by block. */
async function sparkModel(metadata: object = { class: 'org.apache.spark.ml.recommendation.ALSModel', rank: 2 }) {
  const place = join(freshFolder(), 'model [spark]')
  for (const name of ['metadata', 'userFactors', 'itemFactors']) mkdirSync(join(place, name), { recursive: true })
  writeFileSync(join(place, 'metadata/part-00000-1a'), `${JSON.stringify(metadata)}\n`)
  writeFileSync(join(place, 'userFactors/_SUCCESS'), '')
  const part = (side: string, at: number, rows: string) =>
    run(
      `copy (select id::integer as id, features::float[] as features from (values ${rows}) t(id, features))
       to '${place}/${side}/part-0000${at}-1a-c000.snappy.parquet' (format parquet, compression snappy)`,
    )
  await part('userFactors', 0, '(20, [1, 0]), (40, [1, 2])')
  await part('userFactors', 1, '(11, [0, 3])')
  await part('itemFactors', 0, '(5, [1, 0]), (3, [0, 2])')
  return place
}

test("the directory of Spark's ALSModel is read, all parts of it", async () => {
  const model = await imported([await sparkModel()])
  const { users } = model.artifact
  expect([20, 40, 11].map(id => users.indexOf(id)).toSorted()).toEqual([0, 1, 2])
  expect(listOf(model, users.indexOf(40))).toEqual({ basis: 'model', items: [3, 5], scores: close([4, 1]) })
  expect(listOf(model, users.indexOf(11))).toEqual({ basis: 'model', items: [3, 5], scores: close([6, 0]) })
  await expect(imported([await sparkModel({ class: 'org.apache.spark.ml.PipelineModel' })])).rejects.toThrow(
    'is no whole ALSModel of Spark: expected the class org.apache.spark.ml.recommendation.ALSModel, got org.apache.spark.ml.PipelineModel; save it again',
  )
  const rank = await sparkModel({ class: 'org.apache.spark.ml.recommendation.ALSModel', rank: 10 })
  await expect(imported([rank])).rejects.toThrow('expected 10 factors, as its metadata says, got 2')
})

test('what is exported is imported again: lists are the same', async () => {
  const directory = await trained(als, await datasetOf(randomInteractions(50, 30, 2)), {
    pool,
    options: { factors: 5, userVectors: 'trained' },
  })
  const original = OpenModel.open(directory)
  const dataset = await datasetOf(randomInteractions(50, 30, 2))
  for (const format of ['npy', 'safetensors', 'parquet'] as const) {
    const out = join(freshFolder(), 'factors')
    await exportFactors(directory, out, { format })
    for (const given of [{}, { dataset }]) {
      const again = await imported([out], given)
      for (let user = 0; user < 50; user++) {
        const request = requestOf(user, { limit: 5, seen: 'allow' })
        const [before] = original.rank([request])
        const [after] = again.rank([
          { ...request, user: again.artifact.users.indexOf(original.artifact.users.at(user)) },
        ])
        const ids = (model: OpenModel, list: typeof before) =>
          Array.from(list!.items, row => model.artifact.items.at(row))
        expect(ids(again, after)).toEqual(ids(original, before))
        expect([...after!.scores]).toEqual(close([...before!.scores]))
      }
    }
  }
})

test('with the data of the training, lists leave out what users have; what both do not share is counted', async () => {
  const dataset = await datasetOf([
    [0, 0, 1],
    [1, 1, 1],
    [9, 2, 1],
    [9, 8, 1],
  ])
  const directory = join(freshFolder(), 'model')
  const { unmatched } = await importFactors(directory, { sources: [implicitFile()], pool, dataset })
  expect(unmatched).toEqual({ users: { unknown: 2, without: 1 }, items: { unknown: 0, without: 1 } })
  const model = OpenModel.open(directory)
  const { users } = model.artifact
  expect(listOf(model, users.indexOf(1))).toMatchObject({ items: [2, 0, 8], scores: close([3, 1, 0]) })
  // User 9 has no vector: it is folded in.
  expect(listOf(model, users.indexOf(9))).toMatchObject({ basis: 'model', items: [0, 1] })
  expect(model.similarBy[0]).toBe('neighbours')
  const itemIds = written('ids.txt', 'a\nb\nc')
  await expect(importFactors(`${directory}-2`, { sources: [implicitFile()], pool, dataset, itemIds })).rejects.toThrow(
    /none of the items of .*als.npz is in .*data: expected ids like \d, got ids like a; name them by --item-ids, or leave the dataset out/,
  )
})

test('an imported model is served, and learns of users by their events', async () => {
  const directory = join(freshFolder(), 'model')
  await importFactors(directory, { sources: [implicitFile()], pool })
  const recommender = await Recommender.open({ model: directory, state: join(freshFolder(), 'state') })
  const ask = async (user: string) => {
    const { items } = await recommender.recommend({ user, limit: 3, seen: 'exclude', exclude: [] })
    return items.map(({ item }) => Number(item))
  }
  expect(await ask('1')).toEqual([1, 2, 0])
  await new Promise(resolve => {
    recommender.record({ id: 'e1', user: 'new', item: '0', weight: 2, time: Date.now() }, resolve)
  })
  expect((await ask('new'))[0]).toBe(2)
  await new Promise(resolve => {
    recommender.record({ id: 'e2', user: '1', item: '1', weight: 1, time: Date.now() }, resolve)
  })
  expect(await ask('1')).toEqual([2, 0])
  await recommender.close()
})

test('what is wrong with factors is said by file, row and remedy', async () => {
  const refused = (sources: readonly string[], options: Partial<ImportFactorsOptions> = {}) =>
    expect(imported(sources, options)).rejects
  const matrix = (values: readonly number[], shape: readonly number[]) => npyBytes('<f4', values, { shape })
  const [u, i] = [written('u.npy', matrix(users, [4, 2])), written('i.npy', matrix(items, [3, 2]))]
  await refused([join(freshFolder(), 'no.npz')]).toThrow('expected an .npz of implicit')
  await refused([u]).toThrow('u.npy is one side: name two files, first that of users and then that of items')
  await refused([u, i, i]).toThrow('expected an .npz of implicit')
  await refused([written('model.bin', 'x')]).toThrow('model.bin is of an unknown kind: expected an .npz of implicit')
  await refused([freshFolder()]).toThrow(
    "must be a model that Spark's ALSModel saved (metadata, userFactors, itemFactors) or an export",
  )
  await refused([u, written('i.npy', matrix(items, [2, 3]))]).toThrow('must have as many factors, got 2 and 3')
  await refused([written('u.npy', matrix(users, [8])), i]).toThrow(
    'must have two dimensions, rows and factors, but is of shape (8)',
  )
  await refused([written('u.npy', matrix([1, Number.NaN], [1, 2])), i]).toThrow(
    'factors must be finite, but row 0, column 1 of users is NaN: train the model anew',
  )
  await refused([written('u.npy', matrix([], [0, 2])), i]).toThrow('there is no row of users, expected one or more')
  await refused([implicitFile({ 'K.npy': npyBytes('<i8', [20], { shape: [] }) })]).toThrow(
    'must have user_factors and item_factors, as implicit saves models of factors, but has K',
  )
  const ids = (text: string) => ({ userIds: written('ids.txt', text) })
  await refused([u, i], ids('a\nb\n')).toThrow('ids.txt must be 4 ids, one a row of users, got 2')
  await refused([u, i], ids('a\nb\na\nc\n')).toThrow(
    'ids.txt must differ, but a comes again at row 2: give each row its own',
  )
  await refused([u, i], ids('a\n\nb\nc\n')).toThrow('ids.txt, line 2: expected an id, got an empty line; remove it')
  await refused([u, i], { algorithm: ease }).toThrow(
    'factors make a model of als or bpr, not of ease: name one of these, or none',
  )
  await refused([u, i], { options: { alpha: 0 } }).toThrow(
    'options of als: alpha must be a number above 0 to 1000000000, got 0',
  )
  await refused([u, i], { options: { factors: 3 } }).toThrow(
    'vectors must have 3 values, got 2: give --factors that many',
  )
})

test('the command makes a model, and takes options of what folds in', async () => {
  const folder = freshFolder()
  const file = implicitFile()
  const [done, bare, chosen, foreign] = await aurochsInTurn(
    ['import-factors', file, '--out', join(folder, 'a')],
    ['import-factors', file, '--out', join(folder, 'a')],
    ['import-factors', file, '--out', join(folder, 'b'), '--model', 'bpr', '--json'],
    ['import-factors', file, '--out', join(folder, 'c'), '--learning-rate', '0.1'],
  )
  expect(done).toMatchObject({ status: 0, stderr: '' })
  expect(done!.stdout).toContain('a: a model of als: the vectors of 4 users and 3 items were imported from')
  expect(done!.stdout).toContain('it has no pairs: lists may have what users have already (--dataset names them)')
  expect(bare).toMatchObject({ status: 1, stderr: expect.stringContaining('exists: choose another place') })
  expect(chosen!.json()).toMatchObject([{ algorithm: 'bpr', options: { factors: 2, biases: 'none' } }])
  expect(foreign).toMatchObject({ status: 2, stderr: expect.stringContaining('--learning-rate is an option of') })
  const { json } = await aurochs('recommend', join(folder, 'a'), '1', '--limit', '2', '--json')
  expect(json()).toMatchObject([{ user: 1, basis: 'model', items: [{ item: 1 }, { item: 2 }] }])
})

test('an export is the same wherever it is, and its ids are those of its lists', async () => {
  const directory = await trained(als, await datasetOf(randomInteractions(9, 9, 1)), { pool, options: { factors: 2 } })
  const out = join(freshFolder(), 'factors')
  await exportFactors(directory, out, { format: 'npy' })
  const copy = join(freshFolder(), 'copy')
  cpSync(out, copy, { recursive: true })
  const ids = readFileSync(join(out, 'user-ids.txt'), 'utf8').trim().split('\n').map(Number)
  const model = await imported([copy])
  expect(ids.map((_, row) => model.artifact.users.at(row))).toEqual(ids)
})

/** What the contract asks of every model, of factors that were exported and imported again. */
describe.each([
  ['als', als],
  ['bpr', bpr],
] as const)('an imported model of %s', (_, algorithm) => {
  const contract: Contract = {
    // There is no training to go on with.
    algorithm: { ...algorithm, resumable: false },
    isPersonal: true,
    hasTies: false,
    pools: () => [pool, pool, pool],
    async train(dataset: Dataset, { directory = join(freshFolder(), 'model') } = {}) {
      const folder = freshFolder()
      const first = await trained(algorithm, dataset, { pool, options: smallOptions(algorithm) })
      await exportFactors(first, join(folder, 'factors'), { format: 'npy' })
      // An inner product with the bias as its last value.
      const own = algorithm.name === 'bpr' ? { biases: 'item' } : {}
      await importFactors(directory, {
        sources: [join(folder, 'factors')],
        pool,
        dataset,
        algorithm,
        options: { ...smallOptions(algorithm), ...own },
        replace: true,
      })
      return directory
    },
  }
  describe('ranks', () => testRanking(contract))
  describe('when damaged', () => testDamage(contract))
  describe('can', () => testCapabilities(contract))
})
