import { createReadStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exportFactors, type FactorFormat } from '../../src/interchange/factors/export.ts'
import { als } from '../../src/models/factors/als/index.ts'
import { ease } from '../../src/models/item-item/ease/index.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { readNpy } from '../../src/storage/numpy/npy.ts'
import { openSafetensors } from '../../src/storage/safetensors.ts'
import { aurochs, aurochsInTurn } from '../cli/aurochs.ts'
import { checkerboard, datasetOf, randomInteractions } from '../models/interactions.ts'
import { smallModel } from '../models/small-model.ts'
import { trained } from '../models/trained.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'
import { rowsOf } from './parquet.ts'

async function modelOf(algorithm = als, options = {}): Promise<string> {
  const pool = new Pool({ threads: 1 })
  const directory = await trained(algorithm, await datasetOf(randomInteractions(60, 30, 3)), { pool, ...options })
  await pool.close()
  return directory
}

function vectorsOf(directory: string) {
  const model = OpenModel.open(directory)
  const { users, items } = model.artifact
  return {
    factors: model.vectors('users').factors,
    users: [...model.vectors('users').data],
    items: [...model.vectors('items').data],
    userIds: Array.from({ length: users.size }, (_, row) => users.at(row)),
    itemIds: Array.from({ length: items.size }, (_, row) => items.at(row)),
  }
}

async function exported(directory: string, format: FactorFormat): Promise<string> {
  const out = join(freshFolder(), 'factors')
  await exportFactors(directory, out, { format })
  return out
}

async function npyIn(path: string) {
  const array = await readNpy(createReadStream(path), path)
  const values: number[] = []
  for await (const piece of array.numbers()) values.push(...piece)
  return { descr: array.descr, shape: array.shape, values }
}

test('npy has a row for each user and item, and their ids in the same order', async () => {
  const directory = await modelOf()
  const { factors, users, items, userIds, itemIds } = vectorsOf(directory)
  const out = await exported(directory, 'npy')
  expect(readdirSync(out).sort()).toEqual(['item-ids.txt', 'items.npy', 'user-ids.txt', 'users.npy'])
  expect(await npyIn(join(out, 'users.npy'))).toEqual({ descr: '<f4', shape: [userIds.length, factors], values: users })
  expect(await npyIn(join(out, 'items.npy'))).toEqual({ descr: '<f4', shape: [itemIds.length, factors], values: items })
  expect(readFileSync(join(out, 'user-ids.txt'), 'utf8')).toBe(userIds.map(id => `${id}\n`).join(''))
  expect(readFileSync(join(out, 'item-ids.txt'), 'utf8')).toBe(itemIds.map(id => `${id}\n`).join(''))
})

test('safetensors has both sides, and ids where they are integers', async () => {
  const { directory } = await smallModel()
  const out = await exported(directory, 'safetensors')
  const file = openSafetensors(join(out, 'factors.safetensors'))
  const { users, items } = vectorsOf(directory)
  expect(Object.keys(file.tensors).sort()).toEqual(['item_ids', 'items', 'users'])
  expect([...file.tensors.users!.data]).toEqual(users)
  expect(file.tensors.items!.shape).toEqual([4, 2])
  expect([...file.tensors.items!.data]).toEqual(items)
  expect([...file.tensors.item_ids!.data]).toEqual([30n, 10n, 20n, 40n])
  expect(readFileSync(join(out, 'user-ids.txt'), 'utf8')).toBe('ada\nbo\n')
  file.close()
})

test('parquet has ids and vectors in the order of the model', async () => {
  const directory = await modelOf()
  const { factors, users, userIds } = vectorsOf(directory)
  const out = await exported(directory, 'parquet')
  expect(readdirSync(out).sort()).toEqual(['items.parquet', 'users.parquet'])
  const rows = await rowsOf(`select id, vector from '${out}/users.parquet'`)
  expect(rows.map(({ id }) => id)).toEqual(userIds)
  expect(rows.map(({ vector }) => vector)).toEqual(
    userIds.map((_, row) => users.slice(row * factors, (row + 1) * factors)),
  )
  const { directory: named } = await smallModel()
  const texts = await rowsOf(`select id, vector from '${await exported(named, 'parquet')}/users.parquet'`)
  expect(texts).toEqual([
    { id: 'ada', vector: [1, 0.5] },
    { id: 'bo', vector: [0.25, 1] },
  ])
})

