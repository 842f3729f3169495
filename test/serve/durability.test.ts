import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Peer } from './peer.ts'
import { Program } from './program.ts'
import { expectedList, writeSmallModel } from './small-model.ts'

let directory: string
let model: string
let state: string
const running: Program[] = []

beforeAll(async () => {
  const home = mkdtempSync(join(tmpdir(), 'aurochs-model-'))
  model = await writeSmallModel(home)
  return () => rmSync(home, { recursive: true })
})
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aurochs-state-'))
  state = join(directory, 'state')
})
afterEach(async () => {
  await Promise.all(running.splice(0).map(program => program.stop('SIGKILL')))
  rmSync(directory, { recursive: true })
})

async function serve(...args: string[]): Promise<Program> {
  const program = await Program.start([model, '--port', '0', '--state', state, '--threads', '1', ...args])
  running.push(program)
  return program
}

interface EventRow {
  readonly user: string
  readonly id: string
  readonly item: string | null
  readonly weight: number
  readonly time: number
  readonly arrived: number
}

function recorded(): EventRow[] {
  const db = new DatabaseSync(join(state, 'events.db'), { readOnly: true })
  const rows = db.prepare('SELECT * FROM events ORDER BY position').all()
  db.close()
  return rows as unknown as EventRow[]
}

test('an event of a clock that is ahead is of now', async () => {
  const program = await serve()
  const peer = await Peer.greeted(program.url)
  const begun = Date.now()
  for (const [id, time] of Object.entries({ ahead: 8.64e15, past: 1000 })) {
    await peer.ask({ type: 'event', id, user: 'ann', item: 'i1', time })
  }
  await peer.close()
  await program.stop('SIGTERM')
  const [ahead, past] = recorded()
  expect(ahead!.time).toBeGreaterThanOrEqual(begun)
  expect(ahead!.time).toBeLessThanOrEqual(Date.now())
  expect(past!.time).toBe(1000)
})

test('after kill -9 under load every acknowledged event is there once, and counts', async () => {
  const first = await serve()
  const peers = await Promise.all(Array.from({ length: 8 }, () => Peer.greeted(first.url)))
  const sent: [string, string][][] = peers.map(() => [])
  const acknowledged = new Set<string>()
  const loads = peers.map(async (peer, p) => {
    const collected = (async () => {
      for (;;) acknowledged.add(`${p}/${(await peer.next('ack')).id}`)
    })().catch(() => {})
    for (let i = 0; !peer.closed; i++) {
      const item = `i${i % 30}`
      sent[p].push([`${i}`, item])
      peer.send({ type: 'event', id: `${i}`, user: `user${p}`, item })
      await wait(1)
    }
    await collected
  })
  while (acknowledged.size <= 100) await wait(10)
  await wait(200)
  expect(await first.stop('SIGKILL')).toBe('SIGKILL')
  await Promise.all(loads)
  expect(acknowledged.size).toBeGreaterThan(100)

  const second = await serve()
  const before = recorded().map(({ user, id }) => `${user.slice(4)}/${id}`)
  expect(new Set(before).size).toBe(before.length)
  expect([...acknowledged].filter(id => !before.includes(id))).toEqual([])

  // A client that lost its connection sends everything again: each is there once, and the list is that of all of them.
  const again = await Peer.greeted(second.url)
  for (const [id, item] of sent[0]) again.send({ type: 'event', id, user: 'user0', item })
  for (const [id] of sent[0]) {
    const ack = await again.next('ack')
    expect(ack.id).toBe(id)
    if (acknowledged.has(`0/${id}`)) expect(ack.duplicate).toBe(true)
  }
  expect(recorded().filter(({ user }) => user === 'user0')).toHaveLength(sent[0].length)
  again.send({ type: 'subscribe', subscription: 1, query: { kind: 'user', user: 'user0', limit: 20 } })
  const list = await again.next('list')
  const events = sent[0].map(([, item]): [string, number] => [item, 1])
  expect(list.items.map(({ item }: { item: string }) => item)).toEqual(expectedList(model, -1, events, 20))
})

