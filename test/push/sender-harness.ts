import { createECDH, generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import webPush from 'web-push'
import { apnsSender } from '../../src/push/send/senders/apns.ts'
import { fcmSender } from '../../src/push/send/senders/fcm.ts'
import { fileSender } from '../../src/push/send/senders/file.ts'
import type { Sender } from '../../src/push/send/senders/sender.ts'
import { webPushSender } from '../../src/push/send/senders/web-push.ts'
import { webhookSender } from '../../src/push/send/senders/webhook.ts'
import { writeCertificate } from '../serve/certificate.ts'
import { freshFolder } from '../storage/folder.ts'
import { startHttp2Endpoint } from './http2-endpoint.ts'
import { type Received, type Reply, startEndpoint } from './push-endpoint.ts'

/** What can be wrong with the push of a user. */
export type Fault = 'gone' | 'refused' | 'too-fast' | 'down' | 'drop' | 'hang'

export interface HarnessOptions {
  readonly fault?: (user: string) => Fault | undefined
  readonly concurrency?: number
  readonly timeout?: number
  /** Of answers, in ms. */
  readonly delay?: number
}

export interface Started {
  readonly sender: Sender
  /** The ids of the pushes that were shown, each as often as it was. */
  delivered(): Promise<readonly string[]> | readonly string[]
  mostOpen(): number
  /** How many pushes have reached the server, answered or not. */
  received(): number
  stopServer(): Promise<void>
}

export interface Harness {
  readonly name: string
  readonly isIdempotent: boolean
  /** Whether it sends to a server, which may fail. */
  readonly fails: boolean
  addressOf(user: string): string
  start(options?: HarnessOptions): Promise<Started>
}

/** The answers of a server of HTTP that knows ids again where it is given what tells them. */
export function replies(
  { fault = () => undefined }: HarnessOptions,
  {
    userOf,
    idOf,
    answers,
  }: {
    userOf(request: Received): string
    idOf(request: Received): string
    readonly answers: Readonly<Record<'delivered' | Exclude<Fault, 'drop' | 'hang'>, Reply>>
  },
): { readonly reply: (request: Received) => Reply; readonly delivered: string[] } {
  const delivered: string[] = []
  const reply = (request: Received): Reply => {
    const found = fault(userOf(request))
    if (found === 'drop' || found === 'hang') return found
    if (found !== undefined) return answers[found]
    delivered.push(idOf(request))
    return answers.delivered
  }
  return { reply, delivered }
}

export const webhookSecret = 'a secret of the webhook'

const webhook: Harness = {
  name: 'webhook',
  isIdempotent: true,
  fails: true,
  addressOf: user => `address of ${user}`,
  async start(options = {}) {
    const { reply, delivered } = replies(options, {
      userOf: ({ body }) => JSON.parse(body.toString()).user,
      idOf: ({ headers }) => headers['idempotency-key'] as string,
      answers: {
        delivered: { status: 204 },
        gone: { status: 410 },
        refused: { status: 400, body: 'no' },
        'too-fast': { status: 429, headers: { 'retry-after': '7' } },
        down: { status: 503 },
      },
    })
    const endpoint = await startEndpoint(reply, options)
    const { concurrency = 8, timeout = 5000 } = options
    const sender = webhookSender({ url: `${endpoint.url}/push`, secret: webhookSecret, concurrency, timeout })
    onTestFinished(() => sender.close?.())
    // A server that keeps the contract shows what it knows again once.
    return {
      sender,
      delivered: () => [...new Set(delivered)],
      mostOpen: () => endpoint.mostOpen,
      received: () => endpoint.received.length,
      stopServer: endpoint.close,
    }
  },
}

const file: Harness = {
  name: 'file',
  isIdempotent: true,
  fails: false,
  addressOf: user => user,
  async start() {
    const path = join(freshFolder(), 'pushes.ndjson')
    const sender = fileSender({ file: path })
    onTestFinished(() => sender.close?.())
    return { sender, delivered: () => idsIn(path), mostOpen: () => 0, received: () => 0, stopServer: async () => {} }
  },
}

/** The ids of the lines of a file of pushes. */
export function idsIn(path: string): string[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map(line => JSON.parse(line).id)
}

const account = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** An account whose tokens come from `url`, and the key that checks what it signs. */
export function serviceAccount(url: string) {
  return {
    publicKey: account.publicKey,
    account: {
      project_id: 'aurochs-test',
      client_email: 'push@aurochs-test.example',
      private_key: account.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      token_uri: `${url}/token`,
    },
  }
}

/** What the token server answers, and an error as FCM says it. */
export const tokenReply: Reply = { status: 200, body: JSON.stringify({ access_token: 'bearer', expires_in: 3600 }) }
export const fcmError = (status: number, code: string, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers,
  body: JSON.stringify({
    error: {
      code: status,
      status: 'ERROR',
      details: [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: code }],
    },
  }),
})

