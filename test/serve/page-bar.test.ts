/** The tab Bar in a real browser, of a real server with a small song space and sounds. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { moods } from '../../src/music/synthesis/moods.ts'
import { drawSongs } from '../../src/music/synthesis/songs.ts'
import { render } from '../../src/music/synthesis/sound/render.ts'
import { wavOf } from '../../src/music/synthesis/sound/wav.ts'
import type { SmallSong } from '../music/small-space.ts'
import { addKey } from './keys.ts'
import { lowContrasts } from './low-contrasts.ts'
import { browser, openPage } from './open-page.ts'
import { type ServedModel, serveSmallModel } from './served-model.ts'

/** What runs as a script wherever it is read as markup. */
const markup = '<img src=x onerror="window.wasRun=1">'
const plans = drawSongs({ songs: 120, seconds: [2, 2] })
const songs: readonly SmallSong[] = plans.map(({ id, title, artist, moods, energy }, at) => ({
  id,
  title: at === 0 ? markup : title,
  artist,
  tags: Object.fromEntries(moods),
  energy,
  duration: 180 + at,
  file: `${id}.wav`,
}))
const byId = new Map(plans.map(plan => [plan.id, plan]))

function writeSoundsTo(folder: string): string {
  const root = join(folder, 'sounds')
  mkdirSync(root)
  for (const plan of plans) writeFileSync(join(root, `${plan.id}.wav`), wavOf(render(plan, 8000), 8000))
  return root
}

const bar = ({ server }: ServedModel) => `${server.url}/#/bar`

const listed = (page: Page) =>
  page.locator('.songs > li').evaluateAll(rows => rows.map(row => (row as HTMLElement).dataset.item!))

/** Moves the slider of a mood, and waits for the list. */
async function want(page: Page, mood: string, weight = 1): Promise<void> {
  await page.locator(`.tag-sliders [data-tag=${mood}] input`).fill(String(weight))
  await page.locator('.songs > li').first().waitFor()
}

const share = (items: readonly string[], mood: string) =>
  items.filter(item => [...byId.get(item)!.moods.keys()].some(own => own === mood)).length / items.length

