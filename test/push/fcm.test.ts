import { jwtVerify } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { type FcmOptions, fcmSender } from '../../src/push/send/senders/fcm.ts'
import { type Reply, startEndpoint } from './push-endpoint.ts'
import { pushTo, results } from './push-to.ts'
import { fcmError, serviceAccount, tokenReply } from './sender-harness.ts'

const to = { addressOf: (user: string) => `token of ${user}` }

async function started(
  replyTo: (path: string) => Reply,
  { delay = 0, ...options }: Partial<FcmOptions> & { readonly delay?: number } = {},
) {
  const endpoint = await startEndpoint(({ path }) => replyTo(path), { delay })
  const { account, publicKey } = serviceAccount(endpoint.url)
  const sender = fcmSender({ account, url: endpoint.url, timeout: 2000, ...options })
  onTestFinished(() => sender.close?.())
  const asked = (path: string) => endpoint.received.filter(request => request.path === path)
  return {
    endpoint,
    sender,
    publicKey,
    tokens: () => asked('/token'),
    messages: () => asked('/v1/projects/aurochs-test/messages:send'),
  }
}

test('asks for one token by a signed assertion, and sends all messages with it', async () => {
  const { sender, endpoint, publicKey, tokens, messages } = await started(path =>
    path === '/token' ? tokenReply : { status: 200 },
  )
  const push = pushTo(to, 'ann')
  expect(await results(sender, [push, pushTo(to, 'bob'), pushTo(to, 'cat')])).toEqual(Array(3).fill('delivered'))
  expect(tokens()).toHaveLength(1)
  const form = new URLSearchParams(tokens()[0]!.body.toString())
  expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
  const { payload, protectedHeader } = await jwtVerify(form.get('assertion')!, publicKey)
  expect(protectedHeader.alg).toBe('RS256')
  expect(payload).toMatchObject({
    iss: 'push@aurochs-test.example',
    aud: `${endpoint.url}/token`,
    scope: 'https://www.googleapis.com/auth/firebase.messaging',
  })
  expect(payload.exp! - payload.iat!).toBe(3600)
  expect(messages()).toHaveLength(3)
  expect(messages()[0]!.headers.authorization).toBe('Bearer bearer')
  expect(JSON.parse(messages()[0]!.body.toString()).message).toMatchObject({
    token: 'token of ann',
    notification: { title: push.title },
    data: { id: push.id, url: push.url, campaign: 'news' },
    android: { notification: { tag: push.id } },
  })
})

test('a token that has ended is replaced, and one that is refused, too', async () => {
  let [lifetime, status] = [30, 200]
  const { sender, tokens } = await started(path =>
    path === '/token' ? { status: 200, body: JSON.stringify({ access_token: 'x', expires_in: lifetime }) } : { status },
  )
  await results(sender, [pushTo(to, 'ann')])
  lifetime = 3600
  await results(sender, [pushTo(to, 'ann')])
  await results(sender, [pushTo(to, 'ann')])
  expect(tokens()).toHaveLength(2)
  status = 401
  expect(await results(sender, [pushTo(to, 'ann')])).toEqual(['retry'])
  status = 200
  expect(await results(sender, [pushTo(to, 'ann')])).toEqual(['delivered'])
  expect(tokens()).toHaveLength(3)
})

test('without a token nothing is sent, and all is tried again', async () => {
  let reply: Reply = { status: 400 }
  const { sender, messages } = await started(path => (path === '/token' ? reply : { status: 200 }), { timeout: 300 })
  const [result] = await sender.send([pushTo(to, 'ann')], { signal: new AbortController().signal })
  expect(result).toMatchObject({ outcome: 'retry', reason: 'no token: status 400' })
  const faults: Reply[] = ['hang', { status: 200, body: 'no JSON' }, 'drop']
  for (reply of faults) {
    expect(await results(sender, [pushTo(to, 'ann'), pushTo(to, 'bob')])).toEqual(['retry', 'retry'])
  }
  expect(messages()).toHaveLength(0)
})

test('a push whose token is refused while the next token cannot be had is tried again', async () => {
  // A token that ends at once: each push asks for another.
  let token: Reply = { status: 200, body: JSON.stringify({ access_token: 'x', expires_in: 30 }) }
  const { sender, tokens, messages } = await started(path => (path === '/token' ? token : { status: 401 }), {
    delay: 150,
  })
  const first = results(sender, [pushTo(to, 'ann')])
  await expect.poll(() => messages().length, { interval: 5 }).toBe(1)
  token = { status: 400 }
  const second = results(sender, [pushTo(to, 'bob')])
  expect(await first).toEqual(['retry'])
  expect(await second).toEqual(['retry'])
  expect(tokens()).toHaveLength(2)
})

test('what a gateway answers leaves it open whether the message was sent', async () => {
  let reply = fcmError(502, 'UNKNOWN')
  const { sender } = await started(path => (path === '/token' ? tokenReply : reply))
  expect(await results(sender, [pushTo(to, 'ann')])).toEqual(['unknown'])
  reply = fcmError(500, 'INTERNAL')
  expect(await results(sender, [pushTo(to, 'ann')])).toEqual(['retry'])
  reply = fcmError(403, 'SENDER_ID_MISMATCH')
  expect(await results(sender, [pushTo(to, 'ann')])).toEqual(['failed'])
})

test('an account that cannot be used is refused, with what is wrong', () => {
  const { account } = serviceAccount('http://127.0.0.1')
  expect(() => fcmSender({ account: { ...account, private_key: 'none' } })).toThrow(
    'private_key must be a private key in PEM',
  )
  expect(() => fcmSender({ account: { ...account, project_id: '' } })).toThrow('project_id')
})
