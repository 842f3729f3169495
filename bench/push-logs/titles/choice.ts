/** Which of two significantly different headlines is the better one: our model of titles beside the logistic baseline. */
import type { Pool } from '../../../src/parallel/pool.ts'
import type { TextVectors } from '../../../src/push/text/vectors.ts'
import { TitlePrior } from '../../../src/push/title/text-prior.ts'
import { type HeadlinePair, type HeadlineTest, pairsOf } from './headline-tests.ts'
import { baselineChoices, trainBaseline } from './logistic-baseline.ts'

/** Scores of the titles of each test, by models that have not seen it. */
export type HeldOutScores = ReadonlyMap<HeadlineTest, ArrayLike<number>>

/** The prior of each of `folds`, learned of all other tests; and the scores of theirs. */
export async function heldOutPriors(
  tests: readonly HeadlineTest[],
  folds: readonly number[],
  pool: Pool,
  vectors: TextVectors,
) {
  const priors = new Map<number, TitlePrior>()
  for (const fold of folds) {
    priors.set(
      fold,
      await TitlePrior.train(
        tests.filter(test => test.fold !== fold),
        { pool, vectors },
      ),
    )
  }
  const judged = tests.filter(({ fold }) => priors.has(fold))
  const scores: HeldOutScores = new Map(judged.map(test => [test, priors.get(test.fold)!.scores(test.titles)]))
  return { priors, scores }
}

/** The options of the baseline that are best on `choice`, fold by fold. */
export function chosenBaseline(choice: readonly HeadlineTest[], folds: readonly number[]) {
  const tried = baselineChoices.map(options => ({
    options,
    accuracy: accuracyOf(pairsOf(choice), baselineScores(choice, folds, options)),
  }))
  return tried.reduce((best, next) => (next.accuracy > best.accuracy ? next : best))
}

export function baselineScores(
  tests: readonly HeadlineTest[],
  folds: readonly number[],
  options: (typeof baselineChoices)[number],
): HeldOutScores {
  const scores = new Map<HeadlineTest, number[]>()
  for (const fold of folds) {
    const score = trainBaseline(
      tests.filter(test => test.fold !== fold),
      options,
    )
    for (const test of tests)
      if (test.fold === fold)
        scores.set(
          test,
          test.titles.map(({ title }) => score(title)),
        )
  }
  return scores
}

/** The share of pairs whose better one has the higher score; equal ones count half. */
export function accuracyOf(pairs: readonly HeadlinePair[], scores: HeldOutScores): number {
  const right = pairs.map(({ test, better, worse }) => {
    const [a, b] = [scores.get(test)![better]!, scores.get(test)![worse]!]
    return a > b ? 1 : a === b ? 0.5 : 0
  })
  return right.reduce((sum: number, value) => sum + value, 0) / pairs.length
}
