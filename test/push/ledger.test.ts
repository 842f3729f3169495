import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { freshFolder } from '../storage/folder.ts'
import {
  addCampaign,
  addUsers,
  day,
  hour,
  ledgerWith,
  minute,
  noon,
  openLedger,
  refusals,
  reserved,
  week,
} from './ledger-of.ts'

const delivered = (ids: readonly string[]) => ids.map(id => ({ id, outcome: 'delivered' }) as const)

test('a push is reserved, handed over with its key, and confirmed', () => {
  const ledger = ledgerWith(['ann', 'bob'])
  const [ann, bob] = reserved(ledger, 'news', ['ann', 'bob'])
  expect(ann).toMatch(/^[0-9a-f-]{36}$/)
  const outgoing = ledger.hand('webhook', 10, noon)
  expect(outgoing.map(({ id }) => id)).toEqual([ann, bob])
  expect(outgoing[0]).toEqual({
    id: ann,
    user: 'ann',
    campaign: 'news',
    address: 'to-ann',
    title: 'First',
    url: 'https://example.org/a',
    ends: noon + 4 * hour,
    attempt: 1,
  })
  expect(ledger.hand('webhook', 10, noon)).toEqual([])
  expect(ledger.confirm(delivered([ann!, bob!]), noon)).toMatchObject({ delivered: 2, ignored: 0 })
  expect(ledger.countsOf('news')).toMatchObject({ delivered: 2, reserved: 0, handed: 0, used: 2 })
})

test('a user has one push in seven days, counted from when it was sent, whatever the campaign', () => {
  const ledger = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann'])
  addCampaign(ledger, 'open')
  expect(refusals(ledger, 'open', ['ann'])).toEqual(['ann: in-week'])
  ledger.hand('webhook', 1, noon + hour)
  ledger.confirm(delivered([id!]), noon + hour)
  addCampaign(ledger, 'later', noon + week)
  expect(refusals(ledger, 'later', ['ann'], noon + week + hour - 1)).toEqual(['ann: in-week'])
  expect(reserved(ledger, 'later', ['ann'], noon + week + hour)).toHaveLength(1)
})

test('a push that stays open keeps the week of its user, however long', () => {
  const ledger = ledgerWith(['ann'])
  reserved(ledger, 'news', ['ann'])
  ledger.hand('webhook', 1, noon)
  addCampaign(ledger, 'later', noon + 10 * week)
  expect(refusals(ledger, 'later', ['ann'], noon + 10 * week)).toEqual(['ann: in-week'])
})

test('the database itself refuses a second push in a week, and a push without a slot', () => {
  const folder = freshFolder()
  const ledger = openLedger(folder)
  addUsers(ledger, ['ann'])
  addCampaign(ledger, 'news')
  addCampaign(ledger, 'other')
  const [id] = reserved(ledger, 'news', ['ann'])
  const database = new DatabaseSync(join(folder, 'push.db'))
  try {
    const run = (sql: string) => () => database.exec(sql)
    const insert = `INSERT INTO sends (number, nonce, campaign, user, title, sender, state, reserved, due)
      VALUES (99, 1, 2, 1, 0, 'webhook', 'reserved', ${noon}, ${noon})`
    run(insert)()
    expect(run(`INSERT INTO slots VALUES (1, 99, ${noon}, ${noon})`)).toThrow('UNIQUE')
    expect(run(`UPDATE slots SET send = 99, taken = ${noon}`)).toThrow('has a push in this week')
    expect(run(`UPDATE sends SET state = 'handed' WHERE number = 99`)).toThrow('has no slot')
    ledger.hand('webhook', 1, noon)
    expect(run('DELETE FROM slots')).toThrow('may have gone out')
    ledger.confirm(delivered([id!]), noon)
    expect(run(`UPDATE sends SET state = 'reserved' WHERE number = 1`)).toThrow('final state')
  } finally {
    database.close()
  }
})

