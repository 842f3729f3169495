import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { CatalogueStore } from '../../src/catalogue/store.ts'
import { EventStore } from '../../src/events/store.ts'
import { PushUsers } from '../../src/push/data/users.ts'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { applyStates } from '../../src/push/send/tables/user-states.ts'
import { freshFolder } from '../storage/folder.ts'
import { addCampaign, addUsers, day, hour, minute, noon, refusals, reserved, week } from './ledger-of.ts'

function openLive(folder = freshFolder()): LiveLedger {
  const ledger = LiveLedger.open(folder, { articles: { within: 4 * hour }, events: { click: 'push_click' } })
  onTestFinished(() => ledger.close())
  return ledger
}

function liveWith(users: readonly string[], folder = freshFolder()): LiveLedger {
  const ledger = openLive(folder)
  addUsers(ledger, users)
  addCampaign(ledger, 'news')
  return ledger
}

const decision = {
  lift: 3,
  interval: [2, 4],
  isPushed: true,
  firstVolume: 10,
  mostVolume: 100,
  contributions: [{ feature: 'reads', value: 5, by: 0.5 }],
  reason: 'likely',
} as const

test('a test goes out marked, in quiet hours and while all is paused, and takes no slot', () => {
  const ledger = liveWith(['ann', 'bob'])
  ledger.pauseAll()
  const night = noon + 11 * hour
  const { sends, refused } = ledger.sendTest('news', ['ann', 'zed'], 1, night)
  expect(refused).toEqual([{ user: 'zed', reason: 'unknown-user' }])
  const [outgoing] = ledger.hand('webhook', 10, night)
  expect(outgoing).toMatchObject({ id: sends[0]!.id, user: 'ann', title: '[test] Second', isTest: true })
  expect(ledger.confirm([{ id: sends[0]!.id, outcome: 'delivered' }], night)).toMatchObject({ delivered: 1 })
  expect(ledger.recordClick(sends[0]!.id, night, night)).toBe('test')
  expect(ledger.countsOf('news')).toMatchObject({ tests: 1, delivered: 0, clicked: 0, used: 0 })
  ledger.pauseAll(false)
  expect(reserved(ledger, 'news', ['ann'])).toHaveLength(1)
})

test('a dry run records what it would have reserved, hands nothing over and takes no slot', () => {
  const ledger = liveWith(['ann', 'bob'])
  const [id] = reserved(ledger, 'news', ['ann'])
  ledger.dryRun(true, noon)
  addCampaign(ledger, 'dry')
  expect(refusals(ledger, 'news', ['bob'])).toEqual(['bob: dry-run'])
  expect(reserved(ledger, 'dry', ['bob'])).toHaveLength(1)
  expect(refusals(ledger, 'dry', ['ann', 'bob'])).toEqual(['ann: in-week', 'bob: in-campaign'])
  expect(ledger.hand('webhook', 10, noon)).toEqual([])
  expect(ledger.why('bob', 'dry', noon).reasons).toEqual([{ code: 'dry', reserved: noon, title: 'First' }])
  expect(ledger.why('bob', 'news', noon).reasons).toEqual([{ code: 'dry-run', since: noon }])
  expect(ledger.countsOf('dry')).toMatchObject({ dry: 1, reserved: 0, used: 1 })
  ledger.dryRun(false)
  expect(ledger.hand('webhook', 10, noon).map(push => push.id)).toEqual([id])
  expect(reserved(ledger, 'news', ['bob'])).toHaveLength(1)
})

