import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import pino from 'pino'
import { beforeAll, expect, test } from 'vitest'
import { type ErrorCode, errorCodes } from '../../src/protocol/errors.ts'
import { limits } from '../../src/protocol/limits.ts'
import { type MethodName, methods, type ParamsInput } from '../../src/protocol/methods.ts'
import { features } from '../../src/protocol/versions.ts'
import { Server } from '../../src/serve/server.ts'
import { longestEvents, longestFilter } from '../protocol/longest.ts'
import { freshFolder } from '../storage/folder.ts'
import { Peer } from './peer.ts'
import { serveSmallModel } from './served-model.ts'
import { expectedList, expectedSimilar } from './small-model.ts'
import { smallSongs } from './small-songs.ts'

let model: string
let server: Server

beforeAll(async () => {
  const served = await serveSmallModel({ threads: 2, push: true, music: smallSongs, cors: ['https://shop.example'] })
  model = served.model
  server = served.server
  return served.close
})

async function get(path: string, init?: RequestInit) {
  const response = await fetch(server.url + path, init)
  return { status: response.status, headers: response.headers, body: await response.json() }
}

const post = (path: string, body: unknown) =>
  get(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

const items = (body: { items: { item: string }[] }) => body.items.map(({ item }) => item)

test('recommends to a known user', async () => {
  const { status, headers, body } = await get('/v1/recommend/7?limit=4')
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('application/json')
  expect(body).toMatchObject({ user: '7', basis: 'model', generation: server.service.info.generation })
  expect(typeof body.list).toBe('string')
  expect(items(body)).toEqual(expectedList(model, 7, [], 4))
  const [first, second, ...rest] = expectedList(model, 7, [], 8)
  expect(items((await get(`/v1/recommend/7?limit=6&exclude=${first}&exclude=${second}`)).body)).toEqual(rest)
  expect(items((await get(`/v1/recommend/7?only=${second}&only=i14`)).body)).toEqual([second])
  expect(items((await get(`/v1/recommend/7?only=${second}`)).body)).toEqual([second])
  expect(items((await get('/v1/recommend/7?only=i14&seen=allow')).body)).toEqual(['i14'])
  expect(items((await get('/v1/recommend/7?only=i14&seen=exclude')).body)).toEqual([])
})

test('a path, a query string and a posted object ask for the same list', async () => {
  const [first, ...rest] = expectedList(model, 7, [], 4)
  const answers = await Promise.all([
    get(`/v1/recommend/7?limit=3&exclude=${first}&exclude=nothing`),
    get(`/v1/recommend?user=7&limit=3&exclude=${first}&exclude=nothing`),
    post('/v1/recommend', { user: 7, limit: 3, exclude: [first, 'nothing'] }),
    post('/v1/recommend', { user: '7', limit: 3, exclude: [first], colour: 'ignored' }),
  ])
  for (const { status, body } of answers) {
    expect(status).toBe(200)
    expect(body).toMatchObject({ user: '7', basis: 'model' })
    expect(items(body)).toEqual(rest)
  }
  expect(new Set(answers.map(({ body }) => body.list)).size).toBe(answers.length)
})

test('a parameter of a query string that the method does not have is refused, and those that it has are named', async () => {
  for (const path of ['/v1/recommend/7?limit=3&tag=x', '/v1/similar/i1?tag=x']) {
    const { status, body } = await get(path)
    expect([status, body.error.code]).toEqual([400, 'bad_message'])
    expect(body.error.message).toMatch(/^tag: expected one of .*limit, .*tags, /)
  }
  expect((await get('/v1/ping?x=1')).body.error.message).toBe('x: expected one of none')
})

test('a user whom nobody knows gets popular items, or an error if the caller prefers that', async () => {
  for (const query of ['limit=2', 'limit=2&unknown=popularity']) {
    const { status, body } = await get(`/v1/recommend/nobody?${query}`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ user: 'nobody', basis: 'popularity', items: [{ item: 'i2' }, { item: 'i4' }] })
  }
  expect(await get('/v1/recommend/nobody?unknown=error')).toMatchObject({
    status: 404,
    body: { error: { code: 'unknown_user' } },
  })
  expect((await get('/v1/recommend/7?unknown=error')).status).toBe(200)
})

