import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { freshFolder } from '../storage/folder.ts'
import { addCampaign, day, hour, ledgerWith, minute, noon, refusals, reserved, week } from './ledger-of.ts'

test('what is reserved for a user is cancelled by a push of the week that was sent by other means, and that keeps the week', () => {
  const ledger = ledgerWith(['ann', 'bob'])
  reserved(ledger, 'news', ['ann', 'bob'])
  ledger.keepPastPushes(
    [
      { user: 'ann', article: 'past', sent: noon - 2 * day },
      { user: 'bob', article: 'past', sent: noon - week },
    ],
    noon,
  )
  expect(ledger.countsOf('news')).toMatchObject({ reserved: 1, cancelled: 1, used: 1 })
  expect(ledger.why('ann', 'news', noon).reasons[0]).toMatchObject({ state: 'cancelled', reason: 'in-week' })
  expect(ledger.hand('webhook', 10, noon).map(({ user }) => user)).toEqual(['bob'])
  addCampaign(ledger, 'later', noon + 5 * day - hour)
  expect(refusals(ledger, 'later', ['ann'], noon + 5 * day - 1)).toEqual(['ann: in-week'])
  expect(reserved(ledger, 'later', ['ann'], noon + 5 * day)).toHaveLength(1)
})

test('of pushes of the past the latest keeps the week, in whichever order they come', () => {
  const ledger = ledgerWith(['ann', 'bob'])
  const [early, late] = [
    { article: 'early', sent: noon - 6 * day },
    { article: 'late', sent: noon - day },
  ]
  ledger.keepPastPushes(
    [early, late].map(push => Object.assign({ user: 'ann' }, push)),
    noon,
  )
  ledger.keepPastPushes(
    [late, early].map(push => Object.assign({ user: 'bob' }, push)),
    noon,
  )
  addCampaign(ledger, 'later', noon + 6 * day - hour)
  expect(refusals(ledger, 'later', ['ann', 'bob'], noon + 6 * day - 1)).toEqual(['ann: in-week', 'bob: in-week'])
  expect(reserved(ledger, 'later', ['ann', 'bob'], noon + 6 * day)).toHaveLength(2)
})

test('one that may have gone out already counts as sent, and not as cancelled', () => {
  const ledger = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann'])
  ledger.hand('webhook', 1, noon)
  ledger.confirm([{ id: id!, outcome: 'retry', after: 1, isUncertain: true, reason: 'timeout' }], noon)
  ledger.keepPastPushes([{ user: 'ann', article: 'past', sent: noon - 2 * day }], noon + minute)
  expect(ledger.countsOf('news')).toMatchObject({ unknown: 1, reserved: 0, used: 1 })
  addCampaign(ledger, 'later', noon + 6 * day)
  expect(refusals(ledger, 'later', ['ann'], noon + 6 * day)).toEqual(['ann: in-week'])
})

test.each([
  { outcome: 'retry', after: 1, reason: 'status 503' } as const,
  { outcome: 'failed', reason: 'status 400' } as const,
])('one that was on its way meanwhile is not sent again, and the week is kept: $outcome', answer => {
  const ledger = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann'])
  ledger.hand('webhook', 1, noon)
  ledger.keepPastPushes([{ user: 'ann', article: 'past', sent: noon - 2 * day }], noon)
  ledger.confirm([Object.assign({ id: id! }, answer)], noon + minute)
  expect(ledger.hand('webhook', 1, noon + hour)).toEqual([])
  expect(ledger.countsOf('news')).toMatchObject({ unknown: 1, reserved: 0 })
  addCampaign(ledger, 'later', noon + 4 * day)
  expect(refusals(ledger, 'later', ['ann'], noon + 4 * day)).toEqual(['ann: in-week'])
})

test('old pushes of the past are removed, also where younger ones were imported before them', () => {
  const ledger = LiveLedger.open(freshFolder())
  const users = Array.from({ length: 5001 }, (_, at) => `u${at}`)
  const pushesAt = (article: string, sent: number) => users.map(user => ({ user, article, sent }))
  ledger.keepPastPushes(pushesAt('young', noon - day), noon)
  ledger.keepPastPushes(pushesAt('old', noon - 500 * day), noon)
  ledger.countEnded(noon, 10)
  const removed: number[] = []
  do removed.push(ledger.removeEnded(noon - 400 * day))
  while (removed.at(-1)! > 0)
  // The newest of all stays.
  expect(removed).toEqual([5000, 0])
  expect(ledger.sendsOf('young')).toHaveLength(5001)
  expect(ledger.sendsOf('old')).toHaveLength(1)
  ledger.close()
})

test('the name of a segment goes with the last of its users', () => {
  const folder = freshFolder()
  const ledger = LiveLedger.open(folder)
  ledger.putUsers(['ann', 'bob'].map(id => ({ id, segment: 'left-handed' })))
  const names = () => readFileSync(join(folder, 'push.db')).includes('left-handed')
  ledger.forget('ann')
  expect(names()).toBe(true)
  ledger.forget('bob')
  expect(names()).toBe(false)
  ledger.close()
})

test.each(['a\0b', 'a\ud800'])('a text that cannot be kept as it is, %j, is refused', text => {
  const ledger = ledgerWith([])
  const channel = { sender: 'webhook', address: 'to-ann' }
  for (const user of [
    { id: text },
    { id: 'ann', channel: { sender: 'webhook', address: text } },
    { id: 'ann', channel: { sender: text, address: 'to-ann' } },
    { id: 'ann', channel, segment: text },
  ]) {
    expect(() => ledger.putUsers([user])).toThrow('must be text without NUL and half surrogates')
  }
})
