import { afterAll, beforeAll, expect, test } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import type { PushArticle } from '../../src/push/data/article.ts'
import { PushUsers } from '../../src/push/data/users.ts'
import { recencyOf } from '../../src/push/prefer/ctr/ctr-model.ts'
import { recencyColumn } from '../../src/push/prefer/ctr/ctr-rows.ts'
import { type FeatureName, featureCount, featureNames } from '../../src/push/prefer/features.ts'
import { PreferenceModel } from '../../src/push/prefer/preference-model.ts'
import type { PreferenceOptions } from '../../src/push/prefer/preference-types.ts'
import { sharedBitmap, writeBit } from '../../src/search/bitmap.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { dot, naiveReaderVectors, unitFactors } from './preference-twins.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(async () => {
  await pool.close()
})

const hour = 3_600_000
const begin = Date.UTC(2026, 0, 1)
const now = begin + 400 * hour
const size = 20_000
const topics = 4
const factors = 6
const at = (name: FeatureName) => featureNames.indexOf(name)

const articleOf = (id: number): PushArticle => {
  return { id: `a${id}`, title: `article ${id}`, category: `topic ${id % topics}`, createdAt: begin }
}

/** An article's vector says its topic. */
function vectorOf({ id }: PushArticle): Float32Array {
  const topic = Number(id.slice(1)) % topics
  return Float32Array.from({ length: topics }, (_, at) => (at === topic ? 1 : 0.1))
}

const options: PreferenceOptions = { contentFactors: topics, vectorOf, seed: 3 }

/** Each user reads of one topic, has factors by it, or has none, and was never seen where the row is a multiple of 10. */
async function world(seed = 1, asked = options): Promise<PreferenceModel> {
  const random = randomNumbers(seed)
  const users = new PushUsers(size)
  const preference = new PreferenceModel(users, pool, asked)
  for (let id = 0; id < 200; id++) preference.article(articleOf(id))
  for (let user = 0; user < size; user++) {
    users.segments[user] = user % 3
    users.pushes[user] = user % 11
    users.clicks[user] = user % 11 === 10 ? 1 : 0
    if (user % 10 === 0) continue
    const reads = 1 + Math.floor(8 * random())
    for (let read = 0; read < reads; read++) {
      const topic = random() < 0.8 ? user % topics : Math.floor(topics * random())
      preference.read(
        user,
        `a${topic + topics * Math.floor(40 * random())}`,
        begin + read * 20 * hour + Math.floor(hour * random()),
      )
    }
  }
  const data = Float32Array.from({ length: size * factors }, (_, cell) => {
    return random() - 0.5 + (cell % factors === Math.floor(cell / factors) % topics ? 1 : 0)
  })
  await preference.setFactors({
    data,
    factors,
    rows: Int32Array.from({ length: size }, (_, user) => (user % 10 < 2 ? -1 : user)),
  })
  return preference
}

/** Readers of the topic of the article. */
const earlyReaders = (topic: number) =>
  Array.from({ length: 40 }, (_, n) => topic + topics * (1 + 3 * n)).filter(user => user % 10 > 1)

async function taught(preference: PreferenceModel): Promise<void> {
  const random = randomNumbers(9)
  for (let id = 160; id < 180; id++) {
    const users = Uint32Array.from({ length: 400 }, () => Math.floor(random() * size))
    const { values } = await preference.featureValues(articleOf(id), earlyReaders(id % topics), { users, now })
    const clicked = Uint8Array.from(users, user =>
      Number(random() < (user % topics === id % topics && user % 10 > 0 ? 0.3 : 0.05)),
    )
    preference.learnReads({ article: articleOf(id), at: now, users, values, clicked })
  }
}

