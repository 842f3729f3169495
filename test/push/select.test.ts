import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import { trainEnsemble } from '../../src/push/boosting/ensemble.ts'
import type { PushArticle } from '../../src/push/data/article.ts'
import { AppealModel, type AppealOutcome } from '../../src/push/select/appeal-model.ts'
import { FeatureExtractor } from '../../src/push/select/feature-extractor.ts'
import { RecentArticles } from '../../src/push/select/recent-articles.ts'
import { firstTrees } from '../../src/push/select/residual-trees.ts'
import { drawGamma, drawNormal } from '../../src/push/statistics/distributions.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { hashedVectors } from './hashed-vectors.ts'

const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

const now = Date.UTC(2024, 4, 18, 3, 30)

function article(changes: Partial<PushArticle> = {}): PushArticle {
  return {
    id: 'a',
    title: 'Seoul opens a new park',
    body: 'It is large.',
    category: 'city',
    createdAt: now,
    ...changes,
  }
}

function featureOf(features: FeatureExtractor, row: { readonly dense: Float32Array }, name: string): number {
  return row.dense[features.names.indexOf(name)]!
}

test('features are named, and say how Korean and English titles are written', () => {
  const features = new FeatureExtractor({ categories: ['city'], timeZone: 'Asia/Seoul' })
  const english = features.of(article({ title: 'WHY do 3 dogs “sing”?' }), { now })
  expect(featureOf(features, english, 'title: question marks')).toBeCloseTo(Math.log(2))
  expect(featureOf(features, english, 'title: quotes')).toBeCloseTo(Math.log(3))
  expect(featureOf(features, english, 'title: words in upper case')).toBeCloseTo(1 / 5)
  expect(featureOf(features, english, 'title: Hangul')).toBe(0)
  expect(featureOf(features, english, 'category: city')).toBe(1)
  const korean = features.of(article({ title: '서울에 새 공원 3곳 열려', category: '사회' }), { now })
  expect(featureOf(features, korean, 'title: Hangul')).toBe(1)
  expect(featureOf(features, korean, 'title: numbers')).toBeCloseTo(Math.log(2))
  expect(featureOf(features, korean, 'category: city')).toBe(0)
  expect(korean.names).toContain('title: 공원')
  expect(korean.names).toContain('category: 사회')
})

test('hour and weekday are those of the time zone, also where it is tomorrow there', () => {
  // Saturday 12:30 in Seoul and 17:30 in Kiritimati; Friday 20:30 in Los Angeles.
  const of = (timeZone: string) => {
    const features = new FeatureExtractor({ timeZone })
    const row = features.of(article(), { now })
    return ['hour', 'weekday', 'weekend'].map(name => featureOf(features, row, name))
  }
  expect(of('Asia/Seoul')).toEqual([12.5, 5, 1])
  expect(of('America/Los_Angeles')).toEqual([20.5, 4, 0])
  expect(of('Pacific/Kiritimati')).toEqual([17.5, 5, 1])
  expect(() => new FeatureExtractor({ timeZone: 'Moon/Crater' })).toThrow('must be an IANA time zone')
})

test('an article of the future, or of no time, is taken for one of now', () => {
  const features = new FeatureExtractor()
  const usual = features.of(article(), { now })
  for (const createdAt of [now + 1e12, Number.NaN]) {
    expect(features.of(article({ createdAt }), { now }).dense).toEqual(usual.dense)
  }
})

test('without a body, or a title, what is missing is not known, and the model predicts all the same', async () => {
  const features = new FeatureExtractor({ vectors: hashedVectors })
  const model = await AppealModel.train(features, outcomesOf(features, 60, 1), { pool })
  for (const changes of [{ body: undefined }, { body: '  ' }, { title: '' }, { title: '', body: '' }]) {
    const row = features.of({ id: 'b', title: 'x', createdAt: now, ...changes } as PushArticle, { now })
    const { logLift, deviation } = model.predict(row)
    expect(Number.isFinite(logLift) && deviation > 0).toBe(true)
  }
  const bodiless = features.of(article({ body: undefined }), { now })
  expect(featureOf(features, bodiless, 'body: words')).toBeNaN()
  expect(featureOf(features, bodiless, 'body')).toBe(0)
})

