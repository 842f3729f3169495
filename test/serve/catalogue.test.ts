import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { RpcClient } from '../../src/client/rpc/rpc-client.ts'
import { addKey, addSigningKey } from './keys.ts'
import { Peer } from './peer.ts'
import { Program } from './program.ts'
import { writeSmallModel } from './small-model.ts'

let directory: string
let program: Program
let admin: string
let reader: string
let ofAnn: string
const socket = () => `unix:${join(directory, 'rpc')}`

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-catalogue-'))
  await writeSmallModel(directory)
  const state = join(directory, 'state')
  admin = addKey(state, { admin: 'all' }).key
  reader = addKey(state).key
  ofAnn = await addSigningKey(state).token('ann')
  await start()
  return async () => {
    await program.stop('SIGKILL')
    rmSync(directory, { recursive: true })
  }
})

async function start(): Promise<void> {
  const args = ['--port', '0', '--state', join(directory, 'state'), '--threads', '1', '--rpc', socket()]
  program = await Program.start([join(directory, 'model'), ...args])
}

async function http(path: string, body?: object, key = admin) {
  const headers = { authorization: `Bearer ${key}` }
  const init = body ? { method: 'POST', body: JSON.stringify(body), headers } : { headers }
  const response = await fetch(program.url + path, init)
  return { status: response.status, type: response.headers.get('content-type'), body: await response.json() }
}

const ids = (list: { items: readonly { item: string }[] }) => list.items.map(({ item }) => item)

test('after kill -9 what was acknowledged of the catalogue is there, and keeps items out of lists', async () => {
  const before = ids((await http('/v1/recommend/3?limit=5')).body)
  const [hidden, deleted] = before
  const peer = await Peer.connect(program.url, 'aurochs.v1.msgpack')
  await peer.ask({ type: 'hello', protocols: [1], key: admin })
  const puts = Array.from({ length: 40 }, (_, at) => ({ id: `new${at}`, title: `Song ${at}`, vector: [at, 0.25] }))
  for (const item of puts) {
    const { result } = await peer.ask({ type: 'call', method: 'put_items', params: { items: [item] } })
    expect(result).toEqual({ items: 1, duplicates: 0 })
  }
  await http('/v1/hide_items', { items: [hidden] })
  const rpc = await RpcClient.connect(socket(), { key: admin })
  await rpc.call('delete_items', { items: [deleted!] })
  await rpc.call('put_users', { users: [{ id: 'ann', labels: ['vip'] }] })
  rpc.close()
  expect(await program.stop('SIGKILL')).toBe('SIGKILL')

  await start()
  const { body } = await http('/v1/search_items?text=song&limit=1000')
  expect(body.items.map(({ id }: { id: string }) => id)).toEqual(puts.map(({ id }) => id))
  expect(body.items[7]).toEqual({
    id: 'new7',
    title: 'Song 7',
    tags: [],
    categories: [],
    vector: [7, 0.25],
    hidden: false,
  })
  expect((await http(`/v1/get_items?items=${hidden}&items=${deleted}`)).body.items).toMatchObject([
    { hidden: true },
    null,
  ])
  expect(ids((await http('/v1/recommend/3?limit=5')).body).slice(0, 3)).toEqual(before.slice(2))
  expect((await http('/v1/get_users?users=ann')).body).toEqual({ users: [{ id: 'ann', labels: ['vip'] }] })
  await http('/v1/hide_items', { items: [hidden], hidden: false })
  await http('/v1/put_items', { items: [{ id: deleted }] })
  expect(ids((await http('/v1/recommend/3?limit=5')).body)).toEqual(before)
})

