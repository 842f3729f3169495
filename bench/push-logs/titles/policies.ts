import type { BetaPrior } from '../../../src/push/statistics/usual-ctr.ts'
import { candidatePriors, type TitleOutcome, type TitlePrior } from '../../../src/push/title/text-prior.ts'
import type { HeldOutScores } from './choice.ts'
import type { HeadlineTest } from './headline-tests.ts'
import type { Policy } from './replay.ts'

/** Thompson sampling without any text: a prior of all headlines alike, that stays. */
export function plainPolicies(mean: number): Policy[] {
  const uniform: BetaPrior = { mean: 0.5, strength: 2 }
  const pooled = [0.25, 0.5, 1].flatMap(factor =>
    [50, 150, 400, 1000].map(strength => ({ mean: factor * mean, strength })),
  )
  return [uniform, ...pooled].map(prior => plainPolicy(prior, 1))
}

/** The same, sharpened: what our allocation does without text. */
export function sharpPlainPolicies(mean: number): Policy[] {
  return [0.5, 1].flatMap(factor =>
    [5, 15, 50].flatMap(strength =>
      [4, 8, 16].map(sharpness => plainPolicy({ mean: factor * mean, strength }, sharpness)),
    ),
  )
}

function plainPolicy(prior: BetaPrior, sharpness: number): Policy {
  return {
    name: `prior of mean ${prior.mean.toPrecision(2)} and strength ${prior.strength}, sharpness ${sharpness}`,
    sharpness,
    candidates: (_, outcomes) => outcomes.map(({ effectiveSends, clicks }) => ({ prior, effectiveSends, clicks })),
  }
}

/** By the text of titles that the priors were not learned from. */
export function textPolicies(
  priors: ReadonlyMap<number, TitlePrior>,
  scores: HeldOutScores,
  level: BetaPrior,
): Policy[] {
  // Logged rates differ by their own noise, too.
  return [1, 1.5].flatMap(factor =>
    [1, 2, 4, 8, 16].map(sharpness => ({
      name: `prior by text, σ² × ${factor}, sharpness ${sharpness}`,
      sharpness,
      candidates: (test: HeadlineTest, outcomes: readonly TitleOutcome[]) => {
        const variance = factor * priors.get(test.fold)!.variance
        const found = candidatePriors(Float64Array.from(scores.get(test)!), outcomes, { level, variance })
        return outcomes.map(({ effectiveSends, clicks }, at) => ({ prior: found[at]!, effectiveSends, clicks }))
      },
    })),
  )
}
