import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Artifact, recordMetrics, saveArtifact } from '../../src/models/artifact/artifact.ts'
import { asPieces, valuesOf } from '../../src/models/artifact/trained-tensor.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { algorithms } from '../../src/models/registry.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { checksumOf, openDirectory, writeDirectory } from '../../src/storage/directory.ts'
import { writeIds } from '../../src/storage/ids.ts'
import { valuesIn } from '../../src/storage/safetensors.ts'
import { sequenceOf } from '../../src/storage/sequences.ts'
import { freshFolder } from '../storage/folder.ts'
import { mappedFiles } from '../storage/mapped-files.ts'
import { sequencesOf } from '../storage/sequences-of.ts'
import { forgedModel, withData } from './forged.ts'
import { byUser, smallModel } from './small-model.ts'

test('a model comes back as saved, with the ids and pairs that it was trained on', async () => {
  const { directory, dataset, parts } = await smallModel()
  const model = Artifact.open(directory)
  expect(model.tensor('users', Float32Array).data).toEqual(Float32Array.of(1, 0.5, 0.25, 1))
  expect(model.tensor('items', Float32Array, [4, 2]).data).toEqual(Float32Array.of(2, 0, 1, 1, 0, 2, 1, -1))
  expect(model.tensor('spectrum', Float64Array, [2]).data).toEqual(Float64Array.of(6, 6))
  expect(model.history).toMatchObject(byUser)
  expect(model.events).toBeUndefined()
  // 20 is more popular than 10, whose row comes before.
  const { counts, order } = model.popularity
  expect([counts.data, order.data]).toEqual([Uint32Array.of(2, 1, 2, 0), Uint32Array.of(0, 2, 1, 3)])
  expect([model.users.indexOf('bo'), model.items.at(2), model.items.indexOf('10')]).toEqual([1, 20, 1])
  expect(model.manifest).toMatchObject({
    format: 'aurochs-model',
    version: 2,
    algorithm: 'als',
    options: parts.options,
    dataset: { users: 2, items: 4, pairs: 5, checksum: checksumOf(dataset.manifest) },
    epochs: 3,
    complete: true,
    loss: [9, 8.5, 8.25],
    metrics: { 'recall@20': 0.25 },
  })
})

test('a model has the ordered events of its dataset, where there are some', async () => {
  const folder = freshFolder()
  const events = sequencesOf(
    [
      [
        { item: 1, time: 5 },
        { item: 0, time: 7 },
        { item: 2, time: 9 },
      ],
      [
        { item: 2, time: 1 },
        { item: 0, time: 2 },
      ],
    ],
    4,
  )
  await writeDataset(join(folder, 'data'), { byUser, users: ['ada', 'bo'], items: [30, 10, 20, 40], events })
  const { parts } = await smallModel()
  const manifest = await saveArtifact(join(folder, 'model'), { ...parts, dataset: Dataset.open(join(folder, 'data')) })
  expect(manifest.dataset.events).toBe(5)
  const model = Artifact.open(join(folder, 'model'))
  expect([...sequenceOf(model.events!, 0).items]).toEqual([1, 0, 2])
  expect(model.events).toMatchObject(events)
})

test('a tensor that is missing, of another type or of another shape is named with its file', async () => {
  const { directory } = await smallModel()
  const model = Artifact.open(directory)
  const file = join(directory, 'tensors.safetensors')
  expect(() => model.tensor('bias', Float32Array)).toThrow(
    `${file} must hold a tensor bias of Float32Array, but has only index, spectrum, users, items`,
  )
  expect(() => model.tensor('items', Float64Array)).toThrow(`${file} must hold a tensor items of Float64Array, but has`)
  expect(() => model.tensor('items', Float32Array, [2, 4])).toThrow(
    `${file} does not belong to its manifest: expected items of shape 2 × 4, got 4 × 2`,
  )
})