test('users of the article’s topic come first, by the sum over all that is known of them', async () => {
  const preference = await world()
  await taught(preference)
  const article = articleOf(181)
  const eligible = sharedBitmap(size, true)
  for (let user = 0; user < size; user += 7) writeBit(eligible, user, false)
  const limit = 3000
  const { users, scores, features } = await preference.rank(article, earlyReaders(1), { limit, eligible, now })
  expect(users).toHaveLength(limit)
  expect(users.every(user => user % 7 !== 0)).toBe(true)
  const ofTopic = users.filter(user => user % topics === 1).length
  expect(ofTopic / limit).toBeGreaterThan(0.9)
  // The twin: the features of all users, one by one, and the blend of them.
  const rows = Uint32Array.from({ length: size }, (_, user) => user).filter(user => user % 7 !== 0)
  const all = await preference.featureValues(article, earlyReaders(1), { users: rows, eligible, now })
  const lifts = preference.blend.logLifts(all.values)
  const order = Array.from(rows.keys()).sort((a, b) => lifts[b]! - lifts[a]!)
  const least = lifts[order[limit - 1]!]!
  for (let place = 0; place < limit; place += 37) {
    expect(scores[place]).toBeCloseTo(lifts[order[place]!]!, 3)
    const row = rows.indexOf(users[place]!)
    expect([...features.values.subarray(place * featureCount, (place + 1) * featureCount)]).toEqual([
      ...all.values.subarray(row * featureCount, (row + 1) * featureCount),
    ])
  }
  expect(scores.every(score => score >= least - 1e-3)).toBe(true)
})

test('each feature is what its naive twin says', async () => {
  const preference = await world()
  const early = earlyReaders(2)
  const users = Uint32Array.of(1, 2, 10, 11, 17, 22, 4567)
  const { values } = await preference.featureValues(articleOf(182), early, { users, now })
  const { activity, reads, items, users: rows } = preference
  const value = (row: number, name: FeatureName) => values[row * featureCount + at(name)]!
  users.forEach((user, row) => {
    const kept = [...reads.rings.subarray(user * 16, user * 16 + Math.min(16, reads.counts[user]!))]
    const same = kept.filter(item => items.categories[item] === items.categories[items.rowOf('a182')]).length
    expect(value(row, 'categoryShare')).toBeCloseTo(same / (kept.length + 2), 5)
    expect(value(row, 'categoryReads')).toBeCloseTo(Math.log1p(same), 5)
    const similar = kept.map(item => {
      const common = early.filter(reader => reads.historyOf(reader, 256).includes(item)).length
      return common / Math.sqrt(early.length * (reads.readers[item]! + 10))
    })
    expect(value(row, 'coReads')).toBeCloseTo(Math.log1p(10 * similar.reduce((sum, one) => sum + one, 0)), 4)
    const hours = Math.min(24 * 365, Math.floor((now - activity.lastVisits[user]!) / hour))
    expect(value(row, 'recency')).toBeCloseTo(-Math.log1p(hours), 4)
    expect(recencyColumn(value(row, 'recency'))).toBe(recencyOf(hours))
    expect(value(row, 'frequency')).toBeCloseTo(Math.log1p(activity.visits[user]!), 1)
    expect(value(row, 'reads')).toBeCloseTo(Math.log1p(reads.counts[user]!), 5)
    const mean = (0.02 * 50 + rows.clicks[user]!) / (50 + rows.pushes[user]!)
    expect(value(row, 'usualCtr')).toBeCloseTo(Math.log(mean / (1 - mean)), 4)
    expect(value(row, 'earlyReaders')).toBeCloseTo(Math.log1p(early.length), 5)
  })
})

