import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { addKey, addSigningKey, type KeyOptions, revokeKey, withKeys } from './keys.ts'
import { Peer } from './peer.ts'
import { RpcPeer } from './rpc-peer.ts'
import { type ServedModel, type ServedModelOptions, serveSmallModel } from './served-model.ts'

async function serve(options: ServedModelOptions = {}): Promise<ServedModel & { readonly state: string }> {
  const served = await serveSmallModel({ rpc: 'tcp', ...options })
  onTestFinished(served.close)
  return { ...served, state: join(served.folder, 'state') }
}

/** A server that already has a key, and so is protected. */
const protectedServer = (options: ServedModelOptions = {}) =>
  serve({
    ...options,
    prepare: state => {
      addKey(state)
      options.prepare?.(state)
    },
  })

async function stream(url: string, key?: string): Promise<Peer> {
  const peer = await Peer.connect(url)
  onTestFinished(() => peer.close())
  expect(await peer.ask({ type: 'hello', protocols: [1], key })).toMatchObject({ type: 'welcome' })
  await peer.ask({ type: 'subscribe', subscription: 1, query: { kind: 'user', user: 'ann' } })
  await peer.next('list')
  return peer
}

async function rpc(address: string, key?: string): Promise<RpcPeer> {
  const peer = await RpcPeer.connect(address)
  onTestFinished(() => peer.close())
  if (key !== undefined) expect(await peer.call('authenticate', { key })).toMatchObject([1, 4e9, null, {}])
  expect((await peer.call('recommend', { user: 'ann' }))[2]).toBeNull()
  return peer
}

/** Waits until both are told that they must go, and are ended; gives the ms that it took. */
async function expelled(socket: Peer, connection: RpcPeer): Promise<number> {
  const begun = performance.now()
  expect(await socket.next('error')).toMatchObject({ code: 'unauthorized' })
  await socket.ended()
  expect(socket.closed).toEqual({ code: 4401, reason: 'unauthorized' })
  expect(await connection.next()).toMatchObject([1, null, { code: 'unauthorized' }, null])
  await connection.ended()
  return performance.now() - begun
}

const statusOf = async (url: string, key?: string) =>
  (await fetch(`${url}/v1/info`, { headers: key === undefined ? {} : { authorization: `Bearer ${key}` } })).status

/** In ms. What the machine was busy with is no fault of the server: such a test is done again. */
const within = 2000
const timely = { retry: 3 }
const soon = { timeout: 60_000, interval: 20 }

test('a key that is made while the server runs is good within two seconds', timely, async () => {
  const { server, state } = await protectedServer()
  const { key } = addKey(state)
  await vi.waitFor(async () => expect(await statusOf(server.url, key)).toBe(200), { timeout: within, interval: 20 })
})

test('with its key, all that it and its tokens have open ends within two seconds', timely, async () => {
  const signing: ReturnType<typeof addSigningKey>[] = []
  const api: ReturnType<typeof addKey>[] = []
  const prepare = (state: string) => {
    signing.push(addSigningKey(state))
    api.push(addKey(state))
  }
  const { server, state } = await protectedServer({ prepare })
  const token = await signing[0]!.token('ann')
  for (const [id, key] of [
    [api[0]!.id, api[0]!.key],
    [signing[0]!.id, token],
  ] as const) {
    const [socket, connection] = [await stream(server.url, key), await rpc(server.rpc!, key)]
    expect(await statusOf(server.url, key)).toBe(200)
    revokeKey(state, id)
    expect(await expelled(socket, connection)).toBeLessThan(within)
    expect(await statusOf(server.url, key)).toBe(401)
  }
})

