export interface BackoffOptions {
  /** The first wait is at most this many ms. Default: 100. */
  readonly first?: number
  /** No wait is longer, in ms. Default: 10,000. */
  readonly longest?: number
}

/**
 * How long to wait before the next try, in ms, after `failures` in a row: somewhere between half of and the whole of a
 * time that doubles, so that a thousand clients who lost the same server do not all come back at once.
 */
export function waitAfter(
  failures: number,
  { first = 100, longest = 10_000 }: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  const whole = Math.min(longest, first * 2 ** Math.min(failures - 1, 30))
  return whole * (0.5 + random() / 2)
}