test('faiss has the bytes that faiss writes', async () => {
  const { directory } = await smallModel()
  const out = await exported(directory, 'faiss')
  expect(readdirSync(out).sort()).toEqual(['item-ids.txt', 'items.faiss', 'user-ids.txt', 'users.npy'])
  // faiss-cpu 1.15.1: index = IndexIDMap2(IndexFlatIP(2)); index.add_with_ids([[2, 0], [1, 1], [0, 2], [1, -1]], [30, 10, 20, 40]); write_index(index, ...).
  const golden = [
    '49784d32020000000400000000000000000010000000000000001000000000000100000000',
    '49784649020000000400000000000000000010000000000000001000000000000100000000',
    '0800000000000000',
    '00000040000000000000803f0000803f00000000000000400000803f000080bf',
    '04000000000000001e000000000000000a0000000000000014000000000000002800000000000000',
  ]
  expect(readFileSync(join(out, 'items.faiss')).toString('hex')).toBe(golden.join(''))
  expect(await npyIn(join(out, 'users.npy'))).toEqual({ descr: '<f4', shape: [2, 2], values: [1, 0.5, 0.25, 1] })
})

test('faiss without integer ids finds rows, and fbin says its sizes first', async () => {
  const folder = freshFolder()
  const byUser = csrOf([
    [1, 1],
    [1, 0],
  ])
  await writeDataset(join(folder, 'data'), { byUser, users: [1, 2], items: ['a', 'b'] })
  const pool = new Pool({ threads: 1 })
  const directory = await trained(als, Dataset.open(join(folder, 'data')), { pool })
  await pool.close()
  const { items, users } = vectorsOf(directory)
  const index = readFileSync(join(await exported(directory, 'faiss'), 'items.faiss'))
  expect(index.toString('latin1', 0, 4)).toBe('IxFI')
  expect(index).toHaveLength(37 + 8 + 4 * items.length)
  const fbin = readFileSync(join(await exported(directory, 'fbin'), 'users.fbin'))
  expect([fbin.readUInt32LE(0), fbin.readUInt32LE(4)]).toEqual([2, 3])
  expect([...new Float32Array(new Uint8Array(fbin.subarray(8)).buffer)]).toEqual(users)
})

test('an export takes the place of another, and of nothing else', async () => {
  const { directory } = await smallModel()
  const out = await exported(directory, 'npy')
  await expect(exportFactors(directory, out, { format: 'fbin' })).rejects.toThrow(
    'factors exists: choose another place, or replace it (replace, --replace)',
  )
  await exportFactors(directory, out, { format: 'fbin', replace: true })
  expect(readdirSync(out).sort()).toEqual(['item-ids.txt', 'items.fbin', 'user-ids.txt', 'users.fbin'])
  writeFileSync(join(out, 'mine.txt'), '')
  await expect(exportFactors(directory, out, { format: 'npy', replace: true })).rejects.toThrow(
    'factors holds mine.txt, which is no file of exported factors, so it is not replaced: choose another place',
  )
})

test('ids with line breaks, and models without vectors, are refused in words', async () => {
  const folder = freshFolder()
  const byUser = csrOf([
    [1, 1],
    [1, 0],
  ])
  await writeDataset(join(folder, 'data'), { byUser, users: ['a\nb', 'c'], items: [1, 2] })
  const pool = new Pool({ threads: 1 })
  const directory = await trained(als, Dataset.open(join(folder, 'data')), { pool })
  const weights = await trained(ease, await datasetOf(checkerboard(6)), { pool })
  await pool.close()
  const out = join(folder, 'factors')
  await expect(exportFactors(directory, out, { format: 'npy' })).rejects.toThrow(
    'ids of users must have no line breaks to be written a line each, but there is "a\\nb": export to parquet',
  )
  expect(readdirSync(folder).filter(name => name.includes('factors'))).toEqual([])
  const rows = await rowsOf(`select id from '${await exported(directory, 'parquet')}/users.parquet' order by id`)
  expect(rows).toEqual([{ id: 'a\nb' }, { id: 'c' }])
  await expect(exportFactors(weights, out, { format: 'npy' })).rejects.toThrow(
    'a model of ease cannot give vectors of users and items: train another algorithm for that: als, autoencoder, bpr, word2vec, graph-filter',
  )
})

test('the command says what it wrote and what it expects', async () => {
  const { directory, folder } = await smallModel()
  const out = join(folder, 'factors')
  const done = await aurochs('export-factors', directory, '--out', out)
  expect(done).toMatchObject({ status: 0, stderr: '' })
  expect(done.stdout).toBe(
    `${out}: vectors of 2 users and 4 items, 2 factors (item-ids.txt, items.npy, user-ids.txt, users.npy)\n`,
  )
  mkdirSync(join(folder, 'other'))
  const [json, again] = await aurochsInTurn(
    ['export-factors', directory, '--out', join(folder, 'other'), '--format', 'faiss', '--json'],
    ['export-factors', directory, '--out', out],
  )
  expect(json!.json()).toEqual([
    { users: 2, items: 4, factors: 2, files: ['item-ids.txt', 'items.faiss', 'user-ids.txt', 'users.npy'] },
  ])
  expect(again).toMatchObject({ status: 1 })
})