test('a live list loses a hidden item on every front, and what it may have can be said on each', async () => {
  const peer = await Peer.connect(program.url)
  await peer.ask({ type: 'hello', protocols: [1], key: reader })
  peer.send({ type: 'subscribe', subscription: 1, query: { kind: 'user', user: '3', limit: 5 } })
  peer.send({ type: 'subscribe', subscription: 2, query: { kind: 'user', user: '3', limit: 5, tags: ['x'] } })
  const lists = [await peer.next('list'), await peer.next('list')]
  const all = lists.find(({ subscription }) => subscription === 1)!
  expect(lists.find(({ subscription }) => subscription === 2)!.items).toEqual([])
  const [first, second] = ids(all as never)
  await http('/v1/put_items', {
    items: [
      { id: second, tags: ['x'], categories: ['c'] },
      { id: first, tags: ['x'] },
    ],
  })
  const until = async (subscription: number, isWanted: (items: readonly string[]) => boolean) => {
    for (;;) {
      const list = await peer.next('list')
      if (list.subscription === subscription && isWanted(ids(list as never))) return ids(list as never)
    }
  }
  expect(await until(2, items => items.length > 0)).toEqual([first, second])
  await http('/v1/patch_items', { items: [{ id: first, hidden: true }] })
  await until(1, items => !items.includes(first!))
  peer.send({ type: 'subscribe', subscription: 2, query: { kind: 'user', user: '3', limit: 5, tags: ['x'] } })
  expect(await until(2, items => !items.includes(first!))).toEqual([second])
  expect(ids((await http('/v1/recommend/3?tags=x&tags=y&categories=c')).body)).toEqual([second])
  expect(ids((await http('/v1/recommend/3?tags=x&noTags=x')).body)).toEqual([])
  const batch = { users: ['3', '4'], tags: ['x'] }
  expect((await http('/v1/recommend_batch', batch)).body.lists.map((list: { items: string[] }) => list.items)).toEqual([
    [second],
    [second],
  ])
  expect(ids((await http('/v1/similar/i10?limit=40&tags=x&measure=cosine')).body)).toEqual([second])
  const rpc = await RpcClient.connect(socket(), { key: reader })
  expect((await rpc.call('recommend', { user: 3, allTags: ['x'] })).items.map(({ item }) => item)).toEqual([second])
  rpc.close()
  await peer.close()
})

test('titles with markup are data: they come as JSON, as they were given', async () => {
  const title = '</script><script>alert("x")</script>'
  await http('/v1/put_items', { items: [{ id: 'markup', title, url: 'javascript:alert(1)' }] })
  const { type, body } = await http('/v1/get_items?items=markup')
  expect(type).toMatch(/^application\/json/)
  expect(body.items[0]).toMatchObject({ title, url: 'javascript:alert(1)' })
})

test('who is no admin sees no hidden and no unavailable items, and no vectors, on any front', async () => {
  const items = [
    { id: 'secret-hidden', title: 'Secret one', hidden: true, vector: [1, 2] },
    { id: 'secret-early', title: 'Secret two', availableFrom: Date.now() + 1e9, vector: [1, 2] },
    { id: 'secret-late', title: 'Secret three', availableUntil: Date.now() - 1, vector: [1, 2] },
    { id: 'public', title: 'Secret no more', availableUntil: Date.now() + 1e9, vector: [1, 2] },
  ]
  await http('/v1/put_items', { items })
  await http('/v1/boost_items', { items: ['public'], factor: 2 })
  const asked = { items: items.map(({ id }) => id) }
  const { availableUntil, title } = items[3]!
  const shown = { id: 'public', title, tags: [], categories: [], availableUntil, hidden: false }
  expect((await http('/v1/get_items', asked)).body.items).toMatchObject(items)
  expect((await http('/v1/search_items?text=secret&limit=9')).body.items).toMatchObject([
    ...items.slice(0, 3),
    { ...items[3], boost: 2 },
  ])
  for (const key of [reader, ofAnn]) {
    expect((await http('/v1/get_items', asked, key)).body.items).toEqual([null, null, null, shown])
    expect((await http('/v1/search_items?text=secret', undefined, key)).body).toEqual({ items: [shown] })
    expect((await http('/v1/search_items?text=secret&hidden=true', undefined, key)).body).toEqual({ items: [] })
    const rpc = await RpcClient.connect(socket(), { key })
    expect((await rpc.call('get_items', asked)).items).toEqual([null, null, null, shown])
    rpc.close()
    const peer = await Peer.connect(program.url)
    await peer.ask({ type: 'hello', protocols: [1], key })
    const { result } = await peer.ask({ type: 'call', method: 'search_items', params: { text: 'secret' } })
    expect(result).toEqual({ items: [shown] })
    await peer.close()
  }
  await http('/v1/delete_items', asked)
})

