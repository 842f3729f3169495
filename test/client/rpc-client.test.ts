import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pino from 'pino'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { ConnectionError, RpcClient, type RpcClientOptions, ServerError } from '../../src/client/rpc/index.ts'
import { methods } from '../../src/protocol/methods.ts'
import { SendMemory } from '../../src/serve/load/send-memory.ts'
import { RpcServer } from '../../src/serve/rpc/rpc-server.ts'
import type { Server } from '../../src/serve/server.ts'
import { openAuthenticator, ScriptedService } from '../serve/scripted-service.ts'
import { serveSmallModel } from '../serve/served-model.ts'
import { expectedList } from '../serve/small-model.ts'
import { freshFolder } from '../storage/folder.ts'

let model: string
let server: Server
let folder: string

beforeAll(async () => {
  const served = await serveSmallModel({ rpc: 'unix' })
  model = served.model
  server = served.server
  folder = served.folder
  return served.close
})

async function connected(address = server.rpc!, options?: RpcClientOptions): Promise<RpcClient> {
  const client = await RpcClient.connect(address, options)
  onTestFinished(() => client.close())
  return client
}

/** A server whose calls end when the test says so. */
async function scripted(address = `unix:${join(freshFolder(), 'rpc.sock')}`) {
  const service = new ScriptedService()
  const rpc = await RpcServer.open(service, address, {
    authenticatorOf: () => openAuthenticator,
    isLimited: false,
    log: pino({ level: 'silent' }),
    memory: new SendMemory(2 ** 26),
  })
  onTestFinished(() => rpc.close(0))
  return { service, rpc, address }
}

/** Methods of the real service have types; those of the scripted one are called by name. */
const untyped = (client: RpcClient) => client.call.bind(client) as unknown as UntypedCall
type UntypedCall = (method: string, params: object, options?: object) => Promise<unknown>

test('every method of the service can be called', async () => {
  const client = await connected()
  expect(await client.call('ping', {})).toEqual({})
  expect(await client.call('health', {})).toEqual({ status: 'alive' })
  const { generation } = await client.call('ready', {})
  const info = await client.call('info', {})
  expect(info).toMatchObject({ generation, methods: Object.keys(methods), model: { users: 20, items: 40 } })
  expect((await client.call('metrics', {})).text).toContain('aurochs_batch_seconds')
  const { items, user } = await client.call('recommend', { user: 3, limit: 5, only: undefined })
  expect([user, items.map(({ item }) => item)]).toEqual(['3', expectedList(model, 3, [], 5)])
  const { lists } = await client.call('recommend_batch', { users: [3, '4'], limit: 5 })
  expect(lists.map(({ items }) => items)).toEqual([3, 4].map(user => expectedList(model, user, [], 5)))
  expect(lists[0]!.scores).toEqual(items.map(({ score }) => score))
  expect((await client.call('similar', { item: 'i7', limit: 3, measure: 'cosine' })).items).toHaveLength(3)
  const event = { id: 'e1', user: 'new', item: 'i3' }
  expect(await client.call('record', event)).toEqual({ id: 'e1', status: 'stored' })
  const { results } = await client.call('record_batch', { events: [event, { id: 'e2', user: 'new', item: 'no' }] })
  expect(results).toMatchObject([{ status: 'duplicate' }, { id: 'e2', status: 'stored', known: false }])
  const swapped = await client.call('swap', { model })
  expect(swapped).toEqual({ generation, model: info.model })
})

test('what the server refuses is an error with its code, and whether to come back', async () => {
  const client = await connected()
  const refused = client.call('similar', { item: 'no such item' })
  await expect(refused).rejects.toThrow(ServerError)
  await expect(refused).rejects.toMatchObject({ code: 'unknown_item', retryAfter: undefined })
  await expect(client.call('recommend', { user: 1, limit: 0 })).rejects.toMatchObject({ code: 'bad_message' })
  await expect(untyped(client)('recommned', {})).rejects.toMatchObject({ code: 'unknown_method' })
})

test('calls that are made together are answered each with its own', async () => {
  const client = await connected()
  const users = Array.from({ length: 500 }, (_, at) => at % 20)
  const lists = await Promise.all(users.map(user => client.call('recommend', { user })))
  expect(lists.map(({ user }) => user)).toEqual(users.map(String))
})

test('a notification is carried out', async () => {
  const client = await connected()
  await client.notify('record', { id: 'n1', user: 'notified', item: 'i5' })
  await expect.poll(async () => (await client.call('recommend', { user: 'notified' })).after).toBe('n1')
})