describe.skipIf(!browser)('the tab Bar', () => {
  let served: ServedModel

  beforeAll(async () => {
    served = await serveSmallModel({ music: songs, audio: writeSoundsTo })
    return served.close
  })

  test('mixes moods by their sliders, says why, and draws the list on the map', async () => {
    const page = await openPage(bar(served))
    await page.getByText('Nothing is mixed yet').waitFor()
    await want(page, 'rain')
    await page.getByText(/^20 songs, \d+ min: rain\.$/).waitFor()
    const items = await listed(page)
    expect(items).toHaveLength(20)
    expect(share(items, 'rain')).toBeGreaterThan(0.9)
    await page.getByText(/^mixed in [\d.]+ ms$/).waitFor()
    expect(await page.locator('#announcements').textContent()).toMatch(/^20 songs\. First: .+\.$/)
    await page.locator('.songs [data-action=why]').first().click()
    await page.locator('.songs .why').getByText('rain', { exact: true }).waitFor()
    expect(await page.locator('.songs .why p').textContent()).toMatch(/rain/)
    const drawn = await page.locator('.song-map canvas').evaluate(canvas => {
      const { width, height } = canvas as HTMLCanvasElement
      const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height)
      return data.filter((value, at) => at % 4 === 3 && value > 0).length
    })
    expect(drawn).toBeGreaterThan(2000)
    await want(page, 'rain', 0)
    await page.getByText('Nothing is mixed yet').waitFor()
    expect(await listed(page)).toEqual([])
  })

  test('on a phone, rows have place, tags and energy in words, and nothing stands on anything else', async () => {
    const page = await openPage(bar(served), {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
    })
    await want(page, 'rain')
    await page.locator('.songs [data-action=why]').first().click()
    await page.locator('.songs .why').waitFor()
    const row = page.locator('.songs > li').first()
    expect(await row.locator('.details').first().textContent()).toMatch(/ · energy \d+ %$/)
    for (const part of ['.handle', '.place', '.play', '.title', '.song-tag', '.accept']) {
      expect(await row.locator(part).first().isVisible(), part).toBe(true)
    }
    const covered = await row.evaluate(element => {
      const parts = ['.handle', '.place', '.play', '.title', '.details', '.song-tags', '.row-actions', '.why']
      const boxes = parts.map(part => element.querySelector(part)!.getBoundingClientRect())
      return parts.filter((_, at) =>
        boxes.some(
          (other, place) =>
            place < at &&
            other.left < boxes[at]!.right - 1 &&
            boxes[at]!.left < other.right - 1 &&
            other.top < boxes[at]!.bottom - 1 &&
            boxes[at]!.top < other.bottom - 1,
        ),
      )
    })
    expect(covered).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  })

  test('goes on from what was accepted and skipped, and takes it back', async () => {
    const page = await openPage(bar(served))
    await want(page, 'calm')
    const [first, second] = await listed(page)
    const row = (item: string | undefined) => page.locator(`.songs [data-item="${item}"]`)
    await row(first).locator('.accept').click()
    await page.locator('.played').getByText(byId.get(first!)!.title).waitFor()
    await expect.poll(() => listed(page)).not.toContain(first)
    expect(await page.locator('.songs .place').first().textContent()).toBe('2')
    await row(second).locator('.skip-song').click()
    await page.getByText('1 song skipped').waitFor()
    await expect.poll(async () => (await listed(page)).length).toBe(20)
    expect(await listed(page)).not.toContain(second)
    await page.getByText('1 song skipped').click()
    await page.getByRole('button', { name: `Take back ${byId.get(second!)!.title}` }).click()
    await page.getByText('1 song skipped').waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: `Take back ${byId.get(first!)!.title}` }).click()
    await expect.poll(() => listed(page)).toContain(first)
  })

  test('songs are moved by keyboard and by dragging, and stay where they were put', async () => {
    const page = await openPage(bar(served), {
      // All rows in view, none on its way.
      viewport: { width: 1120, height: 1800 },
      reducedMotion: 'reduce',
    })
    await want(page, 'night')
    const before = await listed(page)
    await page.locator('.songs .handle').first().focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    expect((await listed(page)).slice(0, 3)).toEqual([before[1], before[2], before[0]])
    const focused = () => page.evaluate('document.activeElement.closest("li").dataset.item')
    expect(await focused()).toBe(before[0])
    expect(await page.locator('#announcements').textContent()).toMatch(/, place 3$/)
    const handle = page.locator(`.songs [data-item="${before[4]}"] .handle`)
    const [from, to] = [await handle.boundingBox(), await page.locator('.songs > li').first().boundingBox()]
    await page.mouse.move(from!.x + 5, from!.y + 10)
    await page.mouse.down()
    await page.mouse.move(from!.x + 5, from!.y - 30, { steps: 4 })
    await page.mouse.move(from!.x + 5, to!.y + 2, { steps: 8 })
    await page.mouse.up()
    expect((await listed(page))[0]).toBe(before[4])
    await page.getByText('kept here').first().waitFor()
    await want(page, 'dreamy', 0.3)
    await expect.poll(async () => (await listed(page))[0]).toBe(before[4])
    await page.getByRole('button', { name: 'Back to the mixed order' }).click()
    await want(page, 'dreamy', 0)
    await expect.poll(() => listed(page)).toEqual(before)
  })

  test('songs are found by words, and added from the map by a click and by keyboard', async () => {
    const page = await openPage(bar(served))
    const search = page.getByLabel('Like these songs')
    const wanted = plans[7]!
    await search.fill(wanted.title.slice(0, 9))
    await page.locator('#songs-found').getByText(wanted.title, { exact: true }).click()
    await page.locator('.chips').getByText(wanted.title).waitFor()
    await page.locator('.songs > li').first().waitFor()
    expect(await listed(page)).not.toContain(wanted.id)
    await search.fill('no such words at all')
    await page.getByText('No song has these words.').first().waitFor()
    await search.press('Escape')
    await page.locator('.song-map canvas').focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    const said = await page.locator('#announcements').textContent()
    await expect.poll(() => page.locator('.map-tip').textContent()).toBe(said)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.chips').first().locator('li').count()).toBe(2)
    const name = (await page.locator('.chips').first().locator('li').last().locator('.chip-name').textContent())!
    expect(said).toContain(name.replace(/song$/, ''))
    await page.getByRole('button', { name: `Take out song ${wanted.title}` }).click()
    await expect.poll(() => page.locator('.chips').first().locator('li').count()).toBe(1)
    await page.getByRole('button', { name: 'Zoom in' }).click()
    const box = (await page.locator('.song-map canvas').boundingBox())!
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width / 2 + 60, box.y + box.height / 2 + 20, { steps: 3 })
    await page.mouse.up()
    expect(await page.locator('.chips').first().locator('li').count()).toBe(1)
    await page.getByRole('button', { name: 'calm', exact: true }).click()
    expect(await page.getByRole('button', { name: 'calm', exact: true }).getAttribute('aria-pressed')).toBe('true')
  })

  test('the energy curve is drawn by arrow keys, and the list follows it', async () => {
    const page = await openPage(bar(served))
    await want(page, 'night')
    await page.getByLabel('Energy over the list').first().selectOption('rising')
    const meanEnergies = async () => {
      const energies = (await listed(page)).map(item => byId.get(item)!.energy)
      const mean = (of: readonly number[]) => of.reduce((sum, value) => sum + value, 0) / of.length
      return mean(energies.slice(10)) - mean(energies.slice(0, 10))
    }
    await expect.poll(meanEnergies).toBeGreaterThan(0.15)
    const begin = page.getByRole('slider', { name: 'Energy at the beginning' })
    await begin.focus()
    await page.keyboard.press('End')
    expect(await begin.getAttribute('aria-valuenow')).toBe('100')
    const end = page.getByRole('slider', { name: 'At the end' })
    await end.focus()
    await page.keyboard.press('Home')
    await expect.poll(meanEnergies).toBeLessThan(0.1)
    expect(await page.locator('.curve-songs rect').count()).toBe(20)
    await page.getByRole('button', { name: 'Empty' }).click()
    expect(await begin.getAttribute('aria-valuetext')).toBe('any')
  })

  test('avoids moods, artists and songs', async () => {
    const page = await openPage(bar(served))
    await want(page, 'rain')
    const items = await listed(page)
    const [mood] = [...moods].filter(each => each !== 'rain' && share(items, each) > 0)
    await page.getByRole('button', { name: `Avoid ${mood}` }).click()
    await expect.poll(async () => share(await listed(page), mood!)).toBe(0)
    await page.locator('.songs [data-action=why]').first().click()
    const why = page.locator('.songs > li', { has: page.locator('.why') })
    const item = (await why.getAttribute('data-item'))!
    const { artist, title } = byId.get(item)!
    await page.getByRole('button', { name: `Nothing by ${artist}` }).click()
    await expect.poll(async () => (await listed(page)).some(each => byId.get(each)!.artist === artist)).toBe(false)
    await page.getByRole('button', { name: `Take out artist ${artist}` }).click()
    await expect.poll(() => listed(page)).toContain(item)
    await page.getByRole('button', { name: 'Never this song' }).click()
    await page.locator('.chips').getByText(title).waitFor()
    await expect.poll(() => listed(page)).not.toContain(item)
  })

  test('plays sounds, one after the other, and moves within them', async () => {
    const page = await openPage(bar(served))
    await want(page, 'happy')
    await page.locator('.songs [data-action=play]').first().click()
    const player = page.getByRole('group', { name: 'Player' })
    const [first, second] = (await listed(page)).map(item => byId.get(item)!.title)
    await player.getByText(first!).waitFor()
    await expect.poll(() => page.evaluate('document.querySelector("audio").currentTime')).toBeGreaterThan(0.1)
    await player.getByLabel('Place in the song').fill('800')
    // To its end: then the next one.
    await player.getByText(second!).waitFor()
    await page.locator('.songs .playing [data-action=play]').click()
    expect(await page.evaluate('document.querySelector("audio").paused')).toBe(true)
    await player.getByRole('button', { name: 'Stop' }).click()
    await player.waitFor({ state: 'hidden' })
  })

  test('never runs what titles hold as markup', async () => {
    const page = await openPage(bar(served))
    await page.getByLabel('Like these songs').fill('img')
    await page.locator('#songs-found').getByText(markup).click()
    await page.locator('.chips').getByText(markup).waitFor()
    expect(await page.locator('main img').count()).toBe(0)
    expect(await page.evaluate('window.wasRun')).toBe(undefined)
  })

  test.each([
    ['light', 1120],
    ['dark', 1120],
    ['light', 390],
    ['dark', 390],
  ] as const)('fits and is easy to read in %s at %i px', async (colorScheme, width) => {
    const page = await openPage(bar(served), { colorScheme, viewport: { width, height: 844 } })
    await want(page, 'calm')
    await want(page, 'rain', 0.6)
    await page.getByRole('button', { name: 'Avoid sad' }).click()
    await page.locator('.songs .accept').first().click()
    await page.locator('.played').waitFor()
    await page.locator('.songs [data-action=why]').nth(1).click()
    await page.waitForTimeout(500)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    expect(await page.evaluate(lowContrasts)).toEqual([])
    const folder = process.env.AUROCHS_SCREENSHOTS
    if (folder === undefined) return
    mkdirSync(folder, { recursive: true })
    await page.screenshot({ path: join(folder, `bar-${colorScheme}-${width}.png`), fullPage: true })
  })

  test('plays by a key where the server has keys, and is not there where it has no music', async () => {
    let key = ''
    const prepare = (state: string) => {
      key = addKey(state, {}).key
    }
    const guarded = await serveSmallModel({ music: songs, audio: writeSoundsTo, prepare })
    onTestFinished(guarded.close)
    const page = await openPage(bar(guarded), { key })
    await want(page, 'happy')
    await page.locator('.songs [data-action=play]').first().click()
    await expect.poll(() => page.evaluate('document.querySelector("audio").currentTime')).toBeGreaterThan(0.1)
    const silent = await serveSmallModel()
    onTestFinished(silent.close)
    const other = await openPage(bar(silent))
    await other.getByRole('link', { name: 'Models' }).waitFor()
    expect(await other.getByRole('link', { name: 'Bar' }).count()).toBe(0)
  })
})