test('an event is kept with all that it said, and an undo still holds after a restart', async () => {
  const first = await serve()
  const peer = await Peer.greeted(first.url)
  const before = Date.now()
  const events = [
    { id: 'ms', item: 'i20', time: Date.UTC(2024, 4, 31), kind: 'play', list: 'l-1', weight: -0.5 },
    { id: 'iso', item: 'i20', time: '2024-05-31T02:00:00+02:00', weight: 2.5 },
    { id: 'now', item: 'i3' },
    { id: 'undo', undo: 'now' },
    { id: 'early undo', undo: 'late' },
    { id: 'late', item: 'i4', weight: 9 },
  ]
  for (const event of events) {
    expect(await peer.ask({ type: 'event', user: 'ann', ...event })).toMatchObject({ type: 'ack', id: event.id })
  }
  const after = Date.now()
  await first.stop('SIGKILL')
  const rows = recorded()
  const none = { item: null, kind: null, list: null, undo: null }
  const day = Date.UTC(2024, 4, 31)
  expect(rows).toMatchObject([
    { ...none, id: 'ms', item: 'i20', time: day, kind: 'play', list: 'l-1', weight: -0.5 },
    { ...none, id: 'iso', item: 'i20', time: day, weight: 2.5 },
    { ...none, id: 'now', item: 'i3', weight: 1 },
    { ...none, id: 'undo', undo: 'now' },
    { ...none, id: 'early undo', undo: 'late' },
    { ...none, id: 'late', item: 'i4', weight: 9 },
  ])
  for (const { time, arrived } of rows.slice(2)) {
    expect(time).toBeGreaterThanOrEqual(before)
    expect(time).toBeLessThanOrEqual(after)
    // A clock that only goes ahead, which may differ from the other by its rounding.
    expect(arrived).toBeLessThanOrEqual(after + 5)
  }
  const second = await serve()
  const again = await Peer.greeted(second.url)
  again.send({ type: 'subscribe', subscription: 1, query: { kind: 'user', user: 'ann', limit: 40 } })
  const list = await again.next('list')
  expect(list.after).toBe('late')
  expect(list.items.map(({ item }: { item: string }) => item)).toEqual(expectedList(model, -1, [['i20', 2]], 40))
})

test('SIGTERM lets what has begun end, closes the sockets with a reason, and exits with 0', async () => {
  const program = await serve()
  const peer = await Peer.greeted(program.url)
  peer.send({ type: 'subscribe', subscription: 1, query: { kind: 'user', user: 'ann' } })
  await peer.next('list')
  for (let i = 0; i < 500; i++) peer.send({ type: 'event', id: `${i}`, item: `i${i % 10}` })
  await peer.next('ack')
  const exit = await program.stop('SIGTERM')
  await peer.ended()
  expect(exit).toBe(0)
  expect(peer.closed).toEqual({ code: 1001, reason: 'the server is shutting down' })
  // The write-ahead log was folded in: nothing is left to recover.
  expect(existsSync(join(state, 'events.db-wal'))).toBe(false)
  const acks = 1 + peer.waiting.filter(message => message.type === 'ack').length
  expect(recorded()).toHaveLength(acks)
  expect(program.output).not.toContain('ExperimentalWarning')
})

test('a second signal ends it at once', async () => {
  const program = await serve()
  const peer = await Peer.greeted(program.url)
  // Holding this lock keeps the server from writing, and so from ending.
  const holder = new DatabaseSync(join(state, 'events.db'))
  holder.exec('BEGIN IMMEDIATE')
  peer.send({ type: 'event', id: 'e', user: 'ann', item: 'i1' })
  peer.send({ type: 'ping' })
  await peer.next('pong')
  program.child.kill('SIGTERM')
  while (!program.output.includes('shutting down')) await wait(5)
  expect(await program.stop('SIGINT')).toBe('SIGINT')
  holder.close()
})

test('an obstacle to the start is reported in one line', async () => {
  const program = await serve()
  const blocker = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => blocker.once('listening', resolve))
  const { port } = blocker.address() as { port: number }
  const missing = join(directory, 'missing')
  let others = 0
  const elsewhere = () => ['--state', join(directory, `other-${++others}`)]
  await Promise.all([
    expect(serve()).rejects.toThrow(
      `ended with 1: aurochs: ${state} is in use by another server (process ${program.child.pid}): ` +
        'stop it, or name another --state\n',
    ),
    expect(serve('--port', `${port}`, ...elsewhere())).rejects.toThrow(
      `ended with 1: aurochs: cannot listen at 127.0.0.1:${port}: the port is taken`,
    ),
    expect(serve('--port', `${program.port}`, ...elsewhere())).rejects.toThrow('the port is taken'),
    expect(serve('--port', 'x', ...elsewhere())).rejects.toThrow('ended with 2: aurochs: --port must be'),
    expect(Program.start([missing, '--port', '0', ...elsewhere()])).rejects.toThrow(missing),
    expect(serve('--state', '/proc/nope/state')).rejects.toThrow('the directory /proc/nope cannot be made'),
  ])
  blocker.close()
})

test('requests on connections that are kept alive are answered to the last, which says that it is the last', async () => {
  const program = await serve()
  const count = 6
  let warm = 0
  const ends = Array.from({ length: count }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let answered = 0; ; answered++) {
      const asked = request(`${program.url}/v1/recommend/3`, { agent }).end()
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      response.resume()
      await once(response, 'end')
      if (response.statusCode !== 200) return response.statusCode
      if (response.headers.connection === 'close') return answered
      if (answered === 6) warm++
    }
  })
  while (warm < count) await wait(5)
  await wait(50)
  expect(await program.stop('SIGTERM')).toBe(0)
  for (const answered of await Promise.all(ends)) expect(answered).toBeGreaterThan(5)
})

