import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Clock, Dispatcher, type DispatcherOptions } from '../../src/push/send/dispatcher.ts'
import type { PushLedger } from '../../src/push/send/ledger.ts'
import type { Sender } from '../../src/push/send/senders/sender.ts'
import { webhookSender } from '../../src/push/send/senders/webhook.ts'
import { addCampaign, addUsers, hour, ledgerWith, minute, noon, reserved } from './ledger-of.ts'
import { type Endpoint, type Reply, startEndpoint } from './push-endpoint.ts'
import { webhookSecret } from './sender-harness.ts'

const names = (count: number) => Array.from({ length: count }, (_, at) => `u${at}`)
const userOf = ({ body }: { readonly body: Buffer }): string => JSON.parse(body.toString()).user

/** A clock from noon on that runs `speed` times as fast. */
function fastClock(speed: number): Clock {
  const began = performance.now()
  return {
    now: () => noon + Math.floor((performance.now() - began) * speed),
    wait: (ms, signal) => setTimeout(ms / speed, undefined, { signal }),
  }
}

function dispatch(
  ledger: PushLedger,
  endpoint: Endpoint,
  options: Partial<DispatcherOptions> & { readonly timeout?: number; readonly concurrency?: number } = {},
) {
  const { timeout = 5000, concurrency = 16, ...rest } = options
  const webhook = webhookSender({ url: endpoint.url, secret: webhookSecret, concurrency, timeout })
  const dispatcher = Dispatcher.start(ledger, { senders: { webhook }, clock: fastClock(1), poll: 20, ...rest })
  onTestFinished(() => dispatcher.stop())
  return dispatcher
}

const settled = (ledger: PushLedger, counts: object) =>
  vi.waitFor(() => expect(ledger.countsOf('news')).toMatchObject(counts), { timeout: 60_000, interval: 10 })

test('sends all that is reserved, also what is reserved later, each once', async () => {
  const users = names(300)
  const ledger = ledgerWith(users)
  const endpoint = await startEndpoint(() => ({ status: 200 }))
  reserved(ledger, 'news', users.slice(0, 200))
  const dispatcher = dispatch(ledger, endpoint, { batchSize: 32 })
  await settled(ledger, { delivered: 200 })
  reserved(ledger, 'news', users.slice(200))
  dispatcher.wake()
  await settled(ledger, { delivered: 300, reserved: 0, handed: 0 })
  expect(endpoint.received.map(userOf).sort()).toEqual([...users].sort())
  expect(endpoint.mostOpen).toBeLessThanOrEqual(16)
})

test.each([
  ['a pause of all', (ledger: PushLedger) => ledger.pauseAll()],
  ['a pause of the campaign', (ledger: PushLedger) => ledger.pause('news')],
  ['a dry run', (ledger: PushLedger) => ledger.dryRun()],
  ['an opt-out', (ledger: PushLedger, users: readonly string[]) => ledger.optOut(users)],
])('after %s no more than what is on the wire arrives', async (_, stop) => {
  const users = names(200)
  const ledger = ledgerWith(users)
  const endpoint = await startEndpoint(() => ({ status: 200 }), { delay: 30 })
  reserved(ledger, 'news', users)
  dispatch(ledger, endpoint, { concurrency: 4 })
  await expect.poll(() => endpoint.received.length, { interval: 1 }).toBeGreaterThan(8)
  const { handed } = ledger.countsOf('news')
  expect(handed).toBeLessThanOrEqual(4)
  stop(ledger, users)
  const arrived = endpoint.received.length
  await settled(ledger, { handed: 0 })
  await setTimeout(200)
  expect(endpoint.received.length).toBeLessThanOrEqual(arrived + 4)
})

test('the timeout of an attempt begins with it: a slow endpoint is no endpoint that does not answer', async () => {
  const users = names(56)
  const ledger = ledgerWith(users)
  const endpoint = await startEndpoint(() => ({ status: 200 }), { delay: 100 })
  reserved(ledger, 'news', users)
  // The last of the batch begin after longer than the timeout.
  dispatch(ledger, endpoint, { concurrency: 4, timeout: 1000, batchSize: 56 })
  await settled(ledger, { delivered: 56 })
  expect(endpoint.received).toHaveLength(56)
  expect(endpoint.mostOpen).toBe(4)
})

