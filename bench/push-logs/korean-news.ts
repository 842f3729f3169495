/**
 * Korean articles of eight categories: which one an article is of by its features, the nearest mean of word vectors and a ridge
 * regression for each category, learned of four fifths, judged by one, beside the most frequent category. There are no clicks: what is judged is whether the
 * features carry what Korean text says.
 */
import { join } from 'node:path'
import { FeatureExtractor } from '../../src/push/select/feature-extractor.ts'
import { LinearModel, type LinearRow } from '../../src/push/text/linear-model.ts'
import { dotProduct } from '../../src/push/text/vectors.ts'
import { hashedWords } from '../../src/push/text/word-hashes.ts'
import { atLeast } from '../support/bar.ts'
import { withVectors } from './headline-vectors.ts'
import type { LogBench } from './log-bench.ts'
import { rowsOf } from './rows.ts'

const folds = 5

export const runLog: LogBench = async ({ print, folder, pool }) => {
  const articles = (
    await rowsOf<{ category: string; text: string }>(
      `SELECT category, text FROM '${join(folder, 'articles.parquet')}' ORDER BY hash(file), category`,
    )
  ).map(({ category, text }) => {
    const [title = '', ...rest] = text.trim().split('\n')
    return { category, title, body: rest.join('\n') }
  })
  const categories = [...new Set(articles.map(({ category }) => category))].sort()
  const lines = articles.flatMap(({ title, body }) => [title, ...body.split('\n')])
  const options = { factors: 64, epochs: 15, minCount: 3, subwords: 'jamo', buckets: 200_000 } as const
  return withVectors(
    lines,
    pool,
    async vectors => {
      const features = new FeatureExtractor({ vectors })
      const rows = articles.map((article, at) =>
        features.of({ id: String(at), title: article.title, body: article.body, createdAt: 0 }, { now: 0 }),
      )
      const directions = articles.map(article => features.directionOf(article))
      const foldOf = (at: number) => at % folds
      const right = { nearestMean: 0, linear: 0, words: 0, mostFrequent: 0 }
      for (const fold of [0]) {
        const learned = [...articles.keys()].filter(at => foldOf(at) !== fold)
        const held = [...articles.keys()].filter(at => foldOf(at) === fold)
        const means = categories.map(category =>
          meanOf(learned.filter(at => articles[at]!.category === category).map(at => directions[at]!)),
        )
        const wordRows = articles.map(({ title }) => ({
          dense: new Float32Array(0),
          hashes: Uint32Array.from(hashedWords(title), ({ hash }) => hash),
        }))
        const fitted = async (of: readonly LinearRow[], scales: Float32Array) =>
          Promise.all(
            categories.map(async category => {
              const targets = Float64Array.from(
                learned,
                at => Number(articles[at]!.category === category) - 1 / categories.length,
              )
              const weights = new Float64Array(learned.length).fill(10)
              return (
                await LinearModel.fit(
                  learned.map(at => of[at]!),
                  { targets, weights },
                  { pool, scales, seed: 0 },
                )
              ).model
            }),
          )
        const [models, wordModels] = [await fitted(rows, features.scales), await fitted(wordRows, new Float32Array(0))]
        const frequent = mostOf(
          categories.map(category => learned.filter(at => articles[at]!.category === category).length),
        )
        for (const at of held) {
          const truth = categories.indexOf(articles[at]!.category)
          right.nearestMean += Number(mostOf(means.map(mean => dotProduct(mean, directions[at]!))) === truth)
          right.linear += Number(mostOf(models.map(model => model.score(rows[at]!))) === truth)
          right.words += Number(mostOf(wordModels.map(model => model.score(wordRows[at]!))) === truth)
          right.mostFrequent += Number(frequent === truth)
        }
      }
      const judged = articles.filter((_, at) => foldOf(at) === 0).length
      const share = (count: number) => count / judged
      const accuracies = {
        features: share(right.linear),
        nearestMean: share(right.nearestMean),
        titleWords: share(right.words),
        mostFrequent: share(right.mostFrequent),
      }
      print({ articles: articles.length, judged, categories: categories.length, accuracies })
      return [
        atLeast(
          'accuracy of the category by all features, above that by the words of titles',
          accuracies.features - accuracies.titleWords,
          0.1,
        ),
      ]
    },
    options,
  )
}

function meanOf(vectors: readonly Float32Array[]): Float64Array {
  const sum = new Float64Array(vectors[0]?.length ?? 0)
  for (const vector of vectors)
    vector.forEach((value, at) => {
      sum[at]! += value
    })
  const length = Math.sqrt(dotProduct(sum, sum))
  return sum.map(value => value / length)
}

function mostOf(values: readonly number[]): number {
  return values.indexOf(Math.max(...values))
}
