/** The hostile clients of the bench, each a loop with a pause, so that the machine has time left for the server. */
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { BareSocket } from '../stream/socket.ts'

export interface HostilePlan {
  readonly port: number
  /** Of a long history. */
  readonly user: string
  /** That the model has. */
  readonly item: string | number
}

/** By client: how often each answer came, by error code, HTTP status or `closed`. */
export type HostileOutcome = Readonly<Record<string, Readonly<Record<string, number>>>>

type Counts = Record<string, number>

let isOver = false
const counts: Record<string, Counts> = {}

process.once('message', async (plan: HostilePlan) => {
  process.once('message', () => {
    isOver = true
  })
  // Where the bench has ended before it said so.
  process.once('disconnect', () => process.exit())
  const loops = [
    loop('weights', 20, counted => weights(plan, counted)),
    loop('text', 20, counted => text(plan, counted)),
    loop('garbage', 20, counted => garbage(plan, counted)),
    loop('bodies in chunks of one byte', 200, counted => oneByteChunks(plan, counted)),
    ...Array.from({ length: 50 }, () => hotUser(plan)),
  ]
  await Promise.all(loops)
  process.send?.(counts satisfies HostileOutcome)
  process.disconnect()
})

/** Does `once` again and again, with `pause` ms between. */
async function loop(client: string, pause: number, once: (counted: (answer: string) => void) => Promise<void>) {
  const of: Counts = counts[client] ?? {}
  counts[client] = of
  const counted = (answer: string) => {
    of[answer] = (of[answer] ?? 0) + 1
  }
  while (!isOver) {
    await once(counted).catch(() => counted('closed'))
    await setTimeout(pause)
  }
}

/** Opens a socket of one frame for each of `messages`, and waits for as many answers. */
async function ask(port: number, messages: readonly string[], counted: (answer: string) => void): Promise<void> {
  let left = messages.length
  let done = () => {}
  const answered = new Promise<void>(resolve => {
    done = resolve
  })
  const socket = await BareSocket.open('127.0.0.1', port, '/v1/stream', {
    onText: bytes => {
      const { type, code } = JSON.parse(bytes.toString()) as { readonly type: string; readonly code?: string }
      if (type !== 'error' && type !== 'ack') return
      counted(code ?? type)
      if (--left === 0) done()
    },
    onEnd: () => done(),
  })
  socket.send('{"type":"hello","protocols":[1]}')
  for (const message of messages) socket.send(message)
  await Promise.race([answered, setTimeout(5000)])
  socket.close()
}

const odd = [1e-46, 1e-320, 0, 1e300, -1e300, 1e6 + 1, null, 'NaN', [1], {}]

function weights({ port, item }: HostilePlan, counted: (answer: string) => void): Promise<void> {
  const event = (weight: unknown, at: number) => ({ type: 'event', id: `w${at}`, user: 'poisoned', item, weight })

  return ask(
    port,
    odd.map((weight, at) => JSON.stringify(event(weight, at))),
    counted,
  )
}

function text({ port, item }: HostilePlan, counted: (answer: string) => void): Promise<void> {
  const texts = ['\\ud800', 'a\\udfff', '\\u0000', 'a\\u0000b', '']
  const events = texts.flatMap(text => [
    `{"type":"event","id":"${text}","user":"u","item":${JSON.stringify(item)}}`,
    `{"type":"event","id":"e","user":"${text}","item":${JSON.stringify(item)}}`,
    `{"type":"event","id":"e","user":"u","item":"${text}"}`,
  ])
  return ask(port, events, counted)
}

function garbage({ port }: HostilePlan, counted: (answer: string) => void): Promise<void> {
  const frames = ['{', '['.repeat(60_000), '{"type":"nothing"}', '5', '"', '{"type":"call","method":"__proto__"}']
  return ask(port, frames, counted)
}

/** First an event that ends, which must be answered, and then a body that does not. */
async function oneByteChunks({ port, item }: HostilePlan, counted: (answer: string) => void): Promise<void> {
  const event = JSON.stringify({ id: 'short', user: 'chunks', item })
  const short = await chunked(port, async socket => {
    for (const byte of event) socket.write(`1\r\n${byte}\r\n`)
    socket.write('0\r\n\r\n')
    await Promise.race([once(socket, 'data'), once(socket, 'close')])
  })
  counted(short)
  const piece = '1\r\n \r\n'.repeat(1000)
  const endless = await chunked(port, async socket => {
    while (!socket.closed && !isOver) {
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
      await setTimeout(10)
    }
  })
  counted(endless)
}

/** The status of the answer to a request whose body `send` writes, or `closed`. */
async function chunked(port: number, send: (socket: Socket) => Promise<void>): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', data => {
    answer += data
  })
  socket.on('error', () => {})
  socket.write('POST /v1/record HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
  // What was answered counts, even if the socket was closed meanwhile.
  await send(socket).catch(() => {})
  socket.destroy()
  return /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'closed'
}

/** Asks on a connection that is kept alive, whose number of answers is counted with those of the others. */
function hotUser({ port, user }: HostilePlan): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return loop('lists of a long history', 100, async counted => {
    const asked = request({ host: '127.0.0.1', port, path: `/v1/recommend/${user}?unknown=error`, agent }).end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    counted(String(response.statusCode))
  }).finally(() => agent.destroy())
}
