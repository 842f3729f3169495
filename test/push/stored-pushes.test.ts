import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogueStore } from '../../src/catalogue/store.ts'
import { EventStore } from '../../src/events/store.ts'
import { reportHtml } from '../../src/push/analyse/report/report.ts'
import { Analyses } from '../../src/push/analyse/stored/analyses.ts'
import { analyseStored } from '../../src/push/analyse/stored/stored-pushes.ts'
import { aurochs } from '../cli/aurochs.ts'
import { serveSmallModel } from '../serve/served-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { addCampaign, day, hour, minute, noon, openLedger } from './ledger-of.ts'

const users = Array.from({ length: 40 }, (_, at) => `user-${at}`)
const now = noon + 3 * day

/** Of 40 users 10 are held out, and 30 get a push, of whom 6 click after ten minutes. */
function pushedState(folder = freshFolder()) {
  const ledger = openLedger(folder)
  ledger.putUsers(
    users.map((id, at) => ({
      id,
      channel: { sender: 'webhook', address: id },
      segment: at % 2 === 0 ? 'even' : 'odd',
    })),
    noon - day,
  )
  addCampaign(ledger, 'news')
  const decision = { lift: 3, interval: [2, 4], isPushed: true, firstVolume: 10, mostVolume: 30, contributions: [] }
  ledger.decide('news', Object.assign({ reason: 'likely' }, decision, { interval: [2, 4] as const }), noon)
  ledger.decide(
    'dull',
    Object.assign({ reason: 'dull' }, decision, { isPushed: false, interval: [0, 1] as const }),
    noon,
  )
  ledger.holdOut(
    'news',
    users.slice(30).map(user => ({ user })),
    noon,
  )
  const candidates = users.slice(0, 30).map((user, rank) => {
    const planned = { user, rank, title: rank % 2, round: rank < 10 ? 0 : 1 }
    return rank === 29 ? planned : Object.assign({ usualCtr: 0.05, expectedCtr: 0.2 }, planned)
  })
  const { sends } = ledger.reserve('news', candidates, noon)
  const outgoing = ledger.hand('webhook', 100, noon)
  ledger.confirm(
    outgoing.map(({ id }, at) =>
      at === 0 ? { id, outcome: 'unknown', reason: 'timeout' } : { id, outcome: 'delivered' },
    ),
    noon,
  )
  for (const { id } of sends.slice(0, 6)) ledger.recordClick(id, noon + 10 * minute, noon + 10 * minute)
  ledger.optOut(['user-7'], true, noon + hour)
  ledger.stop('news', 'nobody is left', noon + hour)
  return { ledger, folder, sends }
}

function writeVisits(folder: string): void {
  const store = new EventStore(join(folder, 'events.db'))
  // Held-out users 30 and 31 come by themselves, a stranger, too; two events in a half hour are one visit.
  const visits = [
    ['user-30', noon + hour],
    ['user-30', noon + hour + minute],
    ['user-31', noon + day],
    ['stranger', noon - 5 * day],
  ] as const
  store.record(
    visits.map(([user, time], at) => ({ id: `e${at}`, user, item: 'x', weight: 1, time })),
    visits.map(([, time]) => time),
  )
  store.close()
}

test('a report has what the ledger and the journal know, while the ledger is open to write', async () => {
  const { ledger, folder } = pushedState()
  writeVisits(folder)
  const analysis = await analyseStored(folder, { days: 5, now })
  expect(analysis.total).toMatchObject({ sends: 30, clicks: 6, optOuts: 1, ctr: 0.2 })
  // 29 with a usual CTR of 5 %; what the last one's is like is taken from all users, who have none counted yet.
  expect(analysis.total.lift.lift).toBeGreaterThan(2)
  expect(analysis.states).toMatchObject({ delivered: 29, unknown: 1, reserved: 0 })
  expect(analysis.calibration.sends).toBe(29)
  expect(analysis.select).toMatchObject({ articles: 1, refused: 1 })
  expect(analysis.segments.map(({ segment, sends }) => [segment, sends])).toEqual([
    ['even', 15],
    ['odd', 15],
  ])
  expect(analysis.rounds.map(({ sends }) => sends)).toEqual([10, 20])
  const [news] = analysis.articles
  expect(news).toMatchObject({ id: 'news', target: 2.4, stopped: 'nobody is left', rounds: 2 })
  expect(news!.titles.map(({ title, sends }) => [title, sends])).toEqual([
    ['First', 15],
    ['Second', 15],
  ])
  const { effect } = analysis.total
  expect(effect).toMatchObject({ sends: 30, heldOut: 10 })
  expect(effect!.active.value).toBeGreaterThan(-4)
  expect(effect!.active.value).toBeLessThan(4)
  expect(analysis.violations.count).toBe(0)
  expect(analysis.weeklyActive.map(({ users }) => users)).toEqual([1, 1, 3, 2, 2])
  // It is still written.
  ledger.optOut(['user-8'], true, now)
  expect((await analyseStored(folder, { days: 5, now })).total.optOuts).toBe(2)
})

test('of a ledger without a journal, or without pushes, there is a report as well', async () => {
  const { folder } = pushedState()
  const analysis = await analyseStored(folder, { days: 5, now })
  expect(analysis.total).toMatchObject({ sends: 30, clicks: 6 })
  expect(analysis.weeklyActive).toEqual([])
  expect(analysis.total.effect!.active.value).toBeCloseTo(6, 0)
  const empty = freshFolder()
  openLedger(empty)
  expect((await analyseStored(empty, { now })).total.sends).toBe(0)
  await expect(analyseStored(freshFolder())).rejects.toThrow('expected one that holds pushes')
})

