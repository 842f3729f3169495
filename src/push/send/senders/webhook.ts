import { createHmac } from 'node:crypto'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { type AttemptOptions, attemptsOf, retry, sendEach } from './attempts.ts'
import { retryAfterOf } from './backoff.ts'
import { type Answer, NoAnswer, post } from './http-post.ts'
import type { Outcome, Outgoing, Sender } from './sender.ts'

export interface WebhookOptions extends AttemptOptions {
  /** Where pushes are posted. */
  readonly url: string
  /** Signs them. */
  readonly secret: string
  /** Certificates in PEM that are trusted beside those of Node. */
  readonly ca?: string
}

/** What says that nothing was done, and that it may be later: also once somebody has put a secret right. */
const refusals = new Set([401, 403, 408, 425, 429, 503])

/**
 * Posts each push as JSON to one address, whose server must know an `Idempotency-Key` again, and then answer as it did before.
 *
 * One that people are to look at first has `test: true`. `Aurochs-Signature: t=SECONDS,v1=HEX` has the HMAC-SHA256 of `SECONDS.BODY` under the secret. 2xx: delivered; 404 and 410: the
 * user's address is dead; 401, 403, 408, 425, 429 and 5xx: again later; others: failed.
 *
 * @throws TypeError or RangeError naming the option.
 */
export function webhookSender({ url, secret, ca, ...options }: WebhookOptions): Sender {
  const attempts = attemptsOf(options)
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new TypeError(`url must be an http or https address, got ${JSON.stringify(url)}`)
  }
  if (secret.length < 16) throw new TypeError(`secret must have at least 16 characters, got ${secret.length}`)
  const agentOptions = { keepAlive: true, maxSockets: attempts.concurrency }
  const agent = url.startsWith('https:')
    ? new HttpsAgent({ ...agentOptions, ...(ca && { ca }) })
    : new HttpAgent(agentOptions)

  async function attempt(push: Outgoing, signal: AbortSignal): Promise<Outcome> {
    const { id, user, campaign, address, title, url: target, ends, isTest } = push
    const body = JSON.stringify({ id, user, campaign, address, title, url: target, ends, test: isTest })
    const headers = {
      'content-type': 'application/json',
      'idempotency-key': id,
      'aurochs-signature': signatureOf(secret, body),
    }
    try {
      const answer = await post(url, { headers, body, signal, agent })
      return outcomeOf(answer, push)
    } catch (error) {
      if (!(error instanceof NoAnswer)) return { outcome: 'failed', reason: (error as Error).message }
      return retry(push, { reason: error.message, isUncertain: error.mayHaveArrived }, attempts)
    }
  }

  function outcomeOf({ status, headers }: Answer, push: Outgoing): Outcome {
    if (status >= 200 && status < 300) return { outcome: 'delivered' }
    if (status === 404 || status === 410) return { outcome: 'gone', reason: `status ${status}` }
    const isRefused = refusals.has(status)
    if (!isRefused && status < 500) return { outcome: 'failed', reason: `status ${status}` }
    // What a gateway or a fault answers may come after the push was shown.
    return retry(
      push,
      { reason: `status ${status}`, after: retryAfterOf(headers['retry-after']), isUncertain: !isRefused },
      attempts,
    )
  }

  return {
    isIdempotent: true,
    concurrency: attempts.concurrency,
    send: sendEach(attempts, attempt),
    close: () => agent.destroy(),
  }
}

/** The value of `Aurochs-Signature` for `body`, made at `seconds` since 1970. */
export function signatureOf(secret: string, body: string, seconds = Math.floor(Date.now() / 1000)): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`
}