test('answers are confirmed as they come, and others take the place', async () => {
  const users = names(30)
  const ledger = ledgerWith(users)
  const endpoint = await startEndpoint(request => (userOf(request) === 'u0' ? 'hang' : { status: 200 }))
  reserved(ledger, 'news', users)
  dispatch(ledger, endpoint, { concurrency: 2, timeout: 20_000, grace: 0 })
  await settled(ledger, { delivered: 29, handed: 1 })
})

test('a sender that answers at once leaves others of the thread their turn', async () => {
  const users = names(500)
  const ledger = ledgerWith(users)
  reserved(ledger, 'news', users)
  const webhook: Sender = {
    isIdempotent: true,
    send: async batch => batch.map(({ id }) => ({ id, outcome: 'delivered' })),
  }
  const endpoint = await startEndpoint(() => ({ status: 200 }))
  const dispatcher = dispatch(ledger, endpoint, { senders: { webhook }, batchSize: 5 })
  await setImmediate()
  ledger.pauseAll()
  await dispatcher.stop()
  const { delivered, reserved: left } = ledger.countsOf('news')
  expect(delivered).toBeLessThan(50)
  expect(left).toBe(500 - delivered)
})

test('an outage of an hour loses nothing, costs few attempts, and all is sent after it', async () => {
  const users = names(200)
  const ledger = ledgerWith(users)
  const clock = fastClock(1800)
  const endpoint = await startEndpoint(() => (clock.now() < noon + hour ? 'drop' : { status: 200 }))
  reserved(ledger, 'news', users, noon)
  dispatch(ledger, endpoint, { clock, poll: 30_000, batchSize: 50 })
  await settled(ledger, { delivered: 200, reserved: 0, handed: 0, unknown: 0, expired: 0 })
  expect(clock.now()).toBeLessThan(noon + 4 * hour)
  // A bare loop would have tried each user hundreds of times.
  expect(endpoint.received.length).toBeLessThan(200 * 6)
})

test('while a probe of a sender that was down is under way, it is waited for, not asked for', async () => {
  const users = names(16)
  const ledger = ledgerWith(users)
  let answers = 0
  const endpoint = await startEndpoint(() =>
    answers++ < 16 ? { status: 503, headers: { 'retry-after': '9' } } : 'hang',
  )
  reserved(ledger, 'news', users)
  let waits = 0
  const clock = fastClock(20)
  const counted: Clock = {
    now: clock.now,
    wait(ms, signal) {
      waits++
      return clock.wait(ms, signal)
    },
  }
  dispatch(ledger, endpoint, { clock: counted, poll: 400, grace: 0 })
  await expect.poll(() => endpoint.received.length).toBe(17)
  // The probe has no answer. Of expiry, and of what is due, that is a look each 20 ms by this clock.
  waits = 0
  await setTimeout(1000)
  expect(waits).toBeLessThan(200)
})

test('what an outage keeps past the end of the life expires, or counts as sent where it may have been', async () => {
  const ledger = ledgerWith(['ann'])
  addUsers(ledger, ['bob'], 'other')
  const clock = fastClock(36_000)
  const endpoint = await startEndpoint(() => 'drop')
  reserved(ledger, 'news', ['ann', 'bob'], noon)
  dispatch(ledger, endpoint, { clock, poll: 30_000 })
  await settled(ledger, { unknown: 1, expired: 1, reserved: 0, handed: 0, used: 1 })
})

