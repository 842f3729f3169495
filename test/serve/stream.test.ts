import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { limits } from '../../src/protocol/limits.ts'
import { subprotocols } from '../../src/protocol/messages.ts'
import { Server } from '../../src/serve/server.ts'
import { type Message, Peer } from './peer.ts'
import { expectedList, writeSmallModel } from './small-model.ts'

let directory: string
let model: string
let server: Server
let count = 0
const fresh = (name: string) => `${name}-${++count}`

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-stream-'))
  model = await writeSmallModel(directory)
  server = await Server.start({
    ...{ model, state: join(directory, 'state'), port: 0, threads: 2, version: '0.0.0', maxConnections: 40 },
    log: pino({ level: 'silent' }),
  })
})
afterAll(async () => {
  await server?.close()
  rmSync(directory, { recursive: true })
})

const itemsOf = (list: Message): string[] => list.items.map(({ item }: { item: string }) => item)

describe.each(subprotocols)('over %s', subprotocol => {
  const greeted = () => Peer.greeted(server.url, subprotocol)

  test('a known user gets the exact list of a fold-in, and the next one after each event', async () => {
    const peer = await greeted()
    const [user, number] = subprotocol === 'aurochs.v1.json' ? [3, 3] : ['4', 4]
    peer.send({ type: 'subscribe', subscription: 7, user, limit: 5 })
    const first = await peer.next('list')
    expect(first).toMatchObject({ subscription: 7, user: `${number}`, sequence: 1, basis: 'taste' })
    expect(first).not.toHaveProperty('after')
    expect(itemsOf(first)).toEqual(expectedList(model, number, [], 5))

    peer.send({ type: 'event', id: 'e1', item: 'i30', weight: 4 })
    expect(await peer.next('ack', 'list')).toEqual({ type: 'ack', id: 'e1' })
    const second = await peer.next('list')
    expect(second).toMatchObject({ sequence: 2, after: 'e1' })
    expect(itemsOf(second)).toEqual(expectedList(model, number, [['i30', 4]], 5))
    expect(itemsOf(second)).not.toEqual(itemsOf(first))
    await peer.close()
  })

  test('a new user begins with what is popular, and has a taste after one event', async () => {
    const peer = await greeted()
    peer.send({ type: 'subscribe', subscription: 0, user: fresh('newcomer'), limit: 3 })
    const first = await peer.next('list')
    expect(first.basis).toBe('popularity')
    expect(first.items).toEqual(['i0', 'i1', 'i2'].map(item => ({ item, score: 0 })))
    peer.send({ type: 'event', id: 'e1', item: 'i20' })
    const second = await peer.next('list')
    expect(second).toMatchObject({ basis: 'taste', after: 'e1' })
    expect(itemsOf(second)).toEqual(expectedList(model, -1, [['i20', 1]], 3))
    await peer.close()
  })

  test('an event that is sent again is acknowledged again and counts once', async () => {
    const user = fresh('repeater')
    const peer = await greeted()
    peer.send({ type: 'subscribe', subscription: 1, user, limit: 40 })
    const once = { type: 'event', id: 'once', item: 'i5', weight: 3 }
    peer.send(once)
    peer.send(once)
    expect(await peer.next('ack')).toEqual({ type: 'ack', id: 'once' })
    expect(await peer.next('ack')).toEqual({ type: 'ack', id: 'once', duplicate: true })
    peer.send({ type: 'event', id: 'last', item: 'i6', weight: 1 })
    let list = await peer.next('list')
    while (list.after !== 'last') list = await peer.next('list')
    expect(itemsOf(list)).toEqual(
      expectedList(
        model,
        -1,
        [
          ['i5', 3],
          ['i6', 1],
        ],
        40,
      ),
    )
    await peer.close()
  })

  test('filters decide what a list may hold', async () => {
    const peer = await greeted()
    const list = async (filters: object) => {
      peer.send({ type: 'subscribe', subscription: 1, user: 5, limit: 40, filters })
      return itemsOf(await peer.next('list'))
    }
    const all = await list({ seen: true })
    expect(all.toSorted()).toEqual(Array.from({ length: 40 }, (_, item) => `i${item}`).sort())
    const unseen = all.filter(item => !['i10', 'i11', 'i12'].includes(item))
    expect(await list({})).toEqual(unseen)
    expect(await list({ exclude: [unseen[0], unseen[2], 'stranger'] })).toEqual([unseen[1], ...unseen.slice(3)])
    expect(await list({ only: ['i10', unseen[4], unseen[1]] })).toEqual([unseen[1], unseen[4]])
    expect(await list({ only: [] })).toEqual([])
    await peer.close()
  })

  const refusals: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ['bad_message', { type: 'subscrbie' }, {}],
    ['bad_message', { type: 'event', id: 'e', item: 'i1', weight: 0 }, { id: 'e' }],
    ['bad_message', { type: 'event', id: 'e', item: 'i1', user: '' }, { id: 'e' }],
    ['bad_message', { type: 'event', id: '', item: 'i1' }, {}],
    ['bad_message', { type: 'subscribe', subscription: 9, user: 'a', limit: 0 }, { subscription: 9 }],
    ['bad_message', { type: 'subscribe', subscription: -1, user: 'a' }, { subscription: -1 }],
    ['bad_message', { type: 'subscribe', subscription: 1, user: { a: 1 } }, { subscription: 1 }],
    ['bad_message', { type: 'ping', extra: 1 }, {}],
    ['unknown_item', { type: 'event', id: 'e', user: 'a', item: 'nothing' }, { id: 'e' }],
    ['user_required', { type: 'event', id: 'e', item: 'i1' }, { id: 'e' }],
    ['not_subscribed', { type: 'unsubscribe', subscription: 5 }, { subscription: 5 }],
    ['unsupported_protocol', { type: 'hello', protocol: 99 }, {}],
    ['too_deep', { type: [[[[[[[[[]]]]]]]]] }, {}],
    ['too_large', { type: 'ping', id: 'x'.repeat(limits.messageBytes) }, {}],
    ['too_large', { type: 'ping', id: Array(limits.values).fill(0) }, {}],
  ]

  test('each refusal has its code and names its message, and the connection lives on', async () => {
    const peer = await greeted()
    for (const [code, message, named] of refusals) {
      peer.send(message)
      expect(await peer.next('error'), JSON.stringify(message).slice(0, 80)).toMatchObject({ code, ...named })
    }
    peer.send({ type: 'ping', id: 1 })
    expect(await peer.next('pong')).toEqual({ type: 'pong', id: 1 })
    await peer.close()
  })

  test('whatever bytes come, they get an error, and the connection lives on', async () => {
    const peer = await greeted()
    const isJson = subprotocol === 'aurochs.v1.json'
    const encode = (value: unknown) => (isJson ? JSON.stringify(value) : new Uint8Array(new Packr().pack(value)))
    const type = fc.constantFrom('hello', 'subscribe', 'unsubscribe', 'event', 'ping')
    // Almost right: the types are known, the fields are not.
    const near = fc
      .record({ type, id: fc.jsonValue(), user: fc.jsonValue(), item: fc.jsonValue(), filters: fc.jsonValue() })
      .map(encode)
    const noise = isJson ? fc.string({ unit: 'binary' }) : fc.uint8Array({ maxLength: 300 }).map(b => new Uint8Array(b))
    await fc.assert(
      fc.asyncProperty(fc.oneof(noise, near, fc.jsonValue().map(encode)), async frame => {
        peer.raw(frame)
        expect(await peer.next('error', 'pong')).toMatchObject({ type: 'error' })
      }),
      { numRuns: 300 },
    )
    peer.send({ type: 'ping' })
    await peer.next('pong')
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
    peer.send({ type: 'subscribe', subscription: 1, user: fresh('burst'), limit: 40 })
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

test('everyone who watches a user hears of the event, whoever sent it', async () => {
  const user = fresh('shared')
  const [sender, watcher] = [await Peer.greeted(server.url), await Peer.greeted(server.url, 'aurochs.v1.msgpack')]
  watcher.send({ type: 'subscribe', subscription: 2, user })
  watcher.send({ type: 'subscribe', subscription: 3, user, limit: 1 })
  await watcher.next('list')
  await watcher.next('list')
  sender.send({ type: 'event', id: 'e', user, item: 'i9' })
  await sender.next('ack')
  const lists = [await watcher.next('list'), await watcher.next('list')]
  expect(lists.map(({ after, subscription, items }) => [after, subscription, items.length]).sort()).toEqual([
    ['e', 2, 10],
    ['e', 3, 1],
  ])
  await Promise.all([sender.close(), watcher.close()])
})

test('after unsubscribing no list comes any more', async () => {
  const user = fresh('leaver')
  const peer = await Peer.greeted(server.url)
  peer.send({ type: 'subscribe', subscription: 1, user })
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

test('welcome tells the model and the limits, and must come first', async () => {
  const peer = await Peer.connect(server.url)
  peer.send({ type: 'ping' })
  expect(await peer.next('error')).toMatchObject({ code: 'hello_first' })
  peer.send({ type: 'hello', protocol: 1, agent: 'test/1' })
  expect(await peer.next('welcome')).toMatchObject({
    ...{ protocol: 1, version: '0.0.0', limits },
    model: { kind: 'als', factors: 4, users: 20, items: 40 },
  })
  await peer.close()
})

test('a socket has only so many subscriptions', async () => {
  const peer = await Peer.greeted(server.url)
  for (let i = 0; i <= limits.subscriptions; i++) peer.send({ type: 'subscribe', subscription: i, user: 1, limit: 1 })
  expect(await peer.next('error')).toMatchObject({ code: 'too_many_subscriptions', subscription: limits.subscriptions })
  await peer.close()
})

test('a frame beyond all bounds ends its own connection and no other', async () => {
  const [rude, other] = [await Peer.greeted(server.url), await Peer.greeted(server.url)]
  rude.raw('x'.repeat(limits.frameBytes + 1))
  await rude.ended()
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

/** A socket that is open, and reads only when told to. */
async function deafSocket(): Promise<{ socket: Socket; send: (message: object) => boolean }> {
  const socket = connect(server.port, '127.0.0.1')
  socket.write(
    'GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
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
  send({ type: 'hello', protocol: 1 })
  return { socket, send }
}

async function skippedLists(): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/^aurochs_skipped_lists_total (\d+)$/m.exec(metrics)?.[1])
}

test('a reader who does not read gets every ack, and of the lists only the newest', async () => {
  const user = fresh('slow')
  const { socket, send } = await deafSocket()
  for (let s = 0; s < 32; s++) send({ type: 'subscribe', subscription: s, user, limit: 40 })
  let events = 0
  const before = await skippedLists()
  while ((await skippedLists()) - before < 100) {
    for (let i = 0; i < 20; i++) send({ type: 'event', id: `${events}`, item: `i${events++ % 20}` })
    await new Promise(resolve => setTimeout(resolve, 2))
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
}, 60_000)

test('a reader who lets megabytes lie is cut off, and what it sent is kept', async () => {
  const { socket, send } = await deafSocket()
  // Who does not read hears of the end only when it writes.
  socket.on('error', () => {})
  const id = (i: number) => `${i}-${'x'.repeat(200)}`
  for (let i = 0; !socket.destroyed; i++) {
    if (!send({ type: 'event', id: id(i), user: 'deaf', item: 'i1' }))
      await new Promise(resolve => setTimeout(resolve, 1))
  }
  const peer = await Peer.greeted(server.url)
  peer.send({ type: 'event', id: id(0), user: 'deaf', item: 'i1' })
  expect(await peer.next('ack')).toMatchObject({ duplicate: true })
  await peer.close()
}, 60_000)
