import { readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import type { PushArticle } from '../../src/push/data/article.ts'
import { PushUsers } from '../../src/push/data/users.ts'
import { SendResponses } from '../../src/push/live/parts/send-responses.ts'
import { SendRoundFiles } from '../../src/push/live/parts/send-rounds.ts'
import type { PlannedSend } from '../../src/push/loop/actions.ts'
import { PreferenceModel } from '../../src/push/prefer/preference-model.ts'
import type { PreferenceResponses } from '../../src/push/prefer/preference-types.ts'
import type { DelayCurve } from '../../src/push/statistics/click-delay.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 1 })
})
afterAll(() => pool.close())

const [minute, day] = [60_000, 86_400_000]
const begin = Date.UTC(2026, 0, 1)
const curve: DelayCurve = {
  share: minutes => (minutes >= 1440 ? 1 : 1 - Math.exp(-minutes / 60)),
  logVariance: () => 0,
}

/** Keeps what it is asked to learn. */
class Watched extends PreferenceModel {
  readonly learned: PreferenceResponses[] = []

  override learn(responses: PreferenceResponses): void {
    this.learned.push(responses)
    super.learn(responses)
  }

  /** Of a user: how much of a send without a click was learned, and clicks. */
  countsOf(user: number): { readonly negative: number; readonly clicks: number } {
    let [negative, clicks] = [0, 0]
    for (const { users, clicked, shares, before } of this.learned) {
      users.forEach((each, at) => {
        if (each !== user) return
        negative += (clicked[at] === 1 ? 0 : shares![at]!) - before![at]!
        clicks += clicked[at]!
      })
    }
    return { negative: Math.round(1e6 * negative) / 1e6, clicks }
  }
}

function articleOf(id: string, createdAt = begin): PushArticle {
  return { id, title: `About ${id}`, createdAt, category: 'news', body: 'long' }
}

function responsesIn(folder: string, size = 40) {
  const users = new PushUsers(size)
  const preference = new Watched(users, pool, { ctr: { bits: 12 } })
  const refused: string[] = []
  const files = new SendRoundFiles(join(folder, 'sends'), (_, file) => refused.push(file))
  return { preference, responses: new SendResponses(preference, files, 1), refused }
}

const sendsTo = (users: readonly number[]): PlannedSend[] =>
  users.map(user => ({ user, title: 0, rank: 0, usualCtr: 0.1, expectedCtr: 0.1 }))

/** Sent to users, whom it reaches at once. */
async function deliver(responses: SendResponses, article: string, users: readonly number[], time: number) {
  await responses.sent(article, sendsTo(users), time)
  for (const user of users) responses.deliver(article, user, time)
}

function learnAll(responses: SendResponses, now: number): void {
  while (responses.learnDue(now, curve) > 0);
}

test('a round is learned from piece by piece as its click delay passes, and a click takes the place of what it was', async () => {
  const { preference, responses } = responsesIn(freshFolder())
  responses.ranked(articleOf('a'), [1, 2])
  await deliver(responses, 'a', [3, 4, 5], begin)
  const at = (minutes: number) => learnAll(responses, begin + minutes * minute)
  at(5)
  expect(preference.learned).toEqual([])
  at(40)
  expect(preference.countsOf(3)).toEqual({ negative: expect.closeTo(curve.share(40), 5), clicks: 0 })
  responses.click('a', 4, begin)
  responses.click('another', 5, begin)
  at(45)
  // It waits for the next time, when others count as more of a negative.
  expect(preference.countsOf(4)).toEqual({ negative: expect.closeTo(curve.share(40), 5), clicks: 0 })
  at(90)
  expect(preference.countsOf(4)).toEqual({ negative: expect.closeTo(0, 5), clicks: 1 })
  expect(preference.countsOf(5)).toEqual({ negative: expect.closeTo(curve.share(90), 5), clicks: 0 })
  at(1440)
  responses.click('a', 5, begin)
  at(3000)
  expect(preference.countsOf(4)).toEqual({ negative: expect.closeTo(0, 5), clicks: 1 })
  expect(preference.countsOf(5)).toEqual({ negative: 1, clicks: 0 })
})

