import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import pino from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { importDataset } from '../../src/ingest/import.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { defaultAlgorithm } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { serve } from '../../src/serve/serve.ts'
import type { ServeOptions } from '../../src/serve/server.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'

const options = { factors: 4, epochs: 3 }

/** A dataset, a model of it, and a server of that. */
async function served(given: (directories: { dataset: string; model: string }) => Partial<ServeOptions>) {
  const folder = freshFolder()
  const source = join(folder, 'plays.csv')
  const rows = Array.from({ length: 80 }, (_, at) => `u${at % 16},i${(at * 5) % 17}\n`).join('')
  writeFileSync(source, `user,item\n${rows}`)
  const [dataset, model, state] = [join(folder, 'dataset'), join(folder, 'model'), join(folder, 'state')]
  await importDataset({ sources: [source], user: 'user', item: 'item', out: dataset })
  await train(dataset, model)
  const lines: { readonly msg: string; readonly [field: string]: unknown }[] = []
  const log = pino({ level: 'info' }, { write: line => lines.push(JSON.parse(line)) })
  const server = await serve({ model, state, port: 0, threads: 1, log, ...given({ dataset, model }) })
  onTestFinished(() => server.close())
  const get = async (path: string) => (await fetch(server.url + path)).json()
  const record = async (user: string, item: string) => {
    const event = { id: `${user} ${item}`, user, item }
    return (await fetch(`${server.url}/v1/record`, { method: 'POST', body: JSON.stringify(event) })).json()
  }
  return { dataset, model, state, server, lines, get, record }
}

async function train(dataset: string, model: string, seed = 0): Promise<void> {
  const pool = new Pool({ threads: 1 })
  await trainModel(Dataset.open(dataset), model, defaultAlgorithm, { ...options, seed }, { pool, replace: seed > 0 })
  await pool.close()
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await wait(50)
}

test('a server retrains on what it records, serves the new model, and removes events that have their time', async () => {
  const { server, state, lines, get, record, model } = await served(({ dataset }) => ({
    retrain: { dataset, interval: 100, threads: 1, keep: 0, keepIds: 0 },
  }))
  for (let user = 0; user < 16; user++) expect(await record(`u${user}`, 'new')).toMatchObject({ known: false })
  const items = async () =>
    (await get('/v1/recommend/stranger?limit=30')).items.map(({ item }: { item: string }) => item)
  await until(async () => (await items()).includes('new'))
  expect((await get('/v1/info')).model.items).toBe(18)
  expect(Artifact.open(model).checksum).toBe((await get('/v1/info')).generation)
  // What the previous model lacks stays: it may be put back. After the next one it goes.
  await record('u1', 'newer')
  await until(async () => (await items()).includes('newer'))
  await until(() => lines.some(({ msg }) => msg === 'old events were removed'))
  const reader = new DatabaseSync(join(state, 'events.db'), { readOnly: true })
  expect(reader.prepare('SELECT count(*) AS count FROM events').get()).toEqual({ count: 1 })
  reader.close()
  await server.close()
})

test('where a retraining fails, the server goes on, and says why', async () => {
  const { lines, get, dataset } = await served(({ dataset }) => ({ retrain: { dataset, interval: 100, threads: 1 } }))
  truncateSync(join(dataset, 'by-user.safetensors'), 10)
  await until(() => lines.some(({ msg }) => msg.startsWith('the retraining failed')))
  expect(lines.find(({ failure }) => failure)).toMatchObject({
    failure: expect.stringContaining('by-user.safetensors is damaged'),
  })
  expect((await get('/readyz')).status).toBe('ready')
})

test('a model that takes the place of another in a watched directory is served; one that is damaged is not', async () => {
  const { lines, get, dataset, model } = await served(({ model }) => ({ watch: model }))
  const generation = async () => (await get('/v1/info')).generation
  const first = await generation()
  await train(dataset, model, 7)
  const second = Artifact.open(model).checksum
  expect(second).not.toBe(first)
  await until(async () => (await generation()) === second)

  await train(dataset, model, 8)
  writeFileSync(join(model, 'tensors.safetensors'), 'damaged')
  await until(() => lines.some(({ msg }) => msg === `the model at ${model} cannot be served`))
  expect(await generation()).toBe(second)
  await train(dataset, model, 9)
  const last = Artifact.open(model).checksum
  await until(async () => (await generation()) === last)
})
