/** One attacker of the bench, in a process of its own of low priority; each sends at a bounded rate, until it is ended. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { BareSocket } from '../stream/socket.ts'

export const attacks = [
  'frames that are none',
  'long lists',
  'similar items',
  'watchers who never read',
  'many watchers of one user',
  'requests on many connections',
  'slow readers of long answers',
] as const

export interface AttackPlan {
  readonly port: number
  readonly attack: (typeof attacks)[number]
  /** Ids of the model that the others do not use. */
  readonly users: readonly (string | number)[]
  readonly items: readonly (string | number)[]
}

/** What an attacker saw: how many of what it sent, and how often it was disconnected. */
export interface AttackCounts {
  sent: number
  answers: number
  disconnected: number
}

const counts: AttackCounts = { sent: 0, answers: 0, disconnected: 0 }

if (process.send)
  process.once('message', async (plan: AttackPlan) => {
    setPriority(10)
    process.once('disconnect', () => process.exit())
    process.on('message', () => process.send?.(counts))
    await attackers[plan.attack](plan)
    process.send?.('ready')
  })

const attackers: Readonly<Record<AttackPlan['attack'], (plan: AttackPlan) => Promise<void>>> = {
  // 20 sockets, each 2,000 frames 10 times a second.
  'frames that are none': async ({ port }) => {
    const frames = Buffer.concat(Array<Buffer>(2000).fill(frameOf('{}')))
    for (let n = 0; n < 20; n++) await flood(port, frames, 100)
  },
  // 8 sockets with 8 calls in flight each.
  'long lists': plan => callers(plan, at => ({ method: 'recommend', params: { user: at(plan.users), limit: 1000 } })),
  'similar items': plan => callers(plan, at => ({ method: 'similar', params: { item: at(plan.items), limit: 1000 } })),
  // 350 sockets with 64 subscriptions each; 50 events a second on their users.
  'watchers who never read': async ({ port, users, items }) => {
    const subscribe = (socket: Socket, n: number) => {
      for (let subscription = 0; subscription < 64; subscription++) {
        const user = users[(n * 64 + subscription) % users.length]
        send(socket, { type: 'subscribe', subscription, query: { kind: 'user', user, limit: 1000 } })
      }
    }
    for (let n = 0; n < 350; n++) {
      const socket = await unread(port)
      subscribe(socket, n)
      await setTimeout(5)
    }
    await events(port, users, items, 50)
  },
  // 50 sockets with 64 subscriptions each; 20 events a second.
  'many watchers of one user': async ({ port, users: [user], items }) => {
    for (let n = 0; n < 50; n++) {
      const socket = await greeted(port)
      for (let subscription = 0; subscription < 64; subscription++) {
        socket.send(JSON.stringify({ type: 'subscribe', subscription, query: { kind: 'user', user } }))
      }
    }
    await events(port, [user!], items, 20)
  },
  // 2,000 connections, of which 20,000 requests a second come.
  'requests on many connections': async ({ port, users }) => {
    const sockets: Socket[] = []
    for (let n = 0; n < 2000; n++) sockets.push(await opened(port))
    let next = 0
    setInterval(() => {
      for (let n = 0; n < 200; n++) {
        const socket = sockets[next++ % sockets.length]!
        if (socket.destroyed) continue
        counts.sent++
        socket.write(`GET /v1/recommend/${users[next % users.length]} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`)
      }
    }, 10)
  },
  // 40 sockets, each with 16 calls for megabytes that it does not read.
  'slow readers of long answers': async ({ port, users }) => {
    for (let n = 0; n < 40; n++) {
      const socket = await unread(port)
      for (let request = 0; request < 16; request++) {
        const some = Array.from({ length: 200 }, (_, at) => users[(n + request * 200 + at) % users.length])
        send(socket, { type: 'call', method: 'recommend_batch', request, params: { users: some, limit: 500 } })
      }
      await setTimeout(20)
    }
  },
}

type CallOf = (at: <Id>(ids: readonly Id[]) => Id) => object

async function callers({ port }: AttackPlan, callOf: CallOf): Promise<void> {
  let next = 0
  const at = <Id>(ids: readonly Id[]): Id => ids[next++ % ids.length]!
  for (let n = 0; n < 8; n++) {
    const socket: BareSocket = await greeted(port, bytes => {
      if (!bytes.includes('"request":')) return
      counts.answers++
      // A refusal is not waited for as long as it says: 200 calls a second of a socket.
      void setTimeout(bytes.includes('"type":"error"') ? 40 : 1).then(call)
    })
    const call = () => {
      counts.sent++
      socket.send(JSON.stringify({ type: 'call', request: counts.sent, ...callOf(at) }))
    }
    for (let inFlight = 0; inFlight < 8; inFlight++) call()
  }
}

/** Sends events of `users` on a socket of its own, `rate` a second. */
async function events(
  port: number,
  users: readonly (string | number)[],
  items: readonly (string | number)[],
  rate: number,
): Promise<void> {
  const socket = await greeted(port)
  setInterval(() => {
    const id = `attack:${++counts.sent}`
    const [user, item] = [users[counts.sent % users.length], items[counts.sent % items.length]]
    socket.send(JSON.stringify({ type: 'event', id, user, item }))
  }, 1000 / rate)
}

async function greeted(port: number, onText: (bytes: Buffer) => void = () => {}): Promise<BareSocket> {
  const socket = await BareSocket.open('127.0.0.1', port, '/v1/stream', {
    onText,
    onEnd: () => {
      counts.disconnected++
    },
  })
  socket.send('{"type":"hello","protocols":[1]}')
  return socket
}

/** A WebSocket that writes and never reads. */
async function unread(port: number): Promise<Socket> {
  const socket = await opened(port, false)
  const answer = once(socket, 'data')
  socket.resume()
  socket.write(
    'GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  )
  await Promise.race([answer, once(socket, 'close')])
  socket.pause()
  send(socket, { type: 'hello', protocols: [1] })
  return socket
}

/** Writes `frames` every `pause` ms, and connects again whenever the server has ended it. */
async function flood(port: number, frames: Buffer, pause: number): Promise<void> {
  let socket = await unread(port)
  socket.resume()
  setInterval(async () => {
    if (socket.writableLength > 1 << 20) return
    if (!socket.destroyed && !socket.writableEnded) {
      counts.sent += 2000
      socket.write(frames)
      return
    }
    socket = await unread(port)
    socket.resume()
  }, pause)
}

async function opened(port: number, reads = true): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    counts.disconnected++
  })
  if (reads) socket.on('data', () => counts.answers++)
  else socket.pause()
  return socket
}

function send(socket: Socket, message: object): void {
  socket.write(frameOf(JSON.stringify(message)))
}

/** A final text frame, with a mask of zeros; of ASCII, shorter than 64 KiB. */
function frameOf(text: string): Buffer {
  const { length } = text
  const head = length > 125 ? [0x81, 0xfe, length >> 8, length & 255] : [0x81, 0x80 | length]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), Buffer.from(text, 'latin1')])
}
