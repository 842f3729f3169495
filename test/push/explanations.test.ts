/** What is said of pushes long after. */
import { expect, test } from 'vitest'
import type { PushLedger } from '../../src/push/send/ledger.ts'
import { addCampaign, day, hour, ledgerWith, minute, noon, reserved, week } from './ledger-of.ts'

/** Has pushes of a campaign delivered at `time`. */
function pushAt(ledger: PushLedger, campaign: string, users: readonly string[], time: number): void {
  addCampaign(ledger, campaign, time)
  reserved(ledger, campaign, users, time)
  const outgoing = ledger.hand('webhook', 10, time)
  ledger.confirm(
    outgoing.map(({ id }) => ({ id, outcome: 'delivered' })),
    time,
  )
}

test('why a user did not get an article of long ago is that of then, not of the present week', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cid'])
  pushAt(ledger, 'first', ['ann'], noon)
  addCampaign(ledger, 'second', noon + day)
  // A push that failed keeps nobody from another.
  addCampaign(ledger, 'lost', noon + day)
  const [lost] = reserved(ledger, 'lost', ['cid'], noon + day)
  ledger.hand('webhook', 1, noon + day)
  ledger.confirm([{ id: lost!, outcome: 'failed', reason: 'status 400' }], noon + day + minute)
  for (const weeks of [2, 4, 6]) pushAt(ledger, `later ${weeks}`, ['ann', 'bob', 'cid'], noon + weeks * week)
  const now = noon + 8 * week
  const why = (user: string, campaign: string) => ledger.why(user, campaign, now).reasons
  expect(why('ann', 'second')).toMatchObject([{ code: 'in-week', campaign: 'first', until: noon + week }])
  expect(why('bob', 'second')).toMatchObject([{ code: 'not-chosen' }, { code: 'over' }])
  expect(why('cid', 'second')).toMatchObject([{ code: 'not-chosen' }, { code: 'over' }])
  // The week of the first was over by then.
  addCampaign(ledger, 'third', noon + week + hour)
  expect(why('ann', 'third')).toMatchObject([{ code: 'not-chosen' }, { code: 'over' }])
})

test('an opt-out is one of the last push before it, if that was within a week', () => {
  const ledger = ledgerWith(['ann', 'bob', 'cid'], { interval: day })
  pushAt(ledger, 'one', ['ann', 'bob', 'cid'], noon)
  pushAt(ledger, 'two', ['ann', 'bob'], noon + 2 * day)
  ledger.optOut(['ann'], true, noon + 2 * day + hour)
  ledger.optOut(['bob'], true, noon + 4 * week)
  ledger.optOut(['cid'], true, noon + day)
  const report = ledger.reportPage()
  expect(report.map(({ article, sends }) => [article, sends.map(({ optOuts }) => optOuts)])).toEqual([
    ['two', [1]],
    ['one', [1]],
    ['news', []],
  ])
})
