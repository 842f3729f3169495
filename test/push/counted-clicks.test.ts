/** Clicks that users have in their counts are of pushes that they have there, whatever comes when. */
import { expect, onTestFinished, test } from 'vitest'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { fitUsualCtr } from '../../src/push/statistics/usual-ctr.ts'
import { freshFolder } from '../storage/folder.ts'
import { addCampaign, addUsers, day, hour, noon, reserved } from './ledger-of.ts'

function liveWith(users: readonly string[]): LiveLedger {
  const ledger = LiveLedger.open(freshFolder())
  onTestFinished(() => ledger.close())
  addUsers(ledger, users)
  return ledger
}

/** Pushes and clicks by user, as the loop has them; it fits usual CTRs to them. */
function countsOf(ledger: LiveLedger): number[][] {
  const { pushes, clicks, segments } = ledger.userStates(-1, 10)
  fitUsualCtr({ pushes, clicks, segments }, 1)
  return Array.from(pushes, (count, at) => [count, clicks[at]!])
}

test('a late click on a push that did not go out, as far as is known, does not count', () => {
  const ledger = liveWith(['ann', 'bob'])
  // Another push of Ann, which she did not click.
  ledger.keepPastPushes([{ user: 'ann', article: 'old', sent: noon - 30 * day }], noon)
  addCampaign(ledger, 'news')
  const [ann, bob] = reserved(ledger, 'news', ['ann', 'bob'])
  ledger.hand('webhook', 10, noon)
  // The sender said that it failed, and Ann has it all the same.
  ledger.confirm(
    [
      { id: ann!, outcome: 'failed', reason: 'status 400' },
      { id: bob!, outcome: 'delivered' },
    ],
    noon,
  )
  ledger.watch(noon)
  expect(ledger.countEnded(noon + day, 10)).toBe(2)
  ledger.recordClick(ann!, noon + 2 * day, noon + 2 * day)
  ledger.recordClick(bob!, noon + 2 * day, noon + 2 * day)
  ledger.recordClick(bob!, noon + 3 * day, noon + 3 * day)
  expect(countsOf(ledger)).toEqual([
    [1, 0],
    [1, 1],
  ])
  // It is kept, and told to the loop.
  expect(ledger.sendsOf('news')).toMatchObject([{ clicked: noon + 2 * day }, { clicked: noon + 2 * day }])
  expect(ledger.takeChanges().clicks).toHaveLength(2)
})

test('an article that was imported, counted and then pushed live is counted for both, each send once', () => {
  const ledger = liveWith(['ann', 'bob'])
  const sent = noon - 30 * day
  ledger.keepPastPushes([{ user: 'ann', article: 'news', sent, clicked: sent + hour }], noon)
  expect(ledger.countEnded(noon, 10)).toBe(1)
  addCampaign(ledger, 'news')
  const [bob] = reserved(ledger, 'news', ['bob'])
  ledger.hand('webhook', 10, noon)
  ledger.confirm([{ id: bob!, outcome: 'delivered' }], noon)
  ledger.recordClick(bob!, noon + hour, noon + hour)
  expect(countsOf(ledger)).toEqual([
    [1, 1],
    [0, 0],
  ])
  expect(ledger.countEnded(noon + day, 10)).toBe(1)
  expect(countsOf(ledger)).toEqual([
    [1, 1],
    [1, 1],
  ])
  expect(ledger.countEnded(noon + 2 * day, 10)).toBe(0)
})

test('a last visit in the future is taken for now', () => {
  const ledger = liveWith(['ann'])
  ledger.putUsers(
    [
      { id: 'ann', lastVisit: noon + 1000 * day },
      { id: 'bob', lastVisit: noon + 1 },
    ],
    noon,
  )
  expect([...ledger.userStates(-1, 10).lastVisit]).toEqual([noon, noon])
})
