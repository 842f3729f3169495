import { expect, test } from 'vitest'
import { type LoopPart, loopParts, type PushLoopOptions } from '../../src/push/loop/options.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { day, hour, minute, noon } from './ledger-of.ts'
import { SmallWorld, scoreOf, usualCtr } from './small-world.ts'

test('nobody gets a push within days of another or of a visit, held-out users get nothing, nor who cannot be reached', async () => {
  const world = new SmallWorld({ firstRound: 30 }, { size: 600 })
  const { users } = world
  const random = randomNumbers(9)
  const busyUntil = new Map<number, number>()
  let [checked, heldOut] = [0, 0]
  users.reachable.fill(0, 0, 40)
  for (let hours = 0; hours < 20 * 24; hours += 2) {
    world.add(`article ${hours}`, 1 + 3 * random())
    for (let visit = 0; visit < 4; visit++) {
      const user = Math.floor(random() * users.size)
      users.lastVisit[user] = world.now
      world.loop.observe([{ kind: 'visit', user, time: world.now }])
    }
    if (hours % 10 === 0) {
      const user = Math.floor(random() * users.size)
      users.reachable[user] = 0
      world.loop.observe([{ kind: 'opt-out', user, isOut: true }])
    }
    await world.run(noon + (hours + 2) * hour, 10 * minute)
    for (const { action, time } of world.actions.slice(checked)) {
      const got = action.kind === 'send' ? action.sends.map(({ user }) => user) : []
      const held = action.kind === 'send' ? action.holdOuts.map(({ user }) => user) : []
      for (const user of [...got, ...held]) {
        const at = `user ${user}, ${action.kind} after ${(time - noon) / hour} hours`
        expect(users.reachable[user], at).toBe(1)
        expect(users.lastVisit[user]! < time - 7 * day, at).toBe(true)
        expect(busyUntil.get(user) ?? 0, at).toBeLessThanOrEqual(time)
        busyUntil.set(user, time + 7 * day)
      }
      heldOut += held.length
    }
    checked = world.actions.length
  }
  expect(world.sends.length).toBeGreaterThan(600)
  expect(heldOut).toBeGreaterThan(10)
})

/** Of an article that is liked, and of one that is not. */
async function liftsOf(options: Partial<PushLoopOptions>): Promise<[SmallWorld, SmallWorld]> {
  const [liked, notLiked] = [new SmallWorld(options, { size: 6000 }), new SmallWorld(options, { size: 6000 })]
  liked.add('news', 6)
  notLiked.add('news', 0.1)
  for (const world of [liked, notLiked]) await world.run(noon + 6 * hour)
  return [liked, notLiked]
}

test('what is clicked goes to more in each round, and what is not ends', async () => {
  const worlds = await liftsOf({ firstRound: 40 })
  const [liked, notLiked] = worlds.map(world => world.roundsOf('news'))
  expect(liked![0]).toBeLessThanOrEqual(40)
  expect(liked!.length).toBeGreaterThan(2)
  expect(Math.max(...liked!)).toBeGreaterThan(10 * liked![0]!)
  expect(liked!.reduce((sum, sends) => sum + sends, 0)).toBeGreaterThan(4000)
  liked!.reduce((before, sends) => {
    expect(sends).toBeLessThanOrEqual(10 * before)
    return before + sends
  })
  expect(notLiked!.reduce((sum, sends) => sum + sends, 0)).toBeLessThan(600)
  expect(worlds[1].kindsOf('news').at(-1)).toBe('stop')
  // Decided about once, before all else.
  for (const world of worlds) {
    expect(world.kindsOf('news').slice(0, 2)).toEqual(['decision', 'campaign'])
    expect(world.kindsOf('news').filter(kind => kind === 'decision')).toHaveLength(1)
  }
})

test('an article that is not worth a round is decided about once, with its reasons', async () => {
  const world = new SmallWorld({ target: 60 })
  world.add('news', 1)
  await world.run(noon + 6 * hour)
  expect(world.actions.map(({ action }) => action.kind)).toEqual(['decision'])
  const [{ action, time }] = world.actions as [(typeof world.actions)[number]]
  expect(time).toBe(noon + 30 * minute)
  expect(action).toMatchObject({
    article: 'news',
    decision: {
      isPushed: false,
      firstVolume: 0,
      reason: 'no first round is expected to gain more than its slots cost at a price of 120.00',
    },
  })
  const { lift, interval } = (action as Extract<typeof action, { kind: 'decision' }>).decision
  expect(lift).toBeGreaterThan(interval[0])
  expect(lift).toBeLessThan(interval[1])
  expect(interval[0]).toBeGreaterThan(0)
})

