import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { connect } from 'node:net'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type MethodName, methods, type ParamsInput } from '../../src/protocol/methods.ts'
import { addKey, addSigningKey } from './keys.ts'
import { type Message, Peer } from './peer.ts'
import { RpcPeer } from './rpc-peer.ts'
import { type ServedModel, serveSmallModel } from './served-model.ts'
import { smallSongs } from './small-songs.ts'

let served: ServedModel
/** By what they may do. */
let keys: { readonly ann: string; readonly everyone: string; readonly admin: string; readonly similar: string }
let tokenOfAnn: string

beforeAll(async () => {
  const prepare = (state: string) => {
    keys = {
      ann: addKey(state, { users: ['ann'] }).key,
      everyone: addKey(state).key,
      admin: addKey(state, { admin: 'all' }).key,
      similar: addKey(state, { methods: ['similar'] }).key,
    }
    signing = addSigningKey(state)
  }
  let signing: ReturnType<typeof addSigningKey> | undefined
  // Some calls cost much, and all come from one address.
  served = await serveSmallModel({ rpc: 'tcp', push: true, music: smallSongs, rate: 0, prepare })
  cpSync(served.model, `${served.model}.previous`, { recursive: true })
  tokenOfAnn = await signing!.token('ann')
  return served.close
})

let events = 0
const event = (user: string) => ({ id: `e${++events}`, user, item: 'i3' })

/** Parameters of each method with which it is about `user`, if it is about users. */
const params: { readonly [Name in MethodName]: (user: string) => ParamsInput<Name> } = {
  ping: () => ({}),
  info: () => ({}),
  health: () => ({}),
  ready: () => ({}),
  metrics: () => ({}),
  models: () => ({}),
  examples: () => ({}),
  recommend: user => ({ user }),
  recommend_batch: user => ({ users: ['ann', user] }),
  rerank: user => ({ user, items: ['i1'] }),
  explain: user => ({ user, items: ['i1'] }),
  similar: () => ({ item: 'i3' }),
  record: event,
  record_batch: user => ({ events: [event('ann'), event(user)] }),
  record_impressions: user => ({ id: `s${++events}`, user, items: ['i3'] }),
  put_items: () => ({ items: [{ id: 'new', title: 'New' }] }),
  patch_items: () => ({ items: [{ id: 'new', title: 'Newer' }] }),
  hide_items: () => ({ items: ['new'] }),
  boost_items: () => ({ items: ['new'], factor: 1 }),
  pin_items: () => ({ items: [{ id: 'new', place: 1 }] }),
  unpin_items: () => ({ items: ['new'] }),
  delete_items: () => ({ items: ['new'] }),
  get_items: () => ({ items: ['new'] }),
  search_items: () => ({ text: 'new' }),
  put_users: user => ({ users: [{ id: user, labels: ['a'] }] }),
  get_users: user => ({ users: [user] }),
  swap: () => ({ model: served.model }),
  rollback: () => ({ from: served.server.service.info.generation }),
  forget: user => ({ user }),
  push_put_users: user => ({ users: [{ id: user, zone: 'Asia/Seoul' }] }),
  push_opt_out: user => ({ user }),
  push_click: user => ({ user, article: 'news' }),
  push_pause: () => ({ article: 'news' }),
  push_resume: () => ({}),
  push_dry_run: () => ({ on: false }),
  push_status: () => ({}),
  push_why: user => ({ user, article: 'news' }),
  push_test: user => ({ article: 'news', users: [user] }),
  push_decisions: () => ({}),
  push_analysis: () => ({}),
  push_report: () => ({}),
  music_mix: user => ({ taste: { user }, tags: ['calm'], length: 2 }),
  music_continue: user => ({ taste: { user }, tags: ['calm'], length: 2 }),
  music_tags: () => ({}),
  music_song: () => ({ song: 'i1' }),
  music_songs: () => ({ text: 'title' }),
  music_map: () => ({}),
}

/** The code of the error that a call gets, or `ok`. */
type Ask = (name: MethodName, params: object, key: string | undefined) => Promise<string>

const codeOf = (error: Message | null): string => error?.code ?? 'ok'

async function http(path: string, key: string | undefined, init: RequestInit = {}): Promise<string> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const response = await fetch(served.server.url + path, { ...init, headers })
  const text = await response.text()
  if (response.ok) return 'ok'
  const { error } = JSON.parse(text)
  if (response.status === 401) {
    expect(error.code).toBe('unauthorized')
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
  }
  expect(response.status === 403).toBe(error.code === 'forbidden')
  return error.code
}

function query(params: object): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) for (const each of [value].flat()) search.append(name, each)
  return `${search}`
}

async function greeted(key: string | undefined): Promise<{ peer: Peer; answer: Message }> {
  const peer = await Peer.connect(served.server.url)
  const answer = await peer.ask({ type: 'hello', protocols: [1], key })
  return { peer, answer }
}

