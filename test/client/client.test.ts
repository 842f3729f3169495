import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { Packr } from 'msgpackr'
import { beforeAll, expect, test } from 'vitest'
import { Client, type ClientOptions, type List, msgpack, ServerError } from '../../src/client/index.ts'
import type { Server } from '../../src/serve/server.ts'
import { freePort } from '../serve/free-port.ts'
import { Program } from '../serve/program.ts'
import { serveSmallModel } from '../serve/served-model.ts'
import { expectedList, expectedSimilar } from '../serve/small-model.ts'

let model: string
let server: Server
let folder: string

beforeAll(async () => {
  const served = await serveSmallModel()
  model = served.model
  server = served.server
  folder = served.folder
  return served.close
})

const items = (list: Pick<List, 'items'>) => list.items.map(({ item }) => item)

async function next<Value extends List>(lists: AsyncIterableIterator<Value, undefined>): Promise<Value> {
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
  const lists = client.recommendations(name, { limit: 4, exclude: ['i2'] })
  expect((await next(lists)).basis).toBe('popularity')
  const ack = await client.send({ user: name, item: 'i20', weight: 2, kind: 'play', time: Date.now() })
  const list = await next(lists)
  expect(list).toMatchObject({ after: ack.id, basis: 'model', user: name })
  const unfiltered = expectedList(model, -1, [['i20', 2]], 5)
  expect(items(list)).toEqual(unfiltered.filter(item => item !== 'i2').slice(0, 4))
  expect(await client.send({ user: name, item: 'i20', weight: 2, id: ack.id })).toMatchObject({ duplicate: true })
})

test.each(codecs)('over %s every filter of a list is kept', async (_, options) => {
  using client = new Client(server.url, options)
  const all = items(await next(client.recommendations(5, { limit: 40, seen: 'allow' })))
  expect(all).toHaveLength(40)
  const unseen = all.filter(item => !['i10', 'i11', 'i12'].includes(String(item)))
  expect(items(await next(client.recommendations(5, { limit: 40 })))).toEqual(unseen)
  const exclude = [unseen[0]!, unseen[2]!]
  expect(items(await next(client.recommendations(5, { limit: 2, exclude })))).toEqual([unseen[1], unseen[3]])
  const only = ['i10', unseen[4]!, unseen[1]!]
  expect(items(await next(client.recommendations(5, { only })))).toEqual([unseen[1], unseen[4]])
})

test('an event is taken back by its id, and the list is what it was', async () => {
  using client = new Client(server.url)
  const lists = client.recommendations('regretful', { limit: 5 })
  await client.send({ user: 'regretful', item: 'i3', id: 'kept' })
  let list = await next(lists)
  while (list.after !== 'kept') list = await next(lists)
  const before = items(list)
  await client.send({ user: 'regretful', item: 'i33', weight: 3, id: 'regretted' })
  expect(items(await next(lists))).not.toEqual(before)
  const { id } = await client.send({ user: 'regretful', undo: 'regretted' })
  list = await next(lists)
  expect(list.after).toBe(id)
  expect(items(list)).toEqual(before)
})

test('the items most similar to one come as a subscription and as a call', async () => {
  using client = new Client(server.url)
  const expected = expectedSimilar(model, 10, 3).map(({ item }) => item)
  expect(items(await next(client.similarItems('i10', { limit: 3, measure: 'cosine' })))).toEqual(expected)
  expect(items(await client.call('similar', { item: 'i10', limit: 3, measure: 'cosine' }))).toEqual(expected)
  await expect(next(client.similarItems('nothing'))).rejects.toMatchObject({ code: 'unknown_item' })
})

test('calls reach the methods, and their answers come to those who asked', async () => {
  using client = new Client(server.url)
  const [info, list, recorded, batch] = await Promise.all([
    client.call('info', {}),
    client.call('recommend', { user: 3, limit: 2 }),
    client.call('record', { id: 'called', user: 'caller', item: 'i1' }),
    client.call('recommend_batch', { users: [3, 4], limit: 1 }),
  ])
  expect(info.model).toMatchObject({ algorithm: 'als', users: 20, items: 40 })
  expect(items(list)).toEqual(expectedList(model, 3, [], 2))
  expect(recorded).toEqual({ id: 'called', status: 'stored' })
  expect(batch.lists.map(({ items }) => items)).toEqual([3, 4].map(user => expectedList(model, user, [], 1)))
  await expect(client.call('swap', { model })).rejects.toMatchObject({ code: 'forbidden' })
})

