import { expect, test } from 'vitest'
import { Eligibility, nothing, popularToAll, pushedAfter, randomBlast } from '../../src/push/simulate/baselines.ts'
import { oracle } from '../../src/push/simulate/oracle.ts'
import { worldParameters } from '../../src/push/simulate/parameters.ts'
import { type PushView, simulate } from '../../src/push/simulate/run.ts'
import { minutesInDay } from '../../src/push/simulate/visits.ts'
import { World } from '../../src/push/simulate/world.ts'

const parameters = { ...worldParameters, users: 4000, days: 14 }

test('each simple policy pushes to nobody twice within seven days, and brings users back', async () => {
  const without = await simulate(1, nothing, parameters)
  expect(without).toMatchObject({ sends: 0, clicks: 0, lift: 0, optOuts: 0, violations: 0 })
  expect(without.weeklyActive).toHaveLength(14)
  for (const policy of [randomBlast(1), popularToAll]) {
    const result = await simulate(1, policy, parameters)
    expect(result.violations).toBe(0)
    expect(result.sends).toBeGreaterThan(parameters.users)
    expect(result.clicks).toBeGreaterThan(0.005 * result.sends)
    expect(result.weeklyActive.at(-1)).toBeGreaterThan(without.weeklyActive.at(-1)!)
    expect(await simulate(1, policy, parameters)).toEqual(result)
  }
})

test('who knows the truth brings back far more users by far fewer pushes', async () => {
  const popular = await simulate(1, popularToAll, parameters)
  const known = await simulate(1, oracle(9), parameters)
  expect(known.violations).toBe(0)
  expect(known.sends).toBeLessThan(popular.sends)
  expect(known.lift).toBeGreaterThan(5 * popular.lift)
  expect(known.weeklyActive.at(-1)).toBeGreaterThan(1.5 * popular.weeklyActive.at(-1)!)
})

test('a push to a user who had one less than seven days before is counted as a violation', async () => {
  const twice = () => ({
    act: (view: PushView) => {
      if (view.now === 60 || view.now === 60 + 6 * minutesInDay || view.now === 60 + 13 * minutesInDay) {
        view.send(5, view.articles[0]!.id, 0)
      }
    },
  })
  expect(await simulate(2, twice, { ...parameters, optOutRate: 0 })).toMatchObject({ sends: 3, violations: 1 })
})

test('who came, had a push, or has opted out is not eligible', () => {
  const world = new World(3, { ...parameters, optOutRate: 1, clickRate: 1e-9 })
  const eligibility = new Eligibility(world.past)
  const view = world as unknown as PushView
  const users = eligibility.users(view)
  expect(users.length).toBeGreaterThan(0.7 * parameters.users)
  expect(users.every(user => world.past.lastVisits[user]! < -7 * minutesInDay)).toBe(true)
  const [came, pushed, optedOut] = users as [number, number, number]
  for (let at = 0; at < 12; at++) world.advance()
  expect(world.articles.some(({ createdAt }) => createdAt + pushedAfter < world.now)).toBe(true)
  eligibility.see([{ kind: 'visit', user: came, time: 10 }])
  eligibility.pushed(pushed, 20)
  world.send(optedOut, 0, 0)
  for (const user of [came, pushed, optedOut]) expect(eligibility.isEligible(user, view)).toBe(false)
})
