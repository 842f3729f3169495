import { createPrivateKey, type KeyObject } from 'node:crypto'
import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from 'node:http2'
import { SignJWT } from 'jose'
import { type AttemptOptions, attemptsOf, retry, sendEach } from './attempts.ts'
import { retryAfterOf } from './backoff.ts'
import { type Answer, NoAnswer } from './http-post.ts'
import type { Outcome, Outgoing, Sender } from './sender.ts'

export interface ApnsOptions extends AttemptOptions {
  /** The private key in PEM that Apple gives (.p8), its id, and the id of the team. */
  readonly key: string
  readonly keyId: string
  readonly teamId: string
  /** The bundle id of the app. */
  readonly topic: string
  /** Default: https://api.push.apple.com */
  readonly url?: string
  /** Certificates in PEM that are trusted beside those of Node. */
  readonly ca?: string
}

/** In ms: Apple refuses tokens older than an hour, and new ones more often than every 20 minutes. */
const tokenLife = 50 * 60_000

/** Reasons that concern the device's token alone. */
const gone = new Set(['BadDeviceToken', 'Unregistered', 'ExpiredToken', 'DeviceTokenNotForTopic'])
/** Reasons that concern all, and that somebody will put right. */
const passing = new Set([
  'ExpiredProviderToken',
  'InvalidProviderToken',
  'MissingProviderToken',
  'TooManyProviderTokenUpdates',
])

/**
 * Apple Push Notification service by HTTP/2 with tokens of ES256; the addresses are device tokens. It takes the id as `apns-id`
 * but is not said to know it again: what has no answer is unknown.
 *
 * https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
 *
 * @throws TypeError or RangeError naming the option.
 */
export function apnsSender({
  key,
  keyId,
  teamId,
  topic,
  url = 'https://api.push.apple.com',
  ca,
  ...options
}: ApnsOptions): Sender {
  const attempts = attemptsOf(options)
  const signer = new ProviderToken({ key: signingKey(key), keyId, teamId })
  const connection = new Connection(url, ca)

  async function attempt(push: Outgoing, signal: AbortSignal): Promise<Outcome> {
    const token = await signer.current()
    const headers = {
      ':method': 'POST',
      ':path': `/3/device/${encodeURIComponent(push.address)}`,
      authorization: `bearer ${token}`,
      'apns-id': push.id,
      'apns-topic': topic,
      'apns-push-type': 'alert',
      'apns-priority': '10',
      'apns-expiration': String(Math.floor(push.ends / 1000)),
      // A device shows one of an id at a time.
      'apns-collapse-id': push.id,
    }
    const { id, campaign, title, url: target } = push
    const body = JSON.stringify({ aps: { alert: { title }, sound: 'default' }, id, campaign, url: target })
    try {
      return outcomeOf(await connection.post(headers, body, signal), push, token)
    } catch (error) {
      if (!(error instanceof NoAnswer)) return { outcome: 'failed', reason: (error as Error).message }
      return error.mayHaveArrived
        ? { outcome: 'unknown', reason: error.message }
        : retry(push, { reason: error.message }, attempts)
    }
  }

  function outcomeOf({ status, headers, body }: Answer, push: Outgoing, token: string): Outcome {
    if (status === 200) return { outcome: 'delivered' }
    const code = reasonOf(body)
    const reason = code ?? `status ${status}`
    if (status === 410 || gone.has(reason)) return { outcome: 'gone', reason }
    if (reason === 'ExpiredProviderToken') signer.refuse(token)
    if (status === 429 || status === 500 || status === 503 || passing.has(reason)) {
      return retry(push, { reason, after: retryAfterOf(headers['retry-after']) }, attempts)
    }
    return { outcome: status > 500 ? 'unknown' : 'failed', reason }
  }

  return {
    isIdempotent: false,
    concurrency: attempts.concurrency,
    send: sendEach(attempts, attempt),
    close: () => connection.close(),
  }
}

interface Signing {
  readonly key: KeyObject
  readonly keyId: string
  readonly teamId: string
}

/** The token of the team, made anew before it ends. */
class ProviderToken {
  readonly #signing: Signing
  #made = Number.NEGATIVE_INFINITY
  #token: Promise<string> | undefined
  #value: string | undefined

