/**
 * Posts of three publishers: ln(1 + reactions) of a post, less the mean of its publisher's, by what the appeal model knows of an article,
 * beside a linear model of length and words. Learned of the earlier four fifths, judged by the latest fifth.
 */
import { join } from 'node:path'
import { AppealModel, type AppealOutcome } from '../../src/push/select/appeal-model.ts'
import { FeatureExtractor } from '../../src/push/select/feature-extractor.ts'
import { RecentArticles } from '../../src/push/select/recent-articles.ts'
import { LinearModel } from '../../src/push/text/linear-model.ts'
import { atLeast } from '../support/bar.ts'
import { withVectors } from './headline-vectors.ts'
import type { LogBench } from './log-bench.ts'
import { rowsOf } from './rows.ts'
import { bootstrap } from './titles/bootstrap.ts'

interface Post {
  readonly id: string
  readonly title: string
  readonly publisher: string
  readonly time: number
  readonly reactions: number
}

/** Every so many posts are taken, so that the run is short. */
const each = 4

export const runLog: LogBench = async ({ print, folder, pool }) => {
  const all = await rowsOf<Post>(`
    SELECT status_id AS id, link_name AS title, publisher, epoch_ms(status_published::TIMESTAMP)::DOUBLE AS time, num_reactions::DOUBLE AS reactions
    FROM '${join(folder, 'posts.parquet')}' WHERE link_name IS NOT NULL AND try_cast(num_reactions AS DOUBLE) IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY status_id) = 1 ORDER BY time, id`)
  const posts = all.filter((_, at) => at % each === 0)
  const end = Math.floor(0.8 * posts.length)
  const publishers = [...new Set(posts.map(({ publisher }) => publisher))]
  // Reactions stand for clicks: those of a usual post of the publisher are expected, so that the lift is what a post has beside that.
  const usual = new Map(publishers.map(name => [name, usualReactions(posts.slice(0, end), name)]))
  return withVectors(
    all.slice(0, end * each).map(({ title }) => title),
    pool,
    async vectors => {
      const features = new FeatureExtractor({ vectors, categories: publishers })
      const outcomes = outcomesOf(posts, features, usual)
      const begun = performance.now()
      const model = await AppealModel.train(features, outcomes.slice(0, end), { pool })
      const seconds = (performance.now() - begun) / 1000
      const baseline = await lengthAndWords(outcomes.slice(0, end), features, pool)
      const judged = outcomes.slice(end)
      const predicted = model.logLifts(judged.map(({ features }) => features))
      const rows = judged.map(({ clicks, expectedClicks, features }, at) => {
        return {
          truth: Math.log((clicks + 0.5) / (expectedClicks + 0.5)),
          ours: predicted[at]!,
          baseline: baseline(features),
        }
      })
      const ours = bootstrap(rows, sample => correlation(sample, 'ours'), 300)
      const gain = bootstrap(rows, sample => correlation(sample, 'ours') - correlation(sample, 'baseline'), 300)
      const { deviation } = model.predict({
        ...judged[0]!.features,
        names: Array.from(judged[0]!.features.hashes, String),
      })
      const covered = rows.filter(({ truth, ours }) => Math.abs(truth - ours) < 1.96 * deviation).length / rows.length
      print({
        posts: posts.length,
        judged: rows.length,
        seconds,
        trees: model.parts.trees?.size ?? 0,
        scales: [model.parts.linearScale, model.parts.treesScale],
      })
      print({ correlation: ours, baseline: correlation(rows, 'baseline'), gain, deviation, coveredBy95: covered })
      return [atLeast('correlation with ln reactions, above length and words: lower end of 95 %', gain.low, 0)]
    },
  )
}

function usualReactions(posts: readonly Post[], name: string): number {
  const logs = posts.filter(({ publisher }) => publisher === name).map(({ reactions }) => Math.log(reactions + 0.5))
  return Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length)
}

function outcomesOf(
  posts: readonly Post[],
  features: FeatureExtractor,
  usual: ReadonlyMap<string, number>,
): AppealOutcome[] {
  const recent = new RecentArticles({ hours: 12 })
  return posts.map(({ id, title, publisher, time, reactions }) => {
    const article = { id, title, category: publisher, createdAt: time }
    recent.prune(time)
    const row = features.of(article, { now: time, recent: recent.before(time, id) })
    recent.set({ id, createdAt: time, direction: features.directionOf(article) })
    return { features: row, clicks: reactions, expectedClicks: usual.get(publisher)! }
  })
}

/** Ridge regression on the length of the title and its words. */
async function lengthAndWords(
  outcomes: readonly AppealOutcome[],
  { names }: FeatureExtractor,
  pool: Parameters<LogBench>[0]['pool'],
) {
  const lengths = ['title: characters', 'title: words'].map(name => names.indexOf(name))
  const rowOf = ({ dense, hashes }: AppealOutcome['features']) => ({
    hashes,
    dense: Float32Array.from(lengths, at => dense[at]!),
  })
  const targets = Float64Array.from(outcomes, ({ clicks, expectedClicks }) =>
    Math.log((clicks + 0.5) / (expectedClicks + 0.5)),
  )
  const weights = new Float64Array(targets.length).fill(1)
  const context = { pool, scales: new Float32Array(2), seed: 0 }
  const { model } = await LinearModel.fit(
    outcomes.map(({ features }) => rowOf(features)),
    { targets, weights },
    context,
  )
  return (row: AppealOutcome['features']) => model.score(rowOf(row))
}

function correlation<Name extends string>(
  rows: readonly ({ readonly truth: number } & Readonly<Record<Name, number>>)[],
  name: Name,
): number {
  const mean = (of: (row: (typeof rows)[number]) => number) => rows.reduce((sum, row) => sum + of(row), 0) / rows.length
  const [x, y] = [mean(row => row[name]), mean(row => row.truth)]
  const covariance = mean(row => (row[name] - x) * (row.truth - y))
  return covariance / Math.sqrt(mean(row => (row[name] - x) ** 2) * mean(row => (row.truth - y) ** 2))
}