test('what was sent before a process ended is learned by the next one, each part once', async () => {
  const folder = freshFolder()
  const first = responsesIn(folder)
  first.responses.ranked(articleOf('a'), [1])
  await deliver(first.responses, 'a', [3, 4], begin)
  learnAll(first.responses, begin + 60 * minute)
  first.responses.click('a', 3, begin)
  learnAll(first.responses, begin + 120 * minute)
  const kept = JSON.parse(JSON.stringify(first.responses.progress)) as typeof first.responses.progress
  await first.responses.kept(kept)
  // After that was kept.
  await deliver(first.responses, 'a', [5, 6], begin + 130 * minute)
  learnAll(first.responses, begin + 160 * minute)

  const second = responsesIn(folder)
  await second.responses.open(kept)
  expect(second.responses.since).toBe(begin)
  expect([...second.responses.users()]).toEqual([3, 4, 5, 6])
  for (const user of [3, 4]) second.responses.deliver('a', user, begin)
  for (const user of [5, 6]) second.responses.deliver('a', user, begin + 130 * minute)
  second.responses.click('a', 3, begin)
  second.responses.click('a', 6, begin)
  learnAll(second.responses, begin + 2 * day)
  expect(second.preference.countsOf(3)).toEqual({ negative: 0, clicks: 0 })
  expect(second.preference.countsOf(4).negative).toBeCloseTo(1 - curve.share(120), 5)
  expect(second.preference.countsOf(5)).toEqual({ negative: 1, clicks: 0 })
  expect(second.preference.countsOf(6)).toEqual({ negative: 0, clicks: 1 })
  // What the features were is on disk until what was learned is.
  expect(readdirSync(join(folder, 'sends'))).toHaveLength(2)
  const done = second.responses.progress
  const third = responsesIn(folder)
  await third.responses.open(done)
  learnAll(third.responses, begin + 2 * day)
  expect(third.preference.learned).toEqual([])
  expect(readdirSync(join(folder, 'sends'))).toEqual([])
  // No number is given twice: what is done would be taken for what was sent since.
  third.responses.ranked(articleOf('b'), [])
  await deliver(third.responses, 'b', [7], begin + 2 * day)
  expect(done.done).not.toContain(Number(readdirSync(join(folder, 'sends'))[0]!.split('.')[0]))
})

test('who has not been reached is not learned from, and a round that reaches nobody ends', async () => {
  const folder = freshFolder()
  const { preference, responses } = responsesIn(folder)
  responses.ranked(articleOf('a'), [])
  await responses.sent('a', sendsTo([3, 4, 5]), begin)
  responses.ranked(articleOf('dry'), [])
  await responses.sent('dry', sendsTo([6, 7]), begin)
  learnAll(responses, begin + day)
  expect(preference.learned).toEqual([])
  // The sender was down for a day.
  responses.deliver('a', 3, begin + day)
  responses.click('a', 5, begin + day + minute)
  learnAll(responses, begin + 2 * day)
  expect(preference.countsOf(3)).toEqual({ negative: 1, clicks: 0 })
  expect(preference.countsOf(4)).toEqual({ negative: 0, clicks: 0 })
  expect(preference.countsOf(5)).toEqual({ negative: 0, clicks: 1 })
  expect(preference.countsOf(6)).toEqual({ negative: 0, clicks: 0 })
  expect(responses.since).toBeUndefined()
  await responses.kept(responses.progress)
  expect(readdirSync(join(folder, 'sends'))).toEqual([])
})

