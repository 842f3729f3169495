import { existsSync, lstatSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type Server as NetServer } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ErrorCode } from '../../src/protocol/errors.ts'
import { limits } from '../../src/protocol/limits.ts'
import { SendMemory } from '../../src/serve/load/send-memory.ts'
import { RpcServer } from '../../src/serve/rpc/rpc-server.ts'
import { freshFolder } from '../storage/folder.ts'
import { RpcPeer } from './rpc-peer.ts'
import { openAuthenticator, ScriptedService } from './scripted-service.ts'

interface Opening {
  readonly address?: string
  readonly isLimited?: boolean
  readonly maxConnections?: number
  readonly sendMemory?: number
}

/** A server of its own for the test that calls it, and what it wrote and counted. */
async function open({
  address = 'tcp:127.0.0.1:0',
  isLimited = false,
  maxConnections,
  sendMemory = 2 ** 26,
}: Opening = {}) {
  const service = new ScriptedService()
  const errors: ErrorCode[] = []
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: line => lines.push(line) })
  const memory = new SendMemory(sendMemory)
  const onError = (code: ErrorCode) => errors.push(code)
  const server = await RpcServer.open(service, address, {
    authenticatorOf: () => openAuthenticator,
    isLimited,
    log,
    memory,
    onError,
    maxConnections,
  })
  onTestFinished(() => server.close(0))
  const connect = async () => {
    const peer = await RpcPeer.connect(server.address)
    onTestFinished(() => peer.close())
    return peer
  }
  return { service, server, memory, connect, errors, lines }
}

const until = (condition: () => boolean) =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 60_000, interval: 2 })
/** Long enough for what should not happen to have happened. */
const moment = () => new Promise(resolve => setTimeout(resolve, 30))

test('calls that come together are answered together, each by its number', async () => {
  const { connect } = await open()
  const peer = await connect()
  peer.send(...Array.from({ length: 2000 }, (_, number) => [0, number, 'echo', [{ number }]]))
  const answers = await peer.nextOf(2000)
  for (let number = 0; number < 2000; number++) expect(answers.get(number)).toEqual([1, number, null, { number }])
})

test.each([true, false])('the server says whether clients have its rate: %s', async isLimited => {
  const { service, connect } = await open({ isLimited })
  await (await connect()).call('echo')
  expect(service.accounts).toEqual([{ name: expect.stringMatching(/^rpc \d+$/), isLimited }])
})

test('calls are answered in the order in which they are ready', async () => {
  const { service, connect } = await open()
  const peer = await connect()
  peer.send([0, 1, 'hold', [{ name: 'a' }]], [0, 2, 'hold', [{ name: 'b' }]], [0, 3, 'echo', []])
  expect(await peer.next()).toEqual([1, 3, null, {}])
  service.held[1]!.resolve('second')
  expect(await peer.next()).toEqual([1, 2, null, 'second'])
  service.held[0]!.resolve('first')
  expect(await peer.next()).toEqual([1, 1, null, 'first'])
})

test('numbers of requests are whole and of 32 bits, whatever they are written in', async () => {
  const { connect } = await open()
  const peer = await connect()
  peer.raw(Buffer.from('9400cf00000000ffffffffa46563686f90', 'hex'))
  expect(await peer.next()).toEqual([1, 0xffffffff, null, {}])
  peer.raw(Buffer.from('9400d005a46563686f90', 'hex'))
  expect(await peer.next()).toEqual([1, 5, null, {}])
})

test('params are none, a map, or a map and options; anything else is answered with what was expected', async () => {
  const { connect, errors } = await open()
  const peer = await connect()
  expect(await peer.call('echo')).toMatchObject([1, 4e9, null, {}])
  expect(await peer.call('echo', { a: 1 })).toMatchObject([1, 4e9, null, { a: 1 }])
  expect(await peer.call('echo', { a: 1 }, { timeout: 5.5, other: true })).toMatchObject([1, 4e9, null, { a: 1 }])
  const wrong = [['ann'], [1], [null], [[]], [{}, {}, {}], [{}, 5], [{}, { timeout: 0 }], [{}, { timeout: '1' }]]
  for (const params of wrong) {
    const [, , error] = await peer.call('echo', ...params)
    expect(error).toEqual({ code: 'bad_message', message: expect.stringMatching('timeout') })
  }
  peer.send(
    [0, 1, 'echo', { user: 'ann' }],
    [0, 2, 'echo'],
    [0, 3],
    [0, 4, 5, []],
    [0, 5, Buffer.from('echo'), []],
    [0, 6, 'echo', [], 0],
  )
  for (const [number, answer] of await peer.nextOf(6)) {
    expect(answer).toEqual([1, number, { code: 'bad_message', message: expect.stringContaining('expected') }, null])
  }
  expect(errors).toEqual(Array.from({ length: wrong.length + 6 }, () => 'bad_message'))
})