test('a closed model cannot be used', async () => {
  const { directory } = await smallModel()
  const model = Artifact.open(directory)
  model.close()
  expect(() => model.tensor('items', Float32Array)).toThrow(`the model ${directory} is closed`)
  expect(() => model.history).toThrow('is closed')
  expect(() => model.popularity).toThrow('is closed')
})

test('a model shares the files of its dataset, and outlives it', async () => {
  const { folder, directory } = await smallModel()
  for (const [part, whole] of [
    ['history.safetensors', 'by-user.safetensors'],
    ['by-item.safetensors', 'by-item.safetensors'],
    ['users.arrow', 'users.arrow'],
    ['items.arrow', 'items.arrow'],
  ] as const) {
    expect(statSync(join(directory, part)).ino).toBe(statSync(join(folder, 'data', whole)).ino)
  }
  rmSync(join(folder, 'data'), { recursive: true })
  expect(Artifact.open(directory).users.at(0)).toBe('ada')
})

test('a model of a dataset that was replaced meanwhile is not saved', async () => {
  const { folder, parts, dataset } = await smallModel()
  const other = { byUser, users: ['cy', 'dee'], items: [31, 11, 21, 41] }
  await writeDataset(dataset.directory, other, { replace: true })
  await expect(saveArtifact(join(folder, 'other'), parts)).rejects.toThrow(
    `${dataset.directory} was replaced by another dataset while it was used: open it again`,
  )
  expect(readdirSync(folder).sort()).toEqual(['data', 'model'])
})

test.runIf(process.platform === 'linux')(
  'the files of a closed model are unmapped at once, as soon as nobody else has it open',
  async () => {
    const { folder, directory: original } = await smallModel()
    // Files that nobody else has open.
    const directory = join(folder, 'copy')
    cpSync(original, directory, { recursive: true })
    const mapped = () => mappedFiles().filter(file => file.startsWith(directory))
    const model = Artifact.open(directory)
    expect(model.users.at(1)).toBe('bo')
    const items = model.tensor('items', Float32Array)
    expect([...valuesIn(items, 2, 4)]).toEqual([1, 1])
    const other = Artifact.open(directory, { verify: false })
    model.close()
    expect(new Set(mapped())).toEqual(
      new Set(
        [
          ...['tensors.safetensors', 'history.safetensors', 'by-item.safetensors', 'popularity.safetensors'],
          ...['users.arrow', 'items.arrow'],
        ].map(name => join(directory, name)),
      ),
    )
    other.close()
    await new Promise(resolve => setImmediate(resolve))
    expect(mapped()).toEqual([])
    expect(() => valuesIn(items, 2, 4)).toThrow(
      `the tensor items of ${join(directory, 'tensors.safetensors')} is closed`,
    )
  },
)