test('a call that is late fails with deadline_exceeded, here and on the server', async () => {
  const { service, address } = await scripted()
  const client = await connected(address)
  const began = performance.now()
  await expect(untyped(client)('hold', {}, { timeout: 30 })).rejects.toMatchObject({ code: 'deadline_exceeded' })
  expect(performance.now() - began).toBeGreaterThan(25)
  await expect.poll(() => service.held[0]?.signal?.aborted).toBe(true)
  expect(await client.call('echo' as 'ping', {}, { timeout: 60_000 })).toEqual({})
  for (const timeout of [0, -1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
    await expect(client.call('echo' as 'ping', {}, { timeout })).rejects.toThrow(
      `above 0 ms and at most 2147483647, got`,
    )
  }
})

test('a call whose signal is aborted fails with its reason, before or while it waits', async () => {
  const { service, address } = await scripted()
  const client = await connected(address)
  const controller = new AbortController()
  const call = untyped(client)('hold', {}, { signal: controller.signal })
  await expect.poll(() => service.held.length).toBe(1)
  controller.abort(new Error('no longer wanted'))
  await expect(call).rejects.toThrow('no longer wanted')
  await expect(untyped(client)('hold', {}, { signal: controller.signal })).rejects.toThrow('no longer wanted')
  service.held[0]!.resolve('nobody waits for it')
  expect(await client.call('echo' as 'ping', {})).toEqual({})
})

test('when the connection is lost pending calls fail, and the next call connects again', async () => {
  const { service, rpc, address } = await scripted()
  const client = await connected(address, { first: 10 })
  const pending = untyped(client)('hold', {})
  await expect.poll(() => service.held.length).toBe(1)
  const failed = expect(pending).rejects.toThrow(`the connection to ${address} was lost: the server ended it`)
  await rpc.close(0)
  await failed
  await expect(client.call('ping', {})).rejects.toThrow(`cannot connect to ${address}`)
  await expect(client.notify('ping', {})).rejects.toThrow(ConnectionError)
  await scripted(address)
  await expect.poll(() => untyped(client)('echo', { back: true }).catch(() => undefined)).toEqual({ back: true })
})

test('who calls while nobody listens waits longer each time', async () => {
  const { rpc, address } = await scripted()
  const client = await connected(address, { first: 40 })
  const began = performance.now()
  await rpc.close(0)
  await wait(0)
  for (let failure = 0; failure < 4; failure++) await expect(client.call('ping', {})).rejects.toThrow(ConnectionError)
  // At least half of 40 + 80 + 160 + 320 ms since the loss.
  expect(performance.now() - began).toBeGreaterThan(0.5 * 500)
})

test('bytes that are no RPC end the connection and fail its calls', async () => {
  for (const bytes of ['HTTP/1.1 400 Bad Request\r\n\r\n', '\xc1']) {
    const { address, sockets } = await listening()
    const client = await connected(address)
    const pending = client.call('ping', {})
    ;(await sockets.next()).write(Buffer.from(bytes, 'latin1'))
    await expect(pending).rejects.toThrow(ConnectionError)
  }
})

test('too many calls without an answer are refused', async () => {
  const { address } = await scripted()
  const client = await connected(address, { maxPending: 2 })
  const pending = [untyped(client)('hold', {}), untyped(client)('hold', {})]
  await expect(untyped(client)('hold', {})).rejects.toThrow('at most 2 calls without an answer')
  await expect(client.notify('ping', {})).rejects.toThrow('at most 2 calls without an answer')
  client.close()
  for (const call of pending) await expect(call).rejects.toThrow('the client was closed')
})

test('a closed client makes no calls, and a client cannot connect to nobody or nowhere', async () => {
  const client = await connected()
  client.close()
  await expect(client.call('ping', {})).rejects.toThrow('the client was closed')
  await expect(RpcClient.connect(`unix:${folder}/none.sock`)).rejects.toThrow(
    `cannot connect to unix:${folder}/none.sock: no server listens there; \`aurochs serve\` does with --rpc`,
  )
  await expect(RpcClient.connect('nowhere')).rejects.toThrow('expected an address')
})

test('TCP serves as a Unix socket does', async () => {
  const { rpc } = await scripted('127.0.0.1:0')
  const client = await connected(rpc.address)
  expect(await untyped(client)('echo', { text: 'ä'.repeat(100_000) })).toEqual({ text: 'ä'.repeat(100_000) })
})

/** A bare server, whose sockets the test writes to. */
async function listening() {
  const bare = createServer()
  const address = join(freshFolder(), 'bare.sock')
  const accepted: Socket[] = []
  bare.on('connection', socket => accepted.push(socket.on('error', () => {})))
  bare.listen(address)
  await once(bare, 'listening')
  onTestFinished(() => {
    for (const socket of accepted) socket.destroy()
    bare.close()
  })
  return {
    address: `unix:${address}`,
    sockets: {
      next: async () => {
        await expect.poll(() => accepted.length).toBe(1)
        return accepted[0]!
      },
    },
  }
}