const fcm: Harness = {
  name: 'fcm',
  isIdempotent: false,
  fails: true,
  addressOf: user => `token of ${user}`,
  async start(options = {}) {
    const messageOf = ({ body }: Received) => JSON.parse(body.toString()).message
    const { reply, delivered } = replies(options, {
      userOf: request => messageOf(request).token.slice('token of '.length),
      idOf: request => messageOf(request).data.id,
      answers: {
        delivered: { status: 200, body: '{"name":"projects/aurochs-test/messages/1"}' },
        gone: fcmError(404, 'UNREGISTERED'),
        refused: fcmError(400, 'INVALID_ARGUMENT'),
        'too-fast': fcmError(429, 'QUOTA_EXCEEDED', { 'retry-after': '7' }),
        down: fcmError(503, 'UNAVAILABLE'),
      },
    })
    const endpoint = await startEndpoint(request => (request.path === '/token' ? tokenReply : reply(request)), options)
    const { concurrency = 8, timeout = 5000 } = options
    const sender = fcmSender({ ...serviceAccount(endpoint.url), url: endpoint.url, concurrency, timeout })
    onTestFinished(() => sender.close?.())
    return {
      sender,
      delivered: () => delivered,
      mostOpen: () => endpoint.mostOpen,
      received: () => endpoint.received.filter(({ path }) => path !== '/token').length,
      stopServer: endpoint.close,
    }
  },
}

/** A browser's subscription, and what it decrypts with. */
export const browser = createECDH('prime256v1')
browser.generateKeys()
export const browserAuth = Buffer.from('0123456789abcdef')
export const vapid = { subject: 'mailto:push@example.org', ...webPush.generateVAPIDKeys() }

export function subscriptionOf(url: string, user: string): string {
  const keys = { p256dh: browser.getPublicKey('base64url'), auth: browserAuth.toString('base64url') }
  return JSON.stringify({ endpoint: `${url}/push/${user}`, expirationTime: null, keys })
}

let webPushUrl = ''

const webPushHarness: Harness = {
  name: 'web-push',
  isIdempotent: false,
  fails: true,
  addressOf: user => subscriptionOf(webPushUrl, user),
  async start(options = {}) {
    const { reply, delivered } = replies(options, {
      userOf: ({ path }) => path.slice('/push/'.length),
      idOf: ({ headers }) => uuidOf(headers.topic as string),
      answers: {
        delivered: { status: 201 },
        gone: { status: 410 },
        refused: { status: 413 },
        'too-fast': { status: 429, headers: { 'retry-after': '7' } },
        down: { status: 503 },
      },
    })
    const tls = certificate()
    const endpoint = await startEndpoint(reply, { ...options, tls })
    webPushUrl = endpoint.url
    const { concurrency = 8, timeout = 5000 } = options
    const sender = webPushSender({ vapid, hosts: ['127.0.0.1'], ca: tls.cert, concurrency, timeout })
    onTestFinished(() => sender.close?.())
    return {
      sender,
      delivered: () => delivered,
      mostOpen: () => endpoint.mostOpen,
      received: () => endpoint.received.length,
      stopServer: endpoint.close,
    }
  },
}

function uuidOf(digits: string): string {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Of 127.0.0.1, in PEM. */
export function certificate(): { readonly cert: string; readonly key: string } {
  const { cert, key } = writeCertificate(freshFolder())
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}

export const teamKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const team = {
  key: teamKey.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  keyId: 'ABC123DEFG',
  teamId: 'DEF123GHIJ',
  topic: 'org.example.news',
}
export const apnsError = (status: number, reason: string, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers,
  body: JSON.stringify({ reason }),
})

const apns: Harness = {
  name: 'apns',
  isIdempotent: false,
  fails: true,
  addressOf: user => `device-${user}`,
  async start(options = {}) {
    const { reply, delivered } = replies(options, {
      userOf: ({ path }) => path.slice('/3/device/device-'.length),
      idOf: ({ headers }) => headers['apns-id'] as string,
      answers: {
        delivered: { status: 200 },
        gone: apnsError(410, 'Unregistered'),
        refused: apnsError(400, 'PayloadEmpty'),
        'too-fast': apnsError(429, 'TooManyRequests', { 'retry-after': '7' }),
        down: apnsError(503, 'ServiceUnavailable'),
      },
    })
    const tls = certificate()
    const endpoint = await startHttp2Endpoint(reply, { ...options, tls })
    const { concurrency = 8, timeout = 5000 } = options
    const sender = apnsSender({ ...team, url: endpoint.url, ca: tls.cert, concurrency, timeout })
    onTestFinished(() => sender.close?.())
    return {
      sender,
      delivered: () => delivered,
      mostOpen: () => endpoint.mostOpen,
      received: () => endpoint.received.length,
      stopServer: endpoint.close,
    }
  },
}

export const harnesses: readonly Harness[] = [webhook, webPushHarness, fcm, apns, file]
