import { expect, test } from 'vitest'
import { PushUsers } from '../../src/push/data/users.ts'
import type { PushAction, PushObservation } from '../../src/push/loop/actions.ts'
import type { Preference } from '../../src/push/loop/preference.ts'
import { PushLoop } from '../../src/push/loop/push-loop.ts'
import { OnlineAppeal } from '../../src/push/select/online-appeal.ts'
import { day, hour, minute, noon } from './ledger-of.ts'

const size = 3000
const firstRound = 200

/** Suits the first users most, the same whenever it is asked. */
const preference: Preference = {
  rank: async (_, { eligible, limit }) => {
    const all = Uint32Array.from({ length: size }, (_, user) => user)
    const users = all.filter(user => ((eligible[user >> 5]! >> (user & 31)) & 1) === 1).subarray(0, limit)
    return { users, scores: Float32Array.from(users, user => 1 - user / size) }
  },
}
const features = {
  features: [{ name: 'all', deviation: 1 }],
  valuesOf: () => Float64Array.of(1),
}

function loopOf(): { readonly loop: PushLoop; readonly users: PushUsers } {
  const users = new PushUsers(size)
  users.reachable.fill(1)
  users.pushes.fill(10)
  users.clicks.forEach((_, user) => {
    users.clicks[user] = user % 10 === 0 ? 1 : 0
  })
  const guessed = [
    { title: 'One', factor: 1 },
    { title: 'Two', factor: 0.9 },
  ]
  const titles = { of: () => guessed, deviation: 0.275 }
  return { loop: new PushLoop(users, { preference, features, titles }, { firstRound, holdOut: 0.1 }), users }
}

type Past = { readonly time: number } & ({ readonly seen: PushObservation } | { readonly done: PushAction })

test('goes on from a snapshot and what was done as if it had never stopped, and decides nothing anew', async () => {
  const { loop } = loopOf()
  const past: Past[] = []
  const observe = (observation: PushObservation, time: number) => {
    past.push({ time, seen: observation })
    loop.observe([observation])
  }
  const step = async (now: number) => {
    const actions = await loop.step(now)
    for (const action of actions) {
      past.push({ time: now, done: action })
      if (action.kind !== 'send') continue
      const { article, sends, holdOuts } = action
      loop.sent(article, { sends, holdOuts, refused: [] }, now)
      for (const { user } of sends) observe({ kind: 'delivered', user, article, time: now }, now)
    }
    return actions
  }
  await step(noon - hour)
  observe({ kind: 'article', article: { id: 'news', title: 'News', createdAt: noon } }, noon)
  await step(noon + minute)
  const first = await step(noon + 31 * minute)
  expect(first.map(({ kind }) => kind)).toEqual(['decision', 'campaign', 'send'])
  const kept = JSON.parse(JSON.stringify(loop.snapshot()))
  // Clicks enough that it goes on.
  const [sent] = first.filter(action => action.kind === 'send')
  for (const { user } of sent!.sends.slice(0, 40)) {
    const time = noon + (32 + (user % 20)) * minute
    observe({ kind: 'click', user, article: 'news', time }, time)
  }
  const second = await step(noon + 60 * minute)
  expect(second.map(({ kind }) => kind)).toContain('send')

  const { loop: other, users } = loopOf()
  other.restoreSnapshot(kept)
  for (const one of past) {
    if ('seen' in one) other.observe([one.seen])
    else other.restore(one.done, one.time)
  }
  const held = first.flatMap(action => (action.kind === 'send' ? action.holdOuts : []))
  expect(held.length).toBeGreaterThan(0)
  other.restoreHoldOuts(held.map(({ user }) => ({ user, time: noon + 31 * minute })))
  other.restorePushes([{ user: 1, article: 'news', time: noon + 31 * minute }])
  const now = noon + 61 * minute
  const next = await other.step(now)
  expect(next.filter(({ kind }) => kind === 'decision' || kind === 'campaign')).toEqual([])
  const had = new Set<number>()
  for (const one of past) {
    if (!('done' in one)) continue
    if (one.done.kind !== 'send') continue
    for (const { user } of [...one.done.sends, ...one.done.holdOuts]) had.add(user)
  }
  for (const action of next) {
    if (action.kind !== 'send') continue
    expect(action.round).toBe(2)
    for (const { user } of action.sends) expect(had.has(user), `user ${user}`).toBe(false)
  }
  for (const { user } of sent!.sends) expect(users.busyUntil[user]).toBe(noon + 31 * minute + 7 * day)

  // Both learn the same of it in the end; neither sends what it wants now.
  await loop.step(now)
  for (const end of [noon + 4 * hour, noon + 6 * hour, noon + 7 * hour]) {
    const [own, others] = [await loop.step(end), await other.step(end)]
    expect(others.map(({ kind }) => kind)).toEqual(own.map(({ kind }) => kind))
  }
  const { appeal, effects, delay } = loop.snapshot()!
  const restored = other.snapshot()!
  expect(restored.appeal.weights[0]).toBeCloseTo(appeal.weights[0]!, 6)
  expect(appeal.weights[0]).not.toBe(0)
  for (const [at, weight] of restored.effects.weights.entries()) expect(weight).toBeCloseTo(effects.weights[at]!, 6)
  expect(restored.delay).toEqual(delay)

  // What was learned of by then is not learned of again.
  const { loop: third } = loopOf()
  third.restoreSnapshot(JSON.parse(JSON.stringify(restored)))
  for (const one of past) {
    if ('seen' in one) third.observe([one.seen])
    else third.restore(one.done, one.time)
  }
  await third.step(noon + 7 * hour + minute)
  expect(third.snapshot()!.appeal).toEqual(restored.appeal)
  expect(third.snapshot()!.delay.groups).toEqual(restored.delay.groups)
})

