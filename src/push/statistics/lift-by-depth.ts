/**
 * Lift by depth: sends go to the best scores first, so lift falls with depth, and whether to go on depends on the lift
 * of the next depth, not on the average so far.
 */
import { addSums, type Interval, type LiftOptions, type LiftSums, liftOf, noSends } from './lift.ts'

/** Ranks by score, the best is 0: from `from` to before `to`. */
export interface DepthRange {
  readonly from: number
  readonly to: number
}

/** What came of the sends to some, or all, users of a range; within it they were drawn at random. */
export interface DepthBand extends DepthRange {
  readonly sums: LiftSums
}

/**
 * Always-valid bounds of the lift at `next`, by no more than that lift does not rise with depth: it is at most that of
 * any sends no deeper, and at least that of any sends no shallower. The bands must be the same at every look, but for
 * their sums.
 *
 * Each run of bands that ends at `next`, or begins there, has a confidence sequence of its own, at a level that lets
 * all of them together miss at most as often as `level` says.
 */
export function boundsAtDepth(bands: readonly DepthBand[], next: DepthRange, options: LiftOptions = {}): Interval {
  const each = { ...options, level: 1 - (1 - (options.level ?? 0.95)) / Math.max(1, bands.length) }
  const byDepth = [...bands].sort((a, b) => a.from - b.from)
  let [lower, upper] = [0, Number.POSITIVE_INFINITY]
  let sums = noSends
  for (const band of byDepth.filter(({ to }) => to <= next.to).reverse()) {
    sums = addSums(sums, band.sums)
    upper = Math.min(upper, liftOf(sums, each).sequence[1])
  }
  sums = noSends
  for (const band of byDepth.filter(({ from }) => from >= next.from)) {
    sums = addSums(sums, band.sums)
    lower = Math.max(lower, liftOf(sums, each).sequence[0])
  }
  return [Math.min(lower, upper), upper]
}
