import type { BetaPrior } from '../../../src/push/statistics/usual-ctr.ts'
import type { TitlePrior } from '../../../src/push/title/text-prior.ts'
import { sharesOfTitles } from '../../../src/push/title/title-shares.ts'
import { type LevelPrior, levelPosterior } from '../../../src/push/volume/level.ts'
import { betaShares } from './beta-thompson.ts'
import type { HeldOutScores } from './choice.ts'
import type { HeadlineTest } from './headline-tests.ts'
import type { Policy } from './replay.ts'

const sharpnesses = [1, 2, 4, 8, 16]

/** Thompson sampling without any text: a prior of all headlines alike, that stays. */
export function plainPolicies(mean: number): Policy[] {
  const uniform: BetaPrior = { mean: 0.5, strength: 2 }
  const pooled = [0.25, 0.5, 1].flatMap(factor =>
    [50, 150, 400, 1000].map(strength => ({ mean: factor * mean, strength })),
  )
  return [uniform, ...pooled].map(prior => plainPolicy(prior, 1))
}

/** Without text: the same sharpened, and what the loop does where nothing is learned of titles. */
export function textlessPolicies(mean: number, level: LevelPrior): Policy[] {
  const sharpened = [0.5, 1].flatMap(factor =>
    [5, 15, 50].flatMap(strength =>
      [4, 8, 16].map(sharpness => plainPolicy({ mean: factor * mean, strength }, sharpness)),
    ),
  )
  const ours = [0.2, 0.275, 0.4].flatMap(deviation =>
    sharpnesses.map(sharpness => {
      const options = { level, sharpness, about: 'no text', deviationOf: () => deviation, scoresOf: () => [] }
      return loopPolicy(options)
    }),
  )
  return [...sharpened, ...ours]
}

function plainPolicy(prior: BetaPrior, sharpness: number): Policy {
  return {
    name: `prior of mean ${prior.mean.toPrecision(2)} and strength ${prior.strength}, sharpness ${sharpness}`,
    shares: (_, outcomes, random) => betaShares(outcomes, prior, { sharpness, random }),
  }
}

/** By the text of titles that the priors were not learned from. */
export function textPolicies(
  priors: ReadonlyMap<number, TitlePrior>,
  scores: HeldOutScores,
  level: LevelPrior,
): Policy[] {
  // Logged rates differ by their own noise, too.
  return [1, 1.5].flatMap(factor =>
    sharpnesses.map(sharpness => {
      const deviationOf = ({ fold }: HeadlineTest) => Math.sqrt(factor * priors.get(fold)!.variance)
      const scoresOf = (test: HeadlineTest) => scores.get(test)!
      return loopPolicy({ level, sharpness, about: `text, σ² × ${factor}`, deviationOf, scoresOf })
    }),
  )
}

interface LoopPolicy {
  /** Of ln CTR. */
  readonly level: LevelPrior
  readonly sharpness: number
  readonly about: string
  readonly deviationOf: (test: HeadlineTest) => number
  /** (headlines) */
  readonly scoresOf: (test: HeadlineTest) => ArrayLike<number>
}

/** As the loop does it. */
function loopPolicy({ level, sharpness, about, deviationOf, scoresOf }: LoopPolicy): Policy {
  return {
    name: `the loop's, ${about}, sharpness ${sharpness}`,
    shares: (test, outcomes, random) => {
      const scores = scoresOf(test)
      const known = outcomes.map(({ effectiveSends: exposure, clicks }, at) => {
        return { clicks, exposure, factor: Math.exp(scores[at] ?? 0) }
      })
      return sharesOfTitles(levelPosterior(level, known, deviationOf(test)), random, { sharpness })
    },
  }
}
