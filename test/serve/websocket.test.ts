import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { algorithmNamed } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { type ErrorCode, errorCodes } from '../../src/protocol/errors.ts'
import { limits } from '../../src/protocol/limits.ts'
import { type MethodName, methods, type ParamsInput } from '../../src/protocol/methods.ts'
import { features, subprotocols } from '../../src/protocol/versions.ts'
import type { Server } from '../../src/serve/server.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { longestEvents, longestFilter } from '../protocol/longest.ts'
import { type Message, Peer } from './peer.ts'
import { serveSmallModel } from './served-model.ts'
import { expectedList, expectedSimilar } from './small-model.ts'
import { smallSongs } from './small-songs.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })

let model: string
let server: Server
let folder: string
let count = 0
const fresh = (name: string) => `${name}-${++count}`

beforeAll(async () => {
  const served = await serveSmallModel({ threads: 2, push: true, music: smallSongs, maxConnections: 40 })
  model = served.model
  server = served.server
  folder = served.folder
  return served.close
})

const itemsOf = (list: Message): string[] => list.items.map(({ item }: { item: string }) => item)

/** A message that subscribes to the lists of `user`. */
const subscribe = (subscription: number, user: string | number, filters: object = {}) => ({
  type: 'subscribe',
  subscription,
  query: { kind: 'user', user, ...filters },
})