test('decisions are kept with their reasons, and a campaign that stopped reserves no more', () => {
  const ledger = liveWith(['ann', 'bob'])
  ledger.decide('news', decision, noon)
  const [id] = reserved(ledger, 'news', ['ann'])
  ledger.stop('news', 'lift below the target', noon + minute)
  expect(refusals(ledger, 'news', ['bob'])).toEqual(['bob: stopped'])
  expect(ledger.hand('webhook', 10, noon).map(push => push.id)).toEqual([id])
  expect(ledger.why('bob', 'news', noon + 2 * minute).reasons).toEqual([
    { code: 'not-chosen' },
    { code: 'stopped', since: noon + minute },
  ])
  expect(ledger.decisions()).toMatchObject([
    { article: 'news', kind: 'stop', reason: 'lift below the target' },
    { article: 'news', kind: 'select', time: noon, decision },
  ])
  expect(ledger.decisions({ article: 'other' })).toEqual([])
})

test('sends that ended are removed after so long, the slots never', () => {
  const ledger = liveWith(['ann', 'bob', 'cid'])
  const ids = reserved(ledger, 'news', ['ann', 'bob'])
  ledger.hand('webhook', 10, noon)
  ledger.confirm(
    ids.map(id => ({ id, outcome: 'delivered' })),
    noon,
  )
  expect(ledger.countEnded(noon + 5 * hour, 10)).toBe(1)
  expect(ledger.removeEnded(noon)).toBe(0)
  // The newest stays, so that no number is given twice.
  expect(ledger.removeEnded(noon + 1)).toBe(1)
  expect(ledger.removeEnded(noon + 1)).toBe(0)
  addCampaign(ledger, 'later', noon + day)
  expect(refusals(ledger, 'later', ['ann', 'bob'], noon + day)).toEqual(['ann: in-week', 'bob: in-week'])
})

test('nothing of a forgotten user is left in the files, and nobody gets the number', () => {
  const folder = freshFolder()
  const ledger = liveWith(['ann', 'bob-to-forget'], folder)
  reserved(ledger, 'news', ['bob-to-forget'])
  ledger.recordVisits([{ user: 'bob-to-forget', time: noon }], noon)
  expect(ledger.forget('bob-to-forget')).toBe(1)
  expect(ledger.countsOf('news')).toMatchObject({ reserved: 0, used: 0 })
  expect(readFileSync(join(folder, 'push.db')).includes('bob-to-forget')).toBe(false)
  addUsers(ledger, ['cid'])
  expect(ledger.userStates(-1, 10).rows).toEqual(Uint32Array.of(0, 2))
  expect(ledger.forget('bob-to-forget')).toBe(0)
})

test('what is known of users is kept in rows as it changes', () => {
  const ledger = liveWith(['ann', 'bob'])
  ledger.watch()
  const users = new PushUsers()
  applyStates(users, ledger.userStates(-1, 10))
  expect([...users.reachable.subarray(0, 2)]).toEqual([1, 1])
  const [id] = reserved(ledger, 'news', ['bob'])
  ledger.hand('webhook', 10, noon)
  ledger.confirm([{ id: id!, outcome: 'delivered' }], noon)
  ledger.recordClick(id!, noon - hour, noon)
  ledger.optOut(['ann'], true, noon)
  const { states, clicks, optOuts, byOthers } = ledger.takeChanges()
  applyStates(users, states)
  expect(byOthers).toBe(false)
  expect([...users.busyUntil.subarray(0, 2)]).toEqual([Number.NEGATIVE_INFINITY, noon + week])
  expect([...users.reachable.subarray(0, 2)]).toEqual([0, 1])
  // Not before the push went out, whatever a clock said.
  expect(clicks).toEqual([{ user: 1, article: 'news', time: noon }])
  expect(optOuts).toEqual([{ user: 0, isOut: true }])
  ledger.countEnded(noon + 5 * hour, 10)
  applyStates(users, ledger.takeChanges().states)
  expect([users.pushes[1], users.clicks[1]]).toEqual([1, 1])
  expect(ledger.takeChanges()).toMatchObject({ states: { rows: new Uint32Array() }, clicks: [], optOuts: [] })
})