test('the values of a round are those of when it was sent', async () => {
  const folder = freshFolder()
  const first = responsesIn(folder)
  first.preference.visit(3, begin - 10 * day)
  first.responses.ranked(articleOf('a'), [])
  const { values } = await first.preference.featureValues(articleOf('a'), [], { users: Uint32Array.of(3), now: begin })
  await deliver(first.responses, 'a', [3], begin)
  const second = responsesIn(folder)
  second.preference.visit(3, begin)
  await second.responses.open(undefined)
  second.responses.deliver('a', 3, begin)
  learnAll(second.responses, begin + day)
  expect(second.preference.learned[0]!.values).toEqual(values)
  expect(second.preference.learned[0]).toMatchObject({ at: begin, article: { id: 'a', category: 'news' } })
})

test('who is forgotten is in no round, on disk neither', async () => {
  const folder = freshFolder()
  const { preference, responses } = responsesIn(folder)
  responses.ranked(articleOf('a'), [3, 4])
  await deliver(responses, 'a', [3, 4, 5], begin)
  responses.click('a', 5, begin)
  await responses.forget(user => user === 4)
  learnAll(responses, begin + day)
  expect(preference.countsOf(5)).toEqual({ negative: 0, clicks: 1 })
  const next = responsesIn(folder)
  await next.responses.open(undefined)
  expect([...next.responses.users()]).toEqual([3, 5])
})

test('a round that cannot be read is said, and no obstacle', async () => {
  const folder = freshFolder()
  const { responses } = responsesIn(folder)
  responses.ranked(articleOf('a'), [])
  await deliver(responses, 'a', [3], begin)
  await deliver(responses, 'a', [4], begin)
  truncateSync(join(folder, 'sends', '0.safetensors'), 20)
  const next = responsesIn(folder)
  await next.responses.open(undefined)
  expect(next.refused).toEqual(['0.safetensors'])
  expect([...next.responses.users()]).toEqual([4])
})

test('a piece that cannot be learned from is left out, and the next one follows', async () => {
  const { preference, responses } = responsesIn(freshFolder())
  responses.ranked(articleOf('a'), [])
  await deliver(responses, 'a', [3], begin)
  const learn = vi.spyOn(preference.blend, 'learn').mockImplementationOnce(() => {
    throw new RangeError('no')
  })
  expect(() => responses.learnDue(begin + 40 * minute, curve)).toThrow('no')
  expect(responses.learnDue(begin + 40 * minute, curve)).toBe(0)
  learnAll(responses, begin + day)
  expect(learn).toHaveBeenCalledTimes(2)
  expect(responses.since).toBeUndefined()
})

test('it knows click rates while clicks of the latest sends are still to come', async () => {
  const rates = [0.02, 0.05, 0.1]
  const random = randomNumbers(3)
  const { preference, responses } = responsesIn(freshFolder(), 3000)
  const clicks: { readonly article: string; readonly user: number; readonly time: number }[] = []
  const all = Array.from({ length: 3000 }, (_, user) => user)
  for (let round = 0; round < 60; round++) {
    const now = begin + round * 10 * minute
    const id = `a${round}`
    responses.ranked(articleOf(id, now), [])
    await deliver(responses, id, all, now)
    for (const user of all) {
      if (random() >= rates[user % 3]!) continue
      clicks.push({ article: id, user, time: now - 60 * minute * Math.log(1 - random()) })
    }
    for (const { article, user, time } of clicks) {
      if (time > now - 10 * minute && time <= now) responses.click(article, user, time)
    }
    learnAll(responses, now)
  }
  const sums = rates.map(() => ({ clicks: 0, exposure: 0 }))
  for (const { users, clicked, shares, before } of preference.learned) {
    users.forEach((user, at) => {
      const sum = sums[user % 3]!
      sum.clicks += clicked[at]!
      sum.exposure += (clicked[at] === 1 ? 1 : shares![at]!) - before![at]!
    })
  }
  rates.forEach((rate, segment) => {
    const { clicks, exposure } = sums[segment]!
    expect(Math.abs(clicks / exposure / rate - 1), `segment ${segment}`).toBeLessThan(0.1)
  })
})