/** What a query string cannot say. */
const isNested = (params: object) => Object.values(params).some(value => value?.constructor === Object)

const fronts: Readonly<Record<string, Ask>> = {
  'a call over WebSocket': async (method, params, key) => {
    const { peer, answer } = await greeted(key)
    if (answer.type === 'error') return answer.code
    const { type, code } = await peer.ask({ type: 'call', method, params })
    await peer.close()
    return type === 'error' ? code : 'ok'
  },
  'a POST': (name, params, key) => http(`/v1/${name}`, key, { method: 'POST', body: JSON.stringify(params) }),
  'a GET': async (name, params, key) =>
    methods[name].reads && !isNested(params)
      ? http(`/v1/${name}?${query(params)}`, key)
      : fronts['a POST']!(name, params, key),
  'a path': async (name, params, key) => {
    const { subject }: { reads: boolean; subject?: string } = methods[name]
    if (subject === undefined) return fronts['a GET']!(name, params, key)
    const { [subject]: of, ...rest } = params as Record<string, string>
    return http(`/v1/${name}/${of}?${query(rest)}`, key)
  },
  'internal RPC': async (name, params, key) => {
    const peer = await RpcPeer.connect(served.server.rpc!)
    try {
      if (key !== undefined) expect(await peer.call('authenticate', { key })).toMatchObject([1, 4e9, null, {}])
      return codeOf((await peer.call(name, params))[2])
    } finally {
      peer.close()
    }
  },
}

const names = Object.keys(methods) as MethodName[]
/** By its parameters, not by its rule. */
const isAbout = (name: MethodName) => JSON.stringify(params[name]('bob')).includes('bob')

test.each(names)('the rule of %s fits what it does', name => {
  const { access, reads } = methods[name]
  const isGuarded = typeof access === 'function' || access === 'admin'
  expect(isGuarded || !(isAbout(name) || !reads)).toBe(true)
  if (!isAbout(name)) expect(access).toBeTypeOf('string')
})

describe.each(Object.entries(fronts))('by %s', (front, ask) => {
  const call = (name: MethodName, user: string, key: string | undefined) => ask(name, params[name](user), key)

  test.each(names)('without a key, %s answers only if it is a probe', async name => {
    const expected = methods[name].access === 'anyone' && !front.includes('WebSocket') ? 'ok' : 'unauthorized'
    expect(await call(name, 'ann', undefined)).toBe(expected)
  })

  test.each(names)("a user's key or token has %s answer for this user only", async name => {
    for (const key of [keys.ann, tokenOfAnn]) {
      expect(await call(name, 'ann', key)).toBe(methods[name].access === 'admin' ? 'forbidden' : 'ok')
      if (isAbout(name)) expect(await call(name, 'bob', key)).toBe('forbidden')
    }
  })

  test.each(names)(
    'a key of every user may call %s if that is not for admins, a key of an admin in any case',
    async name => {
      expect(await call(name, '3', keys.everyone)).toBe(methods[name].access === 'admin' ? 'forbidden' : 'ok')
      expect(await call(name, '3', keys.admin)).toBe('ok')
    },
  )

  test.each(names)('a key of one method may call %s only if it is that, or a probe', async name => {
    const expected = name === 'similar' || methods[name].access === 'anyone' ? 'ok' : 'forbidden'
    expect(await call(name, 'ann', keys.similar)).toBe(expected)
  })
})

describe.each(Object.entries(fronts).filter(([front]) => front !== 'a path'))('by %s', (_, ask) => {
  const { user: _user, ...own } = event('ann')
  const shorter: readonly (readonly [MethodName, object])[] = [
    ['recommend', { limit: 1 }],
    ['record', own],
    ['record_batch', { events: [own] }],
  ]

  test.each(shorter)('%s may leave the user out of %j where the key or token is of one', async (name, params) => {
    for (const key of [keys.ann, tokenOfAnn]) expect(await ask(name, params, key)).toBe('ok')
    expect(await ask(name, params, keys.everyone)).toBe('bad_message')
  })
})

test('what was refused was not done', async () => {
  const bob = { user: 'bob', unknown: 'error' }
  expect(await fronts['a POST']!('recommend', bob, keys.admin)).toBe('unknown_user')
})

test.each(['/healthz', '/readyz', '/metrics', '/'])('%s is for the same callers as its method', async path => {
  const isProbe = path.endsWith('z')
  expect(await http(path, undefined)).toBe(isProbe ? 'ok' : 'unauthorized')
  expect(await http(path, keys.everyone)).toBe(path === '/metrics' ? 'forbidden' : 'ok')
  expect(await http(path, keys.admin)).toBe('ok')
})

