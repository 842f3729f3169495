import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt, jwtVerify } from 'jose'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { apnsSender } from '../../src/push/send/senders/apns.ts'
import { startHttp2Endpoint } from './http2-endpoint.ts'
import type { Received, Reply } from './push-endpoint.ts'
import { pushTo, results } from './push-to.ts'
import { apnsError, certificate, team, teamKey } from './sender-harness.ts'

afterEach(() => {
  vi.useRealTimers()
})

const to = { addressOf: (user: string) => `device-${user}` }

async function started(reply: (push: Received) => Reply = () => ({ status: 200 }), timeout = 2000) {
  const tls = certificate()
  const endpoint = await startHttp2Endpoint(reply, { tls })
  const sender = apnsSender({ ...team, url: endpoint.url, ca: tls.cert, timeout })
  onTestFinished(() => sender.close?.())
  const tokens = () => endpoint.received.map(({ headers }) => headers.authorization!.slice('bearer '.length))
  return { endpoint, sender, tokens }
}

test('sends over one connection, with a signed token and the id of the send', async () => {
  const { endpoint, sender, tokens } = await started()
  const push = pushTo(to, 'ann')
  await results(sender, [push, pushTo(to, 'bob')])
  await results(sender, [pushTo(to, 'cat')])
  expect(endpoint.connections).toBe(1)
  const [{ path, headers, body }] = endpoint.received as [(typeof endpoint.received)[0]]
  expect(path).toBe('/3/device/device-ann')
  expect(headers).toMatchObject({
    'apns-id': push.id,
    'apns-topic': 'org.example.news',
    'apns-push-type': 'alert',
    'apns-expiration': String(Math.floor(push.ends / 1000)),
    'apns-collapse-id': push.id,
  })
  expect(JSON.parse(body.toString())).toMatchObject({
    aps: { alert: { title: push.title } },
    id: push.id,
    url: push.url,
  })
  const { payload, protectedHeader } = await jwtVerify(tokens()[0]!, teamKey.publicKey)
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: team.keyId })
  expect(payload.iss).toBe(team.teamId)
})

test('a token is used for less than an hour, and no longer when Apple finds it too old', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  let reply: Reply = { status: 200 }
  const { sender, tokens } = await started(() => reply)
  const began = Math.ceil(Date.now() / 1000) * 1000
  for (const minutes of [0, 21, 49, 51, 59]) {
    vi.setSystemTime(began + minutes * 60_000)
    await results(sender, [pushTo(to, 'ann')])
  }
  const made = tokens().map(token => (decodeJwt(token).iat! - began / 1000) / 60)
  expect(made).toEqual([0, 0, 0, 51, 51])
  reply = apnsError(403, 'ExpiredProviderToken')
  vi.setSystemTime(began + 60 * 60_000)
  expect(await results(sender, [pushTo(to, 'ann')])).toEqual(['retry'])
  reply = { status: 200 }
  expect(await results(sender, [pushTo(to, 'ann')])).toEqual(['delivered'])
  expect((decodeJwt(tokens().at(-1)!).iat! - began / 1000) / 60).toBe(60)
})

test('addresses of which Apple knows no device are gone, others of its answers are not', async () => {
  let reply: Reply = { status: 200 }
  const { sender } = await started(() => reply)
  const outcomes: Record<string, string> = {}
  for (const [status, reason] of [
    [400, 'BadDeviceToken'],
    [400, 'DeviceTokenNotForTopic'],
    [410, 'Unregistered'],
    [400, 'BadTopic'],
    [403, 'InvalidProviderToken'],
    [500, 'InternalServerError'],
    [502, 'Gateway'],
  ] as const) {
    reply = apnsError(status, reason)
    outcomes[reason] = (await results(sender, [pushTo(to, 'ann')]))[0]!
  }
  expect(outcomes).toEqual({
    BadDeviceToken: 'gone',
    DeviceTokenNotForTopic: 'gone',
    Unregistered: 'gone',
    BadTopic: 'failed',
    InvalidProviderToken: 'retry',
    InternalServerError: 'retry',
    Gateway: 'unknown',
  })
})

test('makes another connection when Apple ends one', async () => {
  const { endpoint, sender } = await started()
  await results(sender, [pushTo(to, 'ann')])
  endpoint.goAway()
  await vi.waitFor(async () => {
    expect(await results(sender, [pushTo(to, 'bob')])).toEqual(['delivered'])
    expect(endpoint.connections).toBe(2)
  }, 60_000)
})

test('makes another connection when an answer does not come in time, and waits for the others of the first', async () => {
  const { endpoint, sender } = await started(({ path }) => (path.endsWith('ann') ? 'hang' : { status: 200 }), 500)
  const waiting = sender.send([pushTo(to, 'ann')], { signal: new AbortController().signal })
  await expect.poll(() => endpoint.received.length).toBe(1)
  expect(await waiting).toMatchObject([{ outcome: 'unknown', reason: 'timeout' }])
  expect(await results(sender, [pushTo(to, 'bob')])).toEqual(['delivered'])
  expect(endpoint.connections).toBe(2)
  // The first has ended.
  await expect.poll(() => endpoint.open).toBe(1)
})

test('a key of another kind is refused', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  expect(() => apnsSender({ ...team, key: rsa as string })).toThrow('key must be a private key of P-256 in PEM')
  expect(() => apnsSender({ ...team, key: 'none' })).toThrow('key must be a private key of P-256 in PEM')
})
