import { describe, expect, test } from 'vitest'
import { worldParameters } from '../../src/push/simulate/parameters.ts'
import { minutesInDay } from '../../src/push/simulate/visits.ts'
import { type Observed, step, World } from '../../src/push/simulate/world.ts'

const parameters = { ...worldParameters, users: 5000, days: 15 }

/** What is seen of some days; `act` is called before each step. */
function lived(world: World, days: number, act: () => void = () => {}): Observed[] {
  const observed: Observed[] = []
  const steps = (days * minutesInDay) / step
  for (let at = 0; at < steps; at++) {
    act()
    observed.push(...world.advance())
  }
  return observed
}

/** Pushes the newest article to the next users once an hour. */
function pushing(world: World, each: number) {
  let next = 0
  return () => {
    const newest = world.articles.at(-1)
    if (!newest || world.now % 60 !== 0) return
    for (let left = each; left > 0; left--) {
      const user = next++ % world.parameters.users
      if (!world.hasOptedOut(user)) world.send(user, newest.id, 0)
    }
  }
}

test('the same seed and sends make the same world, and another seed another', () => {
  const small = { ...parameters, users: 500 }
  const seen = (seed: number, each: number) => {
    const world = new World(seed, small)
    return lived(world, 3, pushing(world, each))
  }
  expect(seen(1, 5)).toEqual(seen(1, 5))
  expect(seen(2, 5)).not.toEqual(seen(1, 5))
  const [without, withPushes] = [seen(1, 0), seen(1, 5)]
  expect(without.some(({ kind }) => kind === 'click')).toBe(false)
  expect(withPushes).not.toEqual(without)
})

test('what is seen is in order of time, and its articles have appeared', () => {
  const world = new World(3, parameters)
  const appeared = new Map<number, number>()
  let last = 0
  for (let at = 0; at < 288; at++) {
    for (const { time, article } of world.advance()) {
      expect(time).toBeGreaterThanOrEqual(last)
      if (article !== undefined) expect(appeared.get(article)).toBeLessThan(world.now)
      last = time
    }
    for (const { id, createdAt } of world.articles) appeared.set(id, createdAt)
  }
  expect(appeared.size).toBeGreaterThan(300)
})

/** Days between those that have a rate have one on the line between the logarithms of both. */
function hazardAt(day: number): number {
  const { returnHazards } = parameters
  const at = returnHazards.findIndex(([days]) => days >= day)
  const [days, hazard] = returnHazards.at(at)!
  if (at <= 0 || days === day) return hazard
  const [before, first] = returnHazards[at - 1]!
  return first * (hazard / first) ** (Math.log(day / before) / Math.log(days / before))
}

test('users come again by how long ago they came last, as the reads that it is fitted to do', () => {
  const world = new World(4, { ...parameters, users: 40_000 })
  const ages = world.past.lastVisits.map(time => Math.floor(-time / minutesInDay))
  const came = new Set(lived(world, 7).map(({ user }) => user))
  for (const [from, to] of [
    [0, 1],
    [3, 4],
    [7, 14],
    [28, 56],
  ] as const) {
    const users = [...ages.keys()].filter(user => ages[user]! >= from && ages[user]! < to)
    const expected = users.map(user => {
      let left = 1
      // The day of the last visit has ended: the next of its age comes first.
      for (let day = 1; day <= 7; day++) left *= 1 - hazardAt(ages[user]! + day)
      return 1 - left
    })
    const mean = expected.reduce((sum, share) => sum + share, 0) / users.length
    const share = users.filter(user => came.has(user)).length / users.length
    expect(Math.abs(share - mean)).toBeLessThan(4 * Math.sqrt((mean * (1 - mean)) / users.length) + 0.02)
  }
  const inactive = ages.filter(age => age >= 7).length / ages.length
  expect(inactive).toBeGreaterThan(0.7)
  expect(inactive).toBeLessThan(0.9)
})

describe('of what is pushed', () => {
  const world = new World(5, { ...parameters, users: 30_000, clickRate: 0.2, logSpreadOfArticles: 0.3 })
  const expected: number[] = []
  const sent = new Map<number, number>()
  let next = 0
  const seen = lived(world, 4, () => {
    const newest = world.articles.at(-1)
    if (!newest) return
    for (let left = 60; left > 0 && next < 30_000; left--, next++) {
      expected.push(world.clickRate(next, newest.id, 1))
      sent.set(world.send(next, newest.id, 1), world.now)
    }
  })
  const clicks = seen.filter(({ kind }) => kind === 'click')

  test('as many are clicked as the truth says, less those that are lost', () => {
    const sum = expected.reduce((total, rate) => total + rate, 0)
    expect(clicks.length / sum).toBeGreaterThan(0.9)
    expect(clicks.length / sum).toBeLessThan(1)
  })

  test('clicks come late, half of them after the median delay', () => {
    const delays = clicks.map(({ send, time }) => time - sent.get(send!)!).sort((a, b) => a - b)
    expect(delays[0]).toBeGreaterThan(0)
    expect(delays[Math.floor(delays.length / 2)]).toBeGreaterThan(17)
    expect(delays[Math.floor(delays.length / 2)]).toBeLessThan(23)
  })

  test('a click is a visit, and who was pushed to clicks less for a while', () => {
    const visits = new Set(seen.filter(({ kind }) => kind === 'visit').map(({ user, time }) => `${user} ${time}`))
    for (const { user, time } of clicks) expect(visits).toContain(`${user} ${time}`)
    const article = world.articles.at(-1)!.id
    const untouched = new World(5, { ...parameters, users: 30_000, clickRate: 0.2, logSpreadOfArticles: 0.3 })
    lived(untouched, 4)
    const user = 29_000
    expect(world.clickRate(user, article, 0)).toBeLessThan(untouched.clickRate(user, article, 0))
  })
})

test('pushes bring users back who would not have come', () => {
  const active = [0, 100].map(each => {
    const world = new World(6, { ...parameters, clickRate: 0.05 })
    lived(world, 14, pushing(world, each))
    return world.weeklyActive
  })
  expect(active[1]).toBeGreaterThan(1.02 * active[0]!)
})

test('who has opted out gets nothing, and what has not appeared cannot be pushed', () => {
  const world = new World(7, { ...parameters, users: 50, optOutRate: 1, clickRate: 1e-9 })
  expect(() => world.send(0, 0, 0)).toThrow('article 0 has not appeared')
  lived(world, 1)
  world.send(3, 0, 0)
  expect(world.hasOptedOut(3)).toBe(true)
  expect(() => world.send(3, 0, 0)).toThrow('user 3 has opted out')
  lived(world, 14)
  expect(() => world.advance()).toThrow('the world ends after 15 days')
})