describe.each(['a key in hello', 'a header of the upgrade'])('a stream with %s', way => {
  async function stream(key: string): Promise<Peer> {
    const headers = way.includes('header') ? { authorization: `Bearer ${key}` } : undefined
    const peer = await Peer.connect(served.server.url, 'aurochs.v1.json', headers)
    onTestFinished(() => peer.close())
    // What follows does not wait for the welcome.
    peer.send({ type: 'hello', protocols: [1], ...(!headers && { key }) })
    return peer
  }
  const subscribe = (subscription: number, query: object) => ({ type: 'subscribe', subscription, query })

  test("shows and changes no other user's list", async () => {
    for (const key of [keys.ann, tokenOfAnn]) {
      const peer = await stream(key)
      expect(await peer.ask(subscribe(1, { kind: 'user', user: 'bob' }))).toMatchObject({ code: 'forbidden' })
      expect(await peer.ask({ type: 'event', ...event('bob') })).toMatchObject({ code: 'forbidden' })
      expect(await peer.ask(subscribe(2, { kind: 'user', user: 'ann' }))).toMatchObject({ type: 'subscribed' })
      expect(await peer.next('list')).toMatchObject({ user: 'ann', subscription: 2 })
      expect(await peer.ask({ type: 'event', ...event('ann') })).toMatchObject({ type: 'ack', user: 'ann' })
      expect(await peer.ask(subscribe(3, { kind: 'similar', item: 'i3' }))).toMatchObject({ type: 'subscribed' })
      expect(peer.waiting.filter(({ user }) => user === 'bob')).toEqual([])
    }
  })

  test('of one user may leave the user out', async () => {
    const peer = await stream(keys.ann)
    const { user: _, ...own } = event('ann')
    expect(await peer.ask({ type: 'event', ...own })).toMatchObject({ type: 'ack', user: 'ann' })
    expect(await peer.ask(subscribe(1, { kind: 'user' }))).toMatchObject({ type: 'subscribed' })
    expect(await peer.next('list')).toMatchObject({ user: 'ann' })
    const other = await stream(keys.everyone)
    expect(await other.ask(subscribe(1, { kind: 'user' }))).toMatchObject({ code: 'user_required' })
  })

  test('of a key for some methods has what these would give', async () => {
    const peer = await stream(keys.similar)
    expect(await peer.ask(subscribe(1, { kind: 'similar', item: 'i3' }))).toMatchObject({ type: 'subscribed' })
    expect(await peer.ask(subscribe(2, { kind: 'user', user: 'ann' }))).toMatchObject({ code: 'forbidden' })
    expect(await peer.ask({ type: 'event', ...event('ann') })).toMatchObject({ code: 'forbidden' })
  })
})

test('a socket without a key, or with a wrong one, is refused and closed', async () => {
  for (const key of [undefined, keys.ann.slice(0, -1), `${keys.ann.slice(0, 17)}${keys.everyone.slice(17)}`]) {
    const { peer, answer } = await greeted(key)
    expect(answer).toMatchObject({ type: 'error', code: 'unauthorized' })
    await peer.ended()
    expect(peer.closed).toEqual({ code: 4401, reason: 'unauthorized' })
  }
})

test('a socket has one caller for as long as it lives', async () => {
  const { peer } = await greeted(keys.ann)
  expect(await peer.ask({ type: 'hello', protocols: [1], key: keys.admin })).toMatchObject({ code: 'bad_message' })
  expect(await peer.ask({ type: 'call', method: 'metrics' })).toMatchObject({ code: 'forbidden' })
})

test('an RPC connection with a wrong key is refused and ended; another caller may follow', async () => {
  const peer = await RpcPeer.connect(served.server.rpc!)
  // Each waits until it is known who calls.
  const batch = [['authenticate', { key: tokenOfAnn }], ['metrics'], ['authenticate', { key: keys.admin }], ['metrics']]
  peer.send(...batch.map(([method, ...params], number) => [0, number, method, params]))
  const answers = await peer.nextOf(4)
  expect([0, 1, 2, 3].map(number => codeOf(answers.get(number)![2]))).toEqual(['ok', 'forbidden', 'ok', 'ok'])
  expect(codeOf((await peer.call('authenticate', { key: 'wrong' }))[2])).toBe('unauthorized')
  await peer.ended()
})

test('an RPC connection that shows no key is told once, and ended; nothing else of it is carried out', async () => {
  const peer = await RpcPeer.connect(served.server.rpc!)
  const calls = Array.from({ length: 50 }, (_, number) => [
    0,
    number,
    'record',
    [{ ...event('ann'), user: 'stranger' }],
  ])
  peer.send([0, 99, 'ping', []], ...calls)
  expect(await peer.next()).toEqual([1, 99, null, {}])
  expect(codeOf((await peer.next())[2])).toBe('unauthorized')
  await peer.ended()
  await expect(peer.next()).rejects.toThrow('closed before an answer came')
  const known = { user: 'stranger', unknown: 'error' }
  expect(await fronts['a POST']!('recommend', known, keys.admin)).toBe('unknown_user')
})

test('the body of one who may not call is not read', async () => {
  const { port } = new URL(served.server.url)
  const socket = connect(Number(port), '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  socket.write('POST /v1/record HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n')
  // The answer comes though the body has not ended.
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 /)
})
