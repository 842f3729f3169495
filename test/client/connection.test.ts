import { Packr } from 'msgpackr'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { reconnectWait, retryWait } from '../../src/client/backoff.ts'
import { Client, type ClientOptions, msgpack, ServerError } from '../../src/client/index.ts'
import { type ErrorCode, errorCodes } from '../../src/protocol/errors.ts'
import { limits } from '../../src/protocol/limits.ts'
import { ScriptedServer } from './scripted-server.ts'

beforeEach(() => {
  vi.useFakeTimers()
  // The least of every jitter.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

function connected(options: ClientOptions = {}) {
  const server = new ScriptedServer()
  const client = new Client('http://server.example', {
    onDisconnect: () => {},
    ...options,
    WebSocket: server.WebSocket,
  })
  const socket = server.welcome()
  const [hello] = socket.take()
  return { server, client, socket, hello }
}

const list = (subscription: number, sequence = 1) => ({ type: 'list', subscription, sequence, items: [] })

/** Connects again after a loss. */
async function reconnect(server: ScriptedServer, generation?: string) {
  server.socket.lose()
  await vi.advanceTimersByTimeAsync(100)
  const socket = server.welcome(generation)
  const [hello, ...messages] = socket.take()
  expect(hello).toMatchObject({ type: 'hello' })
  return { socket, messages }
}

test('hello names versions and features, and who is calling', () => {
  const { hello } = connected({ agent: 'shop/2' })
  expect(hello).toMatchObject({ type: 'hello', protocols: [1], agent: 'shop/2' })
  expect(hello!.features).toContain('generation')
})

test('an ack reaches the event of its request, though another user has an event of the same id', async () => {
  const { client, socket } = connected()
  const acks = ['ann', 'bob'].map(user => client.send({ user, item: 'i', id: 'same' }))
  const [first, second] = socket.take()
  expect([first!.id, second!.id]).toEqual(['same', 'same'])
  expect(first!.request).not.toBe(second!.request)
  socket.say({ type: 'ack', id: 'same', user: 'bob', request: second!.request })
  expect(await acks[1]).toMatchObject({ user: 'bob' })
  socket.say({ type: 'error', code: 'unknown_item', message: 'no', id: 'same', request: first!.request })
  await expect(acks[0]).rejects.toMatchObject({ code: 'unknown_item' })
})

test.each<[string, ErrorCode, number | undefined, number]>([
  ['the table gives', 'storage_failed', undefined, errorCodes.storage_failed.retryAfter],
  ['the server gives, which goes before the table', 'overloaded', 250, 250],
  ['the server gives, whatever the code', 'a_code_of_tomorrow' as ErrorCode, 70, 70],
])('a refused event is sent again after the wait that %s', async (_, code, retryAfter, wait) => {
  const { client, socket } = connected()
  const ack = client.send({ user: 'ann', item: 'i' })
  const [sent] = socket.take()
  socket.say({ type: 'error', code, message: 'no', request: sent!.request, ...(retryAfter && { retryAfter }) })
  await vi.advanceTimersByTimeAsync(wait - 1)
  expect(socket.take()).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(socket.take()).toEqual([sent])
  socket.say({ type: 'ack', id: sent!.id, user: 'ann', request: sent!.request })
  expect(await ack).toMatchObject({ id: sent!.id })
})

test('an error is worth a retry exactly where the table or the server has a wait, and the wait has a jitter', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const { retryAfter } = errorCodes[code]
    expect(retryWait({ code }, 0, () => 0)).toBe(retryAfter ?? undefined)
    expect(retryWait({ code, retryAfter: 40 }, 0, () => 0.5)).toBe(50)
  }
  expect(retryWait({ code: 'internal' }, 0, () => 1)).toBe(1.5 * errorCodes.internal.retryAfter)
  expect(retryWait({ code: 'a_code_of_tomorrow' as ErrorCode })).toBeUndefined()
})

test('waits of a request that is refused again and again double up to half a minute', () => {
  const waits = [0, 1, 2, 3, 4, 5, 60].map(refusals => retryWait({ code: 'internal' }, refusals, () => 0))
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  expect(retryWait({ code: 'internal', retryAfter: 40_000 }, 3, () => 0)).toBe(40_000)
})

