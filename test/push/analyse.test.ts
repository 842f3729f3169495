import { describe, expect, test } from 'vitest'
import { analyse } from '../../src/push/analyse/analyse.ts'
import type { Outcome } from '../../src/push/analyse/analysis.ts'
import type { AnalysisInput } from '../../src/push/analyse/input.ts'
import { orderByUser } from '../../src/push/analyse/user-order.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import {
  articlesOf,
  day,
  holdOutColumns,
  hour,
  minute,
  noon,
  plainSend,
  randomRows,
  type SendRow,
  sendColumns,
  visitColumns,
} from './analysis-rows.ts'
import { NaiveAnalysis } from './naive-analysis.ts'
import { simulatedEffect } from './simulated-effect.ts'

const segments = ['new', 'weekly', 'lapsed']

function inputOf(rows: readonly SendRow[], more: Partial<AnalysisInput> = {}): AnalysisInput {
  const given = { from: 0, now: noon + 30 * day, articles: articlesOf(5), segments, sends: [sendColumns(rows)] }
  return Object.assign(given, more)
}

/** As the naive twin has it. */
function plain({ sends, clicks, ctr, correctedCtr, usualCtr, lift, optOuts }: Outcome) {
  const { normal, sequence } = lift
  const corrected = correctedCtr?.value
  return { sends, clicks, ctr, correctedCtr: corrected, usualCtr, lift: lift.lift, normal, sequence, optOuts }
}

function expectClose(got: unknown, expected: unknown): void {
  const numbers = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (_, part) => (typeof part === 'number' ? Number(part.toPrecision(9)) : part))
  expect(numbers(got)).toEqual(numbers(expected))
}

/** Within the digits of times as 32-bit shares of the window. */
function expectRoughly(got: Record<string, number>, expected: Record<string, number>): void {
  for (const [name, value] of Object.entries(expected))
    expect([name, got[name]]).toEqual([name, expect.closeTo(value, 3)])
}

