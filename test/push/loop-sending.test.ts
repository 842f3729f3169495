/** The loop, where not all that it wants is made, or arrives, or clicks come sooner than it knows. */
import { expect, test } from 'vitest'
import { hour, minute, noon } from './ledger-of.ts'
import { type Making, SmallWorld } from './small-world.ts'

const lift = 6
const size = 3000

async function worldOf(make: (world: SmallWorld) => Making | undefined, hours = 6): Promise<SmallWorld> {
  const world = new SmallWorld({}, { size })
  world.make = make(world) ?? world.make
  world.add('news', lift)
  await world.run(noon + hours * hour)
  return world
}

/** (from, to): after the first round, in minutes since noon. */
const inBetween = ([from, to]: readonly [number, number], now: number) =>
  now >= noon + from * minute && now < noon + to * minute

test('rounds that are refused for a while lose nobody, and nobody is held out meanwhile', async () => {
  const paused: Making = ({ sends, holdOuts }, now) => {
    if (inBetween([36, 75], now)) return { sends: [], holdOuts: [], refused: [] }
    return { sends, holdOuts, refused: [] }
  }
  const [whole, broken] = [await worldOf(() => undefined), await worldOf(() => paused)]
  expect(whole.sends.length).toBeGreaterThan(1500)
  expect(broken.sends.length).toBeGreaterThan(0.9 * whole.sends.length)
  const refused = broken.made.filter(({ sends, time }) => sends.length === 0 && inBetween([36, 75], time))
  expect(refused.length).toBeGreaterThan(2)
  expect(new Set(broken.sends.map(({ user }) => user)).size).toBe(broken.sends.length)
})

test('users with quiet hours get it when these are over, and others meanwhile', async () => {
  const isQuiet = (user: number) => user % 2 === 0
  const until = noon + 90 * minute
  let asked = 0
  const world = await worldOf(() => ({ sends, holdOuts }, now) => {
    const quiet = now < until ? [...sends, ...holdOuts].filter(({ user }) => isQuiet(user)) : []
    asked += quiet.length
    const made = <Of extends { readonly user: number }>(of: readonly Of[]) =>
      of.filter(one => !quiet.includes(one as never))
    return { sends: made(sends), holdOuts: made(holdOuts), refused: quiet.map(({ user }) => ({ user, until })) }
  })
  const quiet = world.sends.filter(({ user }) => isQuiet(user))
  expect(quiet.length).toBeGreaterThan(500)
  for (const { time } of quiet) expect(time).toBeGreaterThanOrEqual(until)
  expect(world.sends.filter(({ time }) => time < until).length).toBeGreaterThan(100)
  // Each was asked for once, but for those of a round of which nobody could have it.
  expect(asked).toBeLessThan(size)
})

test('who can never have it is not asked for again', async () => {
  const asked = new Map<number, number>()
  await worldOf(() => ({ sends, holdOuts }) => {
    const never = sends.filter(({ user }) => user % 3 === 0)
    for (const { user } of never) asked.set(user, (asked.get(user) ?? 0) + 1)
    const refused = never.map(({ user }) => ({ user, until: Number.POSITIVE_INFINITY }))
    return { sends: sends.filter(({ user }) => user % 3 !== 0), holdOuts, refused }
  })
  expect(asked.size).toBeGreaterThan(100)
  expect([...asked.values()].every(times => times === 1)).toBe(true)
})

test('what is not delivered teaches nothing: a dry run, or a sender that is down', async () => {
  const weightsOf = async (make: Making) => {
    const world = new SmallWorld({}, { size })
    world.make = make
    for (let news = 0; news < 6; news++) {
      world.add(`news ${news}`, lift)
      await world.run(noon + (news + 1) * 6 * hour)
    }
    expect(world.made.flatMap(({ sends }) => sends).length).toBeGreaterThan(30)
    const { appeal, effects, delay } = world.loop.snapshot()!
    return { appeal: appeal.weights, effects: effects.weights, delays: delay.groups.length }
  }
  const dry = await weightsOf(({ sends, holdOuts }) => ({ sends, holdOuts, refused: [], isDelivered: false }))
  const taught = await weightsOf(({ sends, holdOuts }) => ({ sends, holdOuts, refused: [] }))
  const before = new SmallWorld()
  await before.run(noon + minute)
  const { appeal, effects } = before.loop.snapshot()!
  expect(dry.appeal).toEqual(appeal.weights)
  expect(dry.effects).toEqual(effects.weights)
  expect(taught.appeal).not.toEqual(appeal.weights)
})

