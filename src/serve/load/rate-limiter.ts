import { TokenBucket } from 'limiter'
import { ServiceError } from '../../protocol/errors.ts'
import type { LoadAccount, SharedRate } from './account.ts'

/** In s: a client that was idle for so long may send at once what it could have sent meanwhile. */
const burst = 2
/** In ms: what the largest debt takes to become a full bucket. */
const period = 2 * burst * 1000
/** In ms: from one refusal that is answered to the next. */
export const answerInterval = 100
/** A client that is refused more messages in a second does not listen to answers. */
const mostRefused = 1000

/** What is known of an account, or of those that share a rate. */
interface Usage {
  readonly bucket: TokenBucket
  /** The second that is counted, and refusals within it. */
  second: number
  refused: number
  /** When the next refusal may be answered, on the clock of `performance.now()`; those without an answer since the last one. */
  quietUntil: number
  unanswered: number
}

/**
 * Whether a message is taken. An error is the answer to one that is not; `silence`: one was answered just now, and this one is
 * counted, and answered with others by {@link RateLimiter.notice} soon; `flood`: so many were refused that their sender does
 * not listen.
 */
export type RateDecision = 'taken' | ServiceError | 'silence' | 'flood'

/**
 * How much may be asked for, by the cost of what is asked: a token bucket for each account. Messages beyond are refused, unread
 * and at next to no cost; who goes on all the same is a flood. Where an account has a `shared` rate, what it asks for is taken
 * from the bucket of that instead; what it is refused is counted by its own name all the same.
 */
export class RateLimiter {
  readonly #rate: number
  /** Of this period, and others of the one before: who was in neither has a full bucket, and is as a new one. */
  #usages = new Map<string, Usage>()
  #former = new Map<string, Usage>()
  #periodEnd = 0

  /** `rate`: units a second of each account; 0: any. */
  constructor(rate: number) {
    this.#rate = rate
  }

  /**
   * Takes the cost of what is asked for, or refuses it.
   *
   * @throws {ServiceError} `rate_limited`, with the time until it would be there.
   */
  take(account: LoadAccount, cost: number, shared?: SharedRate): void {
    if (cost === 0) return
    const bucket = this.#bucketOf(account, shared)
    if (bucket && !tookFrom(bucket, cost)) throw rateError(bucket, cost)
  }

  /** Takes `cost` of what was done already: it may become a debt, up to as much as the bucket holds. */
  charge(account: LoadAccount, cost: number, shared?: SharedRate): void {
    const bucket = this.#bucketOf(account, shared)
    if (bucket) bucket.content = Math.max(-bucket.bucketSize, bucket.content - cost)
  }

  /**
   * As {@link take}, but gives what becomes of it: so that a refusal that nobody reads costs nothing. 0 is refused where there
   * is a debt.
   */
  decide(account: LoadAccount, cost: number, shared?: SharedRate): RateDecision {
    const bucket = this.#bucketOf(account, shared)
    return !bucket || tookFrom(bucket, cost) ? 'taken' : this.#refuse(account, bucket, cost)
  }

  /** The same of a message of one of whom too many wait. */
  decideExcess(account: LoadAccount, shared?: SharedRate): RateDecision {
    const bucket = this.#bucketOf(account, shared)
    return bucket ? this.#refuse(account, bucket, 1) : 'taken'
  }

  /** The answer to those that were refused in silence, if there are any. */
  notice(account: LoadAccount, shared?: SharedRate): ServiceError | undefined {
    const bucket = this.#bucketOf(account, shared)
    const usage = this.#usageOf(account.name, this.#rate)
    return bucket && usage.unanswered > 0 ? answer(usage, bucket, performance.now()) : undefined
  }

  /** What an account is counted in; undefined where nothing limits it. */
  #bucketOf({ name, isLimited }: LoadAccount, shared: SharedRate | undefined): TokenBucket | undefined {
    if (shared) return this.#usageOf(shared.name, shared.rate).bucket
    return isLimited && this.#rate > 0 ? this.#usageOf(name, this.#rate).bucket : undefined
  }

  #refuse({ name }: LoadAccount, bucket: TokenBucket, cost: number): RateDecision {
    const usage = this.#usageOf(name, this.#rate)
    const now = performance.now()
    const second = Math.floor(now / 1000)
    if (second !== usage.second) {
      usage.second = second
      usage.refused = 0
    }
    usage.refused++
    usage.unanswered += cost
    if (usage.refused > mostRefused) return 'flood'
    return now < usage.quietUntil ? 'silence' : answer(usage, bucket, now)
  }

  #usageOf(name: string, rate: number): Usage {
    const now = performance.now()
    if (now >= this.#periodEnd) {
      // Nobody came for a period: all are as new.
      this.#former = now >= this.#periodEnd + period ? new Map() : this.#usages
      this.#usages = new Map()
      this.#periodEnd = now + period
    }
    const known = this.#usages.get(name)
    if (known) return known
    const usage = this.#former.get(name) ?? newUsage(rate)
    this.#usages.set(name, usage)
    return usage
  }
}

function newUsage(rate: number): Usage {
  const bucketSize = burst * rate
  const bucket = new TokenBucket({ bucketSize, tokensPerInterval: rate, interval: 'second' })
  bucket.content = bucketSize
  return { bucket, second: 0, refused: 0, quietUntil: 0, unanswered: 0 }
}

/** What costs more than there can ever be costs all that there can be. */
function tookFrom(bucket: TokenBucket, cost: number): boolean {
  return bucket.tryRemoveTokens(Math.min(cost, bucket.bucketSize))
}

function answer(usage: Usage, bucket: TokenBucket, now: number): ServiceError {
  const { unanswered } = usage
  usage.quietUntil = now + answerInterval
  usage.unanswered = 0
  return rateError(bucket, unanswered)
}

function rateError(bucket: TokenBucket, cost: number): ServiceError {
  return new ServiceError(
    'rate_limited',
    `expected at most ${bucket.tokensPerInterval} units a second of one client, and those of ${burst} s at once: send what was not answered again, later`,
    Math.max(1, bucket.getWaitTime(Math.min(cost, bucket.bucketSize))),
  )
}
