import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { Client, type ClientOptions, type KeySource } from '../../src/client/index.ts'
import { RpcClient } from '../../src/client/rpc/index.ts'
import { addKey, addSigningKey, revokeKey } from '../serve/keys.ts'
import { type ServedModel, serveSmallModel } from '../serve/served-model.ts'
import { ScriptedServer } from './scripted-server.ts'

let served: ServedModel
let state: string
let ann: string
let signing: ReturnType<typeof addSigningKey>

beforeAll(async () => {
  const prepare = (at: string) => {
    state = at
    ann = addKey(at, { users: ['ann'] }).key
    signing = addSigningKey(at)
  }
  served = await serveSmallModel({ rpc: 'tcp', prepare })
  return served.close
})

const quickly = { first: 1, longest: 5, onDisconnect: () => {} }

function open(key: KeySource | undefined, options: ClientOptions = {}): Client {
  const client = new Client(served.server.url, { ...quickly, ...options, ...(key !== undefined && { key }) })
  onTestFinished(() => client.close())
  return client
}

async function connect(key: KeySource): Promise<RpcClient> {
  const client = await RpcClient.connect(served.server.rpc!, { first: 1, longest: 5, key })
  onTestFinished(() => client.close())
  return client
}

const unauthorized = { name: 'ServerError', code: 'unauthorized' }
const wrong = `aur_${'0'.repeat(12)}_${'x'.repeat(43)}`

/** Gives `keys` in turn, the last for ever, and counts. */
function inTurn(...keys: string[]) {
  const given: string[] = []
  const next = async () => {
    const key = keys[Math.min(given.length, keys.length - 1)]!
    given.push(key)
    return key
  }
  return { given, next }
}

test.each([
  ['text', () => ann],
  ['a function', () => () => ann],
  ['a function that promises one', () => async () => signing.token('ann')],
])('a key is %s', async (_, key) => {
  const client = open(key())
  const { value } = await client.recommendations('ann', { limit: 3 }).next()
  expect(value!.items).toHaveLength(3)
  expect(await client.send({ user: 'ann', item: 'i3' })).toMatchObject({ user: 'ann' })
  await expect(client.send({ user: 'bob', item: 'i3' })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(client.recommendations('bob').next()).rejects.toMatchObject({ code: 'forbidden' })
  const rpc = await connect(key())
  expect((await rpc.call('recommend', { user: 'ann', limit: 3 })).items).toHaveLength(3)
  await expect(rpc.call('recommend', { user: 'bob' })).rejects.toMatchObject({ code: 'forbidden' })
})

test('a key that is refused ends the client with the reason, rather than have it connect for ever', async () => {
  const lost = vi.fn()
  for (const key of [wrong, undefined]) {
    const client = open(key, { onDisconnect: lost })
    const lists = client.recommendations('ann').next()
    await expect(client.call('info', {})).rejects.toMatchObject(unauthorized)
    await expect(lists).rejects.toMatchObject(unauthorized)
    await expect(client.call('info', {})).rejects.toMatchObject(unauthorized)
    await expect(client.recommendations('ann').next()).rejects.toMatchObject(unauthorized)
  }
  expect(lost).not.toHaveBeenCalled()
  await expect(connect(wrong)).rejects.toMatchObject(unauthorized)
})

test('a function whose key is refused is asked for one other', async () => {
  const [once, twice, rpcOnce, rpcTwice] = [wrong, wrong, wrong, wrong].map((first, at) =>
    at % 2 === 0 ? inTurn(first, ann) : inTurn(first),
  )
  expect(await open(once!.next).call('similar', { item: 'i3' })).toMatchObject({ item: 'i3' })
  expect(once!.given).toEqual([wrong, ann])
  await expect(open(twice!.next).call('similar', { item: 'i3' })).rejects.toMatchObject(unauthorized)
  expect(twice!.given).toEqual([wrong, wrong])
  expect(await (await connect(rpcOnce!.next)).call('similar', { item: 'i3' })).toMatchObject({ item: 'i3' })
  expect(rpcOnce!.given).toEqual([wrong, ann])
  await expect(connect(rpcTwice!.next)).rejects.toMatchObject(unauthorized)
  expect(rpcTwice!.given).toEqual([wrong, wrong])
})

test('a token that expires is followed by another, and nothing that was asked for is lost', async () => {
  let tokens = 0
  const key = () => {
    tokens++
    return signing.token('ann', tokens === 1 ? 3000 : 60_000)
  }
  const client = open(key)
  const rpc = await connect(inTurn(await signing.token('ann', 3000), ann).next)
  const lists = client.recommendations('ann')
  const first = (await lists.next()).value!
  await expect.poll(() => tokens).toBe(2)
  expect(await client.send({ user: 'ann', item: 'i5' })).toMatchObject({ user: 'ann' })
  await expect.poll(async () => (await lists.next()).value!.list).not.toBe(first.list)
  expect((await rpc.call('recommend', { user: 'ann' })).user).toBe('ann')
})

test('a key that is revoked ends clients that have no other', async () => {
  const { id, key } = addKey(state)
  await vi.waitFor(async () => (await connect(key)).close(), { timeout: 60_000, interval: 50 })
  const client = open(key)
  const rpc = await connect(key)
  const lists = client.recommendations('ann')
  await lists.next()
  revokeKey(state, id)
  await expect(lists.next()).rejects.toMatchObject(unauthorized)
  await expect(client.send({ user: 'ann', item: 'i3' })).rejects.toMatchObject(unauthorized)
  await vi.waitFor(() => expect(rpc.call('ping', {})).rejects.toMatchObject(unauthorized), 60_000)
})

test('where there is no key to be had, the client tries again', async () => {
  const lost: string[] = []
  let asked = 0
  const key = async () => {
    if (++asked < 3) throw new Error('the issuer is away')
    return ann
  }
  const client = open(key, { onDisconnect: reason => lost.push(reason) })
  expect(await client.call('similar', { item: 'i3' })).toMatchObject({ item: 'i3' })
  expect(lost).toEqual(Array(2).fill('there is no key to connect with: the issuer is away'))
})

test('a key that comes after the client was closed opens nothing', async () => {
  const server = new ScriptedServer()
  let give = (_: string) => {}
  const key = () => new Promise<string>(resolve => (give = resolve))
  const client = new Client('http://localhost', { WebSocket: server.WebSocket, key })
  await expect.poll(() => give.length).toBe(1)
  client.close()
  give('late')
  await new Promise(resolve => setTimeout(resolve, 10))
  expect(server.sockets).toEqual([])
})

test('a socket that is closed for its key without a word ends the client, too', async () => {
  const server = new ScriptedServer()
  const client = new Client('http://localhost', { WebSocket: server.WebSocket, key: 'k' })
  const call = client.call('info', {})
  server.socket.open()
  expect(server.socket.take()).toMatchObject([{ type: 'hello', key: 'k' }])
  server.socket.onclose?.({ code: 4401, reason: 'unauthorized' })
  await expect(call).rejects.toMatchObject(unauthorized)
  expect(server.sockets).toHaveLength(1)
})
