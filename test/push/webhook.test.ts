import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { webhookSender } from '../../src/push/send/senders/webhook.ts'
import { type Reply, startEndpoint } from './push-endpoint.ts'
import { pushTo } from './push-to.ts'
import { webhookSecret } from './sender-harness.ts'

const never = new AbortController().signal
const address = { addressOf: (user: string) => `address of ${user}` }

test('a webhook is signed over its time and body, and has its key and all that is to be shown', async () => {
  const endpoint = await startEndpoint(() => ({ status: 200 }))
  const sender = webhookSender({ url: `${endpoint.url}/hook?a=1`, secret: webhookSecret })
  const push = pushTo(address, 'ann')
  await sender.send([push], { signal: never })
  const [{ method, path, headers, body }] = endpoint.received as [(typeof endpoint.received)[0]]
  expect([method, path, headers['content-type']]).toEqual(['POST', '/hook?a=1', 'application/json'])
  expect(headers['idempotency-key']).toBe(push.id)
  const { attempt: _, ...shown } = push
  expect(JSON.parse(body.toString())).toEqual(shown)
  const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['aurochs-signature'] as string)!
  expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60)
  expect(signature).toBe(createHmac('sha256', webhookSecret).update(`${seconds}.`).update(body).digest('hex'))
  sender.close?.()
})

test('only answers that say that nothing was done leave no doubt', async () => {
  const outcomes: Record<string, unknown> = {}
  let reply: Reply = { status: 200 }
  const endpoint = await startEndpoint(() => reply)
  const sender = webhookSender({ url: endpoint.url, secret: webhookSecret })
  for (const status of [202, 302, 401, 404, 408, 500, 502, 503, 504]) {
    reply = { status }
    const [{ id, ...result }] = (await sender.send([pushTo(address, 'ann')], { signal: never })) as [
      { id: string; outcome: string; isUncertain?: boolean },
    ]
    outcomes[status] = result.outcome + (result.isUncertain ? ', uncertain' : '')
  }
  expect(outcomes).toEqual({
    202: 'delivered',
    302: 'failed',
    401: 'retry',
    404: 'gone',
    408: 'retry',
    500: 'retry, uncertain',
    502: 'retry, uncertain',
    503: 'retry',
    504: 'retry, uncertain',
  })
  sender.close?.()
})

test('a webhook needs an address of HTTP, and a secret that is not guessed', () => {
  expect(() => webhookSender({ url: 'ftp://127.0.0.1', secret: webhookSecret })).toThrow(
    'url must be an http or https address, got "ftp://127.0.0.1"',
  )
  expect(() => webhookSender({ url: 'http://127.0.0.1', secret: 'short' })).toThrow(
    'secret must have at least 16 characters, got 5',
  )
})