test('refuses whom no push may be sent, and says why', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cat', 'dan', 'eve', 'fay'], { quiet: { from: '22:00', until: '08:00' } })
  ledger.optOut(['ann'], true, noon)
  ledger.putUsers([{ id: 'bob', channel: null }], noon)
  ledger.putUsers(
    [
      { id: 'cat', zone: 'Asia/Seoul' },
      { id: 'dan', quiet: { from: '11:30', until: '12:01' } },
    ],
    noon,
  )
  ledger.holdOut('news', ['eve'])
  expect(refusals(ledger, 'news', ['ann', 'bob', 'dan', 'eve', 'gus'])).toEqual([
    'ann: opted-out',
    'bob: no-address',
    'dan: quiet-hours',
    'eve: held-out',
    'gus: unknown-user',
  ])
  // Noon in UTC is 21:00 in Seoul, and two hours later it is quiet there.
  expect(refusals(ledger, 'news', ['cat'], noon + 2 * hour)).toEqual(['cat: quiet-hours'])
  expect(reserved(ledger, 'news', ['cat'], noon)).toHaveLength(1)
  expect(refusals(ledger, 'news', ['fay'], noon - 1)).toEqual(['fay: not-started'])
  expect(refusals(ledger, 'news', ['fay'], noon + 4 * hour)).toEqual(['fay: over'])
  expect(() => ledger.reserve('none', [], noon)).toThrow('expected the id of a campaign, got "none"')
})

test('a budget is never exceeded, and what is not sent gives it back', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cat'])
  addCampaign(ledger, 'small', noon, 2)
  const [ann] = reserved(ledger, 'small', ['ann', 'bob'])
  expect(refusals(ledger, 'small', ['cat'])).toEqual(['cat: budget'])
  ledger.hand('webhook', 1, noon)
  ledger.confirm([{ id: ann!, outcome: 'failed', reason: 'refused' }], noon)
  expect(ledger.countsOf('small')).toMatchObject({ failed: 1, used: 1 })
  expect(reserved(ledger, 'small', ['cat'])).toHaveLength(1)
})

test('a campaign never has two pushes for a user', () => {
  const ledger = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann', 'ann'])
  ledger.hand('webhook', 1, noon)
  ledger.confirm([{ id: id!, outcome: 'failed', reason: 'refused' }], noon)
  expect(refusals(ledger, 'news', ['ann'])).toEqual(['ann: in-campaign'])
})

test('a retry waits for its time and is sent under the same key', () => {
  const ledger = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann'])
  ledger.hand('webhook', 1, noon)
  expect(ledger.confirm([{ id: id!, outcome: 'retry', after: minute, reason: '503' }], noon)).toMatchObject({
    retried: 1,
  })
  expect(ledger.nextDue('webhook', noon)).toBe(noon + minute)
  expect(ledger.hand('webhook', 1, noon + minute - 1)).toEqual([])
  expect(ledger.hand('webhook', 1, noon + minute)).toMatchObject([{ id, attempt: 2 }])
})

test('what is not sent by the end of its life expires and frees the week, unless it may have gone out', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cat'])
  const [, bob, cat] = reserved(ledger, 'news', ['ann', 'bob', 'cat'])
  ledger.hand('webhook', 3, noon)
  const ann = ledger.sendsOf('news')[0]!.id
  ledger.confirm(
    [
      { id: ann, outcome: 'retry', after: minute, reason: '503' },
      { id: bob!, outcome: 'retry', after: minute, isUncertain: true, reason: 'timeout' },
    ],
    noon,
  )
  const end = noon + 4 * hour
  expect(ledger.hand('webhook', 3, end)).toEqual([])
  expect(ledger.expire(end - 1)).toBe(0)
  expect(ledger.expire(end)).toBe(2)
  expect(ledger.countsOf('news')).toMatchObject({ expired: 1, unknown: 1, handed: 1, used: 2 })
  // The answer to what was on its way comes after the end.
  ledger.confirm([{ id: cat!, outcome: 'retry', after: 1, reason: '503' }], end + 1)
  expect(ledger.countsOf('news')).toMatchObject({ expired: 2, handed: 0, used: 1 })
  addCampaign(ledger, 'next', end)
  expect(refusals(ledger, 'next', ['ann', 'bob', 'cat'], end + 2)).toEqual(['bob: in-week'])
})