test('products with factors are those of the readers’ vectors, in standard deviations of users', async () => {
  const preference = new PreferenceModel(new PushUsers(300), pool, { seed: 1 })
  const random = randomNumbers(4)
  const data = Float32Array.from({ length: 300 * factors }, () => random() - 0.4)
  const trained = { data, factors, rows: Int32Array.from({ length: 300 }, (_, user) => (user % 9 === 0 ? -1 : user)) }
  await preference.setFactors(trained)
  for (let user = 0; user < 300; user++) preference.visit(user, begin)
  const users = Uint32Array.from({ length: 300 }, (_, user) => user)
  const early = [1, 2, 5, 40]
  const { values } = await preference.featureValues(articleOf(1), early, { users, now })
  const unit = unitFactors(trained)
  const vectors = naiveReaderVectors(unit, early)
  for (const name of ['foldIn', 'classifier', 'centroid'] as const) {
    const products = unit.map(own => (own ? dot(own, vectors[name]) : undefined))
    const got = Array.from(users, user => values[user * featureCount + at(name)]!)
    // Up to shift and scale: differences of any three are in proportion.
    const ratio = (of: readonly (number | undefined)[]) => (of[1]! - of[2]!) / (of[3]! - of[4]!)
    expect(ratio(got)).toBeCloseTo(ratio(products), 2)
    expect(got[9]).toBe(0)
    const known = got.filter((_, user) => user % 9 !== 0)
    const mean = known.reduce((sum, one) => sum + one, 0) / known.length
    expect(Math.abs(mean)).toBeLessThan(0.1)
    const deviation = Math.sqrt(known.reduce((sum, one) => sum + (one - mean) ** 2, 0) / known.length)
    // Four readers: 4 / (4 + 2) of what very many say.
    expect(deviation).toBeGreaterThan(0.6)
    expect(deviation).toBeLessThan(0.75)
  }
})

test('without early readers, history or factors users are ranked by what there is', async () => {
  const preference = await world()
  await taught(preference)
  const { users, scores } = await preference.rank(articleOf(183), [], { limit: size, now })
  expect(users).toHaveLength(size)
  expect(scores.every(Number.isFinite)).toBe(true)
  const best = users.subarray(0, 1000)
  expect(best.filter(user => user % topics === 3).length).toBeGreaterThan(800)
  // Who never came is not among the first.
  expect(best.some(user => user % 10 === 0)).toBe(false)
  // An article of which nothing is known, of an unknown category, for nobody.
  const nothing = await preference.rank({ id: 'new', title: '', createdAt: now }, [], { limit: 0, now })
  expect(nothing.users).toHaveLength(0)
  const empty = new PreferenceModel(new PushUsers(0), pool)
  expect((await empty.rank(articleOf(1), [], { limit: 5, now })).users).toHaveLength(0)
})

test('before anything is learned users of the article’s topic come first', async () => {
  const preference = await world()
  const { users } = await preference.rank(articleOf(181), earlyReaders(1), { limit: 1000, now })
  expect(users.filter(user => user % topics === 1).length).toBeGreaterThan(900)
})

test('new users have rows from when they are added', async () => {
  const preference = await world()
  await taught(preference)
  preference.users.grow(size + 3)
  const added = size + 2
  for (let id = 1; id < 40; id += topics) preference.read(added, `a${id}`, now - hour)
  expect(() => preference.read(size + 5, 'a1', now)).toThrow(`user must be a row below ${size + 3}`)
  const { users } = await preference.rank(articleOf(181), earlyReaders(1), { limit: 2000, now })
  expect(users).toContain(added)
  const foldInOf = async () => {
    const rows = Uint32Array.of(added)
    return (await preference.featureValues(articleOf(181), earlyReaders(1), { users: rows, now })).values[at('foldIn')]
  }
  expect(await foldInOf()).toBe(0)
  const data = Float32Array.from({ length: 2 * factors }, (_, cell) => cell)
  preference.addFactors({ data, first: size + 1, rows: Int32Array.of(-1, 1) })
  expect(await foldInOf()).not.toBe(0)
})

test('the same seed and events give the same bits', async () => {
  const ranked = []
  for (let run = 0; run < 2; run++) {
    const preference = await world()
    await taught(preference)
    ranked.push(await preference.rank(articleOf(181), earlyReaders(1), { limit: 500, now }))
  }
  expect(ranked[0]).toEqual(ranked[1])
})