test('calls that wait are answered when their key is revoked', async () => {
  let id = ''
  let key = ''
  const { server, state } = await protectedServer({ prepare: at => ({ id, key } = addKey(at)) })
  // A call that is never answered.
  vi.spyOn(Object.getPrototypeOf(server.service), 'call').mockImplementation(() => new Promise(() => {}))
  onTestFinished(() => void vi.restoreAllMocks())
  const pending = fetch(`${server.url}/v1/similar/i3`, { headers: { authorization: `Bearer ${key}` } })
  const connection = await RpcPeer.connect(server.rpc!)
  onTestFinished(() => connection.close())
  connection.send([0, 1, 'authenticate', [{ key }]], [0, 2, 'similar', [{ item: 'i3' }]])
  expect(await connection.next()).toMatchObject([1, 1, null, {}])
  revokeKey(state, id)
  expect((await pending).status).toBe(401)
  expect(await connection.next()).toMatchObject([1, 2, { code: 'unauthorized' }, null])
  expect(await connection.next()).toMatchObject([1, null, { code: 'unauthorized' }, null])
  await connection.ended()
})

test('a token that expires ends what it has open at that moment', timely, async () => {
  const signing: ReturnType<typeof addSigningKey>[] = []
  const { server } = await protectedServer({ prepare: state => void signing.push(addSigningKey(state)) })
  // Whole seconds: between one and two are left.
  const token = await signing[0]!.token('ann', 2000)
  const expires = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()).exp * 1000
  const [socket, connection] = [await stream(server.url, token), await rpc(server.rpc!, token)]
  await expelled(socket, connection)
  const late = Date.now() - expires
  expect(late).toBeGreaterThanOrEqual(-5)
  expect(late).toBeLessThan(500)
})

