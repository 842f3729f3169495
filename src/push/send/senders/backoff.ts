export interface BackoffOptions {
  /** The first wait is at most this many ms. Default: 1,000. */
  readonly first?: number
  /** No wait is longer, in ms. Default: 300,000. */
  readonly longest?: number
}

/**
 * How long to wait, in ms, after the attempt `attempt`, from 1 on: between half of and the whole of a time that doubles, so that
 * what failed at once does not come back at once.
 */
export function retryDelay(
  attempt: number,
  { first = 1000, longest = 300_000 }: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  const whole = Math.min(longest, first * 2 ** Math.min(attempt - 1, 30))
  return Math.round(whole * (0.5 + random() / 2))
}

/** The wait that a `Retry-After` header asks for, in ms: seconds or a date; undefined where it says nothing of use. */
export function retryAfterOf(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