test('an analysis has the categories of the catalogue, and what a dry run would have sent', async () => {
  const { ledger, folder } = pushedState()
  const catalogue = new CatalogueStore(join(folder, 'catalogue.db'))
  catalogue.put([{ id: 'news', title: 'First', categories: ['world', 'front'] }])
  catalogue.close()
  ledger.dryRun(true, noon)
  addCampaign(ledger, 'tried')
  ledger.putUsers([{ id: 'late', channel: { sender: 'webhook', address: 'late' } }], noon)
  ledger.reserve('tried', [{ user: 'late', title: 1, rank: 0, round: 0, usualCtr: 0.1, expectedCtr: 0.2 }], noon)
  const { articles, dryRun, total } = await analyseStored(folder, { days: 5, now })
  expect(articles.map(({ id, category }) => [id, category])).toEqual([['news', 'world']])
  expect(total.sends).toBe(30)
  expect(dryRun).toEqual({
    sends: 1,
    articles: [
      {
        id: 'tried',
        titles: [{ title: 'Second', sends: 1 }],
        sends: 1,
        rounds: 1,
        starts: expect.any(Number),
        users: ['late'],
      },
    ],
  })
  const alone = freshFolder()
  const other = openLedger(alone)
  other.dryRun(true, noon)
  other.putUsers([{ id: 'late', channel: { sender: 'webhook', address: 'late' } }], noon)
  addCampaign(other, 'tried')
  other.reserve('tried', [{ user: 'late', title: 1 }], noon)
  const html = reportHtml(await analyseStored(alone, { days: 5, now }))
  expect(html).toContain('In a dry run 1 push of 1 article would have been sent; none was.')
  expect(html).toContain('<h2>Dry run</h2>')
})

test('who asks for the same analysis gets the same for a while, and a failure is not kept', async () => {
  const { folder } = pushedState()
  const analyses = new Analyses(folder)
  const [one, two, other] = [analyses.of(3650), analyses.of(3650), analyses.of(1)]
  expect(two).toBe(one)
  expect((await one).total.sends).toBe(30)
  expect((await other).total.sends).toBe(0)
  expect(analyses.of(3650)).toBe(one)
  const missing = freshFolder()
  const failing = new Analyses(missing)
  await expect(failing.of(7)).rejects.toThrow('expected one that holds pushes')
  openLedger(missing)
  expect((await failing.of(7)).total.sends).toBe(0)
})

test('weekly active users are those with an event in the seven days until each day', async () => {
  const folder = freshFolder()
  openLedger(folder)
  const store = new EventStore(join(folder, 'events.db'))
  const times = Array.from({ length: 300 }, (_, at) => ({
    user: `u${(at * 7) % 40}`,
    time: Math.floor(now - ((at * 37) % 301) * 0.1 * day),
  }))
  store.record(
    times.map(({ user, time }, at) => ({ id: `e${at}`, user, item: 'x', weight: 1, time })),
    times.map(({ time }) => time),
  )
  store.close()
  const { weeklyActive } = await analyseStored(folder, { days: 20, now })
  expect(weeklyActive).toEqual(
    Array.from({ length: 20 }, (_, at) => now - (19 - at) * day).map(time => ({
      time,
      users: new Set(times.filter(each => each.time <= time && each.time > time - 7 * day).map(({ user }) => user))
        .size,
      baseline: null,
    })),
  )
})

test('`aurochs push report` writes a page and JSON, and says the result in words', async () => {
  const { folder } = pushedState()
  const [out, json] = [join(folder, 'report.html'), join(folder, 'report.json')]
  const args = ['push', 'report', '--state', folder, '--days', '3650', '--zone', 'Asia/Seoul']
  const { status, stdout, stderr } = await aurochs(...args, '--out', out, '--json', json)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/^30 pushes of 1 article brought 6 clicks \(CTR 20\.00 %, usually /)
  expect(stdout).toContain('No user had two pushes within the interval.')
  expect(readFileSync(out, 'utf8')).toContain('30 pushes of 1 article')
  expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ version: 1, zone: 'Asia/Seoul', total: { sends: 30 } })
  for (const [wrong, message] of [
    [['--days', '0'], '--days must be a whole number from 1 to 3650, got 0'],
    [['--zone', 'Nowhere'], '--zone must be a time zone such as Asia/Seoul, got Nowhere'],
    [['--out', ''], '--out must be a file, got nothing'],
    [
      ['--rpc', 'unix:/run/none'],
      'name either --state, where the pushes are kept, or --rpc, of a server that sends them',
    ],
    [
      ['--out', join(folder, 'none', 'r.html')],
      `--out must be a file in a directory that exists, got ${join(folder, 'none', 'r.html')}: make ${join(folder, 'none')} first`,
    ],
  ] as const) {
    const refused = await aurochs(...args, ...wrong)
    expect([refused.status, refused.stderr]).toEqual([2, `aurochs: ${message}\n`])
  }
  const served = await serveSmallModel({ push: 'undecided', rpc: 'unix', open: true })
  try {
    const asked = await aurochs('push', 'report', '--rpc', served.server.rpc!, '--out', out)
    expect([asked.stdout, asked.stderr]).toEqual([
      `No push was sent.\nNo user had two pushes within the interval.\n${out}\n`,
      '',
    ])
  } finally {
    await served.close()
  }
  const missing = await aurochs('push', 'report', '--state', join(folder, 'none'))
  expect(missing.status).toBe(1)
  expect(missing.stderr).toContain('expected one that holds pushes')
})
