/** Clicks lost in the replay: policies are chosen by some tests and judged by others. */
import type { TitlePrior } from '../../../src/push/title/text-prior.ts'
import { atMost, type Bar } from '../../support/bar.ts'
import { bootstrap } from './bootstrap.ts'
import type { HeldOutScores } from './choice.ts'
import type { HeadlineTest } from './headline-tests.ts'
import { plainPolicies, textlessPolicies, textPolicies } from './policies.ts'
import { clicksLost, evenSplitLoss, type Policy, type ReplayOptions } from './replay.ts'

export interface Scored {
  readonly priors: ReadonlyMap<number, TitlePrior>
  readonly scores: HeldOutScores
}

export interface ReplayData {
  readonly choice: readonly HeadlineTest[]
  readonly judged: readonly HeadlineTest[]
  readonly choiceScores: Scored
  readonly judgedScores: Scored
}

/** Of ln CTR of articles. */
const levelVariance = 0.3

/** @param share sends of a test beside those of its log. */
export function judgeReplay(data: ReplayData, share: number, print: (line: object) => void): Bar[] {
  const [choice, judged] = [data.choice, data.judged].map(tests => tests.filter(({ titles }) => titles.length > 1))
  const titles = data.choice.flatMap(({ titles }) => titles)
  const mean = sum(titles.map(({ clicks }) => clicks)) / sum(titles.map(({ effectiveSends }) => effectiveSends))
  const level = { mean: Math.log(mean), variance: levelVariance }
  const textOf = ({ priors, scores }: Scored) => textPolicies(priors, scores, level)
  const choosing: ReplayOptions = { batches: 10, share, rounds: 1, seed: 1 }
  const judging: ReplayOptions = { batches: 10, share, rounds: 4, seed: 2 }
  const even = evenSplitLoss(judged!, judging)
  const evenChoice = sum(evenSplitLoss(choice!, choosing))
  const lossesOf = (name: string, choices: readonly Policy[], judges = choices) => {
    const losses = choices.map(policy => sum(clicksLost(choice!, policy, choosing)) / evenChoice)
    const best = losses.indexOf(Math.min(...losses))
    print({ share, policy: name, tried: Object.fromEntries(choices.map((policy, at) => [policy.name, losses[at]!])) })
    const lost = clicksLost(judged!, judges[best]!, judging)
    print({
      share,
      policy: name,
      chosen: choices[best]!.name,
      ofEvenSplitInChoice: losses[best]!,
      ofEvenSplit: sum(lost) / sum(even),
    })
    return lost
  }
  const plain = lossesOf('plain Thompson', plainPolicies(mean))
  const textless = lossesOf('without text', textlessPolicies(mean, level))
  const text = lossesOf('text prior', textOf(data.choiceScores), textOf(data.judgedScores))
  const gainOn = (rival: Float64Array) =>
    bootstrap(
      Array.from(text, (lost, at) => [lost, rival[at]!] as const),
      sample => {
        return sum(sample.map(([lost]) => lost)) / sum(sample.map(([, lost]) => lost)) - 1
      },
    )
  const [onPlain, onTextless] = [gainOn(plain), gainOn(textless)]
  print({ share, lostBesidePlain: onPlain, lostBesideTextless: onTextless })
  return [
    atMost(`clicks lost, beside plain Thompson sampling, ${share} of the sends: upper end of 95 %`, onPlain.high, 0),
    atMost(`clicks lost, beside the same without text, ${share} of the sends: upper end of 95 %`, onTextless.high, 0),
  ]
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
