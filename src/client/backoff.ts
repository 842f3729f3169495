import type { WireError } from '../protocol/errors.ts'
import { errorCodes } from '../protocol/errors.ts'

export interface BackoffOptions {
  /** The first wait is at most this many ms. Default: 100. */
  readonly first?: number
  /** No wait is longer, in ms. Default: 10,000. */
  readonly longest?: number
}

/**
 * How long to wait before connecting again, in ms, after `failures` in a row: between half of and the whole of a time that
 * doubles, so that a thousand clients who lost the same server do not all come back at once.
 */
export function reconnectWait(
  failures: number,
  { first = 100, longest = 10_000 }: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  const whole = Math.min(longest, first * 2 ** Math.min(failures - 1, 30))
  return whole * (0.5 + random() / 2)
}

/** In ms: doubling ends here, unless the server itself asks for a longer wait. */
const longestRetryWait = 30_000

/**
 * After how many ms a request that was refused is worth sending again; undefined where it would fail again. The number that
 * the server gave goes before that of the table. It doubles with each of the `refusals` in a row before this one, and up to
 * half of it is added, so that not all clients come back at once.
 */
export function retryWait(
  { code, retryAfter }: Pick<WireError, 'code' | 'retryAfter'>,
  refusals = 0,
  random: () => number = Math.random,
): number | undefined {
  // The code of a newer server may not be in the table.
  const wait = retryAfter ?? errorCodes[code]?.retryAfter ?? undefined
  if (wait === undefined) return undefined
  return Math.max(wait, Math.min(longestRetryWait, wait * 2 ** Math.min(refusals, 30))) * (1 + random() / 2)
}
