import type { DelayCurve } from './click-delay.ts'

/** Sends of one age. */
export interface AgedSends {
  /** Minutes since they were sent. */
  readonly age: number
  readonly sends: number
  /** That have come. */
  readonly clicks: number
}

export interface CorrectedCtr {
  /** Clicks that come in the end, of each send. */
  readonly ctr: number
  readonly variance: number
  /** Σ F(age): as many sends whose clicks have all come say as much. */
  readonly effectiveSends: number
}

/**
 * The CTR that sends of different ages will have when all of their clicks have come: Σ clicks / Σ F(age), the maximum
 * likelihood for rare clicks. Its variance is that of the clicks and, by the delta method, that of the curve.
 */
export function correctedCtr(groups: readonly AgedSends[], curve: DelayCurve): CorrectedCtr {
  const clicks = groups.reduce((sum, group) => sum + group.clicks, 0)
  const exposure = curveExposure(
    groups.map(({ age, sends }) => ({ age, amount: sends })),
    curve,
  )
  const effectiveSends = exposure.seen
  if (effectiveSends === 0) return { ctr: 0, variance: Number.POSITIVE_INFINITY, effectiveSends }
  const ctr = clicks / effectiveSends
  // Of a Poisson number of clicks; half a click more, so that no click yet is not taken for certainty.
  const ofClicks = (clicks + 0.5) / effectiveSends ** 2
  return { ctr, variance: ofClicks + (ctr / effectiveSends) ** 2 * exposure.variance, effectiveSends }
}

/**
 * Σ amount · F(age) and its variance: Σ Σ aᵢ aⱼ Fᵢ Fⱼ v(max(tᵢ, tⱼ)) with v the variance of ln F.
 *
 * Costs O(groups · log groups).
 */
export function curveExposure(
  groups: readonly { readonly age: number; readonly amount: number }[],
  curve: DelayCurve,
): { readonly seen: number; readonly variance: number } {
  const byAge = [...groups].sort((a, b) => a.age - b.age)
  let [seen, variance] = [0, 0]
  for (const { age, amount } of byAge) {
    const own = amount * curve.share(age)
    variance += (own * own + 2 * own * seen) * curve.logVariance(age)
    seen += own
  }
  return { seen, variance }
}
