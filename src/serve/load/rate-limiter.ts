import { TokenBucket } from 'limiter'
import { ServiceError } from '../../protocol/errors.ts'

/** In s: a client that was idle for so long may send at once what it could have sent meanwhile. */
const burst = 2
/** In ms: what the largest debt takes to become a full bucket. */
const period = 2 * burst * 1000
/** In ms: from one refusal that is answered to the next. */
export const answerInterval = 100
/** A client that is refused more messages in a second does not listen to answers. */
const mostRefused = 1000

/** What is known of a client. */
interface Account {
  readonly bucket: TokenBucket
  /** The second that is counted, and refusals within it. */
  second: number
  refused: number
  /** When the next refusal may be answered, on the clock of `performance.now()`; those without an answer since the last one. */
  quietUntil: number
  unanswered: number
}

/**
 * `silence`: one was answered just now; this one is counted, and answered with others by {@link RateLimiter.notice} soon.
 * `flood`: so many were refused that their sender does not listen.
 */
export type Refusal = ServiceError | 'silence' | 'flood'

/**
 * How much each client may ask for, by the cost of what it asks: a token bucket each. Messages beyond are refused, unread
 * and at next to no cost; who goes on all the same is a flood.
 */
export class RateLimiter {
  readonly #rate: number
  /** Clients of this period, and others of the one before: who was in neither has a full bucket, and is as a new one. */
  #accounts = new Map<string, Account>()
  #former = new Map<string, Account>()
  #periodEnd = 0

  /** `rate`: units a second of each client; 0: any. */
  constructor(rate: number) {
    this.#rate = rate
  }

  /**
   * Takes the cost of what `client` asks for, or refuses it. `rate`: its own units a second, always the same for a client.
   *
   * @throws {ServiceError} `rate_limited`, with the time until it would be there.
   */
  take(client: string, cost: number, rate = this.#rate): void {
    if (rate === 0 || cost === 0) return
    const { bucket } = this.#accountOf(client, rate)
    const possible = Math.min(cost, bucket.bucketSize)
    if (!bucket.tryRemoveTokens(possible)) throw this.#refusal(bucket, possible)
  }

  /** Takes `cost` of what was done already: it may become a debt, up to as much as the bucket holds. */
  charge(client: string, cost: number): void {
    if (this.#rate === 0) return
    const { bucket } = this.#accountOf(client)
    bucket.content = Math.max(-bucket.bucketSize, bucket.content - cost)
  }

  /** As {@link take}, but gives the refusal: so that one that nobody reads costs nothing. 0 is refused where there is a debt. */
  refusalOf(client: string, cost: number): Refusal | undefined {
    if (this.#rate === 0) return undefined
    const account = this.#accountOf(client)
    const { bucket } = account
    const possible = Math.min(cost, bucket.bucketSize)
    return bucket.tryRemoveTokens(possible) ? undefined : this.#refuse(account, possible)
  }

  /** Refuses a message of one of whom too many wait. */
  excess(client: string): Refusal | undefined {
    return this.#rate === 0 ? undefined : this.#refuse(this.#accountOf(client), 1)
  }

  /** The answer to those that were refused in silence, if there are any. */
  notice(client: string): ServiceError | undefined {
    const account = this.#accountOf(client)
    return account.unanswered > 0 ? this.#answer(account, performance.now()) : undefined
  }

  #refuse(account: Account, cost: number): Refusal {
    const now = performance.now()
    const second = Math.floor(now / 1000)
    if (second !== account.second) {
      account.second = second
      account.refused = 0
    }
    account.refused++
    account.unanswered += cost
    if (account.refused > mostRefused) return 'flood'
    if (now < account.quietUntil) return 'silence'
    return this.#answer(account, now)
  }

  #answer(account: Account, now: number): ServiceError {
    const { bucket, unanswered } = account
    account.quietUntil = now + answerInterval
    account.unanswered = 0
    return this.#refusal(bucket, Math.min(unanswered, bucket.bucketSize))
  }

  #refusal(bucket: TokenBucket, cost: number): ServiceError {
    return new ServiceError(
      'rate_limited',
      `expected at most ${bucket.tokensPerInterval} units a second of one client, and those of ${burst} s at once: send what was not answered again, later`,
      Math.max(1, bucket.getWaitTime(cost)),
    )
  }

  #accountOf(client: string, rate = this.#rate): Account {
    const now = performance.now()
    if (now >= this.#periodEnd) {
      // Nobody came for a period: all are as new.
      this.#former = now >= this.#periodEnd + period ? new Map() : this.#accounts
      this.#accounts = new Map()
      this.#periodEnd = now + period
    }
    const known = this.#accounts.get(client)
    if (known) return known
    const account = this.#former.get(client) ?? newAccount(rate)
    this.#accounts.set(client, account)
    return account
  }
}

function newAccount(rate: number): Account {
  const bucketSize = burst * rate
  const bucket = new TokenBucket({ bucketSize, tokensPerInterval: rate, interval: 'second' })
  bucket.content = bucketSize
  return { bucket, second: 0, refused: 0, quietUntil: 0, unanswered: 0 }
}
