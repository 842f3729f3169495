import { Agent } from 'node:https'
// Pinned to 3.6.7: it makes the headers and the encryption of RFC 8291 and 8292; what changes there must pass our tests first.
import webPush from 'web-push'
import { z } from 'zod'
import { type AttemptOptions, attemptsOf, retry, sendEach } from './attempts.ts'
import { retryAfterOf } from './backoff.ts'
import { type Answer, NoAnswer, post } from './http-post.ts'
import type { Outcome, Outgoing, Sender } from './sender.ts'

export interface WebPushOptions extends AttemptOptions {
  /** Who sends, as a push service may ask: `mailto:` or `https:`; and the keys of VAPID in base64url. */
  readonly vapid: { readonly subject: string; readonly publicKey: string; readonly privateKey: string }
  /**
   * Hosts at which, or below which, endpoints may lie: they come from browsers, and none is to reach into one's own network.
   * Default: the services of Chrome, Firefox, Safari and Edge.
   */
  readonly hosts?: readonly string[]
  /** Certificates in PEM that are trusted beside those of Node. */
  readonly ca?: string
}

const knownHosts = ['fcm.googleapis.com', 'push.services.mozilla.com', 'push.apple.com', 'notify.windows.com']

/** What a browser gives as the JSON of a `PushSubscription`. */
const subscriptionSchema = z.object({
  endpoint: z.url({ protocol: /^https$/ }),
  keys: z.object({ p256dh: z.string().min(1), auth: z.string().min(1) }),
})

/**
 * Web Push with VAPID (RFC 8030, 8291, 8292); the addresses are subscriptions as JSON. The payload is JSON with `id`, `campaign`,
 * `title` and `url`: a service worker that shows it with `tag: id` shows it once. The services do not know keys again: what has
 * no answer is unknown.
 *
 * @throws TypeError or RangeError naming the option.
 */
export function webPushSender({ vapid, hosts = knownHosts, ca, ...options }: WebPushOptions): Sender {
  const attempts = attemptsOf(options)
  assertVapid(vapid)
  const agent = new Agent({ keepAlive: true, maxSockets: attempts.concurrency, ...(ca && { ca }) })

  async function attempt(push: Outgoing, signal: AbortSignal): Promise<Outcome> {
    let request: ReturnType<typeof requestOf>
    try {
      request = requestOf(push)
    } catch (error) {
      return { outcome: 'gone', reason: `no subscription: ${(error as Error).message}` }
    }
    try {
      const answer = await post(request.endpoint, { ...request, signal, agent })
      return outcomeOf(answer, push)
    } catch (error) {
      if (!(error instanceof NoAnswer)) return { outcome: 'failed', reason: (error as Error).message }
      return error.mayHaveArrived
        ? { outcome: 'unknown', reason: error.message }
        : retry(push, { reason: error.message }, attempts)
    }
  }

  /** @throws Error where the address is no subscription, or one elsewhere than at `hosts`. */
  function requestOf({ id, campaign, title, url, address, ends }: Outgoing) {
    const subscription = subscriptionSchema.parse(JSON.parse(address))
    const { hostname } = new URL(subscription.endpoint)
    if (!hosts.some(host => hostname === host || hostname.endsWith(`.${host}`))) {
      throw new Error(`its endpoint must be at ${hosts.join(', ')}, got ${hostname}`)
    }
    const { endpoint, headers, body } = webPush.generateRequestDetails(
      subscription,
      JSON.stringify({ id, campaign, title, url }),
      {
        vapidDetails: vapid,
        TTL: Math.max(0, Math.floor((ends - Date.now()) / 1000)),
        // A message of the same topic that waits for the device is replaced.
        topic: id.replaceAll('-', ''),
        contentEncoding: 'aes128gcm',
      },
    )
    return { endpoint, headers: headers as Record<string, string>, body }
  }

  function outcomeOf({ status, headers }: Answer, push: Outgoing): Outcome {
    const reason = `status ${status}`
    if (status >= 200 && status < 300) return { outcome: 'delivered' }
    if (status === 404 || status === 410) return { outcome: 'gone', reason }
    if (status === 429 || status === 503) {
      return retry(push, { reason, after: retryAfterOf(headers['retry-after']) }, attempts)
    }
    return { outcome: status >= 500 ? 'unknown' : 'failed', reason }
  }

  return {
    isIdempotent: false,
    concurrency: attempts.concurrency,
    send: sendEach(attempts, attempt),
    close: () => agent.destroy(),
  }
}

function assertVapid({ subject, publicKey, privateKey }: WebPushOptions['vapid']): void {
  try {
    webPush.getVapidHeaders('https://example.org', subject, publicKey, privateKey, 'aes128gcm')
  } catch (error) {
    throw new TypeError(
      `vapid must have a subject and two keys, as \`npx web-push generate-vapid-keys\` makes them: ${(error as Error).message}`,
    )
  }
}
