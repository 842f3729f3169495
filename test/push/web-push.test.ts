import { createDecipheriv, createPublicKey, hkdfSync } from 'node:crypto'
import { jwtVerify } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { webPushSender } from '../../src/push/send/senders/web-push.ts'
import { startEndpoint } from './push-endpoint.ts'
import { pushTo, results } from './push-to.ts'
import { browser, browserAuth, certificate, subscriptionOf, vapid } from './sender-harness.ts'

/** What a browser reads, by RFC 8291 and 8188. */
function decrypted(body: Buffer): unknown {
  const [salt, idLength] = [body.subarray(0, 16), body[20]!]
  const serverKey = body.subarray(21, 21 + idLength)
  const sealed = body.subarray(21 + idLength)
  const derive = (key: Uint8Array, salt: Uint8Array, info: Uint8Array | string, length: number) =>
    Buffer.from(hkdfSync('sha256', key, salt, info, length))
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), browser.getPublicKey(), serverKey])
  const secret = derive(browser.computeSecret(serverKey), browserAuth, info, 32)
  const key = derive(secret, salt, 'Content-Encoding: aes128gcm\0', 16)
  const nonce = derive(secret, salt, 'Content-Encoding: nonce\0', 12)
  const decipher = createDecipheriv('aes-128-gcm', key, nonce)
  decipher.setAuthTag(sealed.subarray(-16))
  const text = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString()
  return JSON.parse(text.slice(0, text.lastIndexOf('}') + 1))
}

async function started(hosts = ['127.0.0.1']) {
  const tls = certificate()
  const endpoint = await startEndpoint(() => ({ status: 201 }), { tls })
  const sender = webPushSender({ vapid, hosts, ca: tls.cert })
  onTestFinished(() => sender.close?.())
  return { endpoint, sender, to: { addressOf: (user: string) => subscriptionOf(endpoint.url, user) } }
}

test('a message is encrypted for the browser and signed by VAPID for its service', async () => {
  const { endpoint, sender, to } = await started()
  const push = pushTo(to, 'ann')
  expect(await results(sender, [push])).toEqual(['delivered'])
  const [{ headers, body, path }] = endpoint.received as [(typeof endpoint.received)[0]]
  expect(path).toBe('/push/ann')
  const { id, campaign, title, url } = push
  expect(decrypted(body)).toEqual({ id, campaign, title, url })
  expect(headers['content-encoding']).toBe('aes128gcm')
  expect(headers.topic).toBe(id.replaceAll('-', ''))
  expect(Number(headers.ttl)).toBeGreaterThan(3500)
  const [, token, key] = /^vapid t=([^,]+), k=(.+)$/.exec(headers.authorization!)!
  expect(key).toBe(vapid.publicKey)
  const point = Buffer.from(key!, 'base64url')
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(part => part.toString('base64url'))
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' })
  const { payload } = await jwtVerify(token!, publicKey)
  expect(payload).toMatchObject({ aud: endpoint.url, sub: vapid.subject })
})

test('an address that is no subscription, or one in another network, is gone and nothing is sent', async () => {
  const { endpoint, sender } = await started(['push.example.org'])
  const addresses = ['no JSON', '{}', '{"endpoint":"http://127.0.0.1/x","keys":{"p256dh":"a","auth":"b"}}']
  for (const address of [...addresses, subscriptionOf(endpoint.url, 'ann')]) {
    expect(await results(sender, [pushTo({ addressOf: () => address }, 'ann')])).toEqual(['gone'])
  }
  expect(endpoint.received).toHaveLength(0)
})

test('keys that cannot sign are refused', () => {
  expect(() => webPushSender({ vapid: { ...vapid, privateKey: 'short' } })).toThrow(
    'vapid must have a subject and two keys',
  )
  expect(() => webPushSender({ vapid: { ...vapid, subject: 'nobody' } })).toThrow('vapid must have')
})
