import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Model, recordMetrics, saveModel } from '../../src/models/model.ts'
import { checksumOf } from '../../src/storage/directory.ts'
import { byUser, smallModel } from './small-model.ts'

test('a model comes back as saved, with the ids and pairs it learned from', async () => {
  const { directory, dataset } = await smallModel()
  const model = Model.open(directory)
  expect([model.rank, model.userFactors, model.itemFactors, model.spectrum, model.history]).toEqual([
    2,
    Float32Array.of(1, 0.5, 0.25, 1),
    Float32Array.of(3, 0, 4, 3, 0, 2, 0, 0),
    Float64Array.of(25, 13),
    byUser,
  ])
  expect([model.users.indexOf('bo'), model.items.at(2), model.items.indexOf('10')]).toEqual([1, 20, 1])
  expect(model.manifest).toMatchObject({
    format: 'aurochs-model',
    kind: 'als',
    factors: 2,
    options: { factors: 2, epochs: 3, seed: 7 },
    dataset: { users: 2, items: 4, pairs: 5, checksum: checksumOf(dataset.manifest) },
    epochs: 3,
    loss: [9, 8.5, 8.25],
    metrics: { 'recall@20': 0.25 },
  })
})

test('a closed model says so', async () => {
  const model = Model.open((await smallModel()).directory)
  model.close()
  expect(() => model.itemFactors).toThrow('is closed')
})

test('a model shares the files of its dataset, and outlives it', async () => {
  const { folder, directory } = await smallModel()
  expect(statSync(join(directory, 'history.safetensors')).ino).toBe(
    statSync(join(folder, 'data/by-user.safetensors')).ino,
  )
  rmSync(join(folder, 'data'), { recursive: true })
  expect(Model.open(directory).users.at(0)).toBe('ada')
})

test('a later epoch takes the place of a checkpoint, and only if asked to', async () => {
  const { folder, directory, parts } = await smallModel()
  const before = Model.open(directory)
  await expect(saveModel(directory, parts)).rejects.toThrow('model exists')
  await saveModel(
    directory,
    { ...parts, epochs: 4, loss: [...parts.loss, 8], spectrum: Float64Array.of(200, 1) },
    { replace: true },
  )
  const after = Model.open(directory)
  expect([before.spectrum[0], after.spectrum[0], after.manifest.epochs]).toEqual([25, 200, 4])
  expect(after.checksum).not.toBe(before.checksum)
  expect(readdirSync(folder).sort()).toEqual(['data', 'model'])
})

test('metrics are recorded beside those that are there, and nothing else changes', async () => {
  const { directory } = await smallModel()
  const before = Model.open(directory)
  await recordMetrics(before, { 'ndcg@20': 0.125 })
  const after = Model.open(directory)
  expect(after.manifest).toEqual({ ...before.manifest, metrics: { 'recall@20': 0.25, 'ndcg@20': 0.125 } })
  expect(after.checksum).toBe(before.checksum)
  expect(after.userFactors).toEqual(before.userFactors)
})

test('a file that is cut short, altered or missing is refused by name', async () => {
  const { folder, directory } = await smallModel()
  const files = readdirSync(directory)
  expect(files.sort()).toEqual([
    'factors.safetensors',
    'history.safetensors',
    'items.arrow',
    'manifest.json',
    'users.arrow',
  ])
  for (const file of files) {
    const harmed = (harm: (path: string) => void) => {
      const copy = join(folder, 'harmed')
      rmSync(copy, { recursive: true, force: true })
      cpSync(directory, copy, { recursive: true })
      harm(join(copy, file))
      return () => Model.open(copy)
    }
    expect(harmed(path => truncateSync(path, statSync(path).size - 1))).toThrow(file)
    expect(harmed(path => rmSync(path))).toThrow(file)
    const flipped = (path: string) => {
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(path, bytes)
    }
    expect(harmed(flipped)).toThrow(file)
  }
})

test('factors that do not fit the dataset are refused, and nothing is written', async () => {
  const { folder, parts } = await smallModel()
  const short = { ...parts, items: { data: parts.items.data.subarray(0, 13), stride: 4 } }
  expect(() => saveModel(join(folder, 'short'), short)).toThrow(
    '4 rows of 2 factors were expected of the items, got 13 floats with stride 4',
  )
  expect(existsSync(join(folder, 'short'))).toBe(false)
})

test('other programs read the factors', async ({ skip }) => {
  const { directory } = await smallModel()
  // What the format says, in Python's own words: a length, a JSON header, raw little-endian tensors.
  const program = `
import json, struct, sys
raw = open(sys.argv[1], 'rb').read()
length, = struct.unpack('<Q', raw[:8])
items = json.loads(raw[8:8 + length])['items']
assert items['dtype'] == 'F32'
rows, rank = items['shape']
values = struct.unpack_from(f'<{rows * rank}f', raw, 8 + length + items['data_offsets'][0])
print(json.dumps([values[row * rank:(row + 1) * rank] for row in range(rows)]))`
  const python = spawnSync('python3', ['-c', program, join(directory, 'factors.safetensors')], { encoding: 'utf8' })
  skip(python.error !== undefined, 'python3 is not here')
  expect(python.stderr).toBe('')
  expect(JSON.parse(python.stdout)).toEqual([
    [3, 0],
    [4, 3],
    [0, 2],
    [0, 0],
  ])
})