test('opting out takes effect at once, on what is reserved too', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cat'])
  const [ann, bob, cat] = reserved(ledger, 'news', ['ann', 'bob', 'cat'])
  ledger.hand('webhook', 2, noon)
  ledger.confirm([{ id: ann!, outcome: 'retry', after: 1, isUncertain: true, reason: 'timeout' }], noon)
  ledger.optOut(['ann', 'bob', 'cat'], true, noon + 1)
  expect(ledger.hand('webhook', 9, noon + minute)).toEqual([])
  // What was on its way when the user opted out is not tried again.
  ledger.confirm([{ id: bob!, outcome: 'retry', after: 1, reason: '503' }], noon + 2)
  const states = new Map(ledger.sendsOf('news').map(({ id, state }) => [id, state]))
  expect([ann, bob, cat].map(id => states.get(id!))).toEqual(['unknown', 'cancelled', 'cancelled'])
  expect(ledger.countsOf('news').used).toBe(1)
  ledger.optOut(['ann', 'cat'], false, noon + 3)
  addCampaign(ledger, 'next')
  expect(refusals(ledger, 'next', ['ann', 'bob', 'cat'], noon + 4)).toEqual(['ann: in-week', 'bob: opted-out'])
})

test('nothing is handed over while all or one is paused, and goes on after', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cat'])
  addCampaign(ledger, 'other')
  reserved(ledger, 'news', ['ann'])
  reserved(ledger, 'other', ['bob'])
  ledger.pauseAll(true, noon)
  expect(ledger.hand('webhook', 9, noon)).toEqual([])
  expect(refusals(ledger, 'news', ['cat'])).toEqual(['cat: all-paused'])
  ledger.pauseAll(false, noon)
  ledger.pause('news', true, noon)
  expect(ledger.hand('webhook', 9, noon).map(({ user }) => user)).toEqual(['bob'])
  expect(refusals(ledger, 'news', ['cat'])).toEqual(['cat: paused'])
  ledger.pause('news', false, noon)
  expect(ledger.hand('webhook', 9, noon).map(({ user }) => user)).toEqual(['ann'])
})

test('a push that quiet hours have come upon waits for their end, and expires where that is too late', () => {
  const ledger = ledgerWith(['ann', 'bob'])
  ledger.putUsers(
    [
      { id: 'ann', quiet: { from: '13:00', until: '14:00' } },
      { id: 'bob', quiet: { from: '13:00', until: '20:00' } },
    ],
    noon,
  )
  reserved(ledger, 'news', ['ann', 'bob'])
  expect(ledger.hand('webhook', 9, noon + hour)).toEqual([])
  expect(ledger.hand('webhook', 9, noon + 2 * hour).map(({ user }) => user)).toEqual(['ann'])
  ledger.expire(noon + 4 * hour)
  expect(ledger.countsOf('news')).toMatchObject({ expired: 1 })
})

test('a dead address is removed, unless the user has another by now', () => {
  const ledger = ledgerWith(['ann', 'bob'])
  const [ann, bob] = reserved(ledger, 'news', ['ann', 'bob'])
  ledger.hand('webhook', 9, noon)
  ledger.putUsers([{ id: 'bob', channel: { sender: 'webhook', address: 'new' } }], noon + 1)
  ledger.confirm(
    [ann!, bob!].map(id => ({ id, outcome: 'gone' })),
    noon + 2,
  )
  addCampaign(ledger, 'next')
  expect(refusals(ledger, 'next', ['ann', 'bob'], noon + 3)).toEqual(['ann: no-address'])
  expect(ledger.why('ann', 'next', noon + 3).reasons).toEqual([{ code: 'address-gone', since: noon + 2 }])
})