test('a clock that is set neither ends a connection early nor keeps it alive', timely, async () => {
  const signing: ReturnType<typeof addSigningKey>[] = []
  const { server } = await protectedServer({ prepare: state => void signing.push(addSigningKey(state)) })
  const [short, long] = [await signing[0]!.token('ann', 3000), await signing[0]!.token('ann')]
  const ending = [await stream(server.url, short), await rpc(server.rpc!, short)] as const
  const staying = await stream(server.url, long)
  const { now } = Date
  const clock = vi.spyOn(Date, 'now')
  onTestFinished(() => clock.mockRestore())
  clock.mockImplementation(() => now() - 86_400_000)
  expect(await expelled(...ending)).toBeLessThan(3500)
  clock.mockImplementation(() => now() + 86_400_000)
  expect(await staying.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
  expect(await staying.ask({ type: 'call', method: 'recommend', params: { user: 'ann' } })).toMatchObject({
    type: 'result',
  })
  // Who comes now is judged by the clock as it is now.
  expect(await statusOf(server.url, long)).toBe(401)
})

test('a server without keys is open on this machine, until it gets its first', timely, async () => {
  const { server, state } = await serve()
  // Credentials are not looked at: there is nothing to compare them with.
  const [socket, connection] = [await stream(server.url, 'whatever'), await rpc(server.rpc!, 'whatever')]
  expect((await fetch(`${server.url}/metrics`)).status).toBe(200)
  expect((await fetch(`${server.url}/v1/swap`, { method: 'POST', body: '{"model":"x"}' })).status).toBe(403)
  expect((await connection.call('swap', { model: '/nowhere' }))[2]).toMatchObject({ code: 'bad_model' })
  const { id, key } = addKey(state)
  expect(await expelled(socket, connection)).toBeLessThan(within)
  expect(await statusOf(server.url)).toBe(401)
  expect(await statusOf(server.url, key)).toBe(200)
  // Once on, it stays on.
  revokeKey(state, id)
  await vi.waitFor(async () => expect(await statusOf(server.url, key)).toBe(401), soon)
  expect(await statusOf(server.url)).toBe(401)
})

test('a file of keys that cannot be read lets nobody in, until it can be', async () => {
  const lines: string[] = []
  const log = pino({ level: 'error' }, { write: line => lines.push(line) })
  const { server, state } = await serve({ log })
  const file = join(state, 'keys.db')
  writeFileSync(file, 'no database, but long enough to be read as one: '.repeat(50))
  await vi.waitFor(async () => expect(await statusOf(server.url)).toBe(401), soon)
  expect(lines.map(line => JSON.parse(line).msg)).toEqual(['the keys could not be read'])
  rmSync(file)
  const { key } = addKey(state)
  await vi.waitFor(async () => expect(await statusOf(server.url, key)).toBe(200), soon)
})

test('a file of keys that is gone lets nobody in', async () => {
  let key = ''
  const { server, state } = await protectedServer({ prepare: at => ({ key } = addKey(at)) })
  const socket = await stream(server.url, key)
  for (const name of readdirSync(state)) if (name.startsWith('keys.db')) rmSync(join(state, name))
  expect(await socket.next('error')).toMatchObject({ code: 'unauthorized' })
  expect(await statusOf(server.url, key)).toBe(401)
  const again = addKey(state)
  await vi.waitFor(async () => expect(await statusOf(server.url, again.key)).toBe(200), soon)
})

test('a Unix socket is trusted with keys as without, and takes a key for less', async () => {
  let key = ''
  const { server } = await serve({ rpc: 'unix', prepare: state => ({ key } = addKey(state, { users: ['ann'] })) })
  const peer = await rpc(server.rpc!)
  expect((await peer.call('metrics'))[2]).toBeNull()
  expect(await peer.call('authenticate', { key })).toMatchObject([1, 4e9, null, {}])
  expect((await peer.call('metrics'))[2]).toMatchObject({ code: 'forbidden' })
})

test('a Unix socket stays trusted when the server gets its first key, also where a key was shown before', async () => {
  const { server, state } = await serve({ rpc: 'unix' })
  const peer = await rpc(server.rpc!, 'whatever')
  const socket = await stream(server.url)
  addKey(state)
  await socket.ended()
  expect((await peer.call('metrics'))[2]).toBeNull()
})

test('the last use of a key is written down', async () => {
  let id = ''
  let key = ''
  const begun = Date.now()
  const { server, state } = await protectedServer({ prepare: at => ({ id, key } = addKey(at)) })
  expect(withKeys(state, store => store.list().map(({ used }) => used))).toEqual([undefined, undefined])
  await statusOf(server.url, key)
  await vi.waitFor(() => {
    const { used } = withKeys(state, store => store.list().find(each => each.id === id)!)
    expect(used).toBeGreaterThanOrEqual(begun)
  }, soon)
})

test('refusals are logged once a minute with the id of the key, counted, and never show a secret', async () => {
  const lines: string[] = []
  const keyOptions: KeyOptions = { users: ['ann'], admin: 'all' }
  let id = ''
  let key = ''
  const log = pino({ level: 'debug' }, { write: line => lines.push(line) })
  const { server, folder } = await protectedServer({ log, prepare: state => ({ id, key } = addKey(state, keyOptions)) })
  const wrong = `${key.slice(0, -4)}AAAA`
  for (let time = 0; time < 50; time++) {
    await statusOf(server.url)
    await statusOf(server.url, wrong)
    await fetch(`${server.url}/v1/recommend/bob`, { headers: { authorization: `Bearer ${key}` } })
  }
  const refusals = lines.filter(line => line.includes('a caller was refused')).map(line => JSON.parse(line))
  expect(refusals.map(({ failure }) => failure)).toEqual(['no_key', 'unknown', `user: ${id}`])
  const metrics = await (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${key}` } })).text()
  expect(metrics).toContain('aurochs_refusals_total{reason="no_key"} 50')
  expect(metrics).toContain('aurochs_refusals_total{reason="user"} 50')
  expect(metrics).toContain('aurochs_errors_total{code="unauthorized"} 100')
  const [, , secret] = /^(aur_[^_]+_)(.+)$/.exec(key)!
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  const texts = [...lines, ...files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))]
  for (const text of texts) expect(text.includes(secret!)).toBe(false)
  expect(texts.some(text => text.includes(id))).toBe(true)
})
