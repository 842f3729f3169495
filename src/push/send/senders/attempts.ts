import { assertWholeNumber } from '../../../storage/whole-number.ts'
import { type BackoffOptions, retryDelay } from './backoff.ts'
import type { Outcome, Outgoing, Sender } from './sender.ts'

export interface AttemptOptions extends BackoffOptions {
  /** Attempts at the same time, of all pushes that are on their way. Default: 64. */
  readonly concurrency?: number
  /** In ms: an attempt that has no answer so long after it began has none. Default: 10,000. */
  readonly timeout?: number
}

/** In ms: Node takes a timer that is longer for one of 1 ms. */
export const longestTimer = 2 ** 31 - 1

/** How a sender makes attempts: checked, without what is left out. */
export type Attempts = Required<AttemptOptions>

/** @throws RangeError naming the option. */
export function attemptsOf({
  concurrency = 64,
  timeout = 10_000,
  first = 1000,
  longest = 300_000,
}: AttemptOptions): Attempts {
  assertWholeNumber('concurrency', concurrency, 1, 10_000)
  assertWholeNumber('timeout', timeout, 1, longestTimer)
  assertWholeNumber('first', first, 1, longestTimer)
  assertWholeNumber('longest', longest, first, longestTimer)
  return { concurrency, timeout, first, longest }
}

/** The outcome of an attempt that is worth another: after what the server asks for at least, or by backoff. */
export function retry(
  push: Outgoing,
  {
    reason,
    after = 0,
    isUncertain = false,
  }: { readonly reason: string; readonly after?: number | undefined; readonly isUncertain?: boolean },
  attempts: Attempts,
): Outcome {
  const wait = Math.max(after, retryDelay(push.attempt, attempts))
  return { outcome: 'retry', after: wait, reason, ...(isUncertain && { isUncertain }) }
}

/**
 * A sender's `send` that makes `attempt` at each push, so many at a time over all its calls, each with a signal that ends at the timeout, too: that
 * begins only when the attempt does.
 */
export function sendEach(
  attempts: Attempts,
  attempt: (push: Outgoing, signal: AbortSignal) => Promise<Outcome>,
): Sender['send'] {
  let free = attempts.concurrency
  const waiting: (() => void)[] = []
  async function outcomeOf(push: Outgoing, signal: AbortSignal): Promise<Outcome> {
    if (free > 0) free--
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      if (signal.aborted) return retry(push, { reason: 'interrupted' }, attempts)
      return await attempt(push, AbortSignal.any([signal, AbortSignal.timeout(attempts.timeout)]))
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
  return (batch, { signal }) =>
    Promise.all(batch.map(async push => ({ id: push.id, ...(await outcomeOf(push, signal)) })))
}