test('changes by another process are noticed', () => {
  const folder = freshFolder()
  const ledger = liveWith(['ann'], folder)
  ledger.watch()
  const other = PushLedger.open(folder)
  other.optOut(['ann'])
  other.close()
  expect(ledger.takeChanges().byOthers).toBe(true)
  expect(ledger.takeChanges().byOthers).toBe(false)
})

test('events of the journal are taken once: visits, reads, clicks by article, whoever the users are', () => {
  const folder = freshFolder()
  const ledger = liveWith(['ann'], folder)
  const store = new EventStore(join(folder, 'events.db'))
  onTestFinished(() => store.close())
  const event = (id: string, user: string, rest: object) => ({ id, user, weight: 1, item: 'news', time: noon, ...rest })
  ledger.watch()
  reserved(ledger, 'news', ['ann'])
  const events = [
    event('1', 'ann', { kind: 'push_click' }),
    event('2', 'new', { kind: 'push_click' }),
    event('3', 'new', { time: noon + 10 * day }),
    event('4', 'old', { time: noon - 2 * hour }),
    event('5', 'ann', { weight: -1 }),
  ]
  store.record(
    events,
    events.map(() => noon),
  )
  const taken = ledger.takeEvents(noon + minute, 100)
  expect(taken).toMatchObject({ position: 5, more: false, strayClicks: 1 })
  expect(taken.observations).toEqual([
    { kind: 'visit', user: 0, time: noon },
    { kind: 'visit', user: 1, time: noon },
    // None lies in the future.
    { kind: 'read', user: 1, article: 'news', time: noon + minute },
  ])
  expect(ledger.takeEvents(noon + minute, 100)).toMatchObject({ observations: [], position: 5 })
  const { clicks, states } = ledger.takeChanges()
  expect(clicks).toEqual([{ user: 0, article: 'news', time: noon }])
  expect([...states.lastVisit]).toEqual([noon, noon + minute, noon - 2 * hour])
  expect(ledger.eventsTaken(0, 100).observations).toContainEqual({
    kind: 'read',
    user: 2,
    article: 'news',
    time: noon - 2 * hour,
  })
})

test('an article is taken once, when it has a title and has appeared; what was there before nobody looked is not new', () => {
  const folder = freshFolder()
  const store = new CatalogueStore(join(folder, 'catalogue.db'))
  onTestFinished(() => store.close())
  store.put([
    { id: 'old', title: 'Old' },
    { id: 'past', title: 'Past', availableFrom: noon - day },
    {
      id: 'recent',
      title: 'Recent',
      availableFrom: noon - hour,
      text: 'Body',
      categories: ['a'],
      url: 'https://example.org/r',
    },
    { id: 'future', title: 'Future', availableFrom: noon + hour },
  ])
  const ledger = openLive(folder)
  expect(ledger.takeArticles(noon)).toEqual([
    {
      id: 'recent',
      title: 'Recent',
      body: 'Body',
      category: 'a',
      createdAt: noon - hour,
      url: 'https://example.org/r',
    },
  ])
  store.put([
    { id: 'fresh', title: 'Fresh', url: 'javascript:1' },
    { id: 'nameless' },
    { id: 'hidden', title: 'Hidden', hidden: true },
  ])
  expect(ledger.takeArticles(noon + minute)).toEqual([{ id: 'fresh', title: 'Fresh', createdAt: noon + minute }])
  store.patch([{ id: 'nameless', title: 'Named' }])
  expect(ledger.takeArticles(noon + 2 * minute)).toMatchObject([{ id: 'nameless', createdAt: noon + minute }])
  expect(ledger.takeArticles(noon + hour)).toMatchObject([{ id: 'future', createdAt: noon + hour }])
  expect(ledger.takeArticles(noon + 2 * hour)).toEqual([])
  expect(ledger.articlesTaken(noon, noon + 2 * hour).map(({ id }) => id)).toEqual(['fresh', 'nameless', 'future'])
})

