import { expect, test } from 'vitest'
import { LivePreference } from '../../src/push/live/parts/live-preference.ts'
import { type Read, ReadExamples } from '../../src/push/live/parts/read-examples.ts'
import type { SendResponses } from '../../src/push/live/parts/send-responses.ts'
import { featureCount } from '../../src/push/prefer/features.ts'
import type { PreferenceModel } from '../../src/push/prefer/preference-model.ts'
import type { PreferenceResponses } from '../../src/push/prefer/preference-types.ts'

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000]
const begin = Date.UTC(2026, 0, 1)
const size = 20_000

/** Users who had not come for ten days, and what was learned of them. */
class Preference {
  readonly users = { size }
  readonly activity = { lastVisits: new Float64Array(size).fill(begin - 10 * day) }
  readonly learned: PreferenceResponses[] = []
  readonly taken: number[] = []
  asked = 0
  fails = false

  get positives(): number {
    return this.learned.reduce((sum, { clicked }) => sum + clicked.reduce((all, one) => all + one, 0), 0)
  }

  async featureValues(_: unknown, readers: number[], { users }: { readonly users: Uint32Array }) {
    if (this.fails) throw new Error('no features')
    this.asked = readers.length
    return { names: [], values: new Float32Array(users.length * featureCount) }
  }

  learnReads(responses: PreferenceResponses): void {
    this.learned.push(responses)
  }

  get model(): PreferenceModel {
    return Object.assign(this as unknown as PreferenceModel, {
      article: () => {},
      visit: () => {},
      read: (user: number) => this.taken.push(user),
      blend: { state: { positives: 1 } },
    })
  }
}

const articleOf = (id: string) => ({ id, title: id, createdAt: begin })
const readsOf = (article: string, users: readonly number[], time: number): Read[] =>
  users.map(user => ({ article, user, time }))
const from = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at)

function examplesOf(preference: Preference): ReadExamples {
  return new ReadExamples(preference.model, { inactiveDays: 7, isBegun: true, seed: 1 })
}

test('an hour that is learned from tick by tick gives no more examples than one that is learned from at once', async () => {
  const preference = new Preference()
  const examples = examplesOf(preference)
  const articles = from(0, 8).map(String)
  for (const article of articles) examples.add(readsOf(article, [1, 2, 3], begin))
  let user = 10
  for (let tick = 0; tick < 60; tick++) {
    const reads = articles.flatMap(article => {
      user += 10
      return readsOf(article, from(user, 10), begin + tick * minute)
    })
    await examples.learn(reads, articleOf)
    examples.add(reads)
  }
  // Five articles, of each 200 readers.
  expect(new Set(preference.learned.map(({ article }) => article.id)).size).toBe(5)
  expect(preference.positives).toBe(1000)
  await examples.learn(readsOf('7', from(user + 20, 10), begin + hour), articleOf)
  expect(preference.positives).toBe(1010)
})

test('who reads an article three times is one reader of it', async () => {
  const preference = new Preference()
  const examples = examplesOf(preference)
  examples.add(readsOf('a', [1, 1, 1, 2, 2], begin))
  await examples.learn(readsOf('a', [5], begin + minute), articleOf)
  expect(preference.learned).toEqual([])
  examples.add(readsOf('a', [3], begin + minute))
  await examples.learn(readsOf('a', [5], begin + 2 * minute), articleOf)
  expect(preference.asked).toBe(3)
  expect(preference.positives).toBe(1)
})

test('who is forgotten is no reader and no example', async () => {
  const preference = new Preference()
  const examples = new ReadExamples(preference.model, { inactiveDays: 7, isBegun: false, seed: 1 })
  examples.add(readsOf('a', [1, 2, 3, 4], begin))
  // They wait until there are a hundred.
  await examples.learn(readsOf('a', [5, 6], begin), articleOf)
  examples.forget(4)
  examples.forget(6)
  await examples.learn(readsOf('a', from(1000, 100), begin + minute), articleOf)
  expect(preference.asked).toBe(3)
  expect(preference.positives).toBe(101)
  expect(preference.learned.some(({ users }) => users.includes(6))).toBe(false)
})

function liveOf(preference: Preference, articleOf: (id: string) => { id: string; title: string; createdAt: number }) {
  return new LivePreference(preference.model, {
    mostUsers: 100,
    inactiveDays: 7,
    seed: 1,
    responses: {} as SendResponses,
    learnedUntil: Number.NEGATIVE_INFINITY,
    articleOf,
  })
}

test('what was observed is taken in once, also where it cannot be learned from', async () => {
  const preference = new Preference()
  const live = liveOf(preference, articleOf)
  const reads = [
    ...readsOf('a', [1, 2, 3], begin),
    ...readsOf('a', [4], begin + hour),
    ...readsOf('a', [5], begin + 2 * hour),
  ]
  live.observe(reads.map(read => ({ kind: 'read', ...read }) as const))
  preference.fails = true
  await expect(live.takeIn()).rejects.toThrow('no features')
  expect(preference.taken).toEqual([1, 2, 3, 4])
  preference.fails = false
  live.observe([{ kind: 'read', user: 6, article: 'a', time: begin + 2 * hour + minute }])
  await live.takeIn()
  expect(preference.taken).toEqual([1, 2, 3, 4, 5, 6])
})

test('what is waiting when it is stopped is waiting still', async () => {
  const preference = new Preference()
  const live = liveOf(preference, articleOf)
  live.observe([{ kind: 'read', user: 6, article: 'a', time: begin }])
  await expect(live.takeIn(AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
  await live.takeIn()
  expect(preference.taken).toEqual([6])
})

test('of the articles that were read the latest are remembered, without their bodies', async () => {
  const preference = new Preference()
  const asked: string[] = []
  const live = liveOf(preference, id => {
    asked.push(id)
    return Object.assign(articleOf(id), { body: 'a long body' })
  })
  const read = async (ids: readonly string[]) => {
    live.observe(ids.map(article => ({ kind: 'read', user: 1, article, time: begin }) as const))
    await live.takeIn()
  }
  await read(['first', 'second'])
  await read(['first'])
  expect(asked).toHaveLength(2)
  await read(from(0, 19_999).map(String))
  await read(['first', 'second'])
  expect(asked.slice(-1)).toEqual(['second'])
  expect(asked).toHaveLength(20_002)
  await live.takeIn()
  live.observe(readsOf('x', [1, 2, 3], begin + hour).map(each => ({ kind: 'read', ...each }) as const))
  await live.takeIn()
  live.observe([{ kind: 'read', user: 9, article: 'x', time: begin + hour + minute }])
  await live.takeIn()
  expect(preference.learned.at(-1)!.article).toEqual({ id: 'x', title: 'x', createdAt: begin, category: undefined })
})
