/** The tab of pushes in a real browser, of a real server that sends pushes to a file. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { addKey } from './keys.ts'
import { lowContrasts } from './low-contrasts.ts'
import { browser, openPage } from './open-page.ts'
import { type ServedModel, serveSmallModel } from './served-model.ts'

/** What runs as a script wherever it is read as markup. */
const markup = '<img src=x onerror="window.wasRun=1"> 폭우로 통제'
const hour = 3_600_000

/** Campaigns of which one was sent to 400 users a day ago, with 20 held out, and others are open, stopped and over. */
function pushPast(state: string): void {
  const now = Date.now()
  const ledger = PushLedger.open(state, { quiet: { from: '00:00', until: '00:00' } })
  const users = Array.from({ length: 420 }, (_, at) => `u${at}`)
  ledger.putUsers(users.map(id => ({ id, channel: { sender: 'file', address: id }, segment: 'kr' })))
  const begin = now - 24 * hour
  const campaign = (id: string, titles: string[], starts: number, ends: number) =>
    ledger.putCampaign({ id, titles, starts, ends, budget: 1000 })
  campaign('storm', [markup, 'The storm, hour by hour'], begin, begin + 4 * hour)
  campaign('bridge', ['The bridge that took forty years opens tonight'], begin, begin + 4 * hour)
  campaign('exam', ['What the new exam rules mean'], now - hour, now + 3 * hour)
  ledger.holdOut(
    'storm',
    users.slice(400).map(user => ({ user })),
    begin,
  )
  const planned = users.slice(0, 400).map((user, rank) => ({
    user,
    rank,
    round: rank < 100 ? 0 : 1,
    title: rank % 2,
    usualCtr: 0.01,
    expectedCtr: 0.03,
  }))
  const { sends } = ledger.reserve('storm', planned, begin)
  const outgoing = ledger.hand('file', 1000, begin)
  ledger.confirm(
    outgoing.map(({ id }) => ({ id, outcome: 'delivered' })),
    begin,
  )
  for (const { id } of sends.slice(0, 16)) ledger.recordClick(id, begin + 600_000, begin + 600_000)
  ledger.stop('bridge', 'its time is over', begin + 4 * hour)
  ledger.optOut(['u399'], true, begin + hour)
  ledger.decide(
    'dull',
    {
      isPushed: false,
      lift: 0.4,
      interval: [0.1, 0.9],
      firstVolume: 0,
      mostVolume: 10,
      contributions: [{ feature: 'reads', value: 0, by: Math.log(0.5) }],
      reason: 'too dull',
    },
    begin,
  )
  ledger.close()
}

let admin = ''