test('a refused event is sent again after longer waits each time, however often it is refused', async () => {
  const { client, socket } = connected()
  const ack = client.send({ user: 'ann', item: 'i' })
  const [sent] = socket.take()
  for (const wait of [1000, 2000, 4000]) {
    socket.say({ type: 'error', code: 'storage_failed', message: 'no', request: sent!.request })
    await vi.advanceTimersByTimeAsync(wait - 1)
    expect(socket.take()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(socket.take()).toEqual([sent])
  }
  socket.say({ type: 'ack', id: sent!.id, user: 'ann', request: sent!.request })
  expect(await ack).toMatchObject({ id: sent!.id })
})

test('a server that is not there is warned of once, unless the caller listens', async () => {
  const warned = vi.spyOn(console, 'warn').mockReturnValue()
  onTestFinished(() => void warned.mockRestore())
  const server = new ScriptedServer()
  const client = new Client('http://server.example', { WebSocket: server.WebSocket })
  for (let failure = 0; failure < 5; failure++) {
    server.socket.onerror?.()
    await vi.advanceTimersByTimeAsync(10_000)
  }
  expect(warned.mock.calls).toEqual([
    ['aurochs: no connection to http://server.example: the connection failed; trying again until there is one'],
  ])
  client.close()
  const listened = new Client('http://server.example', { WebSocket: server.WebSocket, onDisconnect: () => {} })
  server.socket.onerror?.()
  expect(warned).toHaveBeenCalledTimes(1)
  listened.close()
})

test('a subscription that fails for now is made again after its wait, and the iteration goes on', async () => {
  const { client, socket } = connected()
  const lists = client.recommendations('ann')
  const first = lists.next()
  const [subscribe] = socket.take()
  const { subscription } = subscribe!
  // Refused at once; later, when its list could not be made; and twice at once.
  const failure = { type: 'error', code: 'internal', message: 'no', subscription }
  for (const [refusals, confirmed] of [false, true].entries()) {
    if (confirmed) socket.say({ type: 'subscribed', subscription })
    socket.say(failure)
    await vi.advanceTimersByTimeAsync(errorCodes.internal.retryAfter * 2 ** refusals)
    expect(socket.take()).toEqual([subscribe])
  }
  socket.say(list(subscription))
  expect((await first).value).toMatchObject({ subscription })
  socket.say(failure)
  await lists.return?.()
  expect(socket.take()).toEqual([{ type: 'unsubscribe', subscription }])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(socket.take()).toEqual([])
})

test('a subscription that fails for good ends its iteration, and what the server has of it is given up', async () => {
  const { client, socket } = connected()
  const [never, later] = [client.similarItems('nothing'), client.similarItems('i1')]
  const [refused, confirmed] = socket.take()
  const failure = { type: 'error', code: 'unknown_item', message: 'no such item' }
  socket.say({ ...failure, subscription: refused!.subscription })
  await expect(never.next()).rejects.toMatchObject({ code: 'unknown_item', message: 'no such item' })
  socket.say({ type: 'subscribed', subscription: confirmed!.subscription })
  socket.say({ ...failure, subscription: confirmed!.subscription })
  await expect(later.next()).rejects.toBeInstanceOf(ServerError)
  expect(socket.take()).toEqual([{ type: 'unsubscribe', subscription: confirmed!.subscription }])
})

test('a call that is refused fails at once and says when to come back', async () => {
  const { client, socket } = connected()
  const ready = client.call('ready', {})
  const [{ request, ...call }] = socket.take() as [Record<string, unknown>]
  expect(call).toEqual({ type: 'call', method: 'ready', params: {} })
  socket.say({ type: 'error', code: 'not_ready', message: 'the disk is full', retryAfter: 300, request })
  await expect(ready).rejects.toMatchObject({ code: 'not_ready', retryAfter: 300 })
})

test('after a loss all is sent once more that has no answer, and nothing else', async () => {
  const { server, client, socket } = connected()
  const lists = client.recommendations('ann', { limit: 3 })
  const gone = client.recommendations('bob')
  const done = client.send({ user: 'ann', item: 'a' })
  const open = client.send({ user: 'ann', item: 'b' })
  const refused = client.send({ user: 'ann', item: 'c' })
  const call = client.call('similar', { item: 'a' })
  const [subscribe, forgotten, a, b, c, similar] = socket.take()
  socket.say({ type: 'ack', id: a!.id, request: a!.request })
  await done
  await gone.return?.()
  socket.say({ type: 'error', code: 'overloaded', message: 'no', request: c!.request })
  socket.say({ type: 'error', code: 'internal', message: 'no', subscription: subscribe!.subscription })
  expect(forgotten).toMatchObject({ query: { user: 'bob' } })
  expect(client.connected).toBe(true)

  const { socket: next, messages } = await reconnect(server)
  expect(messages).toEqual([subscribe, b, c, similar])
  // The waits that began on the lost connection ended with it.
  await vi.advanceTimersByTimeAsync(5000)
  expect(next.take()).toEqual([])
  for (const sent of [b, c]) next.say({ type: 'ack', id: sent!.id, request: sent!.request })
  next.say({ type: 'result', method: 'similar', result: { items: [] }, request: similar!.request })
  next.say(list(subscribe!.subscription))
  expect(await Promise.all([open, refused, call, lists.next()])).toHaveLength(4)
})

test('what is sent before the connection is there goes out once it is', async () => {
  const server = new ScriptedServer()
  const client = new Client('https://server.example/', { WebSocket: server.WebSocket })
  void client.send({ user: 'ann', item: 'i', time: 5, kind: 'play', list: 'l-1', weight: -2 })
  void client.send({ user: 'ann', undo: 'e-1' })
  client.recommendations(7, { seen: 'allow', exclude: [1], only: ['a'] })
  client.similarItems('i', { limit: 3 })
  expect(client.connected).toBe(false)
  const [, user, similar, event, undo] = server.welcome().take()
  expect(user).toMatchObject({ query: { kind: 'user', user: 7, seen: 'allow', exclude: [1], only: ['a'] } })
  expect(similar).toMatchObject({ query: { kind: 'similar', item: 'i', limit: 3 } })
  expect(event).toMatchObject({ type: 'event', item: 'i', time: 5, kind: 'play', list: 'l-1', weight: -2 })
  expect(undo).toMatchObject({ type: 'event', user: 'ann', undo: 'e-1' })
  expect(undo).not.toHaveProperty('item')
})

test('with MessagePack, fields that are undefined are left out', () => {
  const packr = new Packr({ useRecords: false })
  const codec = msgpack(packr)
  const server = new ScriptedServer(codec)
  const client = new Client('http://server.example', {
    codec: { ...codec, decode: frame => JSON.parse(frame as string) },
    WebSocket: server.WebSocket,
  })
  server.welcome().take()
  void client.send({ user: 'ann', item: 'i', kind: undefined, weight: undefined })
  client.recommendations('ann', { limit: undefined })
  void client.call('record_batch', { events: [{ id: 'e', user: 'u', item: 'i', list: undefined }] })
  const [event, subscribe, call] = server.socket.take()
  expect(Object.keys(event!).sort()).toEqual(['id', 'item', 'request', 'type', 'user'])
  expect(subscribe!.query).toEqual({ kind: 'user', user: 'ann' })
  expect(call!.params).toEqual({ events: [{ id: 'e', user: 'u', item: 'i' }] })
})

test('a server that speaks no common version ends the client with its reason', async () => {
  const server = new ScriptedServer()
  const client = new Client('http://server.example', { WebSocket: server.WebSocket })
  const lists = client.recommendations('ann').next()
  const ack = client.send({ user: 'ann', item: 'i' })
  server.socket.open()
  server.socket.say({ type: 'error', code: 'unsupported_protocol', message: 'expected version 2' })
  await expect(lists).rejects.toMatchObject({ code: 'unsupported_protocol' })
  await expect(ack).rejects.toMatchObject({ code: 'unsupported_protocol' })
  await expect(client.send({ user: 'ann', item: 'i' })).rejects.toMatchObject({ code: 'unsupported_protocol' })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(server.sockets).toHaveLength(1)
})

test('a hello that is refused for now is said again on another connection', async () => {
  const reasons: string[] = []
  const server = new ScriptedServer()
  new Client('http://server.example', { WebSocket: server.WebSocket, onDisconnect: reason => reasons.push(reason) })
  server.socket.open()
  server.socket.say({ type: 'error', code: 'shutting_down', message: 'the server is about to end' })
  expect([reasons, server.sockets[0]!.isClosed]).toEqual([['the server is about to end'], true])
  await vi.advanceTimersByTimeAsync(100)
  expect(server.welcome().take()).toHaveLength(1)
})

test('a server that has become silent is asked, and left if it gives no answer', async () => {
  const reasons: string[] = []
  const { server, socket } = connected({ onDisconnect: reason => reasons.push(reason) })
  await vi.advanceTimersByTimeAsync(20_000)
  expect(socket.take()).toEqual([{ type: 'ping' }])
  socket.say({ type: 'pong' })
  await vi.advanceTimersByTimeAsync(20_000)
  expect(socket.take()).toEqual([{ type: 'ping' }])
  await vi.advanceTimersByTimeAsync(10_000)
  expect([socket.isClosed, reasons]).toEqual([true, ['no answer within 10 s']])
  await vi.advanceTimersByTimeAsync(100)
  expect(server.sockets).toHaveLength(2)
})

test('a server that sends garbage is left', () => {
  const reasons: string[] = []
  const { client, socket } = connected({ onDisconnect: reason => reasons.push(reason) })
  socket.frame('{')
  expect([client.connected, socket.isClosed, reasons.length]).toEqual([false, true, 1])
})

test('messages of types that the client does not know are ignored', async () => {
  const { client, socket } = connected()
  const ack = client.send({ user: 'ann', item: 'i' })
  socket.say({ type: 'tomorrow', request: 1 })
  const [{ request, id }] = socket.take() as [Record<string, unknown>]
  socket.say({ type: 'ack', id, request, more: true })
  expect(await ack).toMatchObject({ id })
})

test('onGeneration is called for each new model, also for one that came while the connection was lost', async () => {
  const generations: string[] = []
  const { server, socket } = connected({
    onGeneration: (name, model) => generations.push(`${name} ${model.algorithm}`),
  })
  expect(generations).toEqual([])
  socket.say({ type: 'generation', generation: 'second', model: { algorithm: 'popular' } })
  expect(generations).toEqual(['second popular'])
  await reconnect(server, 'second')
  expect(generations).toHaveLength(1)
  await reconnect(server, 'third')
  expect(generations).toEqual(['second popular', 'third als'])
})

test('flush waits for the events that were sent before it, whatever becomes of them', async () => {
  const { client, socket } = connected()
  await client.flush()
  void client.send({ user: 'ann', item: 'a' })
  void client.send({ user: 'ann', item: 'b' })
  let isFlushed = false
  const flushed = client.flush().then(() => {
    isFlushed = true
  })
  void client.send({ user: 'ann', item: 'later' })
  const [a, b] = socket.take()
  socket.say({ type: 'ack', id: a!.id, request: a!.request })
  await vi.advanceTimersByTimeAsync(50)
  expect(isFlushed).toBe(false)
  socket.say({ type: 'error', code: 'unknown_item', message: 'no', request: b!.request })
  await flushed
  const late = client.flush()
  client.close()
  await expect(late).rejects.toThrow('the client is closed')
})

test('an event that nobody waits for may fail: that is no unhandled rejection', async () => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  const { client, socket } = connected({ maxPending: 2 })
  for (let i = 0; i < 4; i++) void client.send({ user: 'ann', item: 'i' })
  const [sent] = socket.take()
  socket.say({ type: 'error', code: 'unknown_item', message: 'no', request: sent!.request })
  client.close()
  void client.send({ user: 'ann', item: 'i' })
  vi.useRealTimers()
  await new Promise(resolve => setTimeout(resolve, 10))
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

test('only so many events and calls may wait for an answer', async () => {
  const { client, socket } = connected({ maxPending: 2 })
  void client.send({ user: 'ann', item: 'i' })
  const call = client.call('ping', {})
  await expect(client.send({ user: 'ann', item: 'i' })).rejects.toThrow('expected at most 2 requests')
  await expect(client.call('ping', {})).rejects.toBeInstanceOf(RangeError)
  socket.say({ type: 'result', method: 'ping', result: {}, request: socket.take()[1]!.request })
  expect(await call).toEqual({})
  void client.send({ user: 'ann', item: 'i' })
  expect(socket.take()).toHaveLength(1)
})

test('what a server refuses as too much is all sent again after its wait, and nothing is sent meanwhile', async () => {
  const { client, socket } = connected()
  const lists = client.recommendations('ann')
  const events = ['a', 'b'].map(id => client.send({ user: 'ann', item: 'i', id }))
  const call = client.call('ping', {})
  const sent = socket.take()
  socket.say({ type: 'ack', id: 'a', user: 'ann', request: sent[1]!.request })
  for (let times = 0; times < 2; times++)
    socket.say({ type: 'error', code: 'rate_limited', message: 'no', retryAfter: 500 })
  const late = client.send({ user: 'ann', item: 'i', id: 'c' })
  await vi.advanceTimersByTimeAsync(499)
  expect(socket.take()).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  const again = socket.take()
  expect(again.map(({ type, id }) => id ?? type)).toEqual(['subscribe', 'b', 'call', 'c'])
  for (const { request, id } of again.slice(1)) socket.say({ type: id ? 'ack' : 'result', id, result: {}, request })
  await Promise.all([...events, call, late])
  await lists.return?.()
})

test('no more is sent at once than a server takes, and what waits is sent as answers come', async () => {
  const { client, socket } = connected()
  for (let n = 0; n < 1000; n++) void client.send({ user: 'ann', item: 'i', id: `${n}` })
  const sent = socket.take()
  expect(sent).toHaveLength(512)
  socket.say({ type: 'ack', id: '7', user: 'ann', request: sent[7]!.request })
  expect(socket.take().map(({ id }) => id)).toEqual(['512'])
  client.close()
})

test('a call whose connections are all lost before its answer fails, and an event is sent again', async () => {
  const { server, client, socket } = connected()
  const call = client.call('recommend', { user: 'ann' })
  const failed = expect(call).rejects.toThrow('the connection was lost 5 times before the answer came')
  void client.send({ user: 'ann', item: 'i', id: 'e' })
  expect(socket.take()).toHaveLength(2)
  for (let losses = 1; losses < 5; losses++) expect((await reconnect(server)).messages).toHaveLength(2)
  expect((await reconnect(server)).messages.map(({ id }) => id)).toEqual(['e'])
  await failed
  client.close()
})

test('a signal ends a call with its reason, before and after it was sent', async () => {
  const { client, socket } = connected()
  const controller = new AbortController()
  const call = client.call('similar', { item: 'i' }, { signal: controller.signal })
  const [{ request }] = socket.take() as [Record<string, unknown>]
  controller.abort(new Error('enough'))
  await expect(call).rejects.toThrow('enough')
  socket.say({ type: 'result', method: 'similar', result: {}, request })
  await expect(client.call('ping', {}, { signal: controller.signal })).rejects.toThrow('enough')
  expect(socket.take()).toEqual([])
})

test('what the server would refuse unread fails at the client, and says how to help', async () => {
  const { client, socket } = connected()
  const kind = 'é'.repeat(limits.messageBytes / 2)
  await expect(client.send({ user: 'ann', item: 'i', kind })).rejects.toThrow(/at most 1250000 bytes .* split it/)
  const users = Array.from({ length: limits.values }, (_, user) => user)
  await expect(client.call('recommend_batch', { users })).rejects.toThrow(/at most 32768 values .* split it/)
  const circle: Record<string, unknown> = {}
  circle.self = circle
  await expect(client.call('ping', circle as Record<string, never>)).rejects.toThrow('levels of arrays and objects')
  await expect(client.recommendations('ann', { only: users }).next()).rejects.toBeInstanceOf(RangeError)
  expect(socket.take()).toEqual([])
})

test('waits between connections double up to the longest, each between half and whole', () => {
  const waits = [1, 2, 3, 4, 50].map(failures => reconnectWait(failures, { first: 100, longest: 500 }, () => 1))
  expect(waits).toEqual([100, 200, 400, 500, 500])
  expect(reconnectWait(3, { first: 100, longest: 500 }, () => 0)).toBe(200)
})

test('an address that is none of a server is refused with one that is', () => {
  for (const url of ['localhost:8080', '', 'server.example', 'file:///tmp']) {
    expect(() => new Client(url)).toThrow('expected the address of a server, such as http://localhost:8080')
  }
})
