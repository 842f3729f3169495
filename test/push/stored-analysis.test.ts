/** Analyses of real ledgers against plain loops over what was done to them. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EventStore } from '../../src/events/store.ts'
import { analyseStored } from '../../src/push/analyse/stored/stored-pushes.ts'
import type { PushLedger } from '../../src/push/send/ledger.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { type HeldRow, plainSend, type SendRow, type VisitRow } from './analysis-rows.ts'
import { addCampaign, addUsers, day, hour, minute, noon, openLedger, reserved } from './ledger-of.ts'
import { NaiveAnalysis } from './naive-analysis.ts'

const quiet = { from: '00:00', until: '00:00' }

/** Has a user's push of a campaign of its own delivered at `time`. */
function pushAt(ledger: PushLedger, user: string, time: number): void {
  const campaign = `${user} at ${time}`
  addCampaign(ledger, campaign, time)
  const ids = reserved(ledger, campaign, [user], time)
  ledger.hand('webhook', 10, time)
  expect(
    ledger.confirm(
      ids.map(id => ({ id, outcome: 'delivered' })),
      time,
    ),
  ).toMatchObject({ delivered: 1 })
}

test('those held out are compared by article and depth, from when they were held out, as plain loops have it', async () => {
  const folder = freshFolder()
  const ledger = openLedger(folder, { quiet })
  const random = randomNumbers(5)
  const names = Array.from({ length: 600 }, (_, at) => `u${at}`)
  addUsers(ledger, names)
  const ranks = names.map((_, at) => (at % 2 === 0 ? at % 90 : 100 + (at % 80)))
  const sends: SendRow[] = []
  const held: HeldRow[] = []
  for (let article = 0; article < 2; article++) {
    addCampaign(ledger, `a${article}`, noon + article * hour, 1000)
    // Rounds an hour apart: in each a third is held out at the time of the round.
    for (let round = 0; round < 3; round++) {
      const time = noon + (article + round) * hour
      const users = names.slice(300 * article + 100 * round, 300 * article + 100 * (round + 1))
      const rankOf = (user: string) => ranks[names.indexOf(user)]!
      const without = users.filter((_, at) => at % 3 === 0)
      const others = users.filter((_, at) => at % 3 !== 0)
      ledger.holdOut(`a${article}`, without, { time, ranks: without.map(rankOf) })
      const planned = others.map(user => ({ user, rank: rankOf(user), round, usualCtr: 0.01, expectedCtr: 0.02 }))
      ledger.reserve(`a${article}`, planned, time)
      const outgoing = ledger.hand('webhook', 1000, time)
      ledger.confirm(
        outgoing.map(({ id }) => ({ id, outcome: 'delivered' })),
        time,
      )
      const row = (user: string) => ({ user: names.indexOf(user), article, rank: rankOf(user) })
      for (const user of others) sends.push(Object.assign({}, plainSend, row(user), { round, sentAt: time }))
      for (const user of without) held.push(Object.assign({ segment: 0, time }, row(user)))
    }
  }
  // The best come anyway; also just before they are held out, which does not count.
  const now = noon + 10 * day
  const visits: VisitRow[] = names.flatMap((_, user) => {
    const share = ranks[user]! < 100 ? 0.7 : 0.2
    const at = () => noon - 3 * hour + Math.floor(random() * 9 * day)
    return [...(random() < share ? [{ user, time: at() }] : []), ...(random() < share ? [{ user, time: at() }] : [])]
  })
  const store = new EventStore(join(folder, 'events.db'))
  store.record(
    visits.map(({ user, time }, at) => ({ id: `e${at}`, user: names[user]!, item: 'x', weight: 1, time })),
    visits.map(({ time }) => time),
  )
  store.close()

  const analysis = await analyseStored(folder, { days: 20, now })
  const twin = new NaiveAnalysis(sends, noon - 10 * day, now)
  const rowsOf = <Row extends { rank: number }>(rows: readonly Row[], from: number, to: number) =>
    rows.filter(({ rank }) => rank >= from && rank < to)
  expect(analysis.depths.map(({ from, to, sends }) => [from, to, sends])).toEqual([
    [0, 100, 198],
    [100, 200, 198],
  ])
  for (const article of [0, 1]) {
    // Strata of an article are its depths.
    const parts = analysis.depths.map(({ from, to }) => {
      const own = rowsOf(sends, from, to).filter(row => row.article === article)
      const without = rowsOf(held, from, to).filter(row => row.article === article)
      return twin.effect(own, without, { visits, all: held })
    })
    const sum = (of: (part: (typeof parts)[0]) => number) => parts.reduce((total, part) => total + of(part), 0)
    const { effect } = analysis.articles.find(({ id }) => id === `a${article}`)!
    expect([effect!.sends, effect!.heldOut]).toEqual([198, 102])
    expect(effect!.active.value).toBeCloseTo(
      sum(({ active }) => active),
      3,
    )
    expect(effect!.visits.value).toBeCloseTo(
      sum(part => part.visits),
      3,
    )
  }
  // And strata of a depth are the articles.
  for (const { from, to, effect } of analysis.depths) {
    const parts = [0, 1].map(article => {
      const own = rowsOf(sends, from, to).filter(row => row.article === article)
      const without = rowsOf(held, from, to).filter(row => row.article === article)
      return twin.effect(own, without, { visits, all: held })
    })
    expect(effect!.active.value).toBeCloseTo(
      parts.reduce((total, { active }) => total + active, 0),
      3,
    )
  }
})

test('two pushes within the interval are a violation, also where the first was before the range', async () => {
  const folder = freshFolder()
  // Each process has an interval of its own: the ledger kept the longest last.
  const fast = openLedger(folder, { quiet, interval: hour })
  addUsers(fast, ['ann', 'bob', 'cid'])
  const now = noon + 10 * day
  // Over the edge of a report of seven days, which is at three days: of Ann.
  pushAt(fast, 'ann', noon + day)
  pushAt(fast, 'ann', noon + 4 * day)
  // Both before it: of Bob. As far apart as must be: of Cid.
  pushAt(fast, 'bob', noon)
  pushAt(fast, 'bob', noon + day)
  pushAt(fast, 'cid', noon)
  pushAt(fast, 'cid', noon + 7 * day)
  openLedger(folder, { quiet, interval: 7 * day }).keepSettings()
  const { violations, total, articles } = await analyseStored(folder, { days: 7, now })
  expect(violations).toMatchObject({
    count: 1,
    examples: [{ articles: [`ann at ${noon + day}`, `ann at ${noon + 4 * day}`], times: [noon + day, noon + 4 * day] }],
  })
  // What is before the range is looked at for that alone.
  expect([total.sends, articles.length]).toEqual([2, 2])
  expect((await analyseStored(folder, { days: 28, now })).violations.count).toBe(2)
})

test('pushes as far apart as the configuration of the engine asks are no violation', async () => {
  const folder = freshFolder()
  const ledger = openLedger(folder, { quiet, interval: hour })
  ledger.keepSettings()
  addUsers(ledger, ['ann'])
  for (const days of [0, 2, 4, 6, 8]) pushAt(ledger, 'ann', noon + days * day)
  const now = noon + 8 * day + minute
  for (const days of [7, 28]) {
    const { violations, total } = await analyseStored(folder, { days, now })
    expect([violations.count, total.sends]).toEqual([0, days === 7 ? 4 : 5])
  }
})