describe.each([
  ['when all clicks have come', 30],
  ['while clicks still come', 20.9],
])('%s', (_, days) => {
  const seed = 11
  const { sends, held, visits } = randomRows(seed, 3000)
  const [from, now] = [noon + 2 * day, noon + days * day]
  // Of what is not yet sent nothing is known.
  const rows = sends.filter(({ sentAt }) => sentAt <= now)
  const twin = new NaiveAnalysis(rows, from, now)
  const heldIn = twin.heldOnce(held.filter(({ time }) => time >= from && time <= now))
  const halves = [rows.slice(0, 1000), rows.slice(1000)]
  const input = inputOf([], {
    from,
    now,
    sends: halves.map(sendColumns),
    holdOuts: [holdOutColumns(held)],
    visits: [visitColumns(visits)],
  })

  test('the sums of articles, segments, depths, rounds and titles are those of plain loops', async () => {
    const analysis = await analyse(input)
    expectClose(plain(analysis.total), twin.outcome(twin.out))
    analysis.articles.forEach((result, article) => {
      const own = twin.out.filter(row => row.article === article)
      expectClose(plain(result), twin.outcome(own))
      expect([result.firstSent, result.lastSent, result.rounds]).toEqual([
        Math.min(...own.map(({ sentAt }) => sentAt)),
        Math.max(...own.map(({ sentAt }) => sentAt)),
        4,
      ])
      result.titles.forEach((title, at) => {
        expectClose(plain(title), twin.outcome(own.filter(row => row.title === at)))
      })
      expect(result.titles.reduce((sum, { probabilityBest }) => sum + probabilityBest, 0)).toBeCloseTo(1, 9)
    })
    analysis.segments.forEach((result, segment) => {
      expectClose(plain(result), twin.outcome(twin.out.filter(row => row.segment === segment)))
    })
    for (const depth of analysis.depths) {
      const own = twin.out.filter(({ rank }) => rank >= depth.from && rank < depth.to)
      expectClose(plain(depth), twin.outcome(own))
    }
    for (const round of analysis.rounds) {
      expectClose(plain(round), twin.outcome(twin.out.filter(row => row.round === round.round)))
    }
    const { first, later } = analysis.resending
    expectClose(plain(first), twin.outcome(twin.out.filter(({ round }) => round === 0)))
    expectClose(plain(later), twin.outcome(twin.out.filter(({ round }) => round > 0)))
    const sum = (of: readonly Outcome[]) => of.reduce((total, { sends }) => total + sends, 0)
    expect(sum(analysis.depths)).toBe(analysis.total.sends)
    expect(sum(analysis.segments)).toBe(analysis.total.sends)
    expect(sum(analysis.rounds)).toBe(analysis.total.sends)
  })

  test('visits are counted of each who was sent something or held out, and pushes too near to each other', async () => {
    const withoutRanks = holdOutColumns(held)
    const analysis = await analyse(
      Object.assign({}, input, { holdOuts: [Object.assign(withoutRanks, { ranks: undefined })] }),
    )
    expect(analysis.violations.count).toBe(twin.violations())
    expect(analysis.violations.examples).toHaveLength(20)
    analysis.articles.forEach(({ effect }, article) => {
      const own = twin.out.filter(row => row.article === article)
      const without = heldIn.filter(row => row.article === article)
      const expected = twin.effect(own, without, { visits, all: heldIn })
      expectRoughly(
        { sends: effect!.sends, heldOut: effect!.heldOut, visits: effect!.visits.value, active: effect!.active.value },
        expected,
      )
      const [low, high] = effect!.active.interval!
      expect(low).toBeLessThan(effect!.active.value)
      expect(high).toBeGreaterThan(effect!.active.value)
    })
    expect(analysis.shareFollowed).toBeCloseTo(
      [...twin.out.map(({ sentAt }) => sentAt), ...heldIn.map(({ time }) => time)].filter(time => time + 7 * day <= now)
        .length /
        (twin.out.length + heldIn.length),
      12,
    )
  })

  test('hours, delays, states and tenths of expected CTRs have all sends', async () => {
    const analysis = await analyse(input)
    const clicked = twin.out.filter(row => twin.isClicked(row))
    analysis.hours.forEach(({ sends, clicks }, hour) => {
      const inHour = (row: SendRow) => new Date(row.sentAt).getUTCHours() === hour
      expect([sends, clicks]).toEqual([twin.out.filter(inHour).length, clicked.filter(inHour).length])
    })
    analysis.delays.forEach(({ minutes, clicks, share }, at) => {
      const [low, high] = [analysis.delays[at - 1]?.minutes ?? -1, minutes]
      const within = ({ clickedAt, sentAt }: SendRow) => {
        const delay = (clickedAt - sentAt) / minute
        return delay > low && delay <= high
      }
      expect([clicks, share]).toEqual([clicked.filter(within).length, twin.curve.share(minutes)])
    })
    const { sends, deciles, error } = analysis.calibration
    expect(deciles.reduce((sum, each) => sum + each.sends, 0)).toBe(sends)
    expect(deciles.reduce((sum, each) => sum + each.clicks, 0)).toBe(clicked.length)
    expect(deciles).toHaveLength(10)
    for (const each of deciles) expect(each.sends / sends).toBeCloseTo(0.1, 1)
    expect(error).toBeGreaterThan(0)
    const { delivered, unknown, handed, failed } = analysis.states
    expect(delivered + unknown + handed).toBe(analysis.total.sends)
    expect(failed).toBe(rows.filter(({ state }) => state === 'failed').length)
    const lost = twin.out.length - clicked.length - twin.out.filter(row => !(row.clickedAt >= 0)).length
    expect(analysis.otherClicks.late + analysis.otherClicks.future).toBe(lost)
  })
})