test('sends that wait for a sender are no failure of the article: it goes on when they have arrived', async () => {
  const world = new SmallWorld({}, { size })
  world.add('news', lift)
  let waiting: number[] = []
  const back = noon + 100 * minute
  world.make = ({ sends, holdOuts }, now) => {
    if (now >= back) return { sends, holdOuts, refused: [] }
    waiting = waiting.concat(sends.map(({ user }) => user))
    return { sends, holdOuts, refused: [], isDelivered: false }
  }
  await world.run(back)
  expect(waiting.length).toBeGreaterThan(0)
  expect(world.kindsOf('news')).not.toContain('stop')
  const [unsent, arrived] = [waiting.slice(0, 10), waiting.slice(10)]
  world.loop.observe(unsent.map(user => ({ kind: 'unsent', user, article: 'news', time: back })))
  world.loop.observe(arrived.map(user => ({ kind: 'delivered', user, article: 'news', time: back })))
  world.loop.observe(
    arrived.filter(user => user % 3 === 0).map(user => ({ kind: 'click', user, article: 'news', time: back + minute })),
  )
  await world.run(noon + 6 * hour)
  expect(world.sends.length).toBeGreaterThan(500)
  expect(world.kindsOf('news').at(-1)).toBe('stop')
})

test('a click on what was not known to be delivered says that it was; one on what was taken back counts nowhere', async () => {
  const world = new SmallWorld({}, { size })
  world.make = ({ sends, holdOuts }) => ({ sends, holdOuts, refused: [], isDelivered: false })
  world.add('news', lift)
  await world.run(noon + 32 * minute)
  const [first, second] = world.made[0]!.sends
  world.loop.observe([
    { kind: 'unsent', user: second!.user, article: 'news', time: noon + 33 * minute },
    { kind: 'click', user: first!.user, article: 'news', time: noon + 34 * minute },
    { kind: 'click', user: second!.user, article: 'news', time: noon + 34 * minute },
    // Later than the click that it was known by.
    { kind: 'delivered', user: first!.user, article: 'news', time: noon + 35 * minute },
  ])
  await world.run(noon + 8 * hour)
  const { delay } = world.loop.snapshot()!
  expect(delay.groups.length).toBe(1)
})

test('clicks that come at once are not taken for more than there are sends', async () => {
  const world = new SmallWorld({}, { size })
  world.make = ({ sends, holdOuts, article }, now) => {
    const clicks = sends.filter(({ user }) => user % 2 === 0)
    queueMicrotask(() =>
      world.loop.observe(clicks.map(({ user }) => ({ kind: 'click', user, article, time: now + 1000 }))),
    )
    return { sends, holdOuts, refused: [] }
  }
  world.add('news', 0)
  await world.run(noon + 2 * hour, minute)
  expect(world.made.length).toBeGreaterThan(2)
  for (const { sends } of world.made) {
    for (const { expectedCtr } of sends) expect(expectedCtr).toBeLessThanOrEqual(1)
    const mean = sends.reduce((sum, { expectedCtr }) => sum + expectedCtr, 0) / sends.length
    expect(mean).toBeLessThan(0.95)
  }
})

test('usual click rates are those of what is known at the first step, also where what was learned is of the same day', async () => {
  const world = new SmallWorld({}, { size })
  await world.run(noon + minute)
  const kept = JSON.parse(JSON.stringify(world.loop.snapshot()))
  const next = new SmallWorld({}, { size })
  next.users.pushes.fill(20)
  next.users.clicks.fill(6)
  next.loop.restoreSnapshot(kept)
  next.add('news', lift)
  await next.run(noon + 32 * minute)
  for (const { usualCtr } of next.sends) expect(usualCtr).toBeCloseTo(0.3, 2)
  expect(next.sends.length).toBeGreaterThan(0)
})

test('an article is sent no more often than its budget, and all within any hour no more often than is allowed', async () => {
  const world = new SmallWorld({ budget: 700, perHour: 250 }, { size })
  for (const id of ['a', 'b']) world.add(id, lift)
  await world.run(noon + 6 * hour)
  for (const id of ['a', 'b']) {
    expect(world.sends.filter(({ article }) => article === id).length).toBeLessThanOrEqual(700)
  }
  const times = world.sends.map(({ time }) => time)
  const most = times.map(from => times.filter(time => time >= from && time < from + hour).length)
  expect(Math.max(...most)).toBeLessThanOrEqual(250)
  expect(Math.max(...most)).toBeGreaterThan(200)
  const [campaign] = world.actions.filter(({ action }) => action.kind === 'campaign')
  expect(campaign!.action).toMatchObject({ budget: 700 })
})