test('an event by HTTP changes the lists that are asked for and those of subscribers', async () => {
  const user = 'käufer/1'
  const subscriber = await Peer.greeted(server.url)
  subscriber.send({ type: 'subscribe', subscription: 1, query: { kind: 'user', user, limit: 3 } })
  await subscriber.next('list')
  expect(await post('/v1/record', { id: 'a', user, item: 'i12', weight: 2 })).toMatchObject({
    status: 200,
    body: { id: 'a', status: 'stored' },
  })
  const pushed = await subscriber.next('list')
  const asked = (await get(`/v1/recommend/${encodeURIComponent(user)}?limit=3`)).body
  for (const list of [pushed, asked]) {
    expect(list.after).toBe('a')
    expect(items(list as typeof asked)).toEqual(expectedList(model, -1, [['i12', 2]], 3))
  }
  expect((await post('/v1/record', { id: 'a', user, item: 'i12', weight: 2 })).body).toEqual({
    id: 'a',
    status: 'duplicate',
  })
  await subscriber.close()
})

test('an event by HTTP may take another back', async () => {
  const record = (event: object) => post('/v1/record', { user: 'undoing', ...event })
  await record({ id: '1', item: 'i20', time: '2024-05-31T18:30:00Z', kind: 'play', list: 'l-1' })
  await record({ id: '2', item: 'i3', weight: 4 })
  expect((await record({ id: '3', undo: '2' })).body).toEqual({ id: '3', status: 'stored' })
  const { body } = await get('/v1/recommend/undoing?limit=40')
  expect(body.after).toBe('3')
  expect(items(body)).toEqual(expectedList(model, -1, [['i20', 1]], 40))
})

test('an event of an item that the model lacks is stored and says so, and in a batch each event has its own result', async () => {
  const event = (id: string, item: string) => ({ id, user: 'batch', item })
  expect(await post('/v1/record', event('0', 'nothing'))).toMatchObject({
    status: 200,
    body: { id: '0', status: 'stored', known: false },
  })
  const events = [event('1', 'i1'), event('2', 'nothing'), event('1', 'i1'), event('0', 'nothing')]
  const { status, body } = await post('/v1/record_batch', { events })
  expect(status).toBe(200)
  expect(body.results).toEqual([
    { id: '1', status: 'stored' },
    { id: '2', status: 'stored', known: false },
    { id: '1', status: 'duplicate' },
    { id: '0', status: 'duplicate', known: false },
  ])
})

test('as many and as long events and filters as the limits allow fit into a POST', async () => {
  const events = longestEvents(limits.events, 'i1').map(event => ({ ...event, user: 'longest' }))
  const recorded = await post('/v1/record_batch', { events })
  expect(recorded.status).toBe(200)
  expect(recorded.body.results).toEqual(events.map(({ id }) => ({ id, status: 'stored' })))
  const unknown = await post('/v1/record_batch', { events: longestEvents(limits.events) })
  expect(unknown.body.results).toHaveLength(limits.events)
  const filters = {
    exclude: [...longestFilter('e').slice(1), 'i20'],
    only: [...longestFilter('o').slice(2), 'i20', 'i21'],
  }
  const { status, body } = await post('/v1/recommend', { user: 5, ...filters })
  expect([status, items(body)]).toEqual([200, ['i21']])
  const users = longestFilter('u')
  const batch = await post('/v1/recommend_batch', { users, limit: 1, ...filters })
  expect(batch.status).toBe(200)
  expect(batch.body.lists.map((list: { items: string[] }) => list.items)).toEqual(users.map(() => ['i21']))
})

