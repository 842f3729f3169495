/**
 * The Upworthy headline tests, arms of equal headline as one. Three fifths of the tests are for choosing, in five folds; two fifths are
 * for judging, in four folds, each by models learned of all other tests with the options that were chosen.
 */
import { join } from 'node:path'
import type { TextVectors } from '../../src/push/text/vectors.ts'
import { run as boosting } from '../boosting.ts'
import { atLeast, type Bar } from '../support/bar.ts'
import { otherHeadlines, withVectors } from './headline-vectors.ts'
import type { LogBench, LogContext } from './log-bench.ts'
import { bootstrap } from './titles/bootstrap.ts'
import { accuracyOf, baselineScores, chosenBaseline, heldOutPriors } from './titles/choice.ts'
import { choiceFolds, type HeadlineTest, headlineTests, pairsOf, testFolds } from './titles/headline-tests.ts'
import { judgeReplay } from './titles/judge-replay.ts'
import { judgeTrees } from './titles/trees.ts'

export const runLog: LogBench = async ({ json, print, folder, pool }) => {
  const tests = await headlineTests(folder)
  const choice = tests.filter(({ fold }) => fold < 0)
  const judged = tests.filter(({ fold }) => fold >= 0)
  print({
    tests: tests.length,
    judged: judged.length,
    ofSeveralHeadlines: judged.filter(({ titles }) => titles.length > 1).length,
  })
  // No headline that is judged is among them.
  const lines = choice.flatMap(({ titles }) => titles.map(({ title }) => title))
  const text = [...lines, ...(await otherHeadlines(join(folder, '..')))]
  return withVectors(text, pool, vectors => judge(tests, vectors, { json, print, pool }))
}

async function judge(
  tests: readonly HeadlineTest[],
  vectors: TextVectors,
  { json, print, pool }: Omit<LogContext, 'folder'>,
): Promise<Bar[]> {
  const [choice, judged] = [tests.filter(({ fold }) => fold < 0), tests.filter(({ fold }) => fold >= 0)]

  const chosen = chosenBaseline(choice, choiceFolds)
  const choiceScores = await heldOutPriors(choice, choiceFolds, pool, vectors)
  print({ choosing: 'accuracy', baseline: chosen, ours: accuracyOf(pairsOf(choice), choiceScores.scores) })
  const { priors, scores } = await heldOutPriors(tests, testFolds, pool, vectors)
  print({ deviations: [...priors.values()].map(({ variance }) => Math.sqrt(variance)) })
  const baseline = baselineScores(tests, testFolds, chosen.options)
  const several = judged.filter(test => pairsOf([test]).length > 0).map(test => pairsOf([test]))
  const gain = bootstrap(several, sample => accuracyOf(sample.flat(), scores) - accuracyOf(sample.flat(), baseline))
  print({
    pairs: several.flat().length,
    ours: accuracyOf(several.flat(), scores),
    baseline: accuracyOf(several.flat(), baseline),
    gain,
  })
  const replay = { choice, judged, choiceScores, judgedScores: { priors, scores } }
  return [
    atLeast('share of significant pairs picked right, above the logistic baseline: lower end of 95 %', gain.low, 0),
    ...(await judgeTrees(tests, vectors, { print, pool, scores })),
    ...(await madeUpRows(json)),
    ...[1, 0.1].flatMap(share => judgeReplay(replay, share, print)),
  ]
}

/** The AUC of the bench of boosting: 80,000 made-up rows to learn from. */
async function madeUpRows(json: boolean): Promise<Bar[]> {
  const bars = await boosting({ json, rest: ['--rounds', '1'] })
  return bars.filter(({ name }) => name.startsWith('AUC'))
}