test('sends to the best are compared with held-out users who are as good, not with all', async () => {
  // Who ranks below 100 comes anyway; those held out are of all ranks, most sends of the best. Pushes do nothing.
  const effects = []
  for (let seed = 0; seed < 40; seed++) {
    const random = randomNumbers(seed)
    const comes = (rank: number) => random() < (rank < 100 ? 0.6 : 0.05)
    const person = (user: number, rank: number) => ({ user, rank, comes: comes(rank) })
    const sent = Array.from({ length: 2000 }, (_, at) => person(at, at % 10 === 0 ? 3000 : at % 100))
    const held = Array.from({ length: 1000 }, (_, at) => person(10_000 + at, at % 4 === 0 ? at % 100 : 3000))
    const visits = [...sent, ...held].filter(each => each.comes).map(({ user }) => ({ user, time: noon + 1.5 * hour }))
    const { total, depths } = await analyse(
      inputOf(
        sent.map(({ user, rank }) => Object.assign({}, plainSend, { user, rank })),
        {
          holdOuts: [
            holdOutColumns(held.map(({ user, rank }) => ({ user, rank, article: 0, segment: 0, time: noon }))),
          ],
          visits: [visitColumns(visits)],
        },
      ),
    )
    expect(depths.map(({ effect }) => effect?.sends)).toEqual([1800, 200])
    effects.push(total.effect!.active)
  }
  const mean = effects.reduce((sum, { value }) => sum + value, 0) / effects.length
  // Without regard to ranks it would be 700.
  expect(Math.abs(mean)).toBeLessThan(25)
  expect(effects.filter(({ interval }) => interval![0] <= 0 && interval![1] >= 0).length).toBeGreaterThan(34)
})

test('users who were held out are followed until they get another push', async () => {
  // All come at a rate of a tenth a day unless pushed; who is held out is pushed within two days, and comes by that at once.
  const [sent, held] = [4000, 2000]
  // A tenth of those who would not have come anyway.
  const truth = sent * 0.1 * Math.exp(-0.2)
  const effects = []
  for (let seed = 0; seed < 40; seed++) {
    const random = randomNumbers(seed)
    const byItself = () => noon + day * -10 * Math.log(1 - random())
    const visits = Array.from({ length: sent }, (_, user) => ({
      user,
      time: random() < 0.1 ? noon + hour : byItself(),
    }))
    const pushes = Array.from({ length: sent }, (_, user) => Object.assign({}, plainSend, { user }))
    for (let user = sent; user < sent + held; user++) {
      const [again, time] = [noon + 2 * day * random(), byItself()]
      if (time > again) pushes.push(Object.assign({}, plainSend, { user, article: 1, sentAt: again }))
      visits.push({ user, time: Math.min(time, again + 1) })
    }
    const rows = Array.from({ length: held }, (_, at) =>
      Object.assign({ article: 0, rank: 0, time: noon }, { user: sent + at, segment: 0 }),
    )
    const { articles, heldOutPushed } = await analyse(
      inputOf(pushes, { holdOuts: [holdOutColumns(rows)], visits: [visitColumns(visits)], window: 2 * day }),
    )
    expect(heldOutPushed).toBeGreaterThan(0.8 * held)
    effects.push(articles[0]!.effect!.active)
  }
  const mean = effects.reduce((sum, { value }) => sum + value, 0) / effects.length
  expect(Math.abs(mean - truth)).toBeLessThan(0.1 * truth)
  expect(effects.filter(({ interval }) => interval![0] <= truth && interval![1] >= truth).length).toBeGreaterThan(34)
})

