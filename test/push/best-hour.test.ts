import { expect, test } from 'vitest'
import { bestDue, hourCurve } from '../../src/push/send/best-hour.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { addUsers, day, hour, ledgerWith, minute, noon, openLedger, reserved } from './ledger-of.ts'
import { openState, startEngine } from './live-engine.ts'

const none = { from: 0, until: 0 }
const counts = (visits: Readonly<Record<number, number>>) =>
  Float64Array.from({ length: 24 }, (_, at) => visits[at] ?? 0)
const peak = (curve: Float64Array) => curve.indexOf(Math.max(...curve))

test('a curve is that of all users while little is known of one, and more and more the own', () => {
  const population = counts({ 8: 500, 20: 1000 })
  expect(peak(hourCurve(counts({}), population))).toBe(20)
  expect(peak(hourCurve(counts({ 13: 1 }), population))).toBe(20)
  expect(peak(hourCurve(counts({ 13: 20 }), population))).toBe(13)
  for (const visits of [counts({}), counts({ 0: 3, 23: 4 })]) {
    expect(hourCurve(visits, population).reduce((sum, share) => sum + share)).toBeCloseTo(1)
  }
  expect([...hourCurve(counts({}), counts({}))]).toEqual(Array(24).fill(1 / 24))
})

test('hours next to each other add up over midnight', () => {
  expect(peak(hourCurve(counts({ 23: 6, 0: 5, 1: 6, 12: 7 }), counts({})))).toBe(0)
})

test('a curve learned from few visits predicts others better than the counts or the population alone', () => {
  const random = randomNumbers(3)
  const population = counts(Object.fromEntries(Array.from({ length: 24 }, (_, at) => [at, 100 + (at > 17 ? 300 : 0)])))
  const prior = hourCurve(counts({}), population)
  let [learned, alone, all] = [0, 0, 0]
  for (let user = 0; user < 500; user++) {
    const favourite = Math.floor(random() * 24)
    // Half of a user's visits are about the favourite hour, the others as those of all.
    const draw = () => {
      if (random() < 0.5) return (favourite + Math.floor(random() * 3) + 23) % 24
      const at = random() * 4200
      return at < 1800 ? Math.floor(at / 100) : 18 + Math.floor((at - 1800) / 400)
    }
    const visits = counts({})
    for (let visit = 0; visit < 6; visit++) visits[draw()]! += 1
    const curve = hourCurve(visits, population)
    for (let test = 0; test < 4; test++) {
      const at = draw()
      learned += Math.log(curve[at]!)
      alone += Math.log((visits[at]! + 0.01) / 6.24)
      all += Math.log(prior[at]!)
    }
  }
  expect(learned).toBeGreaterThan(all)
  expect(learned).toBeGreaterThan(alone)
})

test('a push waits for a better hour, unless the article is worth too little by then', () => {
  const curve = hourCurve(counts({ 14: 40 }), counts({}))
  const from = noon + 10 * minute
  const due = (halfLife: number, until = noon + 4 * hour) =>
    bestDue({ curve, zone: 'UTC', quiet: none, from, until, halfLife })
  expect(due(2 * hour)).toBe(noon + 2 * hour)
  expect(due(3 * minute)).toBe(from)
  // It does not live until then.
  expect(due(2 * hour, noon + 2 * hour)).toBe(noon + hour)
  expect(bestDue({ curve, zone: 'Asia/Seoul', quiet: none, from, until: noon + 4 * hour })).toBe(from)
})

test('a push is never due in quiet hours, and not at all where the life ends in them', () => {
  const curve = hourCurve(counts({ 14: 40 }), counts({}))
  const quiet = { from: 12 * 60 + 30, until: 15 * 60 }
  const options = { curve, zone: 'UTC', quiet, from: noon, halfLife: day }
  expect(bestDue({ ...options, until: noon + 6 * hour })).toBe(noon + 3 * hour)
  const night = { from: 11 * 60, until: 20 * 60 }
  expect(bestDue({ ...options, quiet: night, until: noon + 4 * hour })).toBeUndefined()
})

test('with bestHours the ledger learns the hours of a user in the own zone, and reserves for the best where it knows enough', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cid'], { quiet: { from: '00:00', until: '00:00' }, bestHours: true })
  ledger.putUsers([{ id: 'bob', zone: 'Asia/Seoul' }], noon)
  // Ann comes at 14:00 in UTC, Bob at 22:00 in Seoul, which is 13:00 in UTC.
  const visits = Array.from({ length: 30 }, (_, at) => [
    { user: 'ann', time: noon - (at + 1) * day + 2 * hour },
    { user: 'bob', time: noon - (at + 1) * day + hour },
    { user: 'nobody', time: noon },
  ])
  expect(ledger.recordVisits(visits.flat(), noon)).toBe(60)
  // Of Cid only some visits are known.
  ledger.recordVisits(
    Array.from({ length: 5 }, (_, at) => ({ user: 'cid', time: noon - (at + 1) * day + hour })),
    noon,
  )
  expect(reserved(ledger, 'news', ['ann', 'bob', 'cid', 'nobody'])).toHaveLength(3)
  expect(ledger.hand('webhook', 9, noon).map(({ user }) => user)).toEqual(['cid'])
  expect(ledger.hand('webhook', 9, noon + hour).map(({ user }) => user)).toEqual(['bob'])
  expect(ledger.hand('webhook', 9, noon + 2 * hour).map(({ user }) => user)).toEqual(['ann'])
})

test('an engine that is configured for best hours reserves pushes for them', async () => {
  const state = openState()
  const ledger = openLedger(state.folder)
  addUsers(ledger, ['ann', 'bob'], 'file')
  // Ann comes in one and a half hours.
  const began = Date.now()
  const visits = Array.from({ length: 30 }, (_, at) => ({ user: 'ann', time: began - (at + 1) * day + 90 * minute }))
  ledger.recordVisits(visits, began)
  const script = { round: 2, rounds: 1, life: 3 * hour }
  const { until } = await startEngine(state, script, { config: { bestHours: true } })
  state.catalogue.put([{ id: 'news', title: 'News' }])
  await until(() => ledger.campaigns().length > 0 && ledger.sendsOf('news').length === 2)
  await until(() => ledger.countsOf('news').delivered === 1)
  expect(ledger.sendsOf('news').map(({ user, state: of }) => [user, of])).toEqual([
    ['ann', 'reserved'],
    ['bob', 'delivered'],
  ])
  const [{ due }] = ledger.why('ann', 'news').reasons as unknown as [{ due: number }]
  expect(due - began).toBeGreaterThan(0)
  expect(due - began).toBeLessThanOrEqual(2 * hour)
  expect(due % hour).toBe(0)
})
