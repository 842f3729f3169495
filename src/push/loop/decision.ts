import type { SelectDecision } from '../data/decision.ts'
import type { OnlineAppeal } from '../select/online-appeal.ts'
import type { LevelPosterior } from '../volume/level.ts'
import type { DepthCurve } from '../volume/round-size.ts'
import type { ArticleRun } from './article-run.ts'

export interface DecisionBasis {
  readonly posterior: LevelPosterior
  /** How factors fall with depth, of the users that are left. */
  readonly depths: DepthCurve
  /** Of the first round; 0: none. */
  readonly size: number
  readonly price: number
  readonly appeal: OnlineAppeal
}

/** What is said of an article when it gets its first round, or none. */
export function decisionOf(
  { features, ranked }: ArticleRun,
  { posterior, depths, size, price, appeal }: DecisionBasis,
): SelectDecision {
  const { mean, variance } = posterior
  const factor = (depths.sums[1] ?? 0) / Math.max(1, depths.ends[1] ?? 1)
  const at = (z: number) => factor * Math.exp(mean + z * Math.sqrt(variance))
  const most = ranked.users.length
  const round = size > 0 ? `a first round of ${size}` : 'no first round'
  const contributions = appeal.contributions(features)
  return {
    lift: factor * Math.exp(mean + variance / 2),
    interval: [at(-1.96), at(1.96)],
    isPushed: size > 0,
    firstVolume: size,
    mostVolume: most,
    contributions: appeal.features
      .map(({ name }, feature) => ({ feature: name, value: features[feature]!, by: contributions[feature]! }))
      .filter(({ by }) => by !== 0)
      .sort((a, b) => Math.abs(b.by) - Math.abs(a.by)),
    reason:
      most === 0
        ? 'no user may get it'
        : `${round} is expected to gain more than its slots cost at a price of ${price.toFixed(2)}`,
  }
}
