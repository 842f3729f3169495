import { createPrivateKey, type KeyObject } from 'node:crypto'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { SignJWT } from 'jose'
import { z } from 'zod'
import { unlessAborted } from '../../../parallel/unless-aborted.ts'
import { faultIn } from '../../../storage/expectation.ts'
import { type AttemptOptions, attemptsOf, retry, sendEach } from './attempts.ts'
import { retryAfterOf } from './backoff.ts'
import { type Answer, NoAnswer, post } from './http-post.ts'
import type { Outcome, Outgoing, Sender } from './sender.ts'

/** What Firebase gives as the key file of a service account; other fields of it are not used. */
const account = z.object({
  project_id: z.string().min(1),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  token_uri: z.url(),
})
export type ServiceAccount = z.infer<typeof account>

export interface FcmOptions extends AttemptOptions {
  readonly account: ServiceAccount
  /** Where messages are posted. Default: https://fcm.googleapis.com */
  readonly url?: string
  /** Certificates in PEM that are trusted beside those of Node. */
  readonly ca?: string
}

const scope = 'https://www.googleapis.com/auth/firebase.messaging'
/** In ms: a token is not used in the last of its life. */
const tokenMargin = 60_000

interface Token {
  readonly value: string
  readonly until: number
}

/** A token that is asked for, or there; `until`: in ms since 1970. */
interface CurrentToken {
  readonly token: Promise<string>
  until: number
}

/** As the API answers errors: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode */
const answerSchema = z.object({
  error: z.object({
    status: z.string().optional(),
    details: z.array(z.looseObject({ errorCode: z.string().optional() })).optional(),
  }),
})

/**
 * Firebase Cloud Messaging by its HTTP v1 protocol; the addresses are registration tokens. It does not know keys again: what has no
 * answer is unknown.
 *
 * https://firebase.google.com/docs/cloud-messaging/send/v1-api, and for tokens RFC 7523
 *
 * @throws TypeError or RangeError naming the option.
 */
export function fcmSender({ account: given, url = 'https://fcm.googleapis.com', ca, ...options }: FcmOptions): Sender {
  const attempts = attemptsOf(options)
  const fault = faultIn(account, given)
  if (fault !== undefined) throw new TypeError(`account: ${fault}: give the key file of a service account as it is`)
  const { project_id: project, ...service } = account.parse(given)
  const key = privateKeyOf(service.private_key)
  const address = `${url}/v1/projects/${encodeURIComponent(project)}/messages:send`
  const agents = {
    'https:': new HttpsAgent({ keepAlive: true, maxSockets: attempts.concurrency, ...(ca && { ca }) }),
    'http:': new HttpAgent({ keepAlive: true, maxSockets: attempts.concurrency }),
  }
  const agentOf = (to: string) => (to.startsWith('https:') ? agents['https:'] : agents['http:'])
  let current: CurrentToken | undefined

  /** One request for all that wait for it; a new one when it has failed or is about to end. */
  function currentToken(): CurrentToken {
    if (current && current.until > Date.now()) return current
    const request = requestToken({ service, key, timeout: attempts.timeout, agent: agentOf(service.token_uri) })
    const asked = { token: request.then(({ value }) => value), until: Number.POSITIVE_INFINITY }
    const settle = (until: number) => {
      asked.until = until
    }
    request.then(
      ({ until }) => settle(until),
      () => settle(0),
    )
    current = asked
    return asked
  }

  async function attempt(push: Outgoing, signal: AbortSignal): Promise<Outcome> {
    const used = currentToken()
    let bearer: string
    try {
      bearer = await unlessAborted(used.token, signal)
    } catch (error) {
      return retry(push, { reason: `no token: ${(error as Error).message}` }, attempts)
    }
    const body = JSON.stringify({ message: messageOf(push) })
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${bearer}` }
    try {
      const answer = await post(address, { headers, body, signal, agent: agentOf(address) })
      if (answer.status === 401 && current === used) current = undefined
      return outcomeOf(answer, push)
    } catch (error) {
      if (!(error instanceof NoAnswer)) return { outcome: 'failed', reason: (error as Error).message }
      return error.mayHaveArrived
        ? { outcome: 'unknown', reason: error.message }
        : retry(push, { reason: error.message }, attempts)
    }
  }

  function outcomeOf({ status, headers, body }: Answer, push: Outgoing): Outcome {
    if (status === 200) return { outcome: 'delivered' }
    const code = errorCodeOf(body)
    const reason = `status ${status}${code === undefined ? '' : ` ${code}`}`
    if (code === 'UNREGISTERED') return { outcome: 'gone', reason }
    // 401: the token ended before its time. 500 and 503 say that nothing was sent; of a gateway that is not known.
    // 403 is of the account, which somebody will put right, unless it names the message's sender.
    const isDenied = status === 401 || (status === 403 && code !== 'SENDER_ID_MISMATCH')
    if (isDenied || status === 429 || status === 500 || status === 503) {
      return retry(push, { reason, after: retryAfterOf(headers['retry-after']) }, attempts)
    }
    return { outcome: status > 500 ? 'unknown' : 'failed', reason }
  }

  return {
    isIdempotent: false,
    concurrency: attempts.concurrency,
    send: sendEach(attempts, attempt),
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

/** The message: a device shows one of a `tag` or `collapse_id` at a time. */
function messageOf({ id, address, title, url, campaign, ends }: Outgoing): object {
  const seconds = Math.max(0, Math.floor((ends - Date.now()) / 1000))
  return {
    token: address,
    notification: { title },
    data: { id, campaign, ...(url !== undefined && { url }) },
    android: { ttl: `${seconds}s`, notification: { tag: id } },
    apns: { headers: { 'apns-expiration': String(Math.floor(ends / 1000)), 'apns-collapse-id': id } },
    ...(url?.startsWith('https:') && { webpush: { headers: { TTL: String(seconds) }, fcm_options: { link: url } } }),
  }
}

/** Seconds; the token endpoint refuses an assertion that is valid for longer than an hour. */
const assertionLifetime = 3600

interface TokenRequest {
  readonly service: Omit<ServiceAccount, 'project_id'>
  readonly key: KeyObject
  readonly timeout: number
  readonly agent: HttpAgent
}

async function requestToken({ service, key, timeout, agent }: TokenRequest): Promise<Token> {
  const issued = Math.floor(Date.now() / 1000)
  const assertion = await new SignJWT({ scope })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(service.client_email)
    .setAudience(service.token_uri)
    .setIssuedAt(issued)
    .setExpirationTime(issued + assertionLifetime)
    .sign(key)
  const asked = Date.now()
  const { status, body } = await post(service.token_uri, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }).toString(),
    signal: AbortSignal.timeout(timeout),
    agent,
  })
  if (status !== 200) throw new Error(`status ${status}`)
  const parsed = z.object({ access_token: z.string(), expires_in: z.number() }).parse(JSON.parse(body))
  return { value: parsed.access_token, until: asked + parsed.expires_in * 1000 - tokenMargin }
}

function privateKeyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new TypeError(`account: private_key must be a private key in PEM: ${(error as Error).message}`)
  }
}

function errorCodeOf(body: string): string | undefined {
  try {
    const { error } = answerSchema.parse(JSON.parse(body))
    return error.details?.find(({ errorCode }) => errorCode !== undefined)?.errorCode ?? error.status
  } catch {
    return undefined
  }
}
