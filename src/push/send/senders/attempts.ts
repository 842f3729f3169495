import { assertWholeNumber } from '../../../storage/whole-number.ts'
import { type BackoffOptions, retryDelay } from './backoff.ts'
import type { Outcome, Outgoing, SendResult } from './sender.ts'

export interface AttemptOptions extends BackoffOptions {
  /** Attempts at the same time. Default: 64. */
  readonly concurrency?: number
  /** In ms: an attempt that has no answer by then has none. Default: 10,000. */
  readonly timeout?: number
}

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
  assertWholeNumber('timeout', timeout, 1)
  assertWholeNumber('first', first, 1)
  assertWholeNumber('longest', longest, first)
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

/** Makes `attempt` at each of `batch`, some at a time, each with a signal that ends at the timeout, too. */
export async function sendEach(
  batch: readonly Outgoing[],
  { attempts, signal }: { readonly attempts: Attempts; readonly signal: AbortSignal },
  attempt: (push: Outgoing, signal: AbortSignal) => Promise<Outcome>,
): Promise<SendResult[]> {
  const results: SendResult[] = []
  let next = 0
  const sendOn = async () => {
    while (next < batch.length) {
      const at = next++
      const push = batch[at]!
      const outcome = signal.aborted
        ? retry(push, { reason: 'interrupted' }, attempts)
        : await attempt(push, AbortSignal.any([signal, AbortSignal.timeout(attempts.timeout)]))
      results[at] = { id: push.id, ...outcome }
    }
  }
  await Promise.all(Array.from({ length: Math.min(attempts.concurrency, batch.length) }, sendOn))
  return results
}