test('a minute after the pushes nobody is certain to have come back, and no more clicks are expected than sends', async () => {
  const rows = Array.from({ length: 8000 }, (_, user) =>
    Object.assign({}, plainSend, { user, clickedAt: user < 900 ? noon + 30_000 : Number.NaN }),
  )
  const held = Array.from({ length: 80 }, (_, at) => ({ user: 8000 + at, article: 0, segment: 0, rank: 0, time: noon }))
  const { total, shareFollowed, articles } = await analyse(
    inputOf(rows, {
      now: noon + minute,
      holdOuts: [holdOutColumns(held)],
      visits: [visitColumns(rows.slice(0, 900).map(({ user, clickedAt }) => ({ user, time: clickedAt })))],
    }),
  )
  expect(shareFollowed).toBe(0)
  expect(total.effect).toMatchObject({ shareFollowed: 0, active: { interval: null }, visits: { interval: null } })
  expect(total.effect!.active.value).toBeLessThan(1800)
  expect(total.ctr).toBe(900 / 8000)
  expect(articles[0]!.titles.reduce((sum, { probabilityBest }) => sum + probabilityBest, 0)).toBeCloseTo(1, 9)
  expect(total.shareSeen).toBeLessThan(0.5)
  const { value, interval } = total.correctedCtr!
  expect(value).toBeLessThanOrEqual(1)
  expect(interval![0]).toBeLessThanOrEqual(value)
  expect(interval![1]).toBeGreaterThanOrEqual(value)
  expect(interval![1]).toBeLessThanOrEqual(1)
})

test('in the simulated world the interval of users brought back holds the truth that the world knows', async () => {
  const worlds = [4, 5, 6, 7, 8, 9]
  const errors = []
  for (const seed of worlds) {
    const { analysis, truth } = await simulatedEffect(seed, { users: 8000, days: 8 })
    const { value, interval } = analysis.total.effect!.active
    errors.push((value - truth) / ((interval![1] - interval![0]) / 2))
  }
  console.log(`users brought back, errors in half intervals: ${errors.map(error => error.toFixed(2)).join(', ')}`)
  expect(errors.filter(error => Math.abs(error) <= 1).length).toBeGreaterThanOrEqual(5)
  // And they are none to one side.
  expect(Math.abs(errors.reduce((sum, error) => sum + error, 0) / worlds.length)).toBeLessThan(0.5)
})

test('the interval of users who came back holds the truth in 95 of 100 worlds', async () => {
  let covered = 0
  const worlds = 200
  for (let seed = 0; seed < worlds; seed++) {
    const random = randomNumbers(seed)
    const [sent, held] = [2000, 300]
    // 2 % come because of the push, 4 % anyway.
    const visits = Array.from({ length: sent + held }, (_, user) => ({ user, time: noon + day })).filter(
      ({ user }) => random() < (user < sent ? 0.06 : 0.04),
    )
    const { total } = await analyse(
      inputOf(
        Array.from({ length: sent }, (_, user) => Object.assign({}, plainSend, { user })),
        {
          holdOuts: [
            holdOutColumns(
              Array.from({ length: held }, (_, at) => ({
                user: sent + at,
                article: 0,
                segment: 0,
                rank: 0,
                time: noon,
              })),
            ),
          ],
          visits: [visitColumns(visits)],
        },
      ),
    )
    const [low, high] = total.effect!.active.interval!
    covered += Number(low <= 40 && high >= 40)
  }
  expect(covered / worlds).toBeGreaterThan(0.92)
})