test('items like an item come by the cosine of their factors, without the item itself', async () => {
  const expected = expectedSimilar(model, 10, 3)
  for (const { status, body } of [
    await get('/v1/similar/i10?limit=3&measure=cosine'),
    await get('/v1/similar?item=i10&limit=3&measure=cosine'),
    await post('/v1/similar', { item: 'i10', limit: 3, measure: 'cosine' }),
  ]) {
    expect(status).toBe(200)
    expect(body.item).toBe('i10')
    expect(items(body)).toEqual(expected.map(({ item }) => item))
    expected.forEach(({ cosine }, i) => {
      expect(body.items[i].score).toBeCloseTo(cosine, 5)
    })
  }
  const { body: standard } = await get('/v1/similar/i10?limit=3')
  const { body: neighbours } = await get('/v1/similar/i10?limit=3&measure=neighbours')
  expect(standard.items).toEqual(neighbours.items)
  expect(await get('/v1/similar/i10?measure=taste')).toMatchObject({
    status: 400,
    body: { error: { code: 'bad_message' } },
  })
  expect(await get('/v1/similar/nothing')).toMatchObject({ status: 404, body: { error: { code: 'unknown_item' } } })
})

test('every method is there by POST, and by GET if it only reads', async () => {
  const event = { id: 'all', user: 'methods', item: 'i1' }
  const calls: { [Name in MethodName]: [ParamsInput<Name>, unknown] } = {
    ping: [{}, {}],
    info: [
      {},
      {
        version: '0.0.0',
        limits,
        features: [...features, 'push', 'music'],
        methods: Object.keys(methods),
        model: { algorithm: 'als' },
      },
    ],
    health: [{}, { status: 'alive' }],
    ready: [{}, { status: 'ready', generation: server.service.info.generation }],
    metrics: [{}, { text: expect.stringContaining('aurochs_connections') }],
    models: [{}, { models: [{ role: 'served', generation: server.service.info.generation, users: 20, items: 40 }] }],
    examples: [{ limit: 2 }, { users: [{ items: 3 }, { items: 3 }] }],
    recommend: [
      { user: '3', limit: 1 },
      { user: '3', basis: 'model' },
    ],
    recommend_batch: [
      { users: ['3', '4'], limit: 1 },
      { generation: server.service.info.generation, lists: [{ basis: 'model' }, { basis: 'model' }] },
    ],
    rerank: [
      { user: 7, items: ['i3', 'none'] },
      { user: '7', items: [{ item: 'i3' }], left: ['none'] },
    ],
    explain: [
      { user: 7, items: ['i3', 'none'] },
      { user: '7', items: [{ item: 'i3', source: 'taste' }], left: ['none'] },
    ],
    similar: [{ item: 'i10' }, { item: 'i10' }],
    record: [event, { id: 'all', status: 'stored' }],
    record_batch: [{ events: [event] }, { results: [{ id: 'all', status: 'duplicate' }] }],
    record_impressions: [
      { id: 'all', user: 'methods', items: ['i2', 'none'] },
      { id: 'all', status: 'stored' },
    ],
    put_items: [{ items: [{ id: 'i1', title: 'One' }] }, { error: { code: 'forbidden' } }],
    patch_items: [{ items: [{ id: 'i1', hidden: true }] }, { error: { code: 'forbidden' } }],
    hide_items: [{ items: ['i1'] }, { error: { code: 'forbidden' } }],
    boost_items: [{ items: ['i1'], factor: 2 }, { error: { code: 'forbidden' } }],
    pin_items: [{ items: [{ id: 'i1', place: 1 }] }, { error: { code: 'forbidden' } }],
    unpin_items: [{ items: ['i1'] }, { error: { code: 'forbidden' } }],
    delete_items: [{ items: ['i1'] }, { error: { code: 'forbidden' } }],
    get_items: [{ items: ['i1'] }, { items: [null] }],
    search_items: [{ text: 'one' }, { items: [] }],
    put_users: [{ users: [{ id: 'ann', labels: [] }] }, { error: { code: 'forbidden' } }],
    get_users: [{ users: ['ann'] }, { users: [{ id: 'ann', labels: [] }] }],
    swap: [{ model }, { error: { code: 'forbidden' } }],
    rollback: [{ from: 'another' }, { error: { code: 'forbidden' } }],
    forget: [{ user: 'ann' }, { error: { code: 'forbidden' } }],
    push_put_users: [{ users: [{ id: 'ann' }] }, { error: { code: 'forbidden' } }],
    push_opt_out: [
      { user: 'zed', optedOut: false },
      { user: 'zed', optedOut: false },
    ],
    push_click: [{ user: 'zed', article: 'news' }, { status: 'unknown-send' }],
    push_pause: [{}, { error: { code: 'forbidden' } }],
    push_resume: [{}, { error: { code: 'forbidden' } }],
    push_dry_run: [{}, { error: { code: 'forbidden' } }],
    push_status: [{}, { isDryRun: false, campaigns: [{ id: 'news', counts: { budget: 0 } }] }],
    push_why: [
      { user: 'ann', article: 'news' },
      { got: false, reasons: [{ code: 'budget' }] },
    ],
    push_test: [{ article: 'news', users: ['ann'] }, { error: { code: 'forbidden' } }],
    push_decisions: [{}, { decisions: [] }],
    push_analysis: [{}, { version: 1, total: { sends: 0 }, articles: [] }],
    push_report: [{}, { campaigns: [{ article: 'news', sends: [] }] }],
    music_mix: [
      { tags: ['calm'], length: 2 },
      { items: [{ why: expect.any(String) }, { follows: {} }], left: [] },
    ],
    music_continue: [{ songs: ['i5'], length: 1, playlist: ['i0'] }, { items: [{ follows: { item: 'i0' } }] }],
    music_tags: [{ song: 'i0' }, { tags: [{ tag: 'calm', amount: 1, songs: 40 }, { tag: 'rain' }, { tag: 'rock' }] }],
    music_song: [{ song: 'i2' }, { item: 'i2', title: 'Title 2', audio: false, nearest: expect.any(Array) }],
    music_songs: [{ text: 'i7', limit: 3 }, { songs: [{ item: 'i7', artist: 'Artist 7' }] }],
    music_map: [{ limit: 2 }, { songs: 40, items: ['i0', 'i20'], tags: ['calm'] }],
  }
  for (const [name, [params, expected]] of Object.entries(calls)) {
    const { access } = methods[name as MethodName]
    const isFree = methods[name as MethodName].reads || access !== 'admin'
    const status = isFree ? 200 : errorCodes.forbidden.status
    expect(await post(`/v1/${name}`, params), name).toMatchObject({ status, body: expected })
    const query = new URLSearchParams()
    for (const [key, value] of Object.entries(params)) for (const each of [value].flat()) query.append(key, `${each}`)
    const got = await get(`/v1/${name}?${query}`)
    if (methods[name as MethodName].reads) expect(got, name).toMatchObject({ status: 200, body: expected })
    else expect(got, name).toMatchObject({ status: 405, body: { error: { code: 'method_not_allowed' } } })
  }
})