test('errors are maps with a code, a message, and where it is so when to come back', async () => {
  const { connect, lines } = await open()
  const peer = await connect()
  const [, , unknown, nothing] = await peer.call('recommned')
  expect([unknown, nothing]).toEqual([{ code: 'unknown_method', message: 'there is no recommned' }, null])
  const [, , fault] = await peer.call('fault')
  expect(fault).toMatchObject({ code: 'internal', retryAfter: 1000 })
  expect(JSON.stringify(fault)).not.toContain('secret')
  expect(lines.join()).toContain('a secret')
})

test('a call that is not answered by its deadline fails then, and is abandoned', async () => {
  const { service, connect } = await open()
  const peer = await connect()
  const began = performance.now()
  peer.send([0, 1, 'hold', [{}, { timeout: 40 }]], [0, 2, 'hold', [{}, { timeout: 20_000 }]], [0, 3, 'hold', []])
  const [, number, error] = await peer.next()
  expect(performance.now() - began).toBeGreaterThan(35)
  expect([number, error]).toEqual([1, { code: 'deadline_exceeded', message: expect.any(String), retryAfter: 1000 }])
  expect(service.held.map(({ signal }) => signal?.aborted)).toEqual([true, false, false])
  for (const { resolve } of service.held) resolve('late or not')
  expect([...(await peer.nextOf(2)).keys()]).toEqual([2, 3])
  await moment()
  expect(peer.waiting).toEqual([])
})

test('what a caller had called who has disconnected is abandoned', async () => {
  const { service, server, connect, lines } = await open()
  const peer = await connect()
  peer.send([0, 1, 'hold', []], [2, 'hold', []])
  await until(() => service.held.length === 2)
  peer.close()
  await until(() => server.connections === 0)
  expect(service.held.map(({ signal }) => signal?.aborted)).toEqual([true, true])
  for (const { signal, reject } of service.held) reject(signal?.reason)
  await moment()
  expect(lines).toEqual([])
})

test('notifications are carried out and never answered; those that fail are counted, and told once', async () => {
  const { service, connect, errors, lines } = await open()
  const peer = await connect()
  peer.send([2, 'echo', [{ a: 1 }]], [2, 'no', []], [2, 'echo', [1]], [2, Buffer.from('echo')], [2], [0, 1, 'echo', []])
  expect(await peer.next()).toEqual([1, 1, null, {}])
  expect(service.echoed).toEqual([{ a: 1 }, {}])
  peer.send([2, 'hold', []])
  await until(() => service.held.length === 1)
  service.held[0]!.reject(new Error('a fault'))
  await until(() => errors.length === 5)
  expect(errors).toEqual(['unknown_method', 'bad_message', 'bad_message', 'bad_message', 'internal'])
  expect(lines.filter(line => line.includes('a notification failed'))).toHaveLength(1)
  expect(peer.waiting).toEqual([])
})

test('only so many calls of a connection are in work at once: the others wait, and none is lost', async () => {
  const { service, connect } = await open()
  const [peer, other] = [await connect(), await connect()]
  const count = 3 * limits.pipelined
  peer.send(...Array.from({ length: count }, (_, number) => [0, number, 'hold', [{}]]))
  await until(() => service.held.length >= limits.pipelined)
  await moment()
  expect(service.held).toHaveLength(limits.pipelined)
  expect(await other.call('echo')).toMatchObject([1, 4e9, null, {}])
  for (let done = 0; done < count; done++) {
    await until(() => service.held.length > done)
    service.held[done]!.resolve(done)
    expect(service.held.length - done).toBeLessThanOrEqual(limits.pipelined + 1)
  }
  const answers = await peer.nextOf(count)
  for (let number = 0; number < count; number++) expect(answers.get(number)).toEqual([1, number, null, number])
})

