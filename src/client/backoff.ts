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

/**
 * After how many ms a request that was refused is worth sending again; undefined where it would fail again. The number that
 * the server gave goes before that of the table. Up to half of it is added, so that not all clients come back at once.
 */
export function retryWait(
  { code, retryAfter }: Pick<WireError, 'code' | 'retryAfter'>,
  random: () => number = Math.random,
): number | undefined {
  // The code of a newer server may not be in the table.
  const wait = retryAfter ?? errorCodes[code]?.retryAfter ?? undefined
  return wait === undefined ? undefined : wait * (1 + random() / 2)
}
