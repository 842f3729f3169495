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

/** ln lift = level − slope · ln((rank + 1) / scale), as a scores' power law has it. */
export interface DepthFit {
  readonly slope: number
  /** The lift at a rank, and the standard deviation of its logarithm. */
  at(rank: number): { readonly lift: number; readonly logDeviation: number }
}

/** Before data: a level as of lift 1 within a factor of 4.5, a fall by 10 % at twice the depth within 13 %. */
const prior = { level: 0, levelDeviation: 1.5, slope: 0.15, slopeDeviation: 0.2 }

/**
 * The most likely fit to clicks that are Poisson-distributed with lift(depth) · exposure, by Newton's steps, with the
 * curvature there as precision (Laplace). The slope is not below 0.
 */
export function fitLiftByDepth(bands: readonly DepthBand[]): DepthFit {
  const known = bands.filter(({ sums }) => sums.exposure > 0)
  const total = known.reduce((sum, { sums }) => sum + sums.exposure, 0)
  // The level is that of the middle of what was sent, where it is least correlated with the slope.
  const centre = total === 0 ? 0 : known.reduce((sum, band) => sum + band.sums.exposure * depthOf(band), 0) / total
  let level = prior.level
  let slope = prior.slope
  let covariance = [prior.levelDeviation ** 2, 0, prior.slopeDeviation ** 2]
  for (let step = 0; step < 50; step++) {
    let [gradLevel, gradSlope] = [
      (prior.level - level) / prior.levelDeviation ** 2,
      (prior.slope - slope) / prior.slopeDeviation ** 2,
    ]
    let [a, b, c] = [1 / prior.levelDeviation ** 2, 0, 1 / prior.slopeDeviation ** 2]
    for (const band of known) {
      const { clicks, exposure } = band.sums
      const x = centre - depthOf(band)
      const expected = exposure * Math.exp(level + slope * x)
      gradLevel += clicks - expected
      gradSlope += (clicks - expected) * x
      a += expected
      b += expected * x
      c += expected * x * x
    }
    const determinant = a * c - b * b
    covariance = [c / determinant, -b / determinant, a / determinant]
    const isHeld = slope === 0 && gradSlope < 0
    const stepLevel = isHeld ? gradLevel / a : covariance[0] * gradLevel + covariance[1] * gradSlope
    const stepSlope = isHeld ? 0 : covariance[1] * gradLevel + covariance[2] * gradSlope
    // Far from the maximum a whole step may overshoot, where the exponential grows.
    const shrink = Math.min(1, 1 / Math.max(Math.abs(stepLevel), Math.abs(stepSlope), 1e-300))
    level += shrink * stepLevel
    slope = Math.max(0, slope + shrink * stepSlope)
    if (Math.abs(stepLevel) + Math.abs(stepSlope) < 1e-9) break
  }
  const relative = total === 0 ? 0 : known.reduce((sum, { sums }) => sum + sums.exposureVariance, 0) / total ** 2
  return {
    slope,
    at: rank => {
      const x = centre - Math.log1p(rank)
      const variance = covariance[0] + 2 * covariance[1] * x + covariance[2] * x * x
      return { lift: Math.exp(level + slope * x), logDeviation: Math.sqrt(variance + relative) }
    },
  }
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

/** The mean of ln(1 + rank) over a range, by ∫ ln x = x ln x − x. */
function depthOf({ from, to }: DepthRange): number {
  const [low, high] = [from + 1, Math.max(to, from + 1) + 1]
  return (high * Math.log(high) - low * Math.log(low)) / (high - low) - 1
}