test('responses change what is ranked: the click model learns who clicks', async () => {
  const preference = await world()
  const article = articleOf(184)
  const random = randomNumbers(2)
  for (let round = 0; round < 30; round++) {
    const users = Uint32Array.from({ length: 1000 }, () => Math.floor(random() * size))
    const { values } = await preference.featureValues(article, [], { users, now })
    const clicked = Uint8Array.from(users, user => Number(random() < (user % 3 === 2 ? 0.1 : 0.01)))
    preference.learn({ article, at: now, users, values, clicked })
  }
  const { users } = await preference.rank(article, [], { limit: 2000, now })
  expect(users.filter(user => user % 3 === 2).length).toBeGreaterThan(1500)
})

test('the click model goes by the hour of each user’s own day', async () => {
  const users = new PushUsers(4000)
  for (let user = 0; user < 4000; user += 2) users.zones[user] = 9 * 60
  const preference = new PreferenceModel(users, pool, { ctr: { bits: 16 } })
  const midnight = Date.UTC(2026, 0, 1)
  const random = randomNumbers(5)
  for (let user = 0; user < 4000; user++) preference.visit(user, midnight - 100 * hour)
  const article = articleOf(1)
  // At 9 in the morning they click, and at midnight they do not.
  for (let round = 0; round < 40; round++) {
    const asked = Uint32Array.from({ length: 1000 }, (_, at) => at)
    const { values } = await preference.featureValues(article, [], { users: asked, now: midnight })
    const clicked = Uint8Array.from(asked, user => Number(random() < (user % 2 === 0 ? 0.2 : 0.01)))
    preference.learnCtr({ article, at: midnight, users: asked, values, clicked })
  }
  const ctrOf = async (user: number, now: number) => {
    const { values } = await preference.featureValues(article, [], { users: Uint32Array.of(user, 0, 1), now })
    return values[at('ctr')]!
  }
  expect((await ctrOf(3000, midnight)) - (await ctrOf(3001, midnight))).toBeGreaterThan(0.5)
  // Nine hours later it is 9 in the morning of the others.
  const later = midnight + 9 * hour
  expect((await ctrOf(3001, later)) - (await ctrOf(3000, later))).toBeGreaterThan(0.5)
})

test('a category has the same number whichever was seen first: what is learned by it is kept', () => {
  const numbers = [
    ['topic 1', 'topic 2'],
    ['topic 2', 'topic 1'],
  ].map(order => {
    const { items } = new PreferenceModel(new PushUsers(1), pool)
    const rows = order.map(category => items.add({ id: category, title: '', category, createdAt: 0 }))
    return new Map(order.map((category, at) => [category, items.categories[rows[at]!]]))
  })
  for (const category of ['topic 1', 'topic 2']) expect(numbers[0]!.get(category)).toBe(numbers[1]!.get(category))
  expect(numbers[0]!.get('topic 1')).not.toBe(numbers[0]!.get('topic 2'))
})

test('of a user who is forgotten nothing is left', async () => {
  const preference = await world()
  const rows = Uint32Array.of(13, 19_990)
  const { values: before } = await preference.featureValues(articleOf(181), earlyReaders(1), { users: rows, now })
  preference.forget(13)
  preference.users.forget(13)
  const { values } = await preference.featureValues(articleOf(181), earlyReaders(1), { users: rows, now })
  const never = values.subarray(featureCount)
  for (const name of [
    'usualCtr',
    'categoryShare',
    'coReads',
    'recency',
    'frequency',
    'reads',
    'content',
    'foldIn',
  ] as const) {
    expect(before[at(name)], name).not.toBe(values[at(name)])
    if (name !== 'usualCtr') expect(values[at(name)], name).toBe(never[at(name)])
  }
})
