import { expect, onTestFinished, test, vi } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import type { PushArticle } from '../../src/push/data/article.ts'
import type { ArticleSurroundings } from '../../src/push/data/decision.ts'
import type { PushLedgerThread } from '../../src/push/live/ledger/ledger-proxy.ts'
import { ArticleTitles } from '../../src/push/live/parts/article-titles.ts'
import { ArticleValues, storedSurroundings } from '../../src/push/live/parts/article-values.ts'
import { LearnedFiles } from '../../src/push/live/parts/learned-files.ts'
import { PastLearning } from '../../src/push/live/parts/past-learning.ts'
import { AppealModel } from '../../src/push/select/appeal-model.ts'
import { type ArticleRow, FeatureExtractor } from '../../src/push/select/feature-extractor.ts'
import { defaultTitleRules } from '../../src/push/title/candidates.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { hashedVectors } from './hashed-vectors.ts'
import { LogLines } from './live-engine.ts'

const [minute, hour] = [60_000, 3_600_000]
const selectAfter = 30 * minute
const begin = Date.UTC(2026, 0, 5)
const pushed = 60

const extractor = () =>
  new FeatureExtractor({ vectors: hashedVectors, categories: ['science'], timeZone: 'Asia/Seoul' })
const words = ['bees', 'moon', 'rivers', 'markets', 'snow', 'trains', 'bread', 'glass']

/** One each ten minutes; every fourth is pushed. */
function articles(): PushArticle[] {
  const random = randomNumbers(2)
  const word = () => words[Math.floor(random() * words.length)]!
  return Array.from({ length: 4 * pushed }, (_, at) => ({
    id: `a${at}`,
    title: `${word()} and ${word()}`,
    body: `${word()} ${word()} ${word()}`,
    category: at % 3 === 0 ? 'science' : 'money',
    createdAt: begin + 10 * at * minute,
  }))
}

const readsOf = ({ id }: PushArticle) => Number(id.slice(1)) % 17

test('the daily model learns from rows that are those which it is asked with', async () => {
  const pool = new Pool({ threads: 1 })
  onTestFinished(() => pool.close())
  const files = new LearnedFiles(freshFolder(), new LogLines())
  const asked = new Map<string, ArticleRow>()
  const stored = new Map<string, string>()
  const all = articles()
  {
    const values = new ArticleValues(extractor(), selectAfter)
    const predict = vi.spyOn(values.model, 'predict')
    const decide = (article: PushArticle) => {
      values.valuesOf(article, { reads: readsOf(article), allReads: 1000 })
      asked.set(article.id, predict.mock.calls.at(-1)![0])
      stored.set(article.id, JSON.stringify({ surroundings: values.surroundingsOf(article.id) }))
    }
    // Later ones have appeared when an article is decided about.
    all.forEach((article, at) => {
      values.add(article)
      if (at >= 3) decide(all[at - 3]!)
    })
    for (const article of all.slice(-3)) decide(article)
  }
  const outcomes = all.filter((_, at) => at % 4 === 0)
  const answers: Readonly<Record<string, (...args: never[]) => unknown>> = {
    endedCampaigns: () => outcomes.map(({ id }) => id),
    outcomesOf: (id: string) => [{ title: id, sends: 100, clicks: 3, expectedClicks: 2 }],
    articlesTaken: () => all,
    decisions: ({ article }: { readonly article: string }) => [
      { kind: 'stop', article, reason: 'over' },
      { kind: 'select', article, decision: JSON.parse(stored.get(article)!) },
    ],
  }
  const call = async (method: string, ...args: never[]) => answers[method]!(...args)
  const values = new ArticleValues(extractor(), selectAfter)
  let [turns, turnsBefore] = [0, 0]
  const count = () => {
    turns++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  onTestFinished(() => clearImmediate(counting))
  const { train: original } = AppealModel
  const train = vi.spyOn(AppealModel, 'train').mockImplementation((...args) => {
    turnsBefore = turns
    return original.apply(AppealModel, args)
  })
  onTestFinished(() => train.mockRestore())
  const past = new PastLearning({
    ledger: { call } as unknown as PushLedgerThread,
    pool,
    files,
    log: new LogLines(),
    values,
    titles: new ArticleTitles([], defaultTitleRules, () => {}),
    vectors: hashedVectors,
    settle: 24 * hour,
  })
  await past.learn(begin + 100 * hour, new AbortController().signal)
  const learned = train.mock.calls[0]![1]
  // Others have the thread while texts are looked at.
  expect(turnsBefore).toBeGreaterThan(3)
  expect(learned).toHaveLength(pushed)
  learned.forEach(({ features }, at) => {
    const { dense, hashes } = asked.get(outcomes[at]!.id)!
    expect(features.dense).toEqual(dense)
    expect(features.hashes).toEqual(hashes)
  })
  // What was never known of an article in training before.
  const of = (name: string) => learned.map(({ features }) => features.dense[values.texts.names.indexOf(name)]!)
  expect(of('early reads').every(Number.isFinite)).toBe(true)
  expect(of('early reads beside recent').filter(Number.isFinite).length).toBeGreaterThan(pushed - 2)
  expect(Math.max(...of('recent articles'))).toBeCloseTo(Math.log1p(144), 5)
  expect(values.model.parts.rows).toBe(pushed)
})

test('the reads of articles that a former process decided about are those that later ones are seen beside', () => {
  const [first, second] = articles()
  const before = new ArticleValues(extractor(), selectAfter)
  const after = new ArticleValues(extractor(), selectAfter)
  for (const values of [before, after]) for (const article of [first!, second!]) values.add(article)
  before.valuesOf(first!, { reads: 9, allReads: 100 })
  const surroundings = JSON.parse(JSON.stringify(before.surroundingsOf(first!.id))) as ArticleSurroundings
  after.restore(first!.id, storedSurroundings({ surroundings })!)
  const early = { reads: 20, allReads: 100 }
  expect(after.valuesOf(second!, early)).toEqual(before.valuesOf(second!, early))
  expect(after.surroundingsOf(second!.id)!.usualReads).toBeCloseTo(Math.log1p(9))
})
