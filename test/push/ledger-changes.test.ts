/** What the loop is told of its sends and of those held out. */
import { expect, onTestFinished, test } from 'vitest'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { freshFolder } from '../storage/folder.ts'
import { addCampaign, addUsers, day, hour, minute, noon, reserved } from './ledger-of.ts'

function liveWith(users: readonly string[]): LiveLedger {
  const ledger = LiveLedger.open(freshFolder())
  onTestFinished(() => ledger.close())
  addUsers(ledger, users)
  addCampaign(ledger, 'news')
  ledger.watch(noon)
  ledger.takeChanges()
  return ledger
}

const taken = (ledger: LiveLedger) => {
  const { handed, unsent } = ledger.takeChanges()
  return { handed, unsent }
}

test('sends are news when they are first handed over, and when they end without having gone out', () => {
  const ledger = liveWith(['ann', 'bob', 'cid', 'dan'])
  const [ann, bob] = reserved(ledger, 'news', ['ann', 'bob', 'cid'])
  ledger.reserve('news', [{ user: 'dan', due: noon + 3 * hour }], noon)
  expect(taken(ledger)).toEqual({ handed: [], unsent: [] })
  expect(ledger.hand('webhook', 1, noon + 2 * minute).map(({ user }) => user)).toEqual(['ann'])
  ledger.hand('webhook', 1, noon + 3 * minute)
  ledger.confirm(
    [
      { id: ann!, outcome: 'retry', after: minute, reason: 'status 503' },
      { id: bob!, outcome: 'failed', reason: 'status 400' },
    ],
    noon + 3 * minute,
  )
  ledger.optOut(['cid'], true, noon + 4 * minute)
  const of = (user: number) => ({ user, article: 'news' })
  expect(taken(ledger)).toEqual({
    handed: [
      { ...of(0), time: noon + 2 * minute },
      { ...of(1), time: noon + 3 * minute },
    ],
    unsent: [of(1), of(2)],
  })
  // Handed over again, that is no news.
  ledger.hand('webhook', 1, noon + 5 * minute)
  ledger.confirm([{ id: ann!, outcome: 'delivered' }], noon + 5 * minute)
  ledger.expire(noon + 5 * hour)
  expect(taken(ledger)).toEqual({ handed: [], unsent: [of(3)] })
  expect(ledger.handedSince(noon)).toEqual({
    handed: [{ ...of(0), time: noon + 5 * minute }],
    unsent: [
      { ...of(1), time: noon + 3 * minute },
      { ...of(2), time: noon + 4 * minute },
      { ...of(3), time: noon + 5 * hour },
    ],
  })
  expect(ledger.handedSince(noon + day)).toEqual({ handed: [], unsent: [] })
})

test('dry sends and tests are no news', () => {
  const ledger = liveWith(['ann', 'bob'])
  ledger.dryRun(true, noon)
  addCampaign(ledger, 'dry')
  expect(reserved(ledger, 'dry', ['ann'])).toHaveLength(1)
  ledger.sendTest('news', ['bob'], 0, noon)
  expect(ledger.hand('webhook', 10, noon)).toHaveLength(1)
  ledger.expire(noon + day)
  expect(taken(ledger)).toEqual({ handed: [], unsent: [] })
  expect(ledger.handedSince(noon)).toEqual({ handed: [], unsent: [] })
})

test('who has quiet hours is refused until their end', () => {
  const ledger = liveWith(['ann', 'bob'])
  ledger.putUsers([{ id: 'ann', quiet: { from: '11:00', until: '13:30' } }], noon)
  const { sends, refused } = ledger.reserve('news', [{ user: 'ann' }, { user: 'bob' }, { user: 'zed' }], noon)
  expect(sends.map(({ user }) => user)).toEqual(['bob'])
  expect(refused).toEqual([
    { user: 'ann', reason: 'quiet-hours', until: noon + 90 * minute },
    { user: 'zed', reason: 'unknown-user' },
  ])
})

test('of those held out it is known when, and which rank they would have had', () => {
  const ledger = liveWith(['ann', 'bob', 'cid'])
  expect(ledger.holdOut('news', ['bob', 'cid'], { time: noon + hour, ranks: [7, 300] })).toBe(2)
  ledger.holdOut('news', ['ann', 'bob'], { time: noon + minute })
  expect(ledger.holdOutsSince(noon)).toEqual([
    { user: 0, article: 'news', rank: undefined, held: noon + minute },
    { user: 1, article: 'news', rank: 7, held: noon + hour },
    { user: 2, article: 'news', rank: 300, held: noon + hour },
  ])
  expect(ledger.holdOutsSince(noon + day)).toEqual([])
})
