import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Client } from '../../src/client/index.ts'
import { ServiceError } from '../../src/protocol/errors.ts'
import { callCost, messageCost, queryCost } from '../../src/serve/load/cost.ts'
import { RateLimiter } from '../../src/serve/load/rate-limiter.ts'
import { addKey } from './keys.ts'
import { Peer } from './peer.ts'
import { RpcPeer } from './rpc-peer.ts'
import { type ServedModelOptions, serveSmallModel } from './served-model.ts'

async function served(options: ServedModelOptions) {
  const served = await serveSmallModel(options)
  onTestFinished(served.close)
  return served.server.url
}

const event = (id: number) => ({ type: 'event', id: `${id}`, user: 'ann', item: 'i1' })

const account = (name: string) => ({ name, isLimited: true })

/** Time passes when the test says so. */
function stopClock(): void {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
}

test('a client has its rate, and two seconds of it at once; others have their own', () => {
  stopClock()
  const limiter = new RateLimiter(100)
  limiter.take(account('ann'), 150)
  const refusal = limiter.decide(account('ann'), 100)
  if (!(refusal instanceof ServiceError)) throw new Error(`expected a refusal, got ${refusal}`)
  expect(refusal.code).toBe('rate_limited')
  // 50 are missing, at 100 a second.
  expect(refusal.retryAfter).toBe(500)
  limiter.take(account('bob'), 200)
  expect(() => limiter.take(account('bob'), 1)).toThrow('at most 100 units a second')
  vi.advanceTimersByTime(500)
  limiter.take(account('ann'), 100)
  // One that costs more than there can ever be costs all that there can be.
  limiter.take(account('cid'), 1_000_000)
  new RateLimiter(0).take(account('ann'), 1e12)
})

test('a newcomer empties no bucket of others, and a debt is known until it is paid', () => {
  stopClock()
  const limiter = new RateLimiter(100)
  let taken = 0
  for (let second = 0; second < 60; second++) {
    vi.advanceTimersByTime(1000)
    if (second % 5 === 4) limiter.take(account(`newcomer ${second}`), 1)
    while (limiter.decide(account('ann'), 10) === 'taken') taken += 10
  }
  // Two seconds of it are there at once.
  expect(taken).toBe(100 * 61)
  limiter.charge(account('bob'), 400)
  for (let second = 0; second < 3; second++) {
    vi.advanceTimersByTime(999)
    limiter.take(account(`another ${second}`), 1)
  }
  // Of the 200 that he owes and the 200 of a full bucket 300 are there.
  expect(limiter.decide(account('bob'), 101)).toBeInstanceOf(ServiceError)
  expect(limiter.decide(account('bob'), 99)).toBe('taken')
})

test('of many refusals few are answered, each for those before it, and in the end it is a flood', () => {
  stopClock()
  const limiter = new RateLimiter(100)
  limiter.take(account('ann'), 200)
  const refusals = Array.from({ length: 2000 }, () => limiter.decide(account('ann'), 50))
  expect(refusals[0]).toMatchObject({ code: 'rate_limited' })
  expect(refusals.filter(refusal => refusal instanceof ServiceError)).toHaveLength(1)
  expect(refusals.filter(refusal => refusal === 'silence')).toHaveLength(999)
  expect(refusals.at(-1)).toBe('flood')
  // As many as were refused may come when the bucket is full.
  expect(limiter.notice(account('ann'))?.retryAfter).toBe(2000)
  expect(limiter.notice(account('ann'))).toBeUndefined()
})

test('what costs the server more costs more', () => {
  const users = (count: number) => Array.from({ length: count }, (_, n) => `${n}`)
  const filters = { seen: 'exclude' as const, exclude: [] }
  const list = (limit: number) => callCost('recommend', { user: 'ann', limit, unknown: 'popularity', ...filters })
  const batch = (count: number, limit: number) =>
    callCost('recommend_batch', { users: users(count), limit, ...filters })
  expect([messageCost(10), messageCost(1_250_000)]).toEqual([1, 306])
  expect([callCost('ping', {}), list(10), list(1000), batch(4, 10), batch(100, 1000)]).toEqual([0, 0, 20, 1, 525])
  // Nearly as long as so many events in the one thread that records both.
  const shown = (count: number) => callCost('record_impressions', { id: '1', user: 'ann', items: users(count) })
  expect([shown(1), shown(100)]).toEqual([11, 110])
  expect(callCost('search_items', { text: 'song', limit: 50, after: 0 })).toBe(105)
  expect(queryCost({ kind: 'similar', item: 'i', limit: 1000 })).toBe(55)
})