test('a round that nobody could have is planned again, with the same users held out, and is decided about once', async () => {
  const { loop } = loopOf()
  await loop.step(noon - hour)
  loop.observe([{ kind: 'article', article: { id: 'news', title: 'News', createdAt: noon } }])
  const kinds: string[] = []
  const rounds = new Set<number>()
  const heldOut = new Set<string>()
  for (let at = 31; at < 131; at++) {
    for (const action of await loop.step(noon + at * minute)) {
      kinds.push(action.kind)
      if (action.kind !== 'send') continue
      heldOut.add(JSON.stringify(action.holdOuts))
      rounds.add(action.round)
      loop.sent('news', { sends: [], holdOuts: [], refused: [] }, noon + at * minute)
    }
  }
  expect(kinds.filter(kind => kind === 'decision' || kind === 'campaign')).toEqual(['decision', 'campaign'])
  expect([...rounds]).toEqual([0])
  expect(heldOut.size).toBe(1)
})

test('appeal is restored by the names of its features: new ones begin as they are', () => {
  const appeal = new OnlineAppeal([
    { name: 'all', deviation: 1 },
    { name: 'gone', deviation: 0.5 },
    { name: 'model', mean: 1, deviation: 0.3 },
  ])
  expect(appeal.predict([1, 0, 0.5]).mean).toBe(0.5)
  for (let push = 0; push < 20; push++) appeal.learn([1, push % 2, 0.2], { clicks: 30, exposure: 10 })
  const other = new OnlineAppeal([
    { name: 'model', mean: 1, deviation: 0.3 },
    { name: 'new', mean: 2, deviation: 0.1 },
    { name: 'all', deviation: 1 },
  ])
  other.restore(JSON.parse(JSON.stringify(appeal.snapshot())))
  expect(other.predict([0.2, 0, 1])).toEqual(appeal.predict([1, 0, 0.2]))
  expect(other.predict([0, 1, 0]).mean).toBe(2)
  expect(() => other.restore({ ...appeal.snapshot(), weights: [1] })).toThrow(
    'an appeal of 3 features must have as many weights',
  )
})