test('the paths of probes and of Prometheus give what the methods give', async () => {
  expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'alive' } })
  expect(await get('/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } })
  expect((await get('/v1/ready')).body).toEqual((await get('/readyz')).body)
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    expect(await post(path, {})).toMatchObject({ status: 405, body: { error: { code: 'method_not_allowed' } } })
  }
})

test('bad requests get a code and its status, and the server lives on', async () => {
  const posted = (body: string): RequestInit => ({ method: 'POST', body })
  const cases: [string, number, ErrorCode, RequestInit?][] = [
    ['/v1', 404, 'not_found'],
    ['/v1/nothing', 404, 'not_found'],
    ['/v1/nothing', 404, 'not_found', posted('{}')],
    ['/v1/toString', 404, 'not_found', posted('{}')],
    ['/v1/record/7', 404, 'not_found'],
    ['/v1/recommend/7?limit=0', 400, 'bad_message'],
    ['/v1/recommend/7?limit=ten', 400, 'bad_message'],
    ['/v1/recommend/7?limit=', 400, 'bad_message'],
    ['/v1/recommend/7?limit=2&limit=3', 400, 'bad_message'],
    ['/v1/recommend/7?seen=maybe', 400, 'bad_message'],
    ['/v1/recommend/%ff', 400, 'bad_message'],
    ['/v1/recommend?user=%ff', 400, 'bad_message'],
    ['/v1/recommend?user=7&x=%', 400, 'bad_message'],
    ['/v1/recommend', 400, 'bad_message'],
    ['/v1/stream', 405, 'method_not_allowed'],
    ['/v1/recommend/7', 405, 'method_not_allowed', posted('{}')],
    ['/v1/recommend', 405, 'method_not_allowed', { method: 'DELETE' }],
    ['/v1/record', 405, 'method_not_allowed'],
    ['/v1/record_batch', 405, 'method_not_allowed', { method: 'PUT', body: '{}' }],
    ['/v1/record', 400, 'bad_json', posted('{')],
    ['/v1/record', 400, 'bad_json', { method: 'POST' }],
    ['/v1/record', 400, 'bad_message', posted('[]')],
    ['/v1/record', 400, 'bad_message', posted('"x"')],
    ['/v1/record', 400, 'bad_message', posted('{"id":"e","user":"u","item":"i1","weight":0}')],
    ['/v1/record_batch', 400, 'bad_message', posted('{"events":[]}')],
    ['/v1/record', 400, 'too_deep', posted('['.repeat(5000))],
    ['/v1/record', 413, 'too_large', posted(`[${'0,'.repeat(limits.values)}0]`)],
    ['/v1/record', 413, 'too_large', posted(' '.repeat(limits.messageBytes + 1))],
    ['/v1/recommend/7', 403, 'forbidden_origin', { headers: { origin: 'https://evil.example' } }],
    ['/v1/swap', 403, 'forbidden', posted('{"model":"/"}')],
  ]
  for (const [path, status, code, init] of cases) {
    const { headers, ...answer } = await get(path, init)
    const name = `${init?.method ?? 'GET'} ${path}`
    expect(answer, name).toEqual({ status, body: { error: { code, message: expect.any(String) } } })
    expect(headers.get('retry-after'), name).toBeNull()
    expect(errorCodes[code]).toMatchObject({ status, retryAfter: null })
  }
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), async body => {
      expect((await post('/v1/record', body)).status).toBeGreaterThanOrEqual(400)
    }),
    { numRuns: 50 },
  )
  expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'alive' } })
})