test('after kill -9 what was boosted and pinned is in lists on every front, until that is taken back', async () => {
  const ask = async () => ids((await http('/v1/recommend/3?limit=5', undefined, reader)).body)
  const whole = ids((await http('/v1/recommend/3?limit=15')).body)
  const [pinned, up] = [whole[11]!, whole[7]!]
  expect((await http('/v1/pin_items', { items: [{ id: pinned, place: 2 }] })).body).toEqual({ items: 1 })
  expect((await http('/v1/boost_items', { items: [up], factor: 10 })).body).toEqual({ items: 1 })
  expect(await program.stop('SIGKILL')).toBe('SIGKILL')
  await start()
  const expected = [up, pinned, ...whole.slice(0, 3)]
  expect(await ask()).toEqual(expected)
  const peer = await Peer.connect(program.url)
  await peer.ask({ type: 'hello', protocols: [1], key: reader })
  peer.send({ type: 'subscribe', subscription: 1, query: { kind: 'user', user: '3', limit: 5 } })
  expect(ids((await peer.next('list')) as never)).toEqual(expected)
  const explained = { user: '3', items: [pinned, up] }
  expect((await http('/v1/explain', explained)).body.promoted).toEqual([
    { item: pinned, pinned: 2 },
    { item: up, boost: 10 },
  ])
  // As with what the catalogue keeps.
  expect(Object.keys((await http('/v1/explain', explained, reader)).body)).toEqual([
    'user',
    'generation',
    'items',
    'left',
  ])
  const rpc = await RpcClient.connect(socket(), { key: admin })
  const { items } = await rpc.call('rerank', { user: '3', items: [whole[0]!, whole[1]!, pinned, up] })
  expect(items.map(({ item }) => item)).toEqual([up, pinned, whole[0], whole[1]])
  await rpc.call('unpin_items', { items: [pinned] })
  await rpc.call('boost_items', { items: [up], factor: 1 })
  rpc.close()
  expect(await ask()).toEqual(whole.slice(0, 5))
  for (;;) if (ids((await peer.next('list')) as never).join() === whole.slice(0, 5).join()) break
  await peer.close()
  const wrong = await http('/v1/pin_items', { items: [{ id: up, place: 101 }] })
  expect([wrong.status, wrong.body.error.message]).toEqual([400, 'items[0].place: expected at most 100, got 101'])
})

test('changes are for admins, and what is wrong is named', async () => {
  const refused = async (method: string, params: object, key?: string) => {
    const { status, body } = await http(`/v1/${method}`, params, key)
    return `${status} ${body.error?.code} ${body.error?.message}`
  }
  const changes = ['put_items', 'patch_items', 'hide_items', 'delete_items', 'boost_items', 'pin_items', 'put_users']
  for (const method of changes) {
    expect(await refused(method, {}, reader)).toContain('403 forbidden')
  }
  expect(await refused('get_users', { users: ['bob'] }, ofAnn)).toContain('403 forbidden')
  expect((await http('/v1/get_users', { users: ['ann'] }, ofAnn)).status).toBe(200)
  const put = (item: object) => refused('put_items', { items: [{ id: 'good' }, { id: 'b', ...item }] })
  await http('/v1/put_items', { items: [{ id: 'vector', vector: [1, 2] }] })
  expect(await put({ vector: [1] })).toContain('400 bad_message item "b", vector: expected 2 numbers')
  expect(await put({ vector: ['x'] })).toContain('400 bad_message items[1].vector[0]: expected a number')
  expect(await put({ vector: Array(4097).fill(0) })).toContain('items[1].vector: expected at most 4096 of them')
  expect(await put({ title: 7 })).toContain('400 bad_message items[1].title: expected text')
  expect(await put({ tags: Array(65).fill('x') })).toContain('items[1].tags: expected at most 64 of them, got 65')
  expect(await put({ availableFrom: 'soon' })).toContain('expected whole ms since 1970 or a time such as')
  expect(await refused('put_items', { items: [] })).toContain('expected at least 1 of them')
  expect(await refused('recommend', { user: 'ann', tags: [''] })).toContain('tags[0]: expected at least 1 character')
  expect(await refused('recommend', { user: 'ann', diversity: 2 })).toContain('diversity: expected at most 1, got 2')
  expect(await refused('recommend', { user: 'ann', perTag: 1, limit: 101 })).toContain(
    'expected limit to be at most 100 with diversity or perTag',
  )
  const users = Array.from({ length: 101 }, (_, user) => user)
  expect(await refused('recommend_batch', { users, diversity: 0.1, limit: 100 })).toContain(
    'at most 10000 with diversity',
  )
  expect((await http('/v1/recommend/3?limit=5&diversity=0.5&perTag=3')).body.items).toHaveLength(5)
  expect((await http('/v1/get_items?items=good')).body.items).toEqual([null])
  await http('/v1/put_users', { users: [{ id: 'gone', labels: ['vip'] }] })
  await http('/v1/forget', { user: 'gone' })
  expect((await http('/v1/get_users?users=gone')).body.users).toEqual([{ id: 'gone', labels: [] }])
  const day = { availableFrom: '2024-05-31T02:00:00+02:00', availableUntil: Date.UTC(2100, 0) }
  await http('/v1/put_items', { items: [{ id: 'day', ...day }] })
  const [item] = (await http('/v1/get_items?items=day')).body.items
  expect(item).toMatchObject({ availableFrom: Date.UTC(2024, 4, 31), availableUntil: Date.UTC(2100, 0) })
})
