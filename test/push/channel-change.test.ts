/** Users who get another sender while a push of theirs is on its way, or have one that there is not. */
import { expect, test } from 'vitest'
import { addCampaign, day, hour, ledgerWith, minute, noon, refusals, reserved, week } from './ledger-of.ts'

const toFcm = { id: 'ann', channel: { sender: 'fcm', address: 'a token' } }
const refused = { outcome: 'retry', after: minute, reason: 'status 503' } as const

test('a push is tried again by the sender that its user has by then, and the new address stays', () => {
  const ledger = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann'])
  ledger.hand('webhook', 1, noon)
  ledger.putUsers([toFcm], noon + 1)
  ledger.confirm([{ id: id!, ...refused }], noon + 2)
  expect(ledger.hand('webhook', 1, noon + hour)).toEqual([])
  expect(ledger.hand('fcm', 1, noon + hour)).toMatchObject([{ id, address: 'a token', attempt: 2 }])
})

test('one that may have arrived is not sent by another sender, which does not know its key', () => {
  const ledger = ledgerWith(['ann', 'bob'])
  const [ann, bob] = reserved(ledger, 'news', ['ann', 'bob'])
  ledger.hand('webhook', 2, noon)
  // Ann changes before the answer comes, Bob while it waits for another attempt.
  ledger.putUsers([toFcm], noon + 1)
  ledger.confirm(
    [ann!, bob!].map(id => ({ id, ...refused, isUncertain: true })),
    noon + 2,
  )
  expect(ledger.countsOf('news')).toMatchObject({ unknown: 1, reserved: 1 })
  ledger.putUsers([{ ...toFcm, id: 'bob' }], noon + 3)
  expect(ledger.countsOf('news')).toMatchObject({ unknown: 2, reserved: 0 })
  expect(ledger.hand('fcm', 2, noon + hour)).toEqual([])
  // Both keep their week.
  expect(ledger.why('bob', 'news', noon + hour).reasons).toMatchObject([{ state: 'unknown', reason: 'other-sender' }])
  const later = { id: 'later', titles: ['One'], starts: noon + hour, ends: noon + 2 * week, budget: 10 }
  ledger.putCampaign(later)
  expect(reserved(ledger, 'later', ['ann', 'bob'], noon + week)).toEqual([])
  expect(reserved(ledger, 'later', ['ann', 'bob'], noon + week + 3)).toHaveLength(2)
})

test('after a crash what was interrupted is not sent by another sender either', () => {
  const ledger = ledgerWith(['ann'])
  reserved(ledger, 'news', ['ann'])
  ledger.hand('webhook', 1, noon)
  ledger.putUsers([toFcm], noon + 1)
  expect(ledger.resolveHanded(() => true, noon + 2)).toEqual({ again: 0, unknown: 1 })
})

test('a test follows its user to another sender, too', () => {
  const ledger = ledgerWith(['ann'])
  const { sends } = ledger.sendTest('news', ['ann'], 0, noon)
  ledger.hand('webhook', 1, noon)
  ledger.putUsers([toFcm], noon + 1)
  ledger.confirm([{ id: sends[0]!.id, ...refused }], noon + 2)
  expect(ledger.hand('webhook', 1, noon + 2 * minute)).toEqual([])
  expect(ledger.hand('fcm', 1, noon + 2 * minute)).toMatchObject([{ id: sends[0]!.id, address: 'a token' }])
})

test('a push is reserved only for users of the senders that there are, where these are known', () => {
  const ledger = ledgerWith(['ann'], { senders: ['webhook'] })
  ledger.putUsers([{ id: 'bob', channel: { sender: 'web-hook', address: 'to-bob' } }], noon)
  expect(refusals(ledger, 'news', ['ann', 'bob'])).toEqual(['bob: no-sender'])
  expect(ledger.sendTest('news', ['ann', 'bob'])).toMatchObject({
    sends: [{ user: 'ann' }],
    refused: [{ user: 'bob', reason: 'no-sender' }],
  })
})

test('a clock that was put back makes no week shorter', () => {
  const ledger = ledgerWith(['ann'])
  const [id] = reserved(ledger, 'news', ['ann'])
  ledger.hand('webhook', 1, noon)
  ledger.confirm([{ id: id!, outcome: 'retry', after: minute, isUncertain: true, reason: 'timeout' }], noon)
  // Another sender: it counts as sent. By a clock of nine days before.
  ledger.putUsers([toFcm], noon - 9 * day)
  addCampaign(ledger, 'later', noon + 6 * day)
  expect(refusals(ledger, 'later', ['ann'], noon + 6 * day + hour)).toEqual(['ann: in-week'])
})
