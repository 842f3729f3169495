import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { Packr } from 'msgpackr'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client, type ClientOptions, type List, msgpack, ServerError } from '../../src/client/index.ts'
import { Server } from '../../src/serve/server.ts'
import { Program } from '../serve/program.ts'
import { expectedList, writeSmallModel } from '../serve/small-model.ts'

let directory: string
let model: string
let server: Server

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-client-'))
  model = await writeSmallModel(directory)
  server = await Server.start({
    ...{ model, state: join(directory, 'state'), port: 0, threads: 1, version: '0.0.0' },
    log: pino({ level: 'silent' }),
  })
})
afterAll(async () => {
  await server?.close()
  rmSync(directory, { recursive: true })
})

const items = (list: List) => list.items.map(({ item }) => item)

async function next(lists: AsyncIterableIterator<List, undefined>): Promise<List> {
  const { done, value } = await lists.next()
  if (done) throw new Error('the lists have ended')
  return value
}

const codecs: [string, ClientOptions][] = [
  ['JSON', {}],
  ['MessagePack', { codec: msgpack(new Packr({ useRecords: false })) }],
]

test.each(codecs)('an event sent over %s changes the list', async (name, options) => {
  using client = new Client(server.url, options)
  const lists = client.recommendations(name, { limit: 4, filters: { exclude: ['i2'] } })
  expect((await next(lists)).basis).toBe('popularity')
  const ack = await client.send({ user: name, item: 'i20', weight: 2 })
  expect(await next(lists)).toMatchObject({ after: ack.id, basis: 'taste' })
  expect(await client.send({ user: name, item: 'i20', weight: 2, id: ack.id })).toMatchObject({ duplicate: true })
})

test('many can be watched at once over one connection, each with its own wishes', async () => {
  using client = new Client(server.url)
  const [short, long] = [2, 6].map(limit => client.recommendations(3, { limit }))
  expect(items(await next(short))).toEqual(expectedList(model, 3, [], 2))
  expect(items(await next(long))).toEqual(expectedList(model, 3, [], 6))
})

test('leaving the loop ends the subscription, and only that', async () => {
  using client = new Client(server.url)
  const kept = client.recommendations('leaver')
  await next(kept)
  for await (const list of client.recommendations('leaver')) {
    expect(list.sequence).toBe(1)
    break
  }
  await client.send({ user: 'leaver', item: 'i1' })
  expect((await next(kept)).sequence).toBe(2)
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  expect(metrics).toMatch(/^aurochs_subscriptions 1$/m)
})

test('a reader who is slow gets the newest list and none between', async () => {
  using client = new Client(server.url)
  const lists = client.recommendations('dreamer', { limit: 40 })
  const first = await next(lists)
  let last = ''
  for (let i = 0; i < 20; i++) last = (await client.send({ user: 'dreamer', item: `i${i}` })).id
  await wait(100)
  const newest = await next(lists)
  expect(newest.after).toBe(last)
  expect(newest.sequence).toBeGreaterThan(first.sequence + 1)
})

test('a refusal of the server reaches who caused it', async () => {
  using client = new Client(server.url)
  await expect(client.send({ user: 'ann', item: 'nothing' })).rejects.toMatchObject({ code: 'unknown_item' })
  await expect(client.send({ user: 'ann', item: 'i1', weight: -1 })).rejects.toBeInstanceOf(ServerError)
  await expect(next(client.recommendations('ann', { limit: 0 }))).rejects.toMatchObject({ code: 'bad_message' })
  expect((await client.send({ user: 'ann', item: 'i1' })).type).toBe('ack')
})

test('a signal ends an iteration with its reason, and closing ends all of them', async () => {
  const client = new Client(server.url)
  const controller = new AbortController()
  const [aborted, closed] = [client.recommendations('a', { signal: controller.signal }), client.recommendations('a')]
  await Promise.all([next(aborted), next(closed)])
  controller.abort(new Error('enough'))
  await expect(aborted.next()).rejects.toThrow('enough')
  const ending = closed.next()
  client.close()
  expect(await ending).toEqual({ done: true, value: undefined })
  await expect(client.send({ user: 'a', item: 'i1' })).rejects.toThrow('the client is closed')
  expect(await client.recommendations('a').next()).toEqual({ done: true, value: undefined })
})

test('a server that is killed and comes back has every event once, and the lists go on', async () => {
  const state = join(directory, 'restarted')
  const start = (port: number) => Program.start([model, '--port', `${port}`, '--state', state, '--threads', '1'])
  const first = await start(0)
  const losses: string[] = []
  const client = new Client(first.url, { first: 20, longest: 200, onLost: reason => losses.push(reason) })
  const lists = client.recommendations('ann', { limit: 40 })
  await next(lists)
  const events = Array.from({ length: 400 }, (_, i): [string, number] => [`i${i % 15}`, 1 + (i % 4)])
  const acks = (async () => {
    const sent: Promise<unknown>[] = []
    for (const [item, weight] of events) {
      sent.push(client.send({ user: 'ann', item, weight }))
      await wait(2)
    }
    return Promise.all(sent)
  })()
  await wait(300)
  await first.stop('SIGKILL')
  const second = await start(first.port)
  expect(await acks).toHaveLength(events.length)
  expect(losses.length).toBeGreaterThan(0)

  let list = await next(lists)
  const expected = expectedList(model, -1, events, 40)
  const deadline = AbortSignal.timeout(5000)
  while (items(list).join() !== expected.join()) {
    deadline.throwIfAborted()
    list = await next(lists)
  }
  client.close()
  await second.stop('SIGTERM')
  const db = new DatabaseSync(join(state, 'events.db'), { readOnly: true })
  expect(db.prepare('SELECT count(*) AS count FROM events').get()).toEqual({ count: events.length })
  db.close()
}, 30_000)

test('the client needs nothing that a browser does not have', () => {
  for (const file of ['backoff', 'client', 'connection', 'index', 'newest']) {
    const source = readFileSync(join(import.meta.dirname, `../../src/client/${file}.ts`), 'utf8')
    const imports = [...source.matchAll(/^(?:import|export) (?!type)[^;]*? from '(.*)'$/gm)].map(([, from]) => from)
    expect(imports.filter(from => !from.startsWith('./'))).toEqual([])
    expect(source).not.toMatch(/\b(process|Buffer|require)\b/)
  }
})