test('after a crash, what was handed over is sent again where keys are known again, else it counts as sent', () => {
  const folder = freshFolder()
  const first = PushLedger.open(folder)
  addUsers(first, ['ann'], 'webhook')
  addUsers(first, ['bob'], 'fcm')
  addUsers(first, ['cat'], 'webhook')
  addCampaign(first, 'news')
  const [ann] = reserved(first, 'news', ['ann', 'bob', 'cat'])
  first.hand('webhook', 1, noon)
  first.hand('fcm', 1, noon)
  first.close()
  const ledger = openLedger(folder)
  expect(ledger.resolveHanded(sender => sender === 'webhook', noon + 1)).toEqual({ again: 1, unknown: 1 })
  expect(ledger.hand('webhook', 9, noon + 1).map(({ user, attempt }) => `${user} ${attempt}`)).toEqual([
    'cat 1',
    'ann 2',
  ])
  // It may have arrived before the crash.
  ledger.confirm([{ id: ann!, outcome: 'failed', reason: 'refused' }], noon + 2)
  expect(ledger.countsOf('news')).toMatchObject({ unknown: 2, handed: 1, used: 3 })
})

test('a result that comes twice, late or from elsewhere changes nothing', () => {
  const ledger = ledgerWith(['ann'])
  const other = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann'])
  const [foreign] = reserved(other, 'news', ['ann'])
  expect(ledger.confirm(delivered([id!]), noon)).toMatchObject({ ignored: 1 })
  ledger.hand('webhook', 1, noon)
  expect(ledger.confirm(delivered([foreign!, 'none']), noon)).toMatchObject({ ignored: 2 })
  expect(ledger.confirm(delivered([id!, id!]), noon)).toMatchObject({ delivered: 1, ignored: 1 })
  expect(ledger.confirm([{ id: id!, outcome: 'gone' }], noon)).toMatchObject({ ignored: 1 })
})

test('two connections never reserve two pushes for a user', () => {
  const folder = freshFolder()
  const one = openLedger(folder)
  const other = openLedger(folder)
  const users = Array.from({ length: 100 }, (_, at) => `u${at}`)
  addUsers(one, users)
  addCampaign(one, 'news')
  addCampaign(one, 'other')
  const sends = users.flatMap((_, at) => {
    const pair = users.slice(at, at + 5)
    return [...reserved(one, 'news', pair), ...reserved(other, 'other', pair)]
  })
  expect(sends).toHaveLength(users.length)
})

test('a clock that is put back makes users wait longer, never shorter', () => {
  const ledger = ledgerWith(['ann'])
  addCampaign(ledger, 'future', noon + 3 * day)
  const [id] = reserved(ledger, 'future', ['ann'], noon + 3 * day)
  ledger.hand('webhook', 1, noon + 3 * day)
  ledger.confirm(delivered([id!]), noon + 3 * day)
  expect(refusals(ledger, 'news', ['ann'], noon)).toEqual(['ann: in-week'])
  addCampaign(ledger, 'later', noon + 8 * day)
  expect(refusals(ledger, 'later', ['ann'], noon + 8 * day)).toEqual(['ann: in-week'])
})

test('bad users and campaigns are refused whole, with what was expected', () => {
  const ledger = ledgerWith([])
  expect(() => ledger.putUsers([{ id: 'ann' }, { id: 'bob', zone: 'Mars/Base' }])).toThrow(
    'zone must be a time zone such as Asia/Seoul, got Mars/Base',
  )
  expect(refusals(ledger, 'news', ['ann'])).toEqual(['ann: unknown-user'])
  expect(() => ledger.putUsers([{ id: 'ann', quiet: { from: '25:00', until: '08:00' } }])).toThrow(
    'quiet.from must be a time of day from 00:00 to 23:59, got 25:00',
  )
  const campaign = { id: 'x', titles: ['One'], starts: noon, ends: noon, budget: 1 }
  expect(() => ledger.putCampaign(campaign)).toThrow(`ends must be after starts, ${noon}, got ${noon}`)
  expect(() => ledger.putCampaign({ ...campaign, titles: [] })).toThrow('titles')
})