test('freshness is the cosine to the nearest article of the latest hours, those of the future and the article itself left out', () => {
  const features = new FeatureExtractor({ vectors: hashedVectors })
  const recent = new RecentArticles({ hours: 6 })
  const add = (id: string, title: string, createdAt: number, earlyReads?: number) =>
    recent.set({ id, createdAt, direction: features.directionOf({ title }), earlyReads })
  add('same', 'Seoul opens a new park', now - 3_600_000, 9)
  add('other', 'stocks fall again', now - 7_200_000, 99)
  add('old', 'Seoul opens a new park', now - 7 * 3_600_000, 999)
  add('future', 'Seoul opens a new park', now + 1, 999)
  add('a', 'Seoul opens a new park', now, 999)
  const found = recent.before(now, 'a')
  expect(found.map(({ id }) => id)).toEqual(['same', 'other'])
  const row = features.of(article({ body: undefined }), { now, recent: found, earlyReads: 29 })
  expect(featureOf(features, row, 'most similar recent article')).toBeCloseTo(1)
  expect(featureOf(features, row, 'early reads')).toBeCloseTo(Math.log(30))
  expect(featureOf(features, row, 'early reads beside recent')).toBeCloseTo(
    Math.log(30) - (Math.log(10) + Math.log(100)) / 2,
  )
  const alone = features.of(article(), { now })
  expect(featureOf(features, alone, 'most similar recent article')).toBeNaN()
  expect(featureOf(features, alone, 'early reads')).toBeNaN()
  recent.prune(now + 6 * 3_600_000)
  expect(recent.before(now + 6 * 3_600_000).map(({ id }) => id)).toEqual(['future', 'a'])
})

const topics = ['summit', 'festival', 'traffic', '지진', '날씨']
const fillers = ['today', 'report', 'Seoul', 'people', '오늘', '소식', 'new', 'again']

/** Pushes whose ln lift is by topic, length and early reads, with a residual of 0.3; expected clicks from 1 to 40. */
function outcomesOf(
  features: FeatureExtractor,
  count: number,
  seed: number,
): (AppealOutcome & { readonly truth: number })[] {
  const random = randomNumbers(seed)
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)]!
  return Array.from({ length: count }, (_, at) => {
    const topic = Math.floor(random() * topics.length)
    const title = `${topics[topic]} ${pick(fillers)} ${pick(fillers)} ${random() < 0.3 ? '?' : ''}`
    const earlyReads = Math.floor(drawGamma(1, random) * 50)
    const truth =
      0.5 + [0.8, 0.3, -0.5, 0.5, -0.6][topic]! + 0.2 * (Math.log1p(earlyReads) - 3.5) + 0.3 * drawNormal(random)
    const expectedClicks = Math.exp(Math.log(40) * random())
    const row = features.of(
      { id: String(at), title, body: pick(fillers), createdAt: now + at * 1e6 },
      { now: now + at * 1e6, earlyReads },
    )
    const mean = expectedClicks * Math.exp(truth)
    // Poisson: arrivals of unit rate before the mean.
    let clicks = -1
    for (let time = 0; time <= mean; clicks++) time -= Math.log(1 - random())
    return { features: row, clicks, expectedClicks, truth }
  })
}

test('without pushes the lift is that of usual ones, and hardly known', async () => {
  const features = new FeatureExtractor({ vectors: hashedVectors })
  const row = features.of(article(), { now })
  const prior = AppealModel.prior(features).predict(row)
  expect(prior.logLift).toBe(0)
  expect(prior.deviation).toBeGreaterThan(0.7)
  const none = await AppealModel.train(features, [], { pool })
  expect(none.predict(row)).toEqual(prior)
  const pushes = outcomesOf(features, 10, 3).map(each => ({ features: each.features, clicks: 40, expectedClicks: 10 }))
  const few = (await AppealModel.train(features, pushes, { pool })).predict(row)
  expect(few.logLift).toBeGreaterThan(1)
  expect(few.logLift).toBeLessThan(Math.log(4))
  expect(few.deviation).toBeLessThan(prior.deviation)
  expect(few.deviation).toBeGreaterThan(0.3)
})

test('with pushes enough it explains lift, its deviation covers the truth, and contributions add up', async () => {
  const features = new FeatureExtractor({ vectors: hashedVectors })
  const correlations: number[] = []
  for (const count of [100, 1000]) {
    const model = await AppealModel.train(features, outcomesOf(features, count, 5), { pool })
    const judged = outcomesOf(features, 500, 6)
    const lifts = model.logLifts(judged.map(({ features }) => features))
    const { deviation } = model.predict({ ...judged[0]!.features, names: [...judged[0]!.features.hashes].map(String) })
    const covered =
      judged.filter(({ truth }, at) => Math.abs(truth - lifts[at]!) < 1.96 * deviation).length / judged.length
    expect(covered).toBeGreaterThan(0.9)
    expect(covered).toBeLessThan(0.995)
    correlations.push(
      correlation(
        [...lifts],
        judged.map(({ truth }) => truth),
      ),
    )
    if (count === 1000) expect(deviation).toBeLessThan(0.45)
  }
  expect(correlations[0]).toBeGreaterThan(0.5)
  expect(correlations[1]).toBeGreaterThan(0.8)
  const model = await AppealModel.train(features, outcomesOf(features, 1000, 5), { pool })
  const row = features.of(article({ title: 'summit today' }), { now, earlyReads: 500 })
  const { logLift, base, contributions } = model.predict(row)
  expect(base + contributions.reduce((sum, { by }) => sum + by, 0)).toBeCloseTo(logLift, 6)
  expect(model.logLifts([row])[0]).toBeCloseTo(logLift, 6)
  expect(contributions.slice(0, 8).map(({ feature }) => feature)).toContain('early reads')
})

