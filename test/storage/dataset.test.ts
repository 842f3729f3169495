import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Pool, workerModuleUrl } from '../../src/parallel/pool.ts'
import { transposed } from '../../src/storage/csr.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import type { Sequences } from '../../src/storage/sequences.ts'
import { csrOf } from './csr-of.ts'
import { freshFolder } from './folder.ts'

const byUser = csrOf([
  [1, 2, 3],
  [4, 0, 5],
])
const events: Sequences = {
  rows: 2,
  columns: 3,
  indptr: BigUint64Array.of(0n, 4n, 6n),
  items: Uint32Array.of(2, 0, 1, 0, 2, 0),
  times: BigInt64Array.of(1n, 2n, 2n, 5n, 3n, 4n),
  weights: Float32Array.of(3, 0.5, 2, 0.5, 5, 4),
  kinds: Uint8Array.of(0, 1, 0, 1, 1, 1),
}
const parts = { byUser, users: ['ada', 'bo'], items: [30, 10, 20], events, kinds: ['like', 'play'] }
const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

test('a dataset comes back as written', async () => {
  const directory = join(freshFolder(), 'data')
  await writeDataset(directory, { ...parts, source: { files: ['x.csv'] } })
  const dataset = Dataset.open(directory, { verify: true })
  expect(dataset.manifest).toMatchObject({
    users: 2,
    items: 3,
    pairs: 5,
    events: 6,
    kinds: ['like', 'play'],
    source: { files: ['x.csv'] },
  })
  expect(dataset.byUser).toMatchObject(byUser)
  expect(dataset.byItem).toMatchObject(transposed(byUser))
  expect(dataset.events).toMatchObject(events)
  expect([dataset.users.indexOf('bo'), dataset.items.at(1), dataset.items.indexOf(20)]).toEqual([1, 10, 2])
})

test('events are there only if given', async () => {
  const directory = join(freshFolder(), 'data')
  await writeDataset(directory, { byUser, users: parts.users, items: parts.items })
  const dataset = Dataset.open(directory)
  expect([dataset.events, dataset.manifest.events]).toEqual([undefined, undefined])
  expect(readdirSync(directory)).not.toContain('events.safetensors')
})

test('workers read the same dataset at the same time', async () => {
  const directory = join(freshFolder(), 'data')
  await writeDataset(directory, parts)
  const read = () => pool.run(workerModuleUrl('./read-dataset', import.meta.url), 'readDataset', directory)
  const seen = await Promise.all([read(), read(), read(), read()])
  expect(seen).toEqual(Array(4).fill({ indices: [0, 1, 2, 0, 2], events: [2, 0, 1, 0, 2, 0], last: 20 }))
})

test('files of another dataset are refused, be they whole in themselves', async () => {
  const folder = freshFolder()
  await writeDataset(join(folder, 'a'), parts)
  const manifest = JSON.parse(readFileSync(join(folder, 'a', 'manifest.json'), 'utf8'))
  const saying = (change: object) => {
    writeFileSync(join(folder, 'a', 'manifest.json'), JSON.stringify({ ...manifest, ...change }))
    return Dataset.open(join(folder, 'a'))
  }
  expect(() => saying({ pairs: 6 }).byUser).toThrow(
    'by-user.safetensors does not belong to its manifest: expected 2 rows and 6 pairs, got 2 and 5',
  )
  expect(() => saying({ items: 4 }).byItem).toThrow('by-item.safetensors does not belong to its manifest')
  expect(() => saying({ events: 7 }).events).toThrow(
    'events.safetensors does not belong to its manifest: expected 2 rows and 7 events, got 2 and 6',
  )
  expect(() => saying({ kinds: undefined }).events).toThrow('expected codes and their names, got no names')
  expect(() => saying({ users: 3 }).users).toThrow('users.arrow does not belong to its manifest: expected 3 ids, got 2')
  expect(() => saying({ users: 'many' })).toThrow(
    'manifest.json is damaged: users must be a whole number above 0, got "many"; make the dataset anew',
  )
})

test('every byte counts: an altered or cut file is named', async () => {
  const directory = join(freshFolder(), 'data')
  await writeDataset(directory, parts)
  const opened = () => Dataset.open(directory, { verify: true })
  for (const name of readdirSync(directory).filter(name => name !== 'manifest.json')) {
    const path = join(directory, name)
    const bytes = readFileSync(path)
    const altered = Buffer.from(bytes)
    altered[bytes.length >> 1]! ^= 1
    writeFileSync(path, altered)
    expect(opened).toThrow(`${path} is damaged`)
    writeFileSync(path, bytes.subarray(0, -1))
    expect(opened).toThrow(`${path} is damaged`)
    rmSync(path)
    expect(opened).toThrow(`${path} is missing`)
    writeFileSync(path, bytes)
  }
  opened()
})

test('parts that do not fit together are refused', () => {
  const directory = join(freshFolder(), 'data')
  expect(() => writeDataset(directory, { ...parts, users: ['ada'] })).toThrow(
    'a matrix of 2 × 3 needs as many ids, got 1 users and 3 items',
  )
  expect(() => writeDataset(directory, { ...parts, events: { ...events, columns: 4 } })).toThrow(
    'events must be 2 × 3 like the pairs, got 2 × 4',
  )
  expect(() => writeDataset(directory, { ...parts, events: { ...events, times: BigInt64Array.of(1n) } })).toThrow(
    'the events are no sequences: 6 items need as many times, got 1',
  )
  expect(() => writeDataset(directory, { ...parts, kinds: ['like'] })).toThrow(
    'the kinds of events do not fit: there is a code 1, but only 1 names',
  )
  expect(() => writeDataset(directory, { ...parts, kinds: Array(256).fill('like') })).toThrow(
    'expected at most 255 names, got 256',
  )
  expect(() => writeDataset(directory, { ...parts, events: undefined })).toThrow(
    'expected codes and their names, got names only',
  )
})

test('a dataset that was replaced while it was used says so, and keeps what it had mapped', async () => {
  const directory = join(freshFolder(), 'data')
  await writeDataset(directory, parts)
  const dataset = Dataset.open(directory)
  const { indices } = dataset.byUser
  await writeDataset(directory, { ...parts, users: ['cy', 'di'] }, { replace: true })
  expect([...indices]).toEqual([0, 1, 2, 0, 2])
  expect(() => dataset.users).toThrow(`${directory} was replaced by another dataset while it was used: open it again`)
  expect(Dataset.open(directory).users.at(0)).toBe('cy')
})