test('clicks count once, whatever order they and their sends come in', () => {
  const ledger = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann'])
  expect(ledger.recordClick(id!, noon - hour, noon)).toBe('not-sent')
  ledger.hand('webhook', 1, noon + minute)
  ledger.confirm(delivered([id!]), noon + minute)
  // The click is kept, and no earlier than the push.
  expect(ledger.sendsOf('news')).toMatchObject([{ user: 'ann', handed: noon + minute, clicked: noon + minute }])
  expect(ledger.recordClick(id!, noon + hour, noon + hour)).toBe('duplicate')
  expect(ledger.recordClick('5f0c', noon, noon)).toBe('unknown-send')
  expect(ledger.countsOf('news').clicked).toBe(1)
})

test('of several clicks the earliest counts, and none lies in the future', () => {
  const ledger = ledgerWith(['ann', 'bob'])
  const [ann, bob] = reserved(ledger, 'news', ['ann', 'bob'])
  ledger.hand('webhook', 2, noon)
  ledger.confirm(delivered([ann!, bob!]), noon)
  const clicks = [3, 1, 2].map(at => ({ id: ann!, time: noon + at * minute }))
  expect(ledger.recordClicks(clicks, noon + hour)).toEqual(['recorded', 'duplicate', 'duplicate'])
  ledger.recordClick(bob!, noon + week, noon + hour)
  expect(ledger.recordImpressions([{ id: ann!, time: noon + 5 }], noon + hour)).toEqual(['recorded'])
  expect(ledger.sendsOf('news')).toMatchObject([{ clicked: noon + minute, shown: noon + 5 }, { clicked: noon + hour }])
  expect(ledger.sendsOf('news', { after: 'ann' }).map(({ user }) => user)).toEqual(['bob'])
})

test('says why a user got a push, gets one, or does not', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cat', 'dan'])
  addCampaign(ledger, 'other')
  const [id] = reserved(ledger, 'news', ['ann'])
  const why = (user: string, campaign = 'news', now = noon) => ledger.why(user, campaign, now)
  expect(why('ann')).toMatchObject({
    got: undefined,
    reasons: [{ code: 'send', send: id, state: 'reserved', due: noon }],
  })
  expect(why('ann', 'other')).toMatchObject({
    got: false,
    reasons: [{ code: 'in-week', campaign: 'news', until: undefined }],
  })
  ledger.hand('webhook', 1, noon)
  ledger.confirm(delivered([id!]), noon + 1)
  ledger.recordClick(id!, noon + 2, noon + 2)
  expect(why('ann')).toMatchObject({ got: true, reasons: [{ state: 'delivered', attempts: 1, clicked: noon + 2 }] })
  expect(why('ann', 'other')).toMatchObject({ reasons: [{ code: 'in-week', until: noon + 1 + week }] })
  ledger.holdOut('news', ['bob'])
  ledger.optOut(['cat'], true, noon + 3)
  ledger.pause('news', true, noon + 4)
  expect(why('bob', 'news', noon + 5).reasons).toEqual([{ code: 'held-out' }, { code: 'paused', since: noon + 4 }])
  ledger.pause('news', false)
  expect(why('cat', 'news', noon + 5).reasons).toEqual([{ code: 'opted-out', since: noon + 3 }])
  expect(why('dan').reasons).toEqual([{ code: 'not-chosen' }])
  expect(why('gus', 'none').reasons).toEqual([{ code: 'unknown-user' }, { code: 'unknown-campaign' }])
})

test('a file of another version or kind is refused', () => {
  const folder = freshFolder()
  PushLedger.open(folder).close()
  const database = new DatabaseSync(join(folder, 'push.db'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => PushLedger.open(folder)).toThrow('holds pushes of version 99, and this Aurochs reads version 3')
})