test('by the normal rule each round doubles all before it while lift holds, and stops when it does not', async () => {
  const [likedWorld, notLikedWorld] = await liftsOf({ rule: 'normal' })
  const liked = likedWorld.roundsOf('news')
  expect(liked!.length).toBeGreaterThan(4)
  liked!.reduce((before, sends) => {
    expect(sends).toBeLessThanOrEqual(before)
    return before + sends
  })
  const stopped = notLikedWorld.actions.find(({ action }) => action.kind === 'stop')
  expect(stopped?.action).toMatchObject({ reason: 'target above the interval' })
})

test('the users who like an article most get it first, under its titles, and none of two articles at once', async () => {
  const world = new SmallWorld({ firstRound: 60 })
  world.add('one', 4)
  world.add('two', 4)
  await world.run(noon + 35 * minute)
  expect(new Set(world.sends.map(({ article }) => article))).toEqual(new Set(['one', 'two']))
  expect(new Set(world.sends.map(({ user }) => user)).size).toBe(world.sends.length)
  expect(new Set(world.sends.map(({ title }) => title))).toEqual(new Set([0, 1]))
  for (const send of world.sends) {
    expect(scoreOf(send.user)).toBeGreaterThan(0.4)
    expect(send.usualCtr).toBeCloseTo(usualCtr, 6)
    expect(send.expectedCtr).toBeGreaterThan(0)
  }
  const campaigns = world.actions.flatMap(({ action }) => (action.kind === 'campaign' ? [action] : []))
  for (const { article, titles, ends } of campaigns) {
    expect(titles).toEqual([`About ${article} 0`, `About ${article} 1`])
    expect(ends).toBe(noon + 4 * hour)
  }
})

test('an article is pushed from when it is old enough to when its life ends', async () => {
  for (const createdAt of [noon, noon + 3 * hour]) {
    const world = new SmallWorld({ selectAfter: 20, life: 90 })
    world.add('news', 5, { createdAt })
    await world.run(noon + 8 * hour)
    const times = world.sends.map(({ time }) => time)
    expect(times[0]).toBe(createdAt + 20 * minute)
    expect(times.at(-1)).toBeLessThan(createdAt + 90 * minute)
    expect(world.kindsOf('news').at(-1)).toBe('stop')
  }
  for (const createdAt of [noon - 2 * hour, Number.POSITIVE_INFINITY, Number.NaN]) {
    const world = new SmallWorld({ selectAfter: 20, life: 90 })
    world.add('news', 5, { createdAt })
    await world.run(noon + 8 * hour)
    expect(world.actions).toEqual([])
  }
})

test('an article that comes twice is pushed once, as it was last before it is decided about, with all its readers', async () => {
  const world = new SmallWorld()
  world.add('news', 4, { title: 'Old' })
  world.loop.observe([{ kind: 'read', user: 1, article: 'news', time: noon }])
  world.add('news', 4, { title: 'New' })
  await world.run(noon + 40 * minute)
  world.add('news', 4, { title: 'Too late', createdAt: noon })
  await world.run(noon + 3 * hour)
  world.add('news', 4, { title: 'Too late', createdAt: noon + 2 * hour })
  await world.run(noon + 8 * hour)
  expect(world.kindsOf('news').filter(kind => kind === 'campaign')).toHaveLength(1)
  expect(new Set(world.sends.map(({ user }) => user)).size).toBe(world.sends.length)
  const [decision, campaign] = world.actions.map(({ action }) => action)
  expect(campaign).toMatchObject({ titles: ['New 0', 'New 1'] })
  expect(decision).toMatchObject({ decision: { contributions: [{ by: 0.3 }, { feature: 'reads', value: 1 }] } })
})

