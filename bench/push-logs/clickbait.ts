/**
 * Headlines that are clickbait or not: what of it style, and word vectors, tell, by boosted trees, beside a rule of length and digits.
 * Learned of four fifths, judged by one. Nothing but the features is judged: no push depends on it.
 */
import { trainEnsemble } from '../../src/push/boosting/ensemble.ts'
import { FeatureExtractor } from '../../src/push/select/feature-extractor.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { atLeast } from '../support/bar.ts'
import { clickbaitHeadlines, withVectors } from './headline-vectors.ts'
import type { LogBench } from './log-bench.ts'

/** Of each kind. */
const most = 8000

export const runLog: LogBench = async ({ print, folder, pool }) => {
  const random = randomNumbers(3)
  const rows = ([1, 0] as const)
    .flatMap(label =>
      clickbaitHeadlines(folder, label)
        .slice(0, most)
        .map(title => ({ title, label, order: random() })),
    )
    .sort((a, b) => a.order - b.order)
  const end = Math.floor(0.8 * rows.length)
  return withVectors(
    rows.slice(0, end).map(({ title }) => title),
    pool,
    async vectors => {
      const accuracies: Record<string, number> = {}
      for (const [name, features] of [
        ['style', new FeatureExtractor()],
        ['style and vectors', new FeatureExtractor({ vectors })],
      ] as const) {
        const dense = rows.map(({ title }) => features.of({ id: title, title, createdAt: 0 }, { now: 0 }).dense)
        const part = (begin: number, end: number) => {
          const chosen = dense.slice(begin, end)
          const columns = Float32Array.from({ length: chosen.length * features.names.length }, (_, at) => {
            return chosen[at % chosen.length]![Math.floor(at / chosen.length)]!
          })
          return { columns, labels: Float32Array.from(rows.slice(begin, end), ({ label }) => label) }
        }
        const [learned, last] = [part(0, Math.floor(0.9 * end)), part(Math.floor(0.9 * end), end)]
        const ensemble = await trainEnsemble(learned, { trees: 300, leaves: 15 }, { pool, validation: last })
        const judged = rows.slice(end)
        const predicted = judged.map((_, at) => ensemble.predict(dense[end + at]!)[0]!)
        accuracies[name] =
          judged.filter(({ label }, at) => predicted[at]! > 0.5 === (label === 1)).length / judged.length
      }
      // Clickbait has a number, or many words: the better of the two on what is learned.
      const judged = rows.slice(end)
      const longFrom = 9
      const rule = (title: string) => /\d/.test(title) || title.split(' ').length >= longFrom
      const simple = judged.filter(({ title, label }) => rule(title) === (label === 1)).length / judged.length
      print({ judged: judged.length, accuracies, numbersAndLength: simple })
      return [atLeast('accuracy above a rule of numbers and length', accuracies['style and vectors']! - simple, 0.1)]
    },
  )
}