test('events beyond the rate are refused with the time to wait, and after that they are taken', async () => {
  const begun = performance.now()
  const peer = await Peer.greeted(await served({ rate: 100 }))
  const sent = 1100
  for (let id = 0; id < sent; id++) peer.send(event(id))
  const first = await peer.next('error')
  expect(first).toMatchObject({ code: 'rate_limited' })
  expect(first.retryAfter).toBeGreaterThanOrEqual(1)
  expect(first.retryAfter).toBeLessThanOrEqual(2000)
  const received = (type: string) => peer.waiting.filter(message => message.type === type).length
  await vi.waitFor(() => expect(received('ack')).toBeGreaterThan(195), { timeout: 60_000 })
  // The time for a ping, or for several where some of its rate is owed.
  await wait(300)
  expect(await peer.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
  const took = performance.now() - begun
  expect(received('ack')).toBeLessThanOrEqual(200 + took / 10)
  // Ten a second, of which one was taken above.
  expect(received('error')).toBeLessThanOrEqual(1 + took / 100)
  await peer.close()
})

test('a large batch is refused where a small one is not', async () => {
  const peer = await Peer.greeted(await served({ rate: 100 }))
  const users = Array.from({ length: 1000 }, (_, n) => `${n}`)
  const batch = (count: number) =>
    peer.ask({ type: 'call', method: 'recommend_batch', params: { users: users.slice(0, count), limit: 50 } })
  // 180 of 200; the next needs them all.
  expect(await batch(360)).toMatchObject({ type: 'result' })
  expect(await batch(1000)).toMatchObject({ type: 'error', code: 'rate_limited' })
  expect(await batch(20)).toMatchObject({ type: 'result' })
  await peer.close()
})

test.each([
  { frames: '{"type":"ping"}', reason: 'rate_limited' },
  { frames: '{}', reason: '20 messages in a row were none' },
])('who floods with $frames is disconnected with 1008; others notice nothing', async ({ frames, reason }) => {
  const url = await served({ rate: 1000 })
  const other = await Peer.greeted(url)
  const peer = await Peer.greeted(url)
  const begun = performance.now()
  for (let frame = 0; frame < 20_000; frame++) peer.raw(frames)
  let slowest = 0
  while (!peer.closed) {
    const asked = performance.now()
    expect(await other.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
    slowest = Math.max(slowest, performance.now() - asked)
    if (performance.now() - begun > 60_000) throw new Error('the flood goes on')
  }
  expect(peer.closed).toMatchObject({ code: 1008, reason: expect.stringContaining(reason) })
  // Tens of ms, where the machine has time; of the frames few are read, and few are answered.
  expect(slowest).toBeLessThan(5000)
  expect(peer.waiting.filter(({ type }) => type === 'error').length).toBeLessThan(150)
  await other.close()
})

test('one socket with thousands of frames does not keep the others waiting until all are read', async () => {
  const url = await served({ rate: 0 })
  const [many, other] = [await Peer.greeted(url), await Peer.greeted(url)]
  const count = 10_000
  for (let request = 1; request <= count; request++) many.send({ type: 'ping', request })
  expect(await other.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
  const answered = many.waiting.length
  await vi.waitFor(() => expect(many.waiting).toHaveLength(count), { timeout: 60_000 })
  expect(many.waiting.map(({ request }) => request)).toEqual(Array.from({ length: count }, (_, at) => at + 1))
  expect(answered).toBeLessThan(count)
  await Promise.all([many.close(), other.close()])
})

test('by HTTP an address that asks for too much gets 429 and when to come back; probes are answered all the same', async () => {
  const url = await served({ rate: 5 })
  const begun = performance.now()
  const responses = await Promise.all(Array.from({ length: 60 }, () => fetch(`${url}/v1/recommend/7`)))
  const refused = responses.find(({ status }) => status === 429)
  const granted = responses.filter(({ status }) => status === 200).length
  expect(granted).toBeGreaterThanOrEqual(10)
  expect(granted).toBeLessThanOrEqual(10 + (5 * (performance.now() - begun)) / 1000)
  const { error } = (await refused!.json()) as { error: { code: string; retryAfter: number } }
  expect(error).toMatchObject({ code: 'rate_limited', retryAfter: expect.any(Number) })
  expect(Number(refused!.headers.get('retry-after'))).toBe(Math.ceil(error.retryAfter / 1000))
  for (const path of ['/healthz', '/readyz']) expect((await fetch(url + path)).status).toBe(200)
})

test('the client of this package waits as it is told, and everything is acknowledged', async () => {
  const url = await served({ rate: 200 })
  const begun = performance.now()
  const client = new Client(url, { onDisconnect: reason => expect.unreachable(reason) })
  onTestFinished(() => client.close())
  const acks = await Promise.all(
    Array.from({ length: 520 }, (_, n) => client.send({ user: 'ann', item: `i${n % 20}` })),
  )
  expect(acks).toHaveLength(520)
  const lists = await Promise.all(
    Array.from({ length: 8 }, () => client.call('recommend', { user: 'ann', limit: 1000 })),
  )
  expect(lists).toHaveLength(8)
  // Of 400 that are there at first, and 200 a second: 520 events and 160 for the lists.
  expect(performance.now() - begun).toBeGreaterThan(1000)
})

test('a key with a rate of its own is shared by all who show it, on every front, and others have theirs', async () => {
  let [slow, other] = ['', '']
  const prepare = (state: string) => {
    slow = addKey(state, { rate: 2 }).key
    other = addKey(state).key
  }
  const { server, close } = await serveSmallModel({ rpc: 'tcp', prepare })
  onTestFinished(close)
  const get = async (key: string) => {
    const response = await fetch(`${server.url}/v1/recommend/3`, { headers: { authorization: `Bearer ${key}` } })
    return { status: response.status, body: await response.json() }
  }
  const rpc = await RpcPeer.connect(server.rpc!)
  await rpc.call('authenticate', { key: slow })
  const peer = await Peer.connect(server.url)
  await peer.ask({ type: 'hello', protocols: [1], key: slow })
  // Four are there at first.
  for (let at = 0; at < 2; at++) expect(await get(slow)).toMatchObject({ status: 200 })
  for (let at = 0; at < 2; at++) expect((await rpc.call('recommend', { user: '3' }))[2]).toBeNull()
  // Two seconds of the rate are owed for it.
  peer.send({ type: 'call', method: 'none' })
  await peer.next('error')
  const refusal = { code: 'rate_limited', retryAfter: expect.any(Number) }
  expect(await get(slow)).toMatchObject({ status: 429, body: { error: refusal } })
  expect((await rpc.call('recommend', { user: '3' }))[2]).toMatchObject(refusal)
  // Unread, and so without the number of a request.
  peer.send({ type: 'event', id: 'e', user: 'ann', item: 'i1' })
  expect(await peer.next('ack', 'error')).toMatchObject(refusal)
  expect(await get(other)).toMatchObject({ status: 200 })
  await peer.close()
})

test.each([0, 50])('who shows a key with a rate of its own is counted by that, and not by the rate %d', async rate => {
  let key = ''
  const prepare = (state: string) => {
    key = addKey(state, { rate: 10_000 }).key
  }
  const url = await served({ rate, prepare })
  const batch = { users: Array.from({ length: 100 }, (_, n) => `${n}`), limit: 40 }
  const init = { method: 'POST', body: JSON.stringify(batch), headers: { authorization: `Bearer ${key}` } }
  // Each is 25 for its lists, and of the address of its key takes only the message.
  for (let at = 0; at < 20; at++) expect((await fetch(`${url}/v1/recommend_batch`, init)).status).toBe(200)
  const peers = [await Peer.connect(url), await Peer.connect(url)]
  for (const peer of peers) await peer.ask({ type: 'hello', protocols: [1], key })
  for (let id = 0; id < 500; id++) for (const peer of peers) peer.send(event(id))
  for (const peer of peers)
    for (let at = 0; at < 500; at++) expect(await peer.next('ack', 'error')).toMatchObject({ type: 'ack' })
  await Promise.all(peers.map(peer => peer.close()))
})

test('whom a shared rate refuses is told so by itself, whatever else is refused by it', () => {
  stopClock()
  const limiter = new RateLimiter(1000)
  const [ann, bob] = [account('ann'), account('bob')]
  const shared = { name: 'a key', rate: 10 }
  expect(limiter.decide(ann, 20, shared)).toBe('taken')
  for (const each of [ann, bob]) {
    expect(limiter.decide(each, 1, shared)).toBeInstanceOf(ServiceError)
    expect(limiter.decide(each, 1, shared)).toBe('silence')
  }
  expect(limiter.notice(ann, shared)).toMatchObject({ code: 'rate_limited' })
  expect(limiter.notice(bob, shared)).toMatchObject({ code: 'rate_limited' })
  const ends = Array.from({ length: 1500 }, () => limiter.decide(ann, 1, shared))
  expect(ends.at(-1)).toBe('flood')
  expect(limiter.decide(bob, 1, shared)).not.toBe('flood')
  // Its own bucket is full.
  expect(limiter.decide(ann, 2000)).toBe('taken')
})

test('bad messages are charged to the rate of the key that sends them', async () => {
  let key = ''
  const prepare = (state: string) => {
    key = addKey(state, { rate: 1 }).key
  }
  const url = await served({ prepare })
  const headers = { authorization: `Bearer ${key}` }
  expect((await fetch(`${url}/v1/recommend/3?limit=0`, { headers })).status).toBe(400)
  expect((await fetch(`${url}/v1/recommend/3`, { headers })).status).toBe(429)
  expect((await fetch(`${url}/v1/health`, { headers })).status).toBe(200)
})
