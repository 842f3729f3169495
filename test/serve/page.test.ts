/** The page at `/` in a real browser, where the client of this package speaks to a real server. */
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { methods } from '../../src/protocol/methods.ts'
import { freePort } from './free-port.ts'
import { addKey, revokeKey } from './keys.ts'
import { lowContrasts } from './low-contrasts.ts'
import { browser, openPage } from './open-page.ts'
import { Program } from './program.ts'
import { serveSmallModel } from './served-model.ts'
import { expectedList, writeSmallModel } from './small-model.ts'

/** What runs as a script wherever it is read as markup. */
const markup = '<img src=x onerror="window.wasRun=1"><script>window.wasRun=1</script>'

const items = (page: Page) => page.locator('.items > li').evaluateAll(rows => rows.map(row => row.dataset.item!))
const take = (page: Page, item: string) => page.locator(`[data-item="${item}"] .take`).click()
const visited = (page: Page) => page.locator('.visit li').first()

describe.skipIf(!browser)('the page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-page-'))
  let model: string
  let program: Program
  let start: () => Promise<Program>

  beforeAll(async () => {
    const port = await freePort()
    model = await writeSmallModel(folder, item => (item === 6 ? markup : `i${item}`))
    start = () => Program.start([model, '--state', join(folder, 'state'), '--port', `${port}`, '--threads', '1'])
    program = await start()
    return async () => {
      await program.stop('SIGTERM')
      rmSync(folder, { recursive: true })
    }
  })

  test('shows how the list moves after a click, the event is on disk, and undo takes it back', async () => {
    const page = await openPage(`${program.url}/#/try/newcomer`)
    await page.getByText('Nothing is known of this user yet').waitFor()
    const before = await items(page)
    expect(before.slice(0, 2)).toEqual(['i2', 'i4'])
    await take(page, 'i4')
    await page.getByText(/in the list after [\d.]+ ms/).waitFor()
    const after = await items(page)
    expect(after).toEqual(expectedList(model, -1, [['i4', 1]], 10))
    const movements = await page.locator('.movement').allTextContents()
    expect(movements).toHaveLength(after.filter((item, at) => before[at] !== item).length)
    expect(movements).toContain('new')
    expect(await page.locator('#announcements').textContent()).toMatch(/^List of newcomer: \d+ new.* First: i\d+\.$/)
    expect(await page.locator('#latency').textContent()).toMatch(/^[\d.]+ ms$/)

    const id = await visited(page).getAttribute('data-event')
    const body = JSON.stringify({ id, user: 'newcomer', item: 'i4' })
    const again = await fetch(`${program.url}/v1/record`, { method: 'POST', body })
    expect(await again.json()).toEqual({ id, status: 'duplicate' })

    await visited(page).getByRole('button', { name: 'Undo i4' }).click()
    await expect.poll(() => items(page)).toEqual(before)
    await page.getByText('from choice to list').waitFor()
    await page.getByLabel('Items', { exact: true }).selectOption('5')
    await page.getByText('from asking to list').waitFor()
    expect(await items(page)).toEqual(before.slice(0, 5))

    await page.goto(`${program.url}/#/try/${'x'.repeat(257)}`)
    await page.getByRole('alert').getByText('expected text of 1 to 256 characters').waitFor()
  })

  test('never runs what ids hold as markup', async () => {
    const page = await openPage(`${program.url}/#/try/${encodeURIComponent(markup)}`)
    const named = page.getByRole('button', { name: markup, exact: true }).first()
    await named.waitFor()
    await page.getByRole('button', { name: `Items similar to ${markup}` }).click()
    await page.getByRole('heading', { name: `Similar to ${markup}` }).waitFor()
    await page.locator('.similar-items > li').first().waitFor()
    await named.click()
    await page.getByText('in the list after').waitFor()
    expect(await page.locator('h2').first().textContent()).toBe(`List of ${markup}`)
    expect(await visited(page).locator('.title').textContent()).toBe(markup)
    expect(await page.locator('main img, main script').count()).toBe(0)
    expect(await page.evaluate('window.wasRun')).toBe(undefined)
  })

  test.each(['light', 'dark'] as const)('is as wide as a phone, and easy to read in %s', async colorScheme => {
    const page = await openPage(`${program.url}/#/try/${'long'.repeat(60)}`, {
      colorScheme,
      viewport: { width: 360, height: 740 },
    })
    await page.locator('.items > li').first().waitFor()
    await page.locator('.take').first().click()
    await page.getByText('in the list after').waitFor()
    for (const name of ['Try', 'Models', 'Live']) {
      await page.getByRole('link', { name, exact: true }).click()
      await page.getByRole('region', { name, exact: true }).locator('.card, .tile').first().waitFor()
      expect([name, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([name, 360])
      expect([name, await page.evaluate(lowContrasts)]).toEqual([name, []])
    }
    const tile = (name: string) => page.locator('.tile', { has: page.getByText(name, { exact: true }) }).locator('dd')
    await page.locator('.live .uplot canvas').first().waitFor()
    expect([await tile('Connections').textContent(), await tile('Memory').textContent()]).toEqual([
      '1',
      expect.stringMatching(/^\d+ MiB$/),
    ])
    const [red] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g)!.map(Number))
    expect(red! < 60).toBe(colorScheme === 'dark')
  })

  test('is used by keyboard alone, without motion where that is unwanted', async () => {
    const page = await openPage(`${program.url}/#/try/typist`, { reducedMotion: 'reduce' })
    await page.locator('.items > li').first().waitFor()
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    for (let presses = 0; !(await focused()).startsWith('i2'); presses++) {
      expect(presses).toBeLessThan(20)
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Enter')
    await page.getByText('in the list after').waitFor()
    const list = await items(page)
    expect(list).not.toContain('i2')
    // At the place of what was chosen, and not at the top of the document.
    expect(await focused()).toBe(list[0])
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.visit li').count()).toBe(2)
  })

  test.skipIf(!('search_items' in methods))('searches the catalogue, and hides an item for an admin', async () => {
    let admin = ''
    const own = await serveSmallModel({
      prepare: state => {
        admin = addKey(state, { admin: 'all' }).key
      },
    })
    onTestFinished(own.close)
    const known = [
      { id: 'i2', title: `${markup} sea`, tags: ['<b>blue</b>'], url: 'javascript:window.wasRun=1' },
      { id: 'i4', title: 'Deep sea', url: 'https://example.org/sea' },
      { id: 'i6', title: 'A hill' },
    ]
    const headers = { authorization: `Bearer ${admin}` }
    const put = { method: 'POST', headers, body: JSON.stringify({ items: known }) }
    expect((await fetch(`${own.server.url}/v1/put_items`, put)).status).toBe(200)
    const page = await openPage(`${own.server.url}/#/catalogue`)
    await page.getByRole('dialog').locator('input').fill(admin)
    await page.getByRole('button', { name: 'Use key' }).click()
    const found = page.getByRole('region', { name: 'Catalogue' })
    await found.getByText('3 items').waitFor()
    await page.getByLabel('Words of the title').fill('sea')
    await found.getByText('2 items').waitFor()
    const hrefs = await page.locator('.found a').evaluateAll(links => links.map(link => link.getAttribute('href')))
    expect(hrefs).toEqual(['https://example.org/sea'])
    await page.getByRole('button', { name: 'Hide Deep sea' }).click()
    await page.getByRole('button', { name: 'Show Deep sea' }).waitFor()
    await page.getByRole('button', { name: 'Boost Deep sea' }).click()
    await page.getByLabel('Place in lists').selectOption('× 4')
    await page.getByRole('button', { name: 'Apply boost' }).click()
    await found.getByText('boosted × 4').waitFor()
    await page.getByRole('button', { name: `Pin ${markup} sea` }).click()
    await page.getByLabel('Place', { exact: true }).fill('1')
    await page.getByRole('button', { name: 'Apply pin' }).click()
    await found.getByText('pinned at 1').waitFor()
    await page.getByRole('link', { name: 'Try' }).click()
    await page.locator('.items').getByText(`${markup} sea`).waitFor()
    expect((await items(page))[0]).toBe('i2')
    expect(await items(page)).toEqual(expect.arrayContaining(['i2', 'i6']))
    expect(await items(page)).not.toContain('i4')
    expect(await page.locator('main img, main b').count()).toBe(0)
    expect(await page.evaluate('window.wasRun')).toBe(undefined)
  })

  test('goes on by itself when the server was away, and loses no event', async () => {
    const page = await openPage(`${program.url}/#/try/ann`, { expected: /ERR_CONNECTION_REFUSED/ })
    await page.locator('.items > li').first().waitFor()
    await program.stop('SIGTERM')
    await page.getByText('no connection').waitFor()
    await take(page, 'i4')
    program = await start()
    await page.getByText('in the list after').waitFor()
    expect(await items(page)).toEqual(expectedList(model, -1, [['i4', 1]], 10))
  })

  test('asks for a key, for an admin key, and before it rolls back; and keeps keys for the tab only', async () => {
    const keys: Record<string, ReturnType<typeof addKey>> = {}
    const own = await serveSmallModel({
      prepare: state => {
        keys.ann = addKey(state, { users: ['ann'] })
        keys.admin = addKey(state, { admin: 'all' })
      },
    })
    onTestFinished(own.close)
    const other = await writeSmallModel(join(own.folder, 'other'), item => `other${item}`)
    renameSync(other, join(own.folder, 'model.previous'))
    const generation = () => own.server.service.info.generation
    const page = await openPage(own.server.url)
    const dialog = page.getByRole('dialog')
    const enter = async (key: string) => {
      await dialog.locator('input').fill(key)
      await page.getByRole('button', { name: 'Use key' }).click()
    }
    await page.getByRole('dialog', { name: 'This server expects a key' }).waitFor()
    const { key } = keys.ann!
    await enter(`${key.slice(0, -2)}${key.endsWith('AA') ? 'BB' : 'AA'}`)
    await dialog.getByText('does not know this key').waitFor()
    await enter(key)
    await page.getByRole('heading', { name: 'List of ann' }).waitFor()
    await page.locator('.items > li').first().waitFor()
    expect(await page.evaluate('[localStorage.length, document.cookie]')).toEqual([0, ''])

    await page.getByRole('link', { name: 'Models' }).click()
    await page.getByText('models is for admins').waitFor()
    await page.getByRole('button', { name: 'Enter an admin key' }).click()
    await enter(keys.admin!.key)
    const served = generation()
    await page.locator('.model.served', { hasText: served }).waitFor()
    const rollBack = async (answer: string) => {
      await page.getByRole('button', { name: 'Roll back to it' }).click()
      await page.getByRole('dialog', { name: 'Roll back?' }).getByRole('button', { name: answer, exact: true }).click()
    }
    await rollBack('Cancel')
    expect(generation()).toBe(served)
    await rollBack('Roll back')
    await page.locator('.model.previous', { hasText: served }).waitFor()
    expect(generation()).not.toBe(served)
    await page.getByRole('link', { name: 'Try' }).click()
    await page.locator('[data-item^=other]').first().waitFor()

    revokeKey(join(own.folder, 'state'), keys.ann!.id)
    await dialog.getByText('the key was revoked').waitFor()
    await enter(keys.admin!.key)
    await page.locator('.items > li').first().waitFor()
  })
})