test('with few open files allowed, connections beyond what fits are closed, and the others are served', async () => {
  const program = await Program.start(
    [model, '--port', '0', '--state', state, '--threads', '1', '--log-level', 'warn'],
    'ulimit -n 400',
  )
  running.push(program)
  expect(program.output).toContain('raise ulimit -n')
  const peer = await Peer.greeted(program.url)
  const sockets = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const socket = connect(program.port, '127.0.0.1')
      socket.on('error', () => {})
      await Promise.race([once(socket, 'connect'), once(socket, 'close')])
      return socket
    }),
  )
  while (sockets.filter(socket => !socket.closed).length > 300) await wait(5)
  expect((await peer.ask({ type: 'event', id: '1', user: 'ann', item: 'i1' })).type).toBe('ack')
  // A loop that tries in vain to take a connection would use all of a core.
  const spent = () => {
    const [user, system] = readFileSync(`/proc/${program.child.pid}/stat`, 'utf8').split(' ').slice(13, 15)
    return Number(user) + Number(system)
  }
  const before = spent()
  await wait(1000)
  expect(spent() - before).toBeLessThan(50)
  for (const socket of sockets) socket.destroy()
  await wait(50)
  expect((await fetch(`${program.url}/healthz`)).status).toBe(200)
})

test('a server whose state was removed says so, and acknowledges nothing', async () => {
  const program = await serve()
  const peer = await Peer.greeted(program.url)
  expect((await peer.ask({ type: 'event', id: '1', user: 'ann', item: 'i1' })).type).toBe('ack')
  rmSync(state, { recursive: true })
  expect(await peer.ask({ type: 'event', id: '2', user: 'ann', item: 'i1' })).toMatchObject({ code: 'storage_failed' })
  const ready = await fetch(`${program.url}/readyz`)
  expect([ready.status, (await ready.json()).error.message]).toEqual([503, expect.stringContaining('was removed')])
  const second = await serve()
  expect(await peer.ask({ type: 'event', id: '3', user: 'ann', item: 'i1' })).toMatchObject({ code: 'storage_failed' })
  await second.stop('SIGTERM')
  expect(recorded()).toEqual([])
})

/** What an error by HTTP says. */
async function answer(response: Response) {
  const { error } = await response.json()
  const { code, retryAfter: wait } = error
  return { status: response.status, retryAfter: response.headers.get('retry-after'), code, wait }
}

test('while the disk takes nothing, events are refused, nothing is acknowledged, and lists still come', async () => {
  // Writes that would make a file larger than this fail with EFBIG, as on a full disk they do with ENOSPC.
  const program = await Program.start(
    [model, '--port', '0', '--state', state, '--threads', '1'],
    "trap '' XFSZ; ulimit -f 200",
  )
  running.push(program)
  const peer = await Peer.greeted(program.url)
  expect((await fetch(`${program.url}/readyz`)).status).toBe(200)
  let failed = 0
  for (let i = 0; failed === 0 && i < 5000; i++) {
    peer.send({ type: 'event', id: `${i}-${'x'.repeat(200)}`, user: 'ann', item: 'i1' })
    const outcome = await peer.next('ack', 'error')
    if (outcome.type === 'error') {
      failed = i
      expect(outcome).toMatchObject({ code: 'storage_failed', retryAfter: 1000, id: `${i}-${'x'.repeat(200)}` })
    }
  }
  expect(failed).toBeGreaterThan(0)
  // What is smaller may fit still.
  let fitted = 0
  const event = () => `{"id":"e${fitted}","user":"u","item":"i1"}`
  const post = () => fetch(`${program.url}/v1/record`, { method: 'POST', body: event() })
  while ((await post()).ok && fitted < 500) fitted++
  const ready = await fetch(`${program.url}/readyz`)
  expect(await answer(ready)).toEqual({ status: 503, retryAfter: '1', code: 'not_ready', wait: 1000 })
  expect(await answer(await post())).toEqual({ status: 503, retryAfter: '1', code: 'storage_failed', wait: 1000 })
  const batch = await fetch(`${program.url}/v1/record_batch`, { method: 'POST', body: `{"events":[${event()}]}` })
  expect([batch.status, (await batch.json()).results]).toMatchObject([
    200,
    [{ id: `e${fitted}`, error: { code: 'storage_failed', retryAfter: 1000 } }],
  ])
  expect((await fetch(`${program.url}/healthz`)).status).toBe(200)
  peer.send({ type: 'subscribe', subscription: 1, query: { kind: 'user', user: 3, limit: 3 } })
  const list = await peer.next('list')
  expect(list.items.map(({ item }: { item: string }) => item)).toEqual(expectedList(model, 3, [], 3))
  await program.stop('SIGKILL')
  expect(recorded()).toHaveLength(failed + fitted)
})