test('of many articles that were taken the newest are given again', () => {
  const folder = freshFolder()
  const store = new CatalogueStore(join(folder, 'catalogue.db'))
  onTestFinished(() => store.close())
  const count = 10_050
  const items = Array.from({ length: count }, (_, at) => ({ id: `a${at}`, title: 'A title', availableFrom: noon + at }))
  for (let at = 0; at < count; at += 1000) store.put(items.slice(at, at + 1000))
  const ledger = openLive(folder)
  ledger.watch(noon)
  expect(ledger.takeArticles(noon + hour)).toHaveLength(count)
  const taken = ledger.articlesTaken(noon, noon + hour)
  expect([taken.length, taken[0]!.id, taken.at(-1)!.id]).toEqual([10_000, 'a50', `a${count - 1}`])
})

test('what was done is told again as actions, with the sends that were made', () => {
  const ledger = liveWith(['ann', 'bob', 'cid', 'dan'])
  ledger.decide('news', decision, noon)
  const plan = (user: number) => ({ user, title: 1, rank: user, usualCtr: 0.1, expectedCtr: 0.2 })
  const round = { round: 1, now: noon }
  const heldOut = ledger.reservePlanned('news', Object.assign({ sends: [], holdOuts: [{ user: 3, rank: 7 }] }, round))
  expect(heldOut).toEqual({ made: [], heldOut: [0], refused: [] })
  const reserved = ledger.reservePlanned('news', {
    ...round,
    sends: [plan(0), plan(3), plan(1), plan(99)],
    holdOuts: [{ user: 1, rank: 8 }],
  })
  expect(reserved).toEqual({
    made: [0, 2],
    // Who has a push cannot be held out.
    heldOut: [],
    refused: [
      { user: 3, reason: 'held-out', until: Number.POSITIVE_INFINITY },
      { user: 99, reason: 'unknown-user', until: Number.POSITIVE_INFINITY },
    ],
  })
  expect(ledger.holdOutsSince(noon - day)).toEqual([{ user: 3, article: 'news', rank: 7, held: noon }])
  ledger.stop('news', 'over', noon + minute)
  expect(ledger.actionsSince(noon)).toMatchObject([
    { time: noon, action: { kind: 'decision', decision } },
    { time: noon, action: { kind: 'campaign', titles: ['First', 'Second'], budget: 1000 } },
    { time: noon, action: { kind: 'send', round: 1, sends: [plan(0), plan(1)] } },
    { time: noon + minute, action: { kind: 'stop', reason: 'over' } },
  ])
  expect(ledger.actionsSince(noon + day)).toEqual([])
})

test('past pushes count for usual CTRs, and the latest keeps the week of its user', () => {
  const ledger = liveWith(['ann'])
  const past = [
    { user: 'ann', article: 'a', sent: noon - 30 * day, clicked: noon - 29 * day },
    { user: 'ann', article: 'b', sent: noon - 2 * day },
    { user: 'new', article: 'b', sent: noon - 20 * day, clicked: noon - 40 * day },
    { user: 'ann', article: 'b', sent: noon - 2 * day },
  ]
  expect(ledger.keepPastPushes(past, noon)).toEqual({ pushes: 3, duplicates: 1 })
  expect(refusals(ledger, 'news', ['ann'])).toEqual(['ann: in-week'])
  ledger.countEnded(noon, 10)
  const { pushes, clicks } = ledger.userStates(-1, 10)
  expect([[...pushes], [...clicks]]).toEqual([
    [2, 1],
    [1, 1],
  ])
})

test('a journal and a catalogue that another process is about to make are not there yet', () => {
  const folder = freshFolder()
  for (const name of ['events.db', 'catalogue.db'])
    new DatabaseSync(join(folder, name)).exec('PRAGMA journal_mode = WAL')
  const ledger = openLive(folder)
  expect(ledger.takeEvents(noon, 10)).toMatchObject({ observations: [], more: false })
  expect(ledger.takeArticles(noon)).toEqual([])
})
