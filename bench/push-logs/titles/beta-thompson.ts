/** The rival: Thompson sampling by a beta distribution of each headline's CTR by itself (Thompson 1933; Chapelle & Li 2011). */
import { drawBeta } from '../../../src/push/statistics/distributions.ts'
import type { BetaPrior } from '../../../src/push/statistics/usual-ctr.ts'
import type { TitleClicks } from '../../../src/push/title/text-prior.ts'

const draws = 100

/** (outcomes) The probability that each is the best. @param sharpness what the strength of the posterior is multiplied by. */
export function betaShares(
  outcomes: readonly TitleClicks[],
  prior: BetaPrior,
  { sharpness, random }: { readonly sharpness: number; readonly random: () => number },
): Float64Array {
  const posteriors = outcomes.map(({ effectiveSends, clicks }) => [
    sharpness * (prior.mean * prior.strength + clicks),
    sharpness * ((1 - prior.mean) * prior.strength + effectiveSends - clicks),
  ])
  const shares = new Float64Array(outcomes.length)
  for (let draw = 0; draw < draws; draw++) {
    const ctrs = posteriors.map(([a, b]) => drawBeta(a!, b!, random))
    shares[ctrs.indexOf(Math.max(...ctrs))]! += 1 / draws
  }
  return shares
}
