/**
 * The baseline: logistic regression on the difference of two headlines in length, in characters and words, and in words, with an L2
 * penalty. Newton's steps are ridge regressions.
 */
import { fitRidge, SparseRowsBuilder, scores } from '../../../src/push/text/ridge.ts'
import { tokensOf } from '../../../src/words/tokens.ts'
import { type HeadlineTest, pairsOf } from './headline-tests.ts'

export interface BaselineOptions {
  readonly penalty: number
  /** Learned from pairs that differ by so many standard errors or more. */
  readonly leastZ: number
}

export const baselineChoices: readonly BaselineOptions[] = [0, 1, 1.96].flatMap(leastZ =>
  [1, 3, 10, 30, 100, 300].map(penalty => ({ penalty, leastZ })),
)

/** Gives each headline a score. */
export function trainBaseline(tests: readonly HeadlineTest[], { penalty, leastZ }: BaselineOptions) {
  const counts = new Map<string, number>()
  for (const { titles } of tests) {
    for (const { title } of titles)
      for (const word of new Set(tokensOf(title))) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const columnOf = new Map([...counts].filter(([, count]) => count >= 2).map(([word], at) => [word, at + 2]))
  const columns = columnOf.size + 2
  const featuresOf = (title: string) => {
    const words = tokensOf(title)
    const known = new Set(words.map(word => columnOf.get(word)).filter(column => column !== undefined))
    return new Map([
      [0, 3 * Math.log1p(title.length)],
      [1, 3 * Math.log1p(words.length)],
      ...[...known].map(column => [column, 1] as const),
    ])
  }
  const builder = new SparseRowsBuilder()
  const pairs = pairsOf(tests, leastZ)
  for (const { test, better, worse } of pairs) {
    const difference = featuresOf(test.titles[better]!.title)
    for (const [column, value] of featuresOf(test.titles[worse]!.title))
      difference.set(column, (difference.get(column) ?? 0) - value)
    for (const [column, value] of difference) builder.add(column, value)
    builder.endRow()
  }
  const features = builder.build()
  let coefficients = new Float64Array(columns)
  const margins = new Float64Array(pairs.length)
  for (let step = 0; step < 6; step++) {
    scores(features, coefficients, margins)
    const shares = margins.map(margin => 1 / (1 + Math.exp(-margin)))
    const weights = shares.map(share => Math.max(share * (1 - share), 1e-4))
    const targets = margins.map((margin, row) => margin + (1 - shares[row]!) / weights[row]!)
    coefficients = fitRidge({ features, columns, targets, weights, penalty }) as Float64Array<ArrayBuffer>
  }
  return (title: string) => {
    let sum = 0
    for (const [column, value] of featuresOf(title)) sum += value * coefficients[column]!
    return sum
  }
}