test('nothing is pushed without titles, without users, or to nobody who may have it', async () => {
  const [untitled, empty, active, out] = [
    new SmallWorld({}, { titles: 0 }),
    new SmallWorld({}, { size: 0 }),
    new SmallWorld(),
    new SmallWorld(),
  ]
  active.users.lastVisit.fill(noon)
  out.users.reachable.fill(0)
  for (const world of [untitled, empty, active, out]) {
    world.add('news', 5)
    await world.run(noon + 8 * hour, 10 * minute)
    expect(Number.isFinite(world.loop.price)).toBe(true)
  }
  expect(untitled.actions).toEqual([])
  for (const { actions } of [empty, active, out]) {
    expect(actions.map(({ action }) => action)).toMatchObject([
      { kind: 'decision', decision: { isPushed: false, reason: 'no user may get it', mostVolume: 0 } },
    ])
  }
})

test('users who come later are pushed too', async () => {
  const world = new SmallWorld({}, { size: 10 })
  await world.run(noon + hour)
  world.users.grow(3000)
  world.users.reachable.fill(1)
  world.add('news', 5)
  await world.run(noon + 4 * hour)
  expect(world.sends.some(({ user }) => user > 1000)).toBe(true)
})

test('clicks and reads of what is not known, and second clicks, change nothing', async () => {
  const [world, other] = [new SmallWorld(), new SmallWorld()]
  for (const each of [world, other]) {
    each.add('news', 4)
    await each.run(noon + 40 * minute)
  }
  const sent = new Set(world.sends.map(({ user }) => user))
  const notSent = Array.from({ length: 100 }, (_, user) => user).find(user => !sent.has(user))!
  const [time, { user: clicked }] = [world.now, world.sends[0]!]
  const click = (user: number, article: string) => ({ kind: 'click', user, article, time }) as const
  for (const each of [world, other]) each.loop.observe([click(clicked, 'news')])
  world.loop.observe([
    click(clicked, 'news'),
    click(notSent, 'news'),
    click(1e6, 'news'),
    click(clicked, 'unknown'),
    { kind: 'visit', user: 1e6, time },
    { kind: 'opt-out', user: 1e6, isOut: true },
  ])
  for (const each of [world, other]) await each.run(noon + 8 * hour)
  expect(world.actions).toEqual(other.actions)
  expect(world.loop.snapshot()).toEqual(other.loop.snapshot())
})

/** Weeks of articles of which few are liked. */
async function weeks(options: Partial<PushLoopOptions>, days = 3): Promise<SmallWorld> {
  const world = new SmallWorld(options, { size: 3000 })
  const random = randomNumbers(21)
  for (let hours = 0; hours < days * 24; hours += 2) {
    world.add(`article ${hours}`, random() < 0.4 ? 4 : 0.4)
    if (hours % 4 === 0) world.loop.observe([{ kind: 'read', user: 5, article: `article ${hours}`, time: world.now }])
    await world.run(noon + (hours + 2) * hour, 10 * minute)
  }
  return world
}

test('does the same for the same seed', async () => {
  const [one, same, other] = [await weeks({ seed: 3 }, 1), await weeks({ seed: 3 }, 1), await weeks({ seed: 4 }, 1)]
  expect(same.actions).toEqual(one.actions)
  expect(same.loop.snapshot()).toEqual(one.loop.snapshot())
  expect(other.actions).not.toEqual(one.actions)
})

/** What is so of the whole loop, and not where a part is left out. */
const signs: Record<LoopPart, (world: SmallWorld) => boolean> = {
  select: world =>
    world.actions.some(
      ({ action }) =>
        action.kind === 'decision' && action.decision.contributions.some(({ feature }) => feature === 'reads'),
    ),
  titles: world => world.sends.some(({ title }) => title > 0),
  preference: ({ sends }) => {
    const first = sends.filter(({ article, time, title }) => {
      return article === sends[0]!.article && time === sends[0]!.time && title === sends[0]!.title
    })
    return new Set(first.map(({ expectedCtr }) => expectedCtr.toFixed(9))).size > 1
  },
  price: world => world.highestPrice > 1.5,
  resending: world => world.sends.some(({ article }) => world.roundsOf(article).length > 1),
  learning: world => {
    const { appeal, effects } = world.loop.snapshot()!
    return appeal.weights[0] !== 0.3 && effects.weights[2] !== -0.15
  },
}

test.each(loopParts)('without %s that part alone is left out', async without => {
  const [whole, less] = [await weeks({}), await weeks({ without })]
  expect(less.sends.length).toBeGreaterThan(0)
  for (const part of loopParts) {
    expect(signs[part](whole), `${part} of the whole`).toBe(true)
    expect(signs[part](less), `${part} without ${without}`).toBe(part !== without)
  }
})