test('a client that does not read its answers is not read from either, and gets them all once it reads', async () => {
  const { service, connect } = await open()
  const peer = await connect()
  peer.socket.pause()
  const count = 500
  for (let number = 0; number < count; number++) peer.send([0, number, 'large', []], [0, number, 'echo', [{ number }]])
  await until(() => service.echoed.length > 0)
  await moment()
  // 500 × 100 kB would be 50 MB: far more than the sockets' buffers and the bound of the server take.
  expect(service.echoed.length).toBeLessThan(count / 2)
  peer.socket.resume()
  const answers: unknown[] = []
  for (let n = 0; n < 2 * count; n++) answers.push((await peer.next())[1])
  expect(answers).toEqual(Array.from({ length: 2 * count }, (_, n) => n >> 1))
})

/** Has the peer make as many calls as it may at a time and not read the answers, 100 kB each. */
async function answerUnread(peer: RpcPeer, service: ScriptedService): Promise<void> {
  peer.socket.pause()
  peer.send(...Array.from({ length: limits.pipelined }, (_, number) => [0, number, 'hold', []]))
  await until(() => service.held.length === limits.pipelined)
  const text = 'x'.repeat(100_000)
  for (const { resolve } of service.held) resolve({ text })
}

test('answers that are not read are kept while there is memory for them, however many', async () => {
  const { service, server, memory, connect } = await open({ sendMemory: 2 ** 28 })
  const peer = await connect()
  await answerUnread(peer, service)
  await until(() => memory.total > 2 ** 26)
  await moment()
  expect(server.connections).toBe(1)
  peer.socket.resume()
  for (let number = 0; number < limits.pipelined; number++) expect((await peer.next())[1]).toBe(number)
  await until(() => memory.total === 0)
})

test('a client that lets the answers to what it called pile up is disconnected when the memory is full', async () => {
  const { service, server, connect, lines } = await open()
  const peer = await connect()
  await answerUnread(peer, service)
  await until(() => server.connections === 0)
  expect(lines.join()).toContain('does not read its answers')
})

test('a message that is too deep or of other types is answered, and the connection goes on', async () => {
  const { connect } = await open()
  const peer = await connect()
  let deep: unknown = []
  for (let level = 0; level < 50; level++) deep = [deep]
  peer.send(
    [0, 1, 'echo', [{ deep }]],
    [0, 2, 'echo', [{ at: new Date() }]],
    [0, 3, 'echo', [{ big: 'x'.repeat(2e6) }]],
  )
  peer.send([0, 4, 'echo', []])
  const answers = await peer.nextOf(4)
  expect([1, 2, 3].map(number => answers.get(number)?.[2]?.code)).toEqual(['too_deep', 'bad_msgpack', 'too_large'])
  expect(answers.get(4)).toEqual([1, 4, null, {}])
})

test('a result that MessagePack does not have is a fault of the server, and the connection goes on', async () => {
  const { service, connect, lines } = await open()
  const peer = await connect()
  peer.send([0, 1, 'hold', []])
  await until(() => service.held.length === 1)
  service.held[0]!.resolve({ large: 2n ** 70n })
  expect(await peer.next()).toMatchObject([1, 1, { code: 'internal' }, null])
  expect(await peer.call('echo')).toMatchObject([1, 4e9, null, {}])
  expect(lines.join()).toContain('a fault of the server')
})

test('bytes that are no RPC are answered, then their connection is closed, and no other', async () => {
  const { connect } = await open()
  const other = await connect()
  const request = Buffer.from('94000aa46563686f90', 'hex')
  for (const [bytes, code, number] of [
    [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'bad_message', null],
    [Buffer.from('c1', 'hex'), 'bad_msgpack', null],
    [Buffer.from('940001c0c0', 'hex').fill(0x01, 1, 2), 'bad_message', null],
    [Buffer.from('9400cbc000000000000000a46563686f90', 'hex'), 'bad_message', null],
    [Buffer.from('940007a46563686f91dbffffffff', 'hex'), 'too_large', 7],
  ] as const) {
    const peer = await connect()
    peer.raw(Buffer.concat([request, bytes, request]))
    expect(await peer.next()).toEqual([1, 10, null, {}])
    expect(await peer.next()).toMatchObject([1, number, { code }, null])
    await peer.ended()
    expect(peer.waiting).toEqual([])
  }
  expect(await other.call('echo')).toMatchObject([1, 4e9, null, {}])
})