test('the same seed gives the same model, and a saved one predicts the same', async () => {
  const features = new FeatureExtractor({ vectors: hashedVectors, categories: ['city'] })
  const outcomes = outcomesOf(features, 300, 7)
  const model = await AppealModel.train(features, outcomes, { pool, seed: 4 })
  const again = await AppealModel.train(features, outcomes, { pool, seed: 4 })
  const row = features.of(article(), { now })
  expect(again.predict(row)).toEqual(model.predict(row))
  const path = join(freshFolder(), 'appeal')
  await model.save(path)
  // In place of what is there.
  await model.save(path)
  expect(AppealModel.open(path, features).predict(row)).toEqual(model.predict(row))
  expect(() => AppealModel.open(path, new FeatureExtractor())).toThrow(
    'must be opened with the features that it was trained with',
  )
})

test('trees help where lift is by no sum of features, and contributions still add up', async () => {
  const features = new FeatureExtractor({ categories: ['city', 'world'] })
  const random = randomNumbers(11)
  const made = (count: number) =>
    Array.from({ length: count }, (_, at) => {
      const [isCity, isEarly] = [random() < 0.5, random() < 0.5]
      const createdAt = now + at * 86_400_000 + (isEarly ? 0 : 8 * 3_600_000)
      const pushed = article({ id: String(at), category: isCity ? 'city' : 'world', createdAt })
      const lift = isCity === isEarly ? 2 : 0.5
      return { features: features.of(pushed, { now: createdAt }), clicks: 50 * lift, expectedClicks: 50 }
    })
  const model = await AppealModel.train(features, made(800), { pool })
  expect(model.parts.trees?.size).toBeGreaterThan(0)
  for (const { features: row, clicks } of made(40)) {
    const { logLift, base, contributions } = model.predict(row)
    expect(Math.sign(logLift - Math.log(1.1))).toBe(clicks > 50 ? 1 : -1)
    expect(base + contributions.reduce((sum, { by }) => sum + by, 0)).toBeCloseTo(logLift, 6)
  }
  const path = join(freshFolder(), 'appeal')
  await model.save(path)
  const [row] = made(1)
  expect(AppealModel.open(path, features).predict(row!.features)).toEqual(model.predict(row!.features))
})

test('the first trees of an ensemble say what a training of so many says', async () => {
  const random = randomNumbers(2)
  const [columns, labels] = [600, 300].map(length => Float32Array.from({ length }, random))
  const options = { loss: 'squared', trees: 20, leaves: 4, patience: 0 } as const
  const data = { columns: columns!, labels: labels! }
  const [all, few] = [
    await trainEnsemble(data, options, { pool }),
    await trainEnsemble(data, { ...options, trees: 7 }, { pool }),
  ]
  const rows = Float32Array.from({ length: 20 }, random)
  expect(firstTrees(all, 7).scores(rows)).toEqual(few.scores(rows))
})

test('pushes that cannot be are refused', async () => {
  const features = new FeatureExtractor()
  const row = features.of(article(), { now })
  const train = (outcome: Partial<AppealOutcome>) =>
    AppealModel.train(features, [{ features: row, clicks: 1, expectedClicks: 1, ...outcome }], { pool })
  await expect(train({ expectedClicks: 0 })).rejects.toThrow('expectedClicks must be a number above 0, got 0')
  await expect(train({ clicks: -1 })).rejects.toThrow('clicks must be a number from 0 on, got -1')
  await expect(train({ features: { dense: new Float32Array(2), hashes: new Uint32Array(0) } })).rejects.toThrow(
    'dense features, got 2',
  )
})

test('pushes that are all alike, of one category, say the mean', async () => {
  const features = new FeatureExtractor({ categories: ['city'] })
  const row = features.of(article(), { now })
  const outcomes = Array.from({ length: 300 }, () => ({ features: row, clicks: 20, expectedClicks: 10 }))
  const model = await AppealModel.train(features, outcomes, { pool })
  expect(model.predict(row).logLift).toBeCloseTo(Math.log(2), 1)
})

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / list.length
  const [x, y] = [mean(a), mean(b)]
  const covariance = mean(a.map((value, at) => (value - x) * (b[at]! - y)))
  return covariance / Math.sqrt(mean(a.map(value => (value - x) ** 2)) * mean(b.map(value => (value - y) ** 2)))
}