describe('what is not there or makes no sense', () => {
  test('no sends at all give an analysis that says so, and it is JSON', async () => {
    const analysis = await analyse({
      from: 0,
      now: noon,
      articles: [],
      segments: [],
      sends: [],
      holdOuts: [],
      visits: [],
    })
    expect(analysis.total).toMatchObject({ sends: 0, clicks: 0, ctr: null, correctedCtr: null, usualCtr: null })
    expect(analysis.total.lift).toEqual({ lift: null, normal: [0, null], sequence: [0, null] })
    expect(analysis.total.effect).toBe(undefined)
    expect([analysis.shareSeen, analysis.shareFollowed]).toEqual([1, 1])
    expect(JSON.parse(JSON.stringify(analysis))).toEqual(analysis)
  })

  test('one send', async () => {
    const analysis = await analyse(inputOf([plainSend], { visits: [] }))
    expect(analysis.total).toMatchObject({ sends: 1, clicks: 0, ctr: 0 })
    expect(analysis.total.lift.lift).toBe(0)
    expect(analysis.total.effect).toBe(undefined)
    expect(analysis.articles).toHaveLength(1)
    expect(analysis.violations.count).toBe(0)
    expect(JSON.parse(JSON.stringify(analysis))).toEqual(analysis)
  })

  test('without clicks the lift is 0 with an upper bound; without usual CTRs there is none', async () => {
    const rows = Array.from({ length: 500 }, (_, user) => Object.assign({}, plainSend, { user }))
    const { total } = await analyse(inputOf(rows))
    expect(total.lift.lift).toBe(0)
    expect(total.lift.sequence[1]).toBeGreaterThan(0.5)
    const unknown = await analyse(inputOf(rows.map(row => Object.assign({}, row, { usualCtr: 0 }))))
    expect(unknown.total.lift).toEqual({ lift: null, normal: [0, null], sequence: [0, null] })
  })

  test('figures that make no sense are left out and counted, and nothing is NaN', async () => {
    const wrong: readonly Partial<SendRow>[] = [
      { usualCtr: 2 },
      { usualCtr: -1 },
      { article: 9 },
      { segment: 200 },
      { title: 77 },
      { sentAt: Number.NaN },
      { sentAt: Number.POSITIVE_INFINITY },
      { sentAt: 1e300 },
      { state: 'nonsense' as never },
    ]
    const odd: readonly Partial<SendRow>[] = [
      { usualCtr: Number.NaN },
      { expectedCtr: Number.NaN },
      { expectedCtr: 5 },
      { expectedCtr: 0 },
      { clickedAt: noon - day },
      { clickedAt: Number.NEGATIVE_INFINITY },
      { clickedAt: Number.POSITIVE_INFINITY },
      { optedOutAt: Number.POSITIVE_INFINITY },
      { user: 0xffff_ffff, rank: 0xffff_ffff, round: 0xffff },
      { sentAt: noon + 300 * day },
    ]
    const rows = [...wrong, ...odd].map((each, user) => Object.assign({}, plainSend, { user: user * 1000 }, each))
    const analysis = await analyse(
      inputOf(rows, {
        visits: [{ users: Uint32Array.of(5, 0xffff_ffff), times: Float64Array.of(Number.NaN, noon + hour) }],
      }),
    )
    expect(analysis.invalid).toBe(wrong.length)
    expect(analysis.total).toMatchObject({ sends: odd.length, clicks: 2 })
    expect(analysis.otherClicks).toEqual({ late: 0, unsent: 0, future: 1 })
    expect(JSON.parse(JSON.stringify(analysis))).toEqual(analysis)
  })

  test('sends whose usual CTR is not known count, but not for the lift', async () => {
    const known = Array.from({ length: 100 }, (_, user) => Object.assign({}, plainSend, { user, clickedAt: noon }))
    const unknown = known.map(({ user }) =>
      Object.assign({}, plainSend, { user: user + 100, usualCtr: Number.NaN, clickedAt: noon }),
    )
    const [{ total }, alone] = await Promise.all([analyse(inputOf([...known, ...unknown])), analyse(inputOf(known))])
    expect(total).toMatchObject({ sends: 200, clicks: 200, ctr: 1 })
    expect(total.lift).toEqual(alone.total.lift)
    expect(total.usualCtr).toBe(alone.total.usualCtr)
  })

  test('times the wrong way round are refused', async () => {
    await expect(analyse(inputOf([], { from: noon, now: noon - 1 }))).rejects.toThrow('now must not be before from')
  })
})

test('users are ordered by any number, stably', () => {
  const random = randomNumbers(3)
  const users = Uint32Array.from({ length: 5000 }, () => Math.floor(random() * 2 ** (1 + 31 * random())))
  const expected = [...users.keys()].sort((a, b) => users[a]! - users[b]! || a - b)
  expect([...orderByUser(users)]).toEqual(expected)
})
