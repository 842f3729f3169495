import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { saveArtifact } from '../../src/models/artifact/artifact.ts'
import { Pool, workerModuleUrl } from '../../src/parallel/pool.ts'
import { Dataset, type DatasetParts, writeDataset } from '../../src/storage/dataset.ts'
import { csrOf } from './csr-of.ts'
import { freshFolder } from './folder.ts'
import type { Read } from './read-in-a-loop.ts'

const readers = workerModuleUrl('./read-in-a-loop', import.meta.url)
const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

const replacements = 80

/** A dataset that says in each of its parts of which version it is. */
function partsOf(version: number): DatasetParts {
  const row = Array.from({ length: 1 + (version % 3) }, () => 1 + version)
  return { byUser: csrOf([row]), users: ['ada'], items: row.map((_, at) => version * 10 + at), source: { version } }
}

/** What two readers found while `replace` made versions from 2 on of what was of version 1. */
async function readWhile(directory: string, names: readonly string[], replace: (version: number) => Promise<unknown>) {
  const stop = new Int32Array(new SharedArrayBuffer(8))
  const reads = names.map(name => pool.run<Read>(readers, name, { directory, stop }))
  try {
    // To load the readers may take longer than all replacements.
    while (Atomics.load(stop, 1) < names.length) await wait(5)
    for (let version = 2; version <= replacements + 1; version++) {
      await replace(version)
      // As on a disk: files in memory are replaced ten times while one is opened.
      await wait(5)
    }
  } finally {
    Atomics.store(stop, 0, 1)
  }
  return Promise.all(reads)
}

function expectSound({ times, versions, faults }: Read): void {
  expect(faults.slice(0, 3)).toEqual([])
  expect(versions).toEqual(versions.toSorted((a, b) => a - b))
  expect(versions.length).toBeGreaterThan(10)
  expect(times).toBeGreaterThan(versions.length)
}

test('a reader finds a model at any time while it is replaced, and never parts of two', async () => {
  const folder = freshFolder()
  const directory = join(folder, 'model')
  const datasets = await Promise.all(
    [0, 1, 2].map(async version => {
      await writeDataset(join(folder, `data-${version}`), partsOf(version))
      return Dataset.open(join(folder, `data-${version}`))
    }),
  )
  const save = (version: number) => {
    const trained = {
      tensors: { version: { data: Uint32Array.of(version), shape: [1] } },
      epochs: 1,
      complete: true,
      loss: [],
    }
    const parts = { algorithm: 'test', options: { version }, dataset: datasets[version % 3]!, trained }
    return saveArtifact(directory, parts, { replace: true })
  }
  await save(1)
  for (const read of await readWhile(directory, ['readModels', 'verifyModels'], save)) expectSound(read)
  expect(readdirSync(folder).sort()).toEqual(['data-0', 'data-1', 'data-2', 'model'])
})

test('a reader finds a dataset at any time while it is replaced, and parts of one or an error that says so', async () => {
  const folder = freshFolder()
  const directory = join(folder, 'data')
  const write = (version: number) => writeDataset(directory, partsOf(version), { replace: true })
  await write(1)
  for (const read of await readWhile(directory, ['readDatasets', 'readDatasets'], write)) expectSound(read)
  expect(readdirSync(folder)).toEqual(['data'])
})
