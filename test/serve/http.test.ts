import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { limits } from '../../src/protocol/limits.ts'
import { Server } from '../../src/serve/server.ts'
import { Peer } from './peer.ts'
import { expectedList, expectedSimilar, writeSmallModel } from './small-model.ts'

let directory: string
let model: string
let server: Server

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-http-'))
  model = await writeSmallModel(directory)
  server = await Server.start({
    ...{ model, state: join(directory, 'state'), port: 0, threads: 2, version: '0.0.0' },
    ...{ log: pino({ level: 'silent' }), cors: ['https://shop.example'] },
  })
})
afterAll(async () => {
  await server?.close()
  rmSync(directory, { recursive: true })
})

async function get(path: string, init?: RequestInit) {
  const response = await fetch(server.url + path, init)
  return { status: response.status, headers: response.headers, body: await response.json() }
}

const post = (body: unknown) =>
  get('/v1/events', { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

const items = (body: { items: { item: string }[] }) => body.items.map(({ item }) => item)

test('recommends to a known user', async () => {
  const { status, body } = await get('/v1/recommend/7?limit=4')
  expect(status).toBe(200)
  expect(body).toMatchObject({ user: '7', basis: 'taste' })
  expect(items(body)).toEqual(expectedList(model, 7, [], 4))
  const [first, second, ...rest] = expectedList(model, 7, [], 8)
  expect(items((await get(`/v1/recommend/7?limit=6&exclude=${first}&exclude=${second}`)).body)).toEqual(rest)
  expect(items((await get(`/v1/recommend/7?only=${second}&only=i14`)).body)).toEqual([second])
  expect(items((await get('/v1/recommend/7?only=i14&seen=true')).body)).toEqual(['i14'])
})

test('a user whom nobody knows is an error, unless popular items are good enough', async () => {
  expect(await get('/v1/recommend/nobody')).toMatchObject({ status: 404, body: { error: { code: 'unknown_user' } } })
  const { status, body } = await get('/v1/recommend/nobody?unknown=popular&limit=2')
  expect(status).toBe(200)
  expect(body).toMatchObject({ basis: 'popularity', items: [{ item: 'i0' }, { item: 'i1' }] })
})

test('an event by HTTP changes the list of who asks, and of who watches', async () => {
  const user = 'käufer/1'
  const watcher = await Peer.greeted(server.url)
  watcher.send({ type: 'subscribe', subscription: 1, user, limit: 3 })
  await watcher.next('list')
  expect(await post({ id: 'a', user, item: 'i12', weight: 2 })).toMatchObject({
    ...{ status: 200, body: { results: [{ id: 'a', status: 'stored' }] } },
  })
  const pushed = await watcher.next('list')
  const asked = (await get(`/v1/recommend/${encodeURIComponent(user)}?limit=3`)).body
  for (const list of [pushed, asked]) {
    expect(list.after).toBe('a')
    expect(items(list as typeof asked)).toEqual(expectedList(model, -1, [['i12', 2]], 3))
  }
  await watcher.close()
})

test('of a batch each event has its own result', async () => {
  const event = (id: string, item: string) => ({ id, user: 'batch', item })
  const { status, body } = await post([event('1', 'i1'), event('2', 'nothing'), event('1', 'i1')])
  expect(status).toBe(404)
  expect(body.results).toMatchObject([
    { id: '1', status: 'stored' },
    { id: '2', error: { code: 'unknown_item' } },
    { id: '1', status: 'duplicate' },
  ])
})

test('items like an item come by the cosine of their factors, without the item itself', async () => {
  const { status, body } = await get('/v1/similar/i10?limit=3')
  expect(status).toBe(200)
  const expected = expectedSimilar(model, 10, 3)
  expect(items(body)).toEqual(expected.map(({ item }) => item))
  expected.forEach(({ cosine }, i) => {
    expect(body.items[i].score).toBeCloseTo(cosine, 5)
  })
  expect(await get('/v1/similar/nothing')).toMatchObject({ status: 404, body: { error: { code: 'unknown_item' } } })
})

test('bad requests get a code, and the server lives on', async () => {
  const cases: [string, number, string, RequestInit?][] = [
    ['/', 404, 'not_found'],
    ['/v1/recommend/7?limit=0', 400, 'bad_message'],
    ['/v1/recommend/7?limit=2&limit=3', 400, 'bad_message'],
    ['/v1/recommend/7?limt=2', 400, 'bad_message'],
    ['/v1/recommend/%ff', 400, 'bad_message'],
    ['/v1/recommend/7', 405, 'method_not_allowed', { method: 'POST' }],
    ['/v1/events', 405, 'method_not_allowed'],
    ['/v1/events', 400, 'bad_json', { method: 'POST', body: '{' }],
    ['/v1/events', 400, 'bad_json', { method: 'POST' }],
    ['/v1/events', 400, 'bad_message', { method: 'POST', body: '[]' }],
    ['/v1/events', 400, 'bad_message', { method: 'POST', body: '"x"' }],
    ['/v1/events', 400, 'too_deep', { method: 'POST', body: '['.repeat(5000) }],
    ['/v1/events', 413, 'too_large', { method: 'POST', body: ' '.repeat(limits.frameBytes + 1) }],
    ['/v1/recommend/7', 403, 'forbidden_origin', { headers: { origin: 'https://evil.example' } }],
  ]
  for (const [path, status, code, init] of cases) {
    expect(await get(path, init), `${init?.method ?? 'GET'} ${path}`).toMatchObject({
      status,
      body: { error: { code } },
    })
  }
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), async body => {
      expect((await post(body)).status).toBeGreaterThanOrEqual(400)
    }),
    { numRuns: 50 },
  )
  expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'alive' } })
})

test('pages of the origins that were named may ask, and are told so', async () => {
  const headers = { origin: 'https://shop.example' }
  expect((await get('/readyz', { headers })).headers.get('access-control-allow-origin')).toBe('https://shop.example')
  const preflight = await fetch(`${server.url}/v1/events`, { method: 'OPTIONS', headers })
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-methods')).toContain('POST')
  const stranger = await fetch(`${server.url}/v1/events`, {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.example' },
  })
  expect(stranger.headers.get('access-control-allow-origin')).toBeNull()
})

test('metrics tell what happened', async () => {
  await post({ id: 'm', user: 'metrics', item: 'i1' })
  const response = await fetch(`${server.url}/metrics`)
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  const text = await response.text()
  expect(text).toMatch(/^aurochs_events_total\{outcome="stored"\} [1-9]/m)
  expect(text).toMatch(/^aurochs_errors_total\{code="not_found"\} [1-9]/m)
  expect(text).toMatch(/^aurochs_commit_seconds_count [1-9]/m)
  expect(text).toMatch(/^aurochs_connections 0$/m)
})