test('random bytes do no harm', async () => {
  const { connect, lines } = await open()
  const other = await connect()
  const noise = fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(Uint8Array.of(0x94, 0, 1))), {
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(noise, async chunks => {
      const peer = await connect()
      for (const chunk of chunks) peer.raw(chunk)
      expect(await other.call('echo', { still: 'here' })).toEqual([1, 4e9, null, { still: 'here' }])
      peer.close()
    }),
    { numRuns: 200 },
  )
  expect(lines.filter(line => !line.includes('a notification failed'))).toEqual([])
})

test('closing refuses new calls, answers those that have begun, and ends the connections', async () => {
  const { service, server, connect } = await open()
  const [peer, idle] = [await connect(), await connect()]
  peer.send([0, 1, 'hold', []])
  await until(() => service.held.length === 1)
  const closed = server.close()
  await idle.ended()
  peer.send([0, 2, 'hold', []])
  expect(await peer.next()).toMatchObject([1, 2, { code: 'shutting_down', retryAfter: 1000 }, null])
  await expect(RpcPeer.connect(server.address)).rejects.toThrow('ECONNREFUSED')
  service.held[0]!.resolve('done')
  expect(await peer.next()).toEqual([1, 1, null, 'done'])
  await closed
  await peer.ended()
})

test('closing waits no longer than it was told', async () => {
  const { service, server, connect } = await open()
  const peer = await connect()
  peer.send([0, 1, 'hold', []])
  await until(() => service.held.length === 1)
  await server.close(20)
  await peer.ended()
  expect(service.held[0]!.signal?.aborted).toBe(true)
})

test('clients beyond the most that are taken are turned away', async () => {
  const { server, connect, lines } = await open({ maxConnections: 2 })
  const peers = [await connect(), await connect()]
  await until(() => server.connections === 2)
  const third = await connect()
  await third.ended()
  expect(lines.join()).toContain('turned away')
  expect(await peers[0]!.call('echo')).toMatchObject([1, 4e9, null, {}])
})

test('a Unix socket is for its user only, and gone when the server has closed', async () => {
  const path = join(freshFolder(), 'rpc.sock')
  const { server, connect } = await open({ address: `unix:${path}` })
  expect(server.address).toBe(`unix:${path}`)
  expect(lstatSync(path).mode & 0o777).toBe(0o600)
  const peer = await connect()
  expect(await peer.call('echo')).toMatchObject([1, 4e9, null, {}])
  await server.close()
  expect(existsSync(path)).toBe(false)
})

test('the socket that a dead server left is taken over; a live one is not, nor a file', async () => {
  const folder = freshFolder()
  const path = join(folder, 'rpc.sock')
  await leaveSocket(path)
  const { connect } = await open({ address: `unix:${path}` })
  await expect(open({ address: `unix:${path}` })).rejects.toThrow(`${path} is in use by another server`)
  const peer = await connect()
  expect(await peer.call('echo')).toMatchObject([1, 4e9, null, {}])

  const file = join(folder, 'file')
  writeFileSync(file, 'kept')
  await expect(open({ address: `unix:${file}` })).rejects.toThrow('a file of another kind')
  expect(existsSync(file)).toBe(true)
  await expect(open({ address: `unix:${folder}/none/rpc.sock` })).rejects.toThrow(
    `cannot listen at ${folder}/none/rpc.sock`,
  )
})

test('a port that is taken, and what is no address, are refused', async () => {
  const { server } = await open()
  await expect(open({ address: server.address })).rejects.toThrow(
    `cannot listen at ${server.address}: the port is taken`,
  )
  await expect(open({ address: 'nonsense' })).rejects.toThrow('expected an address such as')
})

/** A socket file at which nobody listens any more. */
async function leaveSocket(path: string): Promise<void> {
  const server: NetServer = createServer()
  await new Promise<void>(resolve => server.listen(`${path}.other`, resolve))
  // Closing removes the file by the name that it was made with.
  renameSync(`${path}.other`, path)
  await new Promise(resolve => server.close(resolve))
}