  constructor(signing: Signing) {
    this.#signing = signing
  }

  current(): Promise<string> {
    const now = Date.now()
    // Also where the clock was put back.
    if (this.#token && now >= this.#made && now < this.#made + tokenLife) return this.#token
    const { key, keyId, teamId } = this.#signing
    this.#made = now
    this.#token = new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: keyId })
      .setIssuer(teamId)
      .setIssuedAt(Math.floor(now / 1000))
      .sign(key)
      .then(value => {
        this.#value = value
        return value
      })
    return this.#token
  }

  /** Apple says that `token` is too old; the clocks may differ. */
  refuse(token: string): void {
    if (this.#value === token) this.#token = undefined
  }
}

interface Session {
  readonly client: ClientHttp2Session
  isConnected: boolean
  /** Requests that have no answer yet. */
  streams: number
  /** No more requests are made by it, and it ends with the last of its requests. */
  isLeft: boolean
}

/** One connection to the service, which is made when it is needed, and again when it has ended or an answer did not come in time. */
class Connection {
  readonly #url: string
  readonly #ca: string | undefined
  #session: Session | undefined
  readonly #sessions = new Set<Session>()

  constructor(url: string, ca: string | undefined) {
    this.#url = url
    this.#ca = ca
  }

  /** @throws {NoAnswer} */
  post(headers: OutgoingHttpHeaders, body: string, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const session = this.#open()
      const fail = (error: Error, mayHaveArrived = session.isConnected) =>
        reject(new NoAnswer(signal.aborted ? abortReason(signal) : nameOf(error), mayHaveArrived))
      if (signal.aborted) {
        fail(signal.reason, false)
        return
      }
      let stream: ReturnType<ClientHttp2Session['request']>
      try {
        stream = session.client.request(headers, { signal })
      } catch (error) {
        fail(error as Error, false)
        return
      }
      session.streams++
      let answer: Omit<Answer, 'body'> | undefined
      let text = ''
      stream.setEncoding('utf8')
      stream.on('response', ({ ':status': status = 0, ...rest }) => {
        answer = { status, headers: rest }
      })
      stream.on('data', (part: string) => {
        text += part
      })
      // A stream that the server refused was not processed: RFC 9113, 8.7.
      stream.on('error', error =>
        fail(error, session.isConnected && stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM),
      )
      stream.on('close', () => {
        session.streams--
        // The connection may be dead without anybody having said so: others would wait for it as long.
        if (signal.aborted && isTimeout(signal)) this.#leave(session)
        if (session.isLeft && session.streams === 0) session.client.destroy()
        if (answer) resolve({ ...answer, body: text })
        else fail(new Error('the connection ended'))
      })
      stream.end(body)
    })
  }

  close(): void {
    for (const { client } of this.#sessions) client.destroy()
    this.#session = undefined
  }

  #leave(session: Session): void {
    session.isLeft = true
    if (this.#session === session) this.#session = undefined
  }

  #open(): Session {
    const known = this.#session
    if (known && !known.client.closed && !known.client.destroyed) return known
    const client = connect(this.#url, this.#ca === undefined ? {} : { ca: this.#ca })
    const session: Session = { client, isConnected: false, streams: 0, isLeft: false }
    const leave = () => this.#leave(session)
    client.on('connect', () => {
      session.isConnected = true
    })
    // Streams have errors of their own.
    client.on('error', leave)
    client.on('goaway', leave)
    client.on('close', () => {
      leave()
      this.#sessions.delete(session)
    })
    this.#session = session
    this.#sessions.add(session)
    return session
  }
}

function abortReason(signal: AbortSignal): string {
  return isTimeout(signal) ? 'timeout' : 'interrupted'
}

function isTimeout({ reason }: AbortSignal): boolean {
  return reason?.name === 'TimeoutError'
}

function nameOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message
}

function reasonOf(body: string): string | undefined {
  try {
    const { reason } = JSON.parse(body) as { readonly reason?: unknown }
    return typeof reason === 'string' ? reason : undefined
  } catch {
    return undefined
  }
}

function signingKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
    throw new Error(`it is of ${key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType}`)
  } catch (error) {
    throw new TypeError(
      `key must be a private key of P-256 in PEM, as Apple gives it in a .p8: ${(error as Error).message}`,
    )
  }
}