test.runIf(process.platform === 'linux')('a model that is refused is not kept mapped', async () => {
  const { folder, directory: original } = await smallModel()
  const copy = join(folder, 'copy')
  cpSync(original, copy, { recursive: true })
  const path = join(copy, 'manifest.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  const { dataset, options } = manifest
  for (const change of [
    { dataset: { ...dataset, users: 3 } },
    { dataset: { ...dataset, items: 5 } },
    { options: { ...options, factors: 3 } },
    { algorithm: 'none' },
  ]) {
    writeFileSync(path, JSON.stringify({ ...manifest, ...change }))
    expect(() => OpenModel.open(copy, { verify: false })).toThrow()
    expect(mappedFiles().filter(file => file.startsWith(copy))).toEqual([])
  }
})

test('ids, popularity and events that contradict themselves are refused, though all checksums fit', async () => {
  const { folder, directory: original } = await smallModel()
  const order = await forgedModel(original, 'popularity.safetensors', tensors =>
    withData<{ order: Uint32Array }>(tensors, ({ order }) => order.fill(77, 1, 2)),
  )
  expect(() => Artifact.open(order)).toThrow(
    `${join(order, 'popularity.safetensors')} holds no popularity: place 1 of the order names item 77 of 4`,
  )
  const counts = await forgedModel(original, 'popularity.safetensors', tensors =>
    withData<{ counts: Uint32Array }>(tensors, ({ counts }) => counts.fill(9, 3, 4)),
  )
  expect(() => Artifact.open(counts)).toThrow('the counts do not fall by the order at place 3')
  const spectrum = await forgedModel(original, 'tensors.safetensors', tensors => ({
    ...tensors,
    spectrum: { data: Float64Array.of(1, Number.NaN), shape: [2] },
  }))
  expect(() => OpenModel.open(spectrum)).toThrow(
    'the tensor spectrum: its values must be finite and not below 0, but one is NaN',
  )
  const { files, ...fields } = openDirectory(original, 'aurochs-model')
  const withUsers = async (name: string, ids: string[], order: number[]) => {
    const forged = join(folder, name)
    await writeDirectory(forged, async draft => {
      for (const name of Object.keys(files)) cpSync(join(original, name), join(draft, name))
      rmSync(join(draft, 'users.arrow'))
      await writeIds(join(draft, 'users.arrow'), ids, Uint32Array.from(order))
      return fields
    })
    return forged
  }
  const disordered = await withUsers('disordered', ['ada', 'bo'], [1, 0])
  expect(() => Artifact.open(disordered)).toThrow(
    `${join(disordered, 'users.arrow')} holds no id map: the ids do not ascend by their order at place 1`,
  )
  const tooMany = await withUsers('too-many', ['ada', 'bo', 'cy'], [0, 1, 2])
  const wrong = `${join(tooMany, 'users.arrow')} does not belong to its manifest: expected ids 2, got 3`
  expect(() => Artifact.open(tooMany)).toThrow(wrong)
  const unverified = Artifact.open(tooMany, { verify: false })
  for (let access = 0; access < 2; access++) expect(() => unverified.users).toThrow(wrong)
})

test('a later epoch takes the place of a checkpoint, and only if asked to', async () => {
  const { folder, directory, parts } = await smallModel()
  const before = Artifact.open(directory)
  await expect(saveArtifact(directory, parts)).rejects.toThrow('model exists')
  const tensors = { ...parts.trained.tensors, spectrum: { data: Float64Array.of(200, 1), shape: [2] } }
  const later = { ...parts.trained, tensors, epochs: 4, loss: [...parts.trained.loss, 8] }
  await saveArtifact(directory, { ...parts, trained: later }, { replace: true })
  const after = Artifact.open(directory)
  const spectrum = (model: Artifact) => model.tensor('spectrum', Float64Array).data[0]
  expect([spectrum(before), spectrum(after), after.manifest.epochs]).toEqual([6, 200, 4])
  expect(after.checksum).not.toBe(before.checksum)
  expect(readdirSync(folder).sort()).toEqual(['data', 'model'])
})

test('metrics are recorded beside those that are there, and nothing else changes', async () => {
  const { directory } = await smallModel()
  const before = Artifact.open(directory)
  await recordMetrics(before, { 'ndcg@20': 0.125 })
  const after = Artifact.open(directory)
  expect(after.manifest).toEqual({ ...before.manifest, metrics: { 'recall@20': 0.25, 'ndcg@20': 0.125 } })
  expect(after.checksum).toBe(before.checksum)
  expect(after.tensor('users', Float32Array).data).toEqual(before.tensor('users', Float32Array).data)
})

test('a model is opened by its checksum, and another one in its place is refused', async () => {
  const { directory, parts } = await smallModel()
  const { checksum } = Artifact.open(directory)
  expect(Artifact.open(directory, { checksum }).checksum).toBe(checksum)
  const tensors = { ...parts.trained.tensors, spectrum: { data: Float64Array.of(200, 1), shape: [2] } }
  const { files } = await saveArtifact(
    directory,
    { ...parts, trained: { ...parts.trained, tensors } },
    { replace: true },
  )
  expect(() => Artifact.open(directory, { checksum })).toThrow(
    `${directory} must hold the model ${checksum}, but holds ${checksumOf({ files })}: it was replaced`,
  )
})

test('a model of version 1 is refused with the command that makes it anew', async () => {
  const { directory } = await smallModel()
  const manifest = join(directory, 'manifest.json')
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"version": 2', '"version": 1'))
  expect(() => Artifact.open(directory)).toThrow(
    `${directory} is a model of version 1, and this Aurochs reads version 2: make it anew by \`aurochs train\` with --replace`,
  )
})

test('a model of an algorithm that this Aurochs lacks is refused with those that it has', async () => {
  const { folder, parts } = await smallModel()
  await saveArtifact(join(folder, 'other'), { ...parts, algorithm: 'svd' })
  expect(() => OpenModel.open(join(folder, 'other'))).toThrow(
    `${join(folder, 'other', 'manifest.json')} is damaged: algorithm must be one of ${algorithms.map(({ name }) => name).join(', ')}, got "svd"; train the model anew`,
  )
})

test('a manifest that lacks what every model has is refused', async () => {
  const { directory } = await smallModel()
  const path = join(directory, 'manifest.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  const saying = (change: object) => {
    writeFileSync(path, JSON.stringify({ ...manifest, ...change }))
    return () => Artifact.open(directory, { verify: false })
  }
  const { 'tensors.safetensors': _, ...files } = manifest.files
  expect(saying({ files })).toThrow(`${path} is damaged: it lists no tensors.safetensors`)
  expect(saying({ algorithm: undefined })).toThrow(
    `${path} is damaged: algorithm must be a text, got nothing; train the model anew`,
  )
  expect(saying({ epochs: -1 })).toThrow(`${path} is damaged: epochs must be a whole number from 0 on, got -1`)
  expect(saying({ dataset: { ...manifest.dataset, pairs: '5' } })).toThrow(
    `${path} is damaged: dataset.pairs must be a whole number from 0 on, got "5"`,
  )
  expect(saying({ loss: [1, null] })).toThrow(`${path} is damaged: loss.1 must be a number, got null`)
  expect(saying({ complete: 'yes' })).toThrow(`${path} is damaged: complete must be true or false, got "yes"`)
  expect(saying({ dataset: { ...manifest.dataset, users: 3 } })).toThrow(
    'history.safetensors does not belong to its manifest: expected rows and pairs 3 × 5, got 2 × 5',
  )
  expect(saying({ dataset: { ...manifest.dataset, items: 5 } })).toThrow(
    'by-item.safetensors does not belong to its manifest: expected rows and pairs 5 × 5, got 4 × 5',
  )
  expect(saying({ dataset: { ...manifest.dataset, events: 5 } })).toThrow('events.safetensors')
})

test('tensors that lack rows are refused, and nothing is written', async () => {
  const { folder, parts } = await smallModel()
  const place = join(folder, 'short')
  const { items, spectrum, users } = parts.trained.tensors
  const saved = (tensors: typeof parts.trained.tensors) =>
    saveArtifact(place, { ...parts, trained: { ...parts.trained, tensors } })
  const values = valuesOf(items!, Float32Array)
  const short = { shape: [4, 2], data: values.subarray(0, 7) }
  await expect(saved({ users: users!, items: short, spectrum: spectrum! })).rejects.toThrow(
    'tensor items lacks its last 4 bytes',
  )
  const inPieces = { ...asPieces(items!), pieces: () => [values.subarray(0, 4), values] }
  await expect(saved({ items: inPieces })).rejects.toThrow('more values than tensor items has room for')
  expect(existsSync(place)).toBe(false)
  expect(readdirSync(folder).sort()).toEqual(['data', 'model'])
})

test('other programs read the tensors', async ({ skip }) => {
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
  const python = spawnSync('python3', ['-c', program, join(directory, 'tensors.safetensors')], { encoding: 'utf8' })
  skip(python.error !== undefined, 'python3 is not here')
  expect(python.stderr).toBe('')
  expect(JSON.parse(python.stdout)).toEqual([
    [2, 0],
    [1, 1],
    [0, 2],
    [1, -1],
  ])
})