test('a body beyond the limit is refused as soon as that is known, however it comes', async () => {
  const refused = { status: 413, body: { error: { code: 'too_large' } } }
  expect(await post('/v1/record', ' '.repeat(4 * limits.frameBytes))).toMatchObject(refused)
  const socket = connect(server.port, '127.0.0.1')
  socket.write(`POST /v1/record HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${limits.messageBytes + 1}\r\n\r\n`)
  // Nothing of it was sent.
  const [declared] = await once(socket, 'data')
  expect(String(declared)).toMatch(/^HTTP\/1\.1 413 .*Connection: close/s)
  await once(socket, 'close')
  const endless = connect(server.port, '127.0.0.1')
  let answer = ''
  endless.on('data', data => {
    answer += data
  })
  endless.on('error', () => {})
  endless.write('POST /v1/record HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n')
  while (!endless.closed) {
    endless.write(`1000\r\n${' '.repeat(4096)}\r\n`)
    await setImmediate()
  }
  expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  expect((await get('/healthz')).status).toBe(200)
})

test('a body in chunks of one byte is taken as any other', async () => {
  const body = JSON.stringify({ events: longestEvents(300, 'i1') })
  const socket = connect(server.port, '127.0.0.1')
  socket.write(
    'POST /v1/record_batch HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n',
  )
  socket.write(
    `${Array.from(Buffer.from(body, 'latin1').toString('latin1'), byte => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`,
  )
  let answer = ''
  for await (const data of socket) answer += data
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  const { results } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
  expect(results).toHaveLength(300)
})

