/** Pushes of articles that people look at first, before anybody gets them. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CatalogueStore } from '../../src/catalogue/store.ts'
import { freshFolder } from '../storage/folder.ts'
import { addCampaign, addUsers, day, hour, noon, openLedger } from './ledger-of.ts'

function stateWith(users: readonly string[]) {
  const folder = freshFolder()
  const catalogue = new CatalogueStore(join(folder, 'catalogue.db'))
  onTestFinished(() => catalogue.close())
  const ledger = openLedger(folder)
  addUsers(ledger, users)
  return { ledger, catalogue }
}

test('an article of the catalogue is tested before it has a campaign, under its own title or another', () => {
  const { ledger, catalogue } = stateWith(['ann', 'bob'])
  catalogue.put([
    { id: 'news', title: 'News', url: 'https://example.org/news', availableFrom: noon + day, hidden: true },
    { id: 'nameless', url: 'javascript:1' },
    { id: 'deleted', title: 'Deleted' },
  ])
  catalogue.delete(['deleted'])
  ledger.sendTest('news', ['ann'], 0, noon)
  ledger.sendTest('news', ['bob'], 'News you want', noon)
  ledger.sendTest('nameless', ['ann'], 'A name', noon)
  const sent = ledger.hand('webhook', 10, noon).map(({ user, campaign, title, url }) => [user, campaign, title, url])
  expect(sent).toEqual([
    ['ann', 'news', '[test] News', 'https://example.org/news'],
    ['bob', 'news', '[test] News you want', 'https://example.org/news'],
    ['ann', 'nameless', '[test] A name', undefined],
  ])
  expect(ledger.campaigns()).toEqual([])
  const given = (article: string, title?: number) => () => ledger.sendTest(article, ['ann'], title, noon)
  expect(given('news', 1)).toThrow('title must be a whole number from 0 to 0, got 1')
  expect(given('nameless')).toThrow('expected an article with a title, got "nameless", which has none: give a text')
  expect(given('deleted')).toThrow(
    'expected the id of an article that has a campaign, or is in the catalogue of the state, got "deleted": put the item first',
  )
})

test('one that has a campaign is tested as that has it, and the tests are counted', () => {
  const { ledger, catalogue } = stateWith(['ann'])
  catalogue.put([{ id: 'news', title: 'News' }])
  ledger.sendTest('news', ['ann'], 0, noon)
  addCampaign(ledger, 'news')
  ledger.sendTest('news', ['ann'], 1, noon + hour)
  expect(ledger.hand('webhook', 10, noon + hour).map(({ title }) => title)).toEqual(['[test] News', '[test] Second'])
  expect(ledger.countsOf('news')).toMatchObject({ tests: 2, used: 0 })
})

test('without a catalogue only campaigns are known', () => {
  const ledger = openLedger()
  expect(() => ledger.sendTest('news', ['ann'])).toThrow('got "news": put the item first')
})