describe.skipIf(!browser)('the tab of pushes', () => {
  let served: ServedModel

  beforeAll(async () => {
    served = await serveSmallModel({
      push: 'undecided',
      prepare: state => {
        pushPast(state)
        admin = addKey(state, { admin: 'all' }).key
      },
    })
    return served.close
  })

  const tile = (page: Page, name: string) =>
    page.locator('.push .tile', { has: page.getByText(name, { exact: true }) }).locator('dd')

  test('shows campaigns with their sends, lifts and states, and the totals', async () => {
    const page = await openPage(`${served.server.url}/#/push`, { key: admin })
    const campaign = (id: string) => page.locator(`[data-campaign=${id}]`)
    await campaign('storm').getByText('× 4.00').waitFor()
    expect(await campaign('storm').textContent()).toContain('400 sent')
    expect(await campaign('storm').textContent()).toContain('16 clicks')
    expect(await campaign('storm').textContent()).toContain('20 held out')
    expect(await campaign('storm').locator('.badge').textContent()).toBe('over')
    expect(await campaign('storm').locator('svg.lift line').count()).toBe(5)
    expect(await campaign('bridge').locator('.badge').textContent()).toBe('stopped')
    expect(await campaign('exam').locator('.badge').textContent()).toBe('under way')
    expect(await campaign('exam').textContent()).toContain('no lift yet')
    expect(await page.locator('.push > .state').textContent()).toContain('2 of 4 campaigns open')
    expect(await tile(page, 'Sends').textContent()).toContain('400')
    expect(await tile(page, 'CTR').textContent()).toMatch(/^4\.00 %clicks ÷ sends; usual 1\.00 %/)
    expect(await tile(page, 'Users brought back').textContent()).toMatch(
      /^–not known before users have been followed for 7 days$/,
    )
    expect(await tile(page, 'Lift').textContent()).toMatch(/^4\.00\d/)
    expect(await tile(page, 'Opted out').textContent()).toMatch(/^1/)
    expect(await tile(page, 'Two pushes too soon').textContent()).toBe('0as it must be')
    expect(await page.locator('main img').count()).toBe(0)
    expect(await page.evaluate('window.wasRun')).toBe(undefined)
  })

  test('pauses and resumes one campaign and all of them, and says why a user got no push', async () => {
    const page = await openPage(`${served.server.url}/#/push`, { key: admin })
    const exam = page.locator('[data-campaign=exam]')
    await exam.getByRole('button', { name: 'Pause' }).click()
    await exam.getByText('paused', { exact: true }).waitFor()
    await exam.getByRole('button', { name: 'Resume' }).click()
    await exam.getByText('under way', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Pause all' }).click()
    const dialog = page.getByRole('dialog', { name: 'Pause all pushes?' })
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    expect(await page.locator('.push > .state').textContent()).not.toContain('paused')
    await page.getByRole('button', { name: 'Pause all' }).click()
    await dialog.getByRole('button', { name: 'Pause all' }).click()
    await page.getByText('All pushes are paused since').waitFor()
    await page.getByRole('button', { name: 'Resume all' }).click()
    await page.getByRole('button', { name: 'Pause all' }).waitFor()

    const ask = async (user: string, article: string) => {
      await page.locator('#why-user').fill(user)
      await page.locator('#why-article').fill(article)
      await page.getByRole('button', { name: 'Ask' }).click()
    }
    await ask('u410', 'storm')
    await page.getByText('u410 did not get the push of storm.').waitFor()
    await page.getByText('The user is held out of this campaign').waitFor()
    await ask('u0', 'storm')
    await page.getByText('u0 got the push of storm.').waitFor()
    await page.getByText(/^Reserved .*delivered .*clicked /).waitFor()
    await ask('u1', 'exam')
    await page.getByText(/^The push of this week is that of storm, until /).waitFor()
    await ask(markup, 'storm')
    await page.getByText('The user is not known').waitFor()
  })

  test('finds campaigns, opens one to its titles, rounds and decisions, and sends a test of it', async () => {
    const page = await openPage(`${served.server.url}/#/push`, { key: admin })
    await page.getByText('4 of 4 shown, newest first.').waitFor()
    await page.getByLabel('Article or title').fill('BRIDGE')
    await page.getByText('1 of 1 shown').waitFor()
    expect(await page.locator('[data-campaign]').count()).toBe(1)
    await page.getByLabel('Article or title').fill('')
    await page.locator('#campaigns-state').selectOption('open')
    await page.getByText('2 of 2 shown').waitFor()
    expect(await page.locator('[data-campaign=storm]').count()).toBe(0)
    await page.locator('#campaigns-state').selectOption('')
    const storm = page.locator('[data-campaign=storm]')
    await storm.locator('button.title').click()
    const table = storm.getByRole('region', { name: 'CTR by title and round' })
    await table.waitFor()
    expect(await table.locator('tbody tr').last().textContent()).toBe(
      'all titles4.00 %16 of 40016.00 %16 of 1000.00 %0 of 300',
    )
    if (process.env.AUROCHS_SCREENSHOTS)
      // It stays open while the page asks again.
      await page.waitForTimeout(5500)
    expect(await table.isVisible()).toBe(true)
    await storm.getByLabel('Send a test to users').fill('u1, nobody')
    await storm.getByRole('button', { name: 'Send a test' }).click()
    await storm.getByText('1 test on the way. nobody: unknown-user').waitFor()
    await storm.locator('button.title').click()
    await table.waitFor({ state: 'detached' })
    await page.locator('[data-campaign=bridge] button.title').click()
    await page.getByText('No more is sent: its time is over.').waitFor()
    await page.getByText('Why articles were pushed, or not').click()
    await page.locator('.push-decisions').getByText('bridge').waitFor()
    await page
      .locator('.push-decisions')
      .getByText('Not pushed: too dull. Expected lift 0.40 (0.10 to 0.90); what moved it most: reads × 0.50.')
      .waitFor()
  })

  test('begins and ends a dry run, opts users out and in again, and saves the report', async () => {
    const page = await openPage(`${served.server.url}/#/push`, { key: admin })
    await page.getByRole('button', { name: 'Dry run' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Begin' }).click()
    await page.getByText('This is a dry run: nothing is sent.').waitFor()
    await page.getByRole('button', { name: 'End the dry run' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click()
    await page.getByText('This is a dry run: nothing is sent.').waitFor({ state: 'hidden' })
    await page.locator('#opt-out-user').fill('u5')
    await page.getByRole('button', { name: 'Opt out' }).click()
    await page.getByText('u5 gets no more pushes.').waitFor()
    await page.getByRole('button', { name: 'Opt in again' }).click()
    await page.getByText('u5 may get pushes again.').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save a report' }).click()
    const saved = await download
    expect(saved.suggestedFilename()).toBe('push-report.html')
    expect(readFileSync(await saved.path(), 'utf8')).toContain('<h1>What content push brought</h1>')
  })

  test.each([
    ['light', 1120],
    ['dark', 1120],
    ['light', 390],
    ['dark', 390],
  ] as const)('fits and is easy to read in %s at %i px', async (colorScheme, width) => {
    const page = await openPage(`${served.server.url}/#/push`, {
      key: admin,
      colorScheme,
      viewport: { width, height: 844 },
    })
    await page.getByText('× 4.00').waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    expect(await page.evaluate(lowContrasts)).toEqual([])
    const folder = process.env.AUROCHS_SCREENSHOTS
    if (folder === undefined) return
    mkdirSync(folder, { recursive: true })
    await page.screenshot({ path: join(folder, `push-${colorScheme}-${width}.png`), fullPage: true })
  })

  test('is not there where the server sends no pushes', async () => {
    const other = await serveSmallModel({ prepare: state => (admin = addKey(state, { admin: 'all' }).key) })
    onTestFinished(other.close)
    const page = await openPage(other.server.url, { key: admin })
    await page.getByRole('link', { name: 'Models' }).waitFor()
    expect(await page.getByRole('link', { name: 'Push' }).count()).toBe(0)
  })
})
