import { expect, test } from 'vitest'
import { freshFolder } from '../storage/folder.ts'
import { addCampaign, day, hour, noon, openLedger } from './ledger-of.ts'

test('campaigns are found by state and text, page by page, and those of imported pushes only where these are asked for', () => {
  const ledger = openLedger(freshFolder())
  for (let at = 0; at < 7; at++) addCampaign(ledger, `news-${at}`)
  ledger.putCampaign({ id: 'late', titles: ['폭우로 통제', 'Ünter'], starts: noon, ends: noon + 1, budget: 1 })
  ledger.keepPastPushes([{ user: 'ann', article: 'old', sent: noon - day }], noon)
  ledger.stop('news-0', 'over', noon)
  ledger.pause('news-1', true, noon)
  const at = noon + hour / 2
  const ids = (query: Parameters<typeof ledger.statusPage>[0]) => {
    const { campaigns, total, all, open } = ledger.statusPage(query, at)
    return [campaigns.map(({ id }) => id).join(' '), total, all, open]
  }
  expect(ids({ limit: 3 })).toEqual(['late news-6 news-5', 8, 8, 6])
  expect(ids({ limit: 3, before: 'news-5' })).toEqual(['news-4 news-3 news-2', 8, 8, 6])
  expect(ids({ state: 'stopped' })).toEqual(['news-0', 1, 8, 6])
  expect(ids({ state: 'paused' })).toEqual(['news-1', 1, 8, 6])
  expect(ids({ state: 'over' })).toEqual(['late', 1, 8, 6])
  expect(ids({ text: 'NEWS-3' })).toEqual(['news-3', 1, 8, 6])
  expect(ids({ text: '폭우' })).toEqual(['late', 1, 8, 6])
  expect(ids({ text: 'Ünter' })).toEqual(['late', 1, 8, 6])
  expect(ids({ text: '%' })).toEqual(['', 0, 8, 6])
  expect(ids({ limit: 1, imported: true })).toEqual(['old', 9, 9, 6])
  expect(ledger.sendsByReason(noon - 2 * day)).toEqual([])
})