test('who opts out between two attempts gets no other', async () => {
  const ledger = ledgerWith(['ann', 'bob'])
  let reply: Reply = { status: 503 }
  const endpoint = await startEndpoint(() => reply)
  reserved(ledger, 'news', ['ann', 'bob'])
  dispatch(ledger, endpoint)
  await expect.poll(() => endpoint.received.length).toBeGreaterThanOrEqual(2)
  await settled(ledger, { reserved: 2 })
  ledger.optOut(['ann'], true, noon + minute)
  reply = { status: 200 }
  await settled(ledger, { delivered: 1, cancelled: 1 })
  expect(endpoint.received.slice(2).map(userOf)).not.toContain('ann')
})

test('stops only when what is on its way has been answered and confirmed', async () => {
  const users = names(8)
  const ledger = ledgerWith(users)
  const endpoint = await startEndpoint(() => ({ status: 200 }), { delay: 200 })
  reserved(ledger, 'news', users)
  const dispatcher = dispatch(ledger, endpoint)
  await expect.poll(() => endpoint.received.length).toBe(8)
  await dispatcher.stop()
  expect(ledger.countsOf('news')).toMatchObject({ delivered: 8 })
})

test('gives up on answers after its grace, and the next dispatcher sends again under the same keys', async () => {
  const ledger = ledgerWith(['ann', 'bob'])
  let reply: Reply = 'hang'
  const endpoint = await startEndpoint(() => reply)
  reserved(ledger, 'news', ['ann', 'bob'])
  const first = dispatch(ledger, endpoint, { grace: 50 })
  await expect.poll(() => endpoint.received.length).toBe(2)
  await first.stop()
  expect(ledger.countsOf('news')).toMatchObject({ reserved: 2, handed: 0 })
  reply = { status: 200 }
  dispatch(ledger, endpoint)
  await settled(ledger, { delivered: 2 })
  expect(new Set(endpoint.received.map(({ headers }) => headers['idempotency-key']))).toHaveProperty('size', 2)
})

test('one dispatcher at a time works on a ledger', async () => {
  const ledger = ledgerWith([])
  const endpoint = await startEndpoint(() => ({ status: 200 }))
  const first = dispatch(ledger, endpoint)
  expect(() => dispatch(ledger, endpoint)).toThrow(
    'are being sent by another process: stop it, or name another --state',
  )
  await first.stop()
  dispatch(ledger, endpoint)
})

test('a sender that throws, and a link that cannot be made, lose nothing', async () => {
  const ledger = ledgerWith(['ann'])
  addUsers(ledger, ['bob'], 'broken')
  reserved(ledger, 'news', ['ann', 'bob'])
  const endpoint = await startEndpoint(() => ({ status: 200 }))
  const webhook = webhookSender({ url: endpoint.url, secret: webhookSecret })
  const broken = {
    isIdempotent: false,
    send: () => Promise.reject(new Error('a fault')),
  }
  dispatch(ledger, endpoint, { senders: { webhook, broken }, linkOf: ({ id }) => `http://127.0.0.1/c/${id}` })
  await settled(ledger, { delivered: 1, unknown: 1 })
  expect(JSON.parse(endpoint.received[0]!.body.toString()).url).toMatch(/^http:\/\/127\.0\.0\.1\/c\/[0-9a-f-]{36}$/)
  expect(ledger.why('bob', 'news').reasons).toMatchObject([{ state: 'unknown', reason: 'a fault' }])
})

test('while the ledger cannot be written, answers are kept and confirmed later', async () => {
  const ledger = ledgerWith(['ann'])
  addCampaign(ledger, 'other')
  const endpoint = await startEndpoint(() => ({ status: 200 }), { delay: 100 })
  reserved(ledger, 'news', ['ann'])
  const confirm = ledger.confirm.bind(ledger)
  const errors: string[] = []
  // The disk is full for two attempts: no other way to have it fail at this moment alone.
  const failing = vi.spyOn(ledger, 'confirm')
  failing.mockImplementation((...args) => {
    if (errors.length < 2) throw new Error('disk is full')
    return confirm(...args)
  })
  dispatch(ledger, endpoint, { clock: fastClock(10), onError: error => errors.push(error.message) })
  await settled(ledger, { delivered: 1 })
  expect(errors).toEqual(['disk is full', 'disk is full'])
})