describe.each(subprotocols)('over %s', subprotocol => {
  const greeted = () => Peer.greeted(server.url, subprotocol)

  test('a known user gets the exact list of a fold-in, and the next one after each event', async () => {
    const peer = await greeted()
    const [user, number] = subprotocol === 'aurochs.v1.json' ? [3, 3] : ['4', 4]
    peer.send(subscribe(7, user, { limit: 5 }))
    expect(await peer.next('subscribed', 'list')).toEqual({ type: 'subscribed', subscription: 7 })
    const first = await peer.next('list')
    expect(first).toMatchObject({ subscription: 7, user: `${number}`, sequence: 1, basis: 'model' })
    expect(first).not.toHaveProperty('after')
    expect(itemsOf(first)).toEqual(expectedList(model, number, [], 5))

    peer.send({ type: 'event', id: 'e1', item: 'i30', weight: 4 })
    expect(await peer.next('ack', 'list')).toEqual({ type: 'ack', id: 'e1', user: `${number}` })
    const second = await peer.next('list')
    expect(second).toMatchObject({ sequence: 2, after: 'e1', generation: first.generation })
    expect(itemsOf(second)).toEqual(expectedList(model, number, [['i30', 4]], 5))
    expect(itemsOf(second)).not.toEqual(itemsOf(first))
    expect(typeof first.list).toBe('string')
    expect(second.list).not.toBe(first.list)
    await peer.close()
  })

  test('a new user begins with what is popular, and gets lists of the model after one event', async () => {
    const peer = await greeted()
    peer.send(subscribe(0, fresh('newcomer'), { limit: 3 }))
    const first = await peer.next('list')
    expect(first.basis).toBe('popularity')
    // Two users each; i0 and i1 have one.
    expect(first.items).toEqual(['i2', 'i4', 'i6'].map(item => ({ item, score: 0, source: 'popular' })))
    peer.send({ type: 'event', id: 'e1', item: 'i20' })
    const second = await peer.next('list')
    expect(second).toMatchObject({ basis: 'model', after: 'e1' })
    expect(itemsOf(second)).toEqual(expectedList(model, -1, [['i20', 1]], 3))
    await peer.close()
  })

  test('the items most similar to one are a subscription, too', async () => {
    const peer = await greeted()
    const query = { kind: 'similar', item: 'i10', limit: 3, measure: 'cosine' }
    expect(await peer.ask({ type: 'subscribe', subscription: 4, query })).toMatchObject({ type: 'subscribed' })
    const list = await peer.next('list')
    expect(list).toMatchObject({ subscription: 4, sequence: 1, item: 'i10' })
    expect(itemsOf(list)).toEqual(expectedSimilar(model, 10, 3).map(({ item }) => item))
    expect(list).not.toHaveProperty('basis')
    expect(list).not.toHaveProperty('user')
    expect(typeof list.list).toBe('string')
    peer.send({ type: 'subscribe', subscription: 5, query: { kind: 'similar', item: 'nothing' } })
    expect(await peer.next('error')).toMatchObject({ code: 'unknown_item', subscription: 5 })
    await peer.close()
  })

  test('every answer repeats the request number, and without one there is none', async () => {
    const peer = await greeted()
    const user = fresh('numbered')
    const conversation: [Message, string][] = [
      [{ type: 'hello', protocols: [1] }, 'welcome'],
      [subscribe(1, user), 'subscribed'],
      [{ type: 'event', id: 'a', item: 'i1' }, 'ack'],
      [{ type: 'event', id: 'a', item: 'i1' }, 'ack'],
      [{ type: 'event', id: 'b', item: 'nothing' }, 'ack'],
      [{ type: 'event', id: 'b', item: 'i1', weight: 0 }, 'error'],
      [{ type: 'call', method: 'ping' }, 'result'],
      [{ type: 'call', method: 'nothing' }, 'error'],
      [{ type: 'call', method: 'similar', params: { item: 'nothing' } }, 'error'],
      [{ type: 'tomorrow' }, 'error'],
      [{ type: 'unsubscribe', subscription: 1 }, 'unsubscribed'],
      [{ type: 'unsubscribe', subscription: 1 }, 'error'],
      [{ type: 'ping' }, 'pong'],
    ]
    for (const [message, answer] of conversation) expect(await peer.ask(message)).toMatchObject({ type: answer })
    for (const request of [0, 0xffffffff]) {
      peer.send({ type: 'ping', request })
      expect(await peer.next('pong')).toEqual({ type: 'pong', request })
    }
    peer.send({ type: 'ping' })
    expect(await peer.next('pong')).toEqual({ type: 'pong' })
    peer.send({ type: 'call', method: 'ping' })
    expect(await peer.next('result')).toEqual({ type: 'result', method: 'ping', result: {} })
    await peer.close()
  })

  test('unknown fields are ignored in every message', async () => {
    const peer = await greeted()
    const more = { colour: 'red', nested: { a: [1, { b: 2 }] } }
    const { query, ...rest } = subscribe(1, 6, { limit: 2 })
    expect(await peer.ask({ type: 'hello', protocols: [1], ...more })).toMatchObject({ type: 'welcome' })
    expect(await peer.ask({ ...rest, query: { ...query, ...more }, ...more })).toMatchObject({ type: 'subscribed' })
    expect(itemsOf(await peer.next('list'))).toEqual(expectedList(model, 6, [], 2))
    const event = { id: 'e', user: fresh('tolerant'), item: 'i1', ...more }
    expect(await peer.ask({ type: 'event', ...event })).toMatchObject({ type: 'ack' })
    const batch = { type: 'call', method: 'record_batch', params: { events: [event], ...more }, ...more }
    expect((await peer.ask(batch)).result).toEqual({ results: [{ id: 'e', status: 'duplicate' }] })
    expect(await peer.ask({ type: 'unsubscribe', subscription: 1, ...more })).toMatchObject({ type: 'unsubscribed' })
    expect(await peer.ask({ type: 'ping', ...more })).toMatchObject({ type: 'pong' })
    await peer.close()
  })

  test('an event that is sent again is acknowledged again and counts once', async () => {
    const user = fresh('repeater')
    const peer = await greeted()
    peer.send(subscribe(1, user, { limit: 40 }))
    const once = { type: 'event', id: 'once', item: 'i5', weight: 3 }
    peer.send(once)
    peer.send(once)
    expect(await peer.next('ack')).toEqual({ type: 'ack', id: 'once', user })
    expect(await peer.next('ack')).toEqual({ type: 'ack', id: 'once', user, duplicate: true })
    const last: [string, number] = ['i6', 1]
    expect(await listAfter(peer, { id: 'last', item: last[0], weight: last[1] })).toEqual(
      expectedList(model, -1, [['i5', 3], last], 40),
    )
    await peer.close()
  })

  test('an event may say when it happened, what it was and which list showed it', async () => {
    const user = fresh('precise')
    const peer = await greeted()
    peer.send(subscribe(1, user, { limit: 40 }))
    const { list } = await peer.next('list')
    const events: [string, number][] = [
      ['i8', 1],
      ['i9', 2],
    ]
    const times = [Date.UTC(2024, 4, 31), '2024-06-01T00:00:00+02:00']
    const lists: string[][] = []
    for (const [at, [item, weight]] of events.entries()) {
      lists.push(await listAfter(peer, { id: `${at}`, item, weight, time: times[at], kind: 'play', list }))
    }
    expect(lists).toEqual([1, 2].map(length => expectedList(model, -1, events.slice(0, length), 40)))
    await peer.close()
  })

  test('a negative weight lowers what the user has of an item, down to nothing', async () => {
    const user = fresh('lowering')
    const peer = await greeted()
    peer.send(subscribe(1, user, { limit: 40 }))
    await listAfter(peer, { id: '1', item: 'i10', weight: 3 })
    await listAfter(peer, { id: '2', item: 'i20', weight: 1 })
    const lowered = await listAfter(peer, { id: '3', item: 'i10', weight: -2 })
    const weights = (ten: number): [string, number][] => [
      ['i10', ten],
      ['i20', 1],
    ]
    expect(lowered).toEqual(expectedList(model, -1, weights(1), 40))
    expect(lowered).not.toEqual(expectedList(model, -1, weights(3), 40))
    // Then the item is not seen any more, either.
    const gone = await listAfter(peer, { id: '4', item: 'i10', weight: -1 })
    expect(gone).toEqual(expectedList(model, -1, [['i20', 1]], 40))
    expect(gone).toContain('i10')
    await peer.close()
  })

  test('an undo takes an event back, whichever of the two comes first', async () => {
    const user = fresh('undoing')
    const peer = await greeted()
    peer.send(subscribe(1, user, { limit: 40 }))
    await listAfter(peer, { id: 'kept', item: 'i20' })
    const kept = expectedList(model, -1, [['i20', 1]], 40)
    expect(await listAfter(peer, { id: 'late', item: 'i3', weight: 5 })).not.toEqual(kept)
    expect(await listAfter(peer, { id: 'undo late', undo: 'late' })).toEqual(kept)
    expect(await listAfter(peer, { id: 'undo early', undo: 'early' })).toEqual(kept)
    expect(await listAfter(peer, { id: 'early', item: 'i4', weight: 5 })).toEqual(kept)
    // Another user's event of the same id stays.
    const other = fresh('other')
    peer.send(subscribe(2, other, { limit: 40 }))
    const untouched = await listAfter(peer, { id: 'late', user: other, item: 'i3' }, 2)
    expect(untouched).toEqual(expectedList(model, -1, [['i3', 1]], 40))
    expect(await peer.ask({ type: 'event', id: 'undo late', user, undo: 'late' })).toMatchObject({ duplicate: true })
    await peer.close()
  })

  test('filters decide what a list may hold', async () => {
    const peer = await greeted()
    const list = async (filters: object) => {
      peer.send(subscribe(1, 5, { limit: 40, ...filters }))
      return itemsOf(await peer.next('list'))
    }
    const all = await list({ seen: 'allow' })
    expect(all.toSorted()).toEqual(Array.from({ length: 40 }, (_, item) => `i${item}`).sort())
    const unseen = all.filter(item => !['i10', 'i11', 'i12'].includes(item))
    expect(await list({})).toEqual(unseen)
    expect(await list({ seen: 'exclude' })).toEqual(unseen)
    expect(await list({ exclude: [unseen[0], unseen[2], 'stranger'] })).toEqual([unseen[1], ...unseen.slice(3)])
    expect(await list({ only: ['i10', unseen[4], unseen[1]] })).toEqual([unseen[1], unseen[4]])
    expect(await list({ only: [] })).toEqual([])
    await peer.close()
  })

  test('filters of as many and as long ids as the limits allow fit into a subscription and a call', async () => {
    const peer = await greeted()
    const filters = {
      limit: 40,
      exclude: [...longestFilter('e').slice(1), 'i20'],
      only: [...longestFilter('o').slice(2), 'i20', 'i21'],
    }
    peer.send(subscribe(1, 5, filters))
    expect(itemsOf(await peer.next('list'))).toEqual(['i21'])
    const { result } = await peer.ask({ type: 'call', method: 'recommend', params: { user: 5, ...filters } })
    expect(itemsOf(result)).toEqual(['i21'])
    await peer.close()
  })

  test('a batch of as many and as long events as the limits allow fits into a call', async () => {
    const peer = await greeted()
    const record = async (events: object[]) => {
      const answer = await peer.ask({ type: 'call', method: 'record_batch', params: { events } })
      expect(answer).toMatchObject({ type: 'result', method: 'record_batch' })
      return answer.result.results
    }
    const user = fresh('batch')
    const known = longestEvents(limits.events, 'i1').map(event => ({ ...event, user }))
    expect(await record(known)).toEqual(known.map(({ id }) => ({ id, status: 'stored' })))
    const unknown = longestEvents(limits.events).map(event => ({ ...event, user: fresh('unknown').padEnd(256, 'x') }))
    const results = await record(unknown)
    expect(results).toEqual(unknown.map(({ id }) => ({ id, status: 'stored', known: false })))
    await peer.close()
  })

  test('a call reaches every method', async () => {
    const peer = await greeted()
    const user = fresh('caller')
    const event = (id: string, item: string) => ({ id, user, item })
    const calls: { [Name in MethodName]: [ParamsInput<Name>, unknown] } = {
      ping: [{}, {}],
      info: [{}, { version: '0.0.0', methods: Object.keys(methods) }],
      health: [{}, { status: 'alive' }],
      ready: [{}, { status: 'ready', generation: expect.any(String) }],
      metrics: [{}, { text: expect.stringContaining('aurochs_connections') }],
      models: [{}, { models: [{ role: 'served', algorithm: 'als', loss: [0] }], searches: [] }],
      examples: [{}, { users: expect.arrayContaining([{ user: expect.any(String), items: 3 }]) }],
      recommend: [
        { user: 3, limit: 2 },
        { user: '3', basis: 'model', items: [{ source: 'taste' }, { source: 'taste' }] },
      ],
      recommend_batch: [
        { users: [user, 3], limit: 1 },
        {
          lists: [
            { basis: 'popularity', items: ['i2'], scores: [expect.any(Number)], sources: ['popular'] },
            { basis: 'model', items: [expect.any(String)], sources: ['taste'] },
          ],
        },
      ],
      rerank: [
        { user: '7', items: ['none', 'i3', 4] },
        { user: '7', left: ['none', '4'] },
      ],
      explain: [
        { user: '7', items: ['i3', 'none'] },
        { user: '7', items: [{ item: 'i3', source: 'taste' }], left: ['none'] },
      ],
      similar: [
        { item: 'i10', limit: 1, measure: 'cosine' },
        { item: 'i10', items: expectedSimilar(model, 10, 1).map(({ item }) => ({ item })) },
      ],
      record: [event('1', 'i1'), { id: '1', status: 'stored' }],
      record_impressions: [
        { id: '1', user, items: ['i2', 4] },
        { id: '1', status: 'stored' },
      ],
      record_batch: [
        { events: [event('1', 'i1'), event('2', 'nothing'), event('3', 'i3')] },
        {
          results: [
            { id: '1', status: 'duplicate' },
            { id: '2', status: 'stored', known: false },
            { id: '3', status: 'stored' },
          ],
        },
      ],
      put_items: [{ items: [{ id: 'i1', title: 'One' }] }, { code: 'forbidden' }],
      patch_items: [{ items: [{ id: 'i1', hidden: true }] }, { code: 'forbidden' }],
      hide_items: [{ items: ['i1'] }, { code: 'forbidden' }],
      boost_items: [{ items: ['i1'], factor: 2 }, { code: 'forbidden' }],
      pin_items: [{ items: [{ id: 'i1', place: 1 }] }, { code: 'forbidden' }],
      unpin_items: [{ items: ['i1'] }, { code: 'forbidden' }],
      delete_items: [{ items: ['i1'] }, { code: 'forbidden' }],
      get_items: [{ items: ['i1'] }, { items: [null] }],
      search_items: [{ text: 'one' }, { items: [] }],
      put_users: [{ users: [{ id: 'ann', labels: [] }] }, { code: 'forbidden' }],
      get_users: [{ users: ['ann'] }, { users: [{ id: 'ann', labels: [] }] }],
      swap: [{ model }, { code: 'forbidden' }],
      rollback: [{ from: 'another' }, { code: 'forbidden' }],
      forget: [{ user: 'ann' }, { code: 'forbidden' }],
      push_put_users: [{ users: [{ id: 'ann' }] }, { code: 'forbidden' }],
      push_opt_out: [
        { user: 'zed', optedOut: false },
        { user: 'zed', optedOut: false },
      ],
      push_click: [{ user: 'zed', article: 'news' }, { status: 'unknown-send' }],
      push_pause: [{}, { code: 'forbidden' }],
      push_resume: [{}, { code: 'forbidden' }],
      push_dry_run: [{}, { code: 'forbidden' }],
      push_status: [{}, { isDryRun: false, campaigns: [{ id: 'news', counts: { budget: 0 } }] }],
      push_why: [
        { user: 'ann', article: 'news' },
        { got: false, reasons: [{ code: 'budget' }] },
      ],
      push_test: [{ article: 'news', users: ['ann'] }, { code: 'forbidden' }],
      push_decisions: [{}, { decisions: [] }],
      push_analysis: [{}, { version: 1, total: { sends: 0 }, articles: [] }],
      push_report: [{}, { campaigns: [{ article: 'news', sends: [] }] }],
      music_mix: [
        { tags: ['calm'], taste: { user }, length: 2 },
        { items: [{ why: expect.any(String) }, { follows: { item: expect.any(String) } }] },
      ],
      music_continue: [{ songs: ['i5'], length: 1, playlist: ['i0'] }, { items: [{ follows: { item: 'i0' } }] }],
      music_tags: [{ near: 'rain', limit: 1 }, { tags: [] }],
      music_song: [
        { song: 'i2', nearest: 0 },
        { item: 'i2', source: 'both', nearest: [] },
      ],
      music_songs: [{ text: 'titl i7' }, { songs: [{ item: 'i7' }] }],
      music_map: [{}, { songs: 40, tags: expect.any(Array) }],
    }
    for (const [method, [params, expected]] of Object.entries(calls)) {
      const answer = await peer.ask({ type: 'call', method, params })
      if (!methods[method as MethodName].reads && methods[method as MethodName].access === 'admin')
        expect(answer).toMatchObject({ type: 'error', code: 'forbidden' })
      else {
        expect(answer, method).toMatchObject({ type: 'result', method, result: expected })
      }
    }
    await peer.close()
  })

  test('a user whom nobody knows gets popular items, or an error if the caller prefers that', async () => {
    const peer = await greeted()
    const recommend = (params: object) => peer.ask({ type: 'call', method: 'recommend', params })
    const user = fresh('nobody')
    for (const unknown of [{}, { unknown: 'popularity' }]) {
      const { result } = await recommend({ user, limit: 2, ...unknown })
      expect(result).toMatchObject({ basis: 'popularity', items: [{ item: 'i2' }, { item: 'i4' }] })
    }
    expect(await recommend({ user, unknown: 'error' })).toMatchObject({ type: 'error', code: 'unknown_user' })
    expect((await recommend({ user: 3, unknown: 'error' })).result.basis).toBe('model')
    await peer.ask({ type: 'event', id: 'e', user, item: 'i1' })
    expect((await recommend({ user, unknown: 'error' })).result).toMatchObject({ basis: 'model', after: 'e' })
    await peer.close()
  })

  const refusals: [ErrorCode, Message, Message][] = [
    ['unknown_type', { type: 'subscrbie', request: 3 }, { request: 3 }],
    ['bad_message', { kind: 'ping', request: 3 }, { request: 3 }],
    ['bad_message', { type: 'event', id: 'e', item: 'i1', weight: 0 }, { id: 'e' }],
    ['bad_message', { type: 'event', id: 'e', item: 'i1', weight: 1e-46 }, { id: 'e' }],
    ['bad_message', { type: 'event', id: 'e', item: 'i1', weight: 1e9 }, { id: 'e' }],
    ['bad_message', { type: 'event', id: 'e', item: 'i1', user: '' }, { id: 'e' }],
    ['bad_message', { type: 'event', id: 'e', item: 'i1', time: 'yesterday' }, { id: 'e' }],
    ['bad_message', { type: 'event', id: 'e', item: 'i1', undo: 'd' }, { id: 'e' }],
    ['bad_message', { type: 'event', id: 'e' }, { id: 'e' }],
    ['bad_message', { type: 'event', id: '', item: 'i1' }, {}],
    ['bad_message', { type: 'subscribe', subscription: 9 }, { subscription: 9 }],
    ['bad_message', subscribe(9, 'a', { limit: 0 }), { subscription: 9 }],
    ['bad_message', subscribe(-1, 'a'), { subscription: -1 }],
    [
      'bad_message',
      { type: 'subscribe', subscription: 1, query: { kind: 'user', user: { a: 1 } } },
      { subscription: 1 },
    ],
    ['bad_message', { type: 'subscribe', subscription: 1, query: { kind: 'friends', user: 'a' } }, { subscription: 1 }],
    ['bad_message', { type: 'ping', request: -1 }, {}],
    ['bad_message', { type: 'call', method: 'similar', params: {}, request: 4 }, { request: 4 }],
    ['bad_message', { type: 'call', method: 'similar', params: [], request: 4 }, { request: 4 }],
    ['unknown_method', { type: 'call', method: 'toString', request: 4 }, { request: 4 }],
    ['forbidden', { type: 'call', method: 'swap', params: { model: '/' }, request: 4 }, { request: 4 }],
    ['user_required', { type: 'event', id: 'e', item: 'i1' }, { id: 'e' }],
    ['not_subscribed', { type: 'unsubscribe', subscription: 5 }, { subscription: 5 }],
    ['unsupported_protocol', { type: 'hello', protocols: [99, 2], request: 5 }, { request: 5 }],
    ['too_deep', { type: [[[[[[[[[]]]]]]]]] }, {}],
    ['too_large', { type: 'ping', id: 'x'.repeat(limits.messageBytes) }, {}],
    ['too_large', { type: 'ping', id: Array(limits.values).fill(0) }, {}],
  ]

  test('each refusal has its code, names its message and says when to come back; the connection lives on', async () => {
    const peer = await greeted()
    for (const [code, message, named] of refusals) {
      peer.send(message)
      const error = await peer.next('error')
      expect(error, JSON.stringify(message).slice(0, 80)).toMatchObject({ code, ...named })
      expect(error.retryAfter).toBe(errorCodes[code].retryAfter ?? undefined)
    }
    expect(await peer.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
    await peer.close()
  })

  test('whatever bytes come, they get an answer, and the connection lives on', async () => {
    const peer = await greeted()
    const isJson = subprotocol === 'aurochs.v1.json'
    const encode = (value: unknown) => (isJson ? JSON.stringify(value) : new Uint8Array(packr.pack(value)))
    const junk = fc.jsonValue()
    // Almost right: the types are known, the fields are not.
    const near = fc
      .record({
        type: fc.constantFrom('hello', 'subscribe', 'unsubscribe', 'event', 'call'),
        protocols: junk,
        subscription: junk,
        query: fc.oneof(junk, fc.record({ kind: fc.constantFrom('user', 'similar'), user: junk, limit: junk })),
        id: junk,
        user: junk,
        item: junk,
        time: junk,
        method: junk,
        params: junk,
      })
      .map(message => ({ ...message, request: 77, limit: 0 }))
    const noise = isJson ? fc.string({ unit: 'binary' }) : fc.uint8Array({ maxLength: 300 }).map(b => new Uint8Array(b))
    await fc.assert(
      fc.asyncProperty(fc.oneof(noise, junk.map(encode)), async frame => {
        peer.raw(frame)
        expect(await peer.next('error', 'pong')).toMatchObject({ type: 'error' })
        // Of twenty in a row that are none the server has enough.
        expect(await peer.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
      }),
      { numRuns: 200 },
    )
    await fc.assert(
      fc.asyncProperty(near, async message => {
        peer.raw(encode(message))
        // A number that was subscribed before may be right for once, as may a version.
        const answer = await peer.next('error', 'subscribed', 'unsubscribed', 'welcome')
        expect(answer).toMatchObject({ request: 77 })
        expect(await peer.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
      }),
      { numRuns: 200 },
    )
    expect(await peer.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
    await peer.close()
  })

  test('a frame of the other kind is refused', async () => {
    const peer = await greeted()
    peer.raw(subprotocol === 'aurochs.v1.json' ? new Uint8Array([0x80]) : '{"type":"ping"}')
    expect(await peer.next('error')).toMatchObject({ code: 'wrong_encoding' })
    await peer.close()
  })

  test('a burst of events is acknowledged one by one, and the last list shows them all', async () => {
    const peer = await greeted()
    peer.send(subscribe(1, fresh('burst'), { limit: 40 }))
    await peer.next('list')
    const events = Array.from({ length: 300 }, (_, i): [string, number] => [`i${(i * 7) % 20}`, 1 + (i % 3)])
    events.forEach(([item, weight], i) => {
      peer.send({ type: 'event', id: `${i}`, item, weight })
    })
    for (let i = 0; i < 300; i++) expect((await peer.next('ack')).id).toBe(`${i}`)
    let list = await peer.next('list')
    let lists = 1
    for (; list.after !== '299'; lists++) list = await peer.next('list')
    expect(itemsOf(list)).toEqual(expectedList(model, -1, events, 40))
    expect(lists).toBeLessThan(300)
    await peer.close()
  })
})

/** Sends an event, and gives the items of the first list that takes it into account. */
async function listAfter(peer: Peer, event: Message, subscription = 1): Promise<string[]> {
  expect(await peer.ask({ type: 'event', ...event })).toMatchObject({ type: 'ack', id: event.id })
  let list = await peer.next('list')
  while (list.after !== event.id || list.subscription !== subscription) list = await peer.next('list')
  return itemsOf(list)
}

test('an event sent on one socket changes the lists on every other', async () => {
  const user = fresh('shared')
  const [sender, reader] = [await Peer.greeted(server.url), await Peer.greeted(server.url, 'aurochs.v1.msgpack')]
  reader.send(subscribe(2, user))
  reader.send(subscribe(3, user, { limit: 1 }))
  await reader.next('list')
  await reader.next('list')
  sender.send({ type: 'event', id: 'e', user, item: 'i9' })
  await sender.next('ack')
  const lists = [await reader.next('list'), await reader.next('list')]
  expect(lists.map(({ after, subscription, items }) => [after, subscription, items.length]).sort()).toEqual([
    ['e', 2, 10],
    ['e', 3, 1],
  ])
  await Promise.all([sender.close(), reader.close()])
})

test('a list leaves once its events are on disk, however many newer ones still wait for it', async () => {
  const peer = await Peer.greeted(server.url)
  await peer.ask(subscribe(1, fresh('steady')))
  await peer.next('list')
  // While this lock is held nothing can be committed, and no list may leave.
  const holder = new DatabaseSync(join(folder, 'state', 'events.db'))
  holder.exec('BEGIN IMMEDIATE')
  for (let i = 0; i < 20; i++) {
    peer.send({ type: 'event', id: `${i}`, item: `i${i}` })
    await wait(10)
  }
  expect(peer.waiting).toEqual([])
  holder.exec('ROLLBACK')
  holder.close()
  const first = await peer.next('list')
  expect(Number(first.after)).toBeLessThan(19)
  let last = first
  while (last.after !== '19') last = await peer.next('list')
  await peer.close()
})

test('neither another subscription nor a call makes a list come again', async () => {
  const user = fresh('quiet')
  const peer = await Peer.greeted(server.url)
  await peer.ask(subscribe(1, user))
  await peer.next('list')
  await peer.ask(subscribe(2, user))
  expect((await peer.next('list')).subscription).toBe(2)
  await peer.ask({ type: 'call', method: 'recommend', params: { user } })
  await peer.ask({ type: 'call', method: 'ping' })
  expect(peer.waiting).toEqual([])
  await peer.close()
})

test('after unsubscribing no list comes any more', async () => {
  const user = fresh('leaver')
  const peer = await Peer.greeted(server.url)
  await peer.ask(subscribe(1, user))
  await peer.next('list')
  peer.send({ type: 'unsubscribe', subscription: 1 })
  expect(await peer.next('unsubscribed')).toEqual({ type: 'unsubscribed', subscription: 1 })
  peer.send({ type: 'event', id: 'e', user, item: 'i9' })
  await peer.next('ack')
  peer.send({ type: 'ping' })
  await peer.next('pong')
  expect(peer.waiting).toEqual([])
  await peer.close()
})

test('an event without a user is for the one user of the subscriptions of the socket', async () => {
  const peer = await Peer.greeted(server.url)
  const users = [fresh('one'), fresh('two')]
  const event = { type: 'event', id: 'e', item: 'i1' }
  await peer.ask({ type: 'subscribe', subscription: 0, query: { kind: 'similar', item: 'i1' } })
  expect(await peer.ask(event)).toMatchObject({ code: 'user_required' })
  await peer.ask(subscribe(1, users[0]!))
  await peer.ask(subscribe(2, users[0]!, { limit: 1 }))
  expect(await peer.ask(event)).toMatchObject({ type: 'ack', user: users[0] })
  await peer.ask(subscribe(3, users[1]!))
  expect(await peer.ask(event)).toMatchObject({ code: 'user_required' })
  await peer.close()
})

test('welcome names version, model, limits, features and methods, and must come first', async () => {
  const peer = await Peer.connect(server.url)
  peer.send({ type: 'ping' })
  expect(await peer.next('error')).toMatchObject({ code: 'hello_first' })
  const hello = { type: 'hello', features: ['generation', 'of tomorrow'], agent: 'test/1' }
  expect(await peer.ask({ ...hello, protocols: [2, 3] })).toMatchObject({ type: 'error', code: 'unsupported_protocol' })
  expect(await peer.ask({ type: 'ping' })).toMatchObject({ code: 'hello_first' })
  expect(await peer.ask({ ...hello, protocols: [2, 1] })).toEqual({
    type: 'welcome',
    request: expect.any(Number),
    protocol: 1,
    version: '0.0.0',
    generation: expect.any(String),
    model: {
      algorithm: 'als',
      capabilities: expect.arrayContaining(['similar']),
      similarBy: expect.arrayContaining(['cosine', 'neighbours']),
      sources: ['taste'],
      users: 20,
      items: 40,
    },
    limits,
    features: [...features, 'push', 'music'],
    methods: Object.keys(methods),
  })
  await peer.close()
})

test('when another model is served, its generation and new lists follow, from that model alone', async () => {
  const { server: swapping, folder, close } = await serveSmallModel()
  onTestFinished(close)
  const pool = new Pool({ threads: 1 })
  const popular = join(folder, 'popular')
  await trainModel(Dataset.open(join(folder, 'dataset')), popular, algorithmNamed('popular'), {}, { pool })
  await pool.close()
  const peer = await Peer.greeted(swapping.url)
  await peer.ask(subscribe(1, 3, { limit: 2 }))
  await peer.ask({ type: 'subscribe', subscription: 2, query: { kind: 'similar', item: 'i10' } })
  const former = [await peer.next('list'), await peer.next('list')]
  const { generation } = await swapping.service.swap(popular)
  const changed = await peer.next('generation')
  expect(changed).toMatchObject({ generation, model: { algorithm: 'popular', users: 20, items: 40 } })
  const list = await peer.next('list')
  expect(list).toMatchObject({ subscription: 1, sequence: 2, generation })
  expect(itemsOf(list)).toEqual(['i2', 'i4'])
  for (const { generation: old } of former) expect(old).not.toBe(generation)
  expect(await peer.next('error')).toMatchObject({ code: 'unsupported', subscription: 2 })
  expect((await peer.ask({ type: 'call', method: 'info' })).result).toMatchObject({ generation })
  await peer.close()
})

test('a socket has only so many subscriptions', async () => {
  const peer = await Peer.greeted(server.url)
  for (let i = 0; i <= limits.subscriptions; i++) peer.send(subscribe(i, 1, { limit: 1 }))
  expect(await peer.next('error')).toMatchObject({ code: 'too_many_subscriptions', subscription: limits.subscriptions })
  await peer.close()
})

test('a frame beyond the limit ends its own connection and no other', async () => {
  const [excessive, other] = [await Peer.greeted(server.url), await Peer.greeted(server.url)]
  excessive.raw('x'.repeat(limits.frameBytes + 1))
  await excessive.ended()
  other.send({ type: 'ping' })
  await other.next('pong')
  await other.close()
})

test('one connection too many is refused, and there is room again when one leaves', async () => {
  const peers = await Promise.all(Array.from({ length: 40 }, () => Peer.connect(server.url)))
  await expect(Peer.connect(server.url)).rejects.toThrow('no socket')
  await Promise.all(peers.map(peer => peer.close()))
  await (await Peer.greeted(server.url)).close()
})

/** A socket that is open, and reads only when it is resumed. */
async function pausedSocket(): Promise<{ socket: Socket; send: (message: object) => boolean }> {
  const socket = connect(server.port, '127.0.0.1')
  socket.write(
    'GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  )
  await once(socket, 'data')
  socket.pause()
  const send = (message: object) => {
    const text = JSON.stringify(message)
    // A final text frame, its length in two bytes, a mask of zeros.
    const head = [0x81, 0xfe, text.length >> 8, text.length & 255, 0, 0, 0, 0]
    return socket.write(Buffer.concat([Buffer.from(head), Buffer.from(text)]))
  }
  send({ type: 'hello', protocols: [1] })
  return { socket, send }
}

async function metric(name: string): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1])
}

const skippedLists = () => metric('aurochs_skipped_lists_total')
const queriesAnswered = () => metric('aurochs_batch_queries_sum')

test('a reader who does not read gets every ack, and of the lists only the newest', async () => {
  const user = fresh('slow')
  const { socket, send } = await pausedSocket()
  for (let s = 0; s < 32; s++) send(subscribe(s, user, { limit: 40 }))
  let events = 0
  const before = await skippedLists()
  while ((await skippedLists()) - before < 100) {
    for (let i = 0; i < 20; i++) send({ type: 'event', id: `${events}`, item: `i${events++ % 20}` })
    await wait(8)
  }
  const acks: string[] = []
  const newest = new Map<number, { after?: string; sequence: number }>()
  let lists = 0
  let left = Buffer.alloc(0)
  await new Promise<void>(resolve => {
    socket.on('data', bytes => {
      left = Buffer.concat([left, bytes])
      for (;;) {
        const head = left[1] === 126 ? 4 : 2
        if (left.length < head) return
        const length = head === 4 ? left.readUInt16BE(2) : left[1]
        if (left.length < head + length) return
        if ((left[0] & 15) !== 1) throw new Error(`an unexpected frame: ${left.toString('latin1', 0, head + length)}`)
        const message = JSON.parse(left.toString('utf8', head, head + length))
        left = left.subarray(head + length)
        if (message.type === 'ack') acks.push(message.id)
        if (message.type === 'list') {
          lists++
          newest.set(message.subscription, message)
        }
        const done = [...newest.values()].filter(list => list.after === `${events - 1}`)
        if (acks.length === events && done.length === 32) resolve()
      }
    })
    socket.resume()
  })
  expect(acks).toEqual(Array.from({ length: events }, (_, i) => `${i}`))
  const offered = [...newest.values()].reduce((sum, list) => sum + list.sequence, 0)
  expect(lists).toBeLessThan(offered)
  socket.destroy()
})

test('who leaves megabytes unread is not read from meanwhile, and gets every answer once it reads', async () => {
  const { socket, send } = await pausedSocket()
  const users = Array.from({ length: 1000 }, (_, n) => `${n % 19}`)
  // More than are answered at once, with those whose answers the network takes.
  const count = 60
  const call = { type: 'call', method: 'recommend_batch', params: { users, limit: 16 } }
  const before = await queriesAnswered()
  for (let request = 0; request < count; request++) {
    send({ ...call, request })
    await wait(10)
  }
  const peer = await Peer.greeted(server.url)
  expect(await peer.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
  await peer.close()
  let [last, now] = [before, await queriesAnswered()]
  while (now > last) {
    await wait(300)
    ;[last, now] = [now, await queriesAnswered()]
  }
  expect(now - before).toBeLessThan(count * users.length)
  const answered: number[] = []
  let [bytes, tail] = [0, '']
  socket.setEncoding('latin1')
  socket.on('data', part => {
    bytes += part.length
    tail += part
    // Where the machine is busy, some are refused as more than can be done in time.
    const replies = [...tail.matchAll(/"request":(\d+)(?:,"result"|})/g)]
    answered.push(...replies.map(([, request]) => Number(request)))
    const last = replies.at(-1)
    tail = tail.slice(last ? last.index + last[0].length : 0).slice(-100)
  })
  socket.resume()
  await vi.waitFor(() => expect(answered).toHaveLength(count), { timeout: 60_000 })
  expect(answered.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, request) => request))
  // Several times what the network takes.
  expect(bytes).toBeGreaterThan(20e6)
  socket.destroy()
})

test('who does not speak the protocol is told so some times, and closed; one message that is good begins anew', async () => {
  const stranger = await Peer.connect(server.url)
  for (let at = 0; at < 12; at++) stranger.raw('{}')
  await stranger.ended()
  expect(stranger.closed).toEqual({ code: 1008, reason: '10 messages in a row were none' })
  expect(stranger.waiting).toHaveLength(10)
  const peer = await Peer.greeted(server.url)
  for (let round = 0; round < 2; round++) {
    for (let at = 0; at < 19; at++) peer.raw('{}')
    for (let at = 0; at < 19; at++) await peer.next('error')
    expect(await peer.ask({ type: 'ping' })).toMatchObject({ type: 'pong' })
  }
  for (let at = 0; at < 20; at++) peer.raw('{}')
  await peer.ended()
  expect(peer.closed).toEqual({ code: 1008, reason: '20 messages in a row were none' })
})