test('many subscriptions share one connection, each with filters of its own', async () => {
  using client = new Client(server.url)
  const [short, long] = [2, 6].map(limit => client.recommendations(3, { limit }))
  expect(items(await next(short!))).toEqual(expectedList(model, 3, [], 2))
  expect(items(await next(long!))).toEqual(expectedList(model, 3, [], 6))
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

test('a slow reader gets the newest list and none between', async () => {
  using client = new Client(server.url)
  const lists = client.recommendations('dreamer', { limit: 40 })
  const read = client.recommendations('dreamer', { limit: 40 })
  const first = await next(lists)
  let last = ''
  for (let i = 0; i < 20; i++) last = (await client.send({ user: 'dreamer', item: `i${i}` })).id
  while ((await next(read)).after !== last);
  // The same list comes to both, one after the other.
  await wait(100)
  const newest = await next(lists)
  expect(newest.after).toBe(last)
  expect(newest.sequence).toBeGreaterThan(first.sequence + 1)
})

test('after a flush every event is on disk', async () => {
  using client = new Client(server.url)
  for (let i = 0; i < 200; i++) void client.send({ user: 'hasty', item: `i${i % 30}`, id: `${i}` })
  await client.flush()
  const again = await client.call('record_batch', {
    events: Array.from({ length: 200 }, (_, i) => ({ id: `${i}`, user: 'hasty', item: `i${i % 30}` })),
  })
  expect(new Set(again.results.map(result => 'status' in result && result.status))).toEqual(new Set(['duplicate']))
})

test('a refusal of the server reaches the call that caused it', async () => {
  using client = new Client(server.url)
  await expect(client.send({ user: 'ann', item: 'i1', weight: 0 })).rejects.toBeInstanceOf(ServerError)
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
  await expect(client.call('ping', {})).rejects.toThrow('the client is closed')
  expect(await client.recommendations('a').next()).toEqual({ done: true, value: undefined })
})

test('a server that is killed and comes back has every event once, and the lists go on', async () => {
  const state = join(folder, 'restarted')
  const start = (port: number) => Program.start([model, '--port', `${port}`, '--state', state, '--threads', '1'])
  const port = await freePort()
  const first = await start(port)
  const losses: string[] = []
  const client = new Client(first.url, { first: 20, longest: 200, onDisconnect: reason => losses.push(reason) })
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
  const second = await start(port)
  expect(await acks).toHaveLength(events.length)
  expect(losses.length).toBeGreaterThan(0)

  let list = await next(lists)
  const expected = expectedList(model, -1, events, 40)
  const deadline = AbortSignal.timeout(60_000)
  while (items(list).join() !== expected.join()) {
    deadline.throwIfAborted()
    list = await next(lists)
  }
  client.close()
  await second.stop('SIGTERM')
  const db = new DatabaseSync(join(state, 'events.db'), { readOnly: true })
  expect(db.prepare('SELECT count(*) AS count FROM events').get()).toEqual({ count: events.length })
  db.close()
})

test('the client needs nothing that a browser does not have', () => {
  const source = join(import.meta.dirname, '../../src')
  const files = [join(source, 'client/index.ts')]
  // What is read grows while it is read: every file that is loaded at run time, however deep.
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    expect(text, file).not.toMatch(/\b(process|Buffer|require)\b/)
    for (const [, from] of text.matchAll(/^(?:import|export) (?!type\b)(?:[^;]*?\bfrom )??'([^']*)'$/gm)) {
      expect(from, file).toMatch(/^\.\.?\//)
      const loaded = join(dirname(file), from!)
      if (!files.includes(loaded)) files.push(loaded)
    }
  }
  const loaded = files.map(file => file.slice(source.length + 1)).sort()
  expect(loaded).toEqual([
    'catalogue/bounds.ts',
    'client/backoff.ts',
    'client/client.ts',
    'client/codec.ts',
    'client/connection.ts',
    'client/index.ts',
    'client/mix-stream.ts',
    'client/newest.ts',
    'client/numbers.ts',
    'client/requests.ts',
    'client/server-error.ts',
    'client/subscriptions.ts',
    'music/mix/bounds.ts',
    'protocol/errors.ts',
    'protocol/limits.ts',
    'protocol/versions.ts',
  ])
})