test('options that cannot be are refused before anything is opened, and a server that is closed twice is closed once', async () => {
  const start = (given: object) => {
    const log = pino({ level: 'silent' })
    return Server.start({ model, state: join(freshFolder(), 'state'), port: 0, version: '0.0.0', log, ...given })
  }
  await expect(start({ idleTimeout: 5 })).rejects.toThrow('idleTimeout must be a whole number from 8 to 960, got 5')
  await expect(start({ maxConnections: 0 })).rejects.toThrow('maxConnections must be a whole number from 1 to 1000000')
  await expect(start({ historyLimit: 0 })).rejects.toThrow('historyLimit must be a whole number from 1 on, got 0')
  await expect(start({ port: 99_999 })).rejects.toThrow('port must be a whole number from 0 to 65535, got 99999')
  const state = join(freshFolder(), 'state')
  const first = await start({ state })
  const closed = first.close()
  await first.close()
  const next = await start({ state })
  await Promise.all([closed, next.close()])
})

test('HEAD gets the head of what GET gets, whatever that is, and the connection goes on', async () => {
  const paths = ['/', '/healthz', '/readyz', '/metrics', '/v1/recommend/7?limit=2', '/v1/recommend/7?limit=x']
  for (const path of [...paths, '/v1/record', '/v1/nothing']) {
    const socket = connect(server.port, '127.0.0.1')
    socket.write(`HEAD ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    const [head] = await once(socket, 'data')
    expect(String(head).endsWith('\r\n\r\n'), path).toBe(true)
    expect(Number(/\d{3}/.exec(String(head))), path).toBe((await fetch(server.url + path)).status)
    const length = Number(/content-length: (\d+)/i.exec(String(head))?.[1])
    if (path === '/' || path === '/healthz') expect(length).toBe((await (await fetch(server.url + path)).text()).length)
    else expect(length, path).toBeGreaterThan(10)
    let next = ''
    socket.on('data', data => {
      next += data
    })
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
    await once(socket, 'close')
    expect(next, path).toMatch(/^HTTP\/1\.1 200 .*"status"/s)
  }
})

test('who opens the address sees what is there', async () => {
  const page = await fetch(server.url)
  const text = await page.text()
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
  for (const name of Object.keys(methods)) expect(text).toContain(`/v1/${name}`)
  expect(text).toContain('/v1/recommend/USER')
  expect(await get('/nope')).toMatchObject({ body: { error: { message: expect.stringContaining('/v1/METHOD') } } })
})

test('each event of a batch has its own result, and a batch of a wrong one says which', async () => {
  const good = { id: 'g', user: 'batch', item: 'i1' }
  const { status, body } = await post('/v1/record_batch', { events: [good, { ...good, id: 'w', weight: 1e-46 }] })
  expect([status, body.error.message]).toEqual([400, 'events[1].weight: expected at least 0.000001 either way'])
  const mixed = await post('/v1/record_batch', { events: [good, { ...good, id: 'n', item: 'none' }] })
  expect(mixed).toMatchObject({
    status: 200,
    body: { results: [{ status: 'stored' }, { status: 'stored', known: false }] },
  })
})

test('pages of the origins that were named may use the server, and no others', async () => {
  const headers = { origin: 'https://shop.example' }
  expect((await get('/readyz', { headers })).headers.get('access-control-allow-origin')).toBe('https://shop.example')
  const preflight = await fetch(`${server.url}/v1/record`, { method: 'OPTIONS', headers })
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-methods')).toContain('POST')
  const stranger = await fetch(`${server.url}/v1/record`, {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.example' },
  })
  expect(stranger.headers.get('access-control-allow-origin')).toBeNull()
})

test('metrics count what happened', async () => {
  await post('/v1/record', { id: 'm', user: 'metrics', item: 'i1' })
  await get('/v1/nothing')
  const response = await fetch(`${server.url}/metrics`)
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  const text = await response.text()
  expect(text).toMatch(/^aurochs_events_total\{outcome="stored"\} [1-9]/m)
  expect(text).toMatch(/^aurochs_errors_total\{code="not_found"\} [1-9]/m)
  expect(text).toMatch(/^aurochs_commit_seconds_count [1-9]/m)
  expect(text).toMatch(/^aurochs_connections 0$/m)
})
