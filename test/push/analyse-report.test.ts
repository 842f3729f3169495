import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { analyse } from '../../src/push/analyse/analyse.ts'
import type { PushAnalysis } from '../../src/push/analyse/analysis.ts'
import type { AnalysisInput } from '../../src/push/analyse/input.ts'
import { reportHtml } from '../../src/push/analyse/report/report.ts'
import { writeReport } from '../../src/push/analyse/report/write.ts'
import { worldParameters } from '../../src/push/simulate/parameters.ts'
import { recordLoop } from '../../src/push/simulate/recording/record-loop.ts'
import { launchBrowser } from '../serve/browser.ts'
import { freshFolder } from '../storage/folder.ts'
import {
  articlesOf,
  day,
  holdOutColumns,
  noon,
  plainSend,
  randomRows,
  type SendRow,
  sendColumns,
  visitColumns,
} from './analysis-rows.ts'

const hostile = `</title></script><script>window.wasRun=1</script><img src=x onerror="window.wasRun=1">"'&\u0000\ud800 \u202e 폭우로 통제`
const headlines = [
  '폭우로 전국 곳곳 통제… 출근길 이렇게 가세요',
  'The bridge that took forty years opens tonight',
  '주말에 꼭 가볼 만한 서울 골목 다섯 곳',
  'What the new exam rules mean for your child',
]

async function analysisOf(rows: readonly SendRow[], more: Partial<AnalysisInput> = {}): Promise<PushAnalysis> {
  const given = { from: noon, now: noon + 30 * day, articles: articlesOf(5), segments: ['a', 'b', 'c'] }
  return analyse(Object.assign(given, { sends: [sendColumns(rows)] }, more))
}

/** With two pushes too soon, hostile ids everywhere, and prices. */
async function hostileAnalysis(): Promise<PushAnalysis> {
  const { sends, held, visits } = randomRows(4, 800)
  return analysisOf(sends, {
    articles: articlesOf(5).map(({ createdAt }, at) => ({
      id: `${hostile}${at}`,
      titles: [hostile, `${hostile} 2`, ''],
      category: hostile,
      createdAt,
      target: 2.4,
      stopped: hostile,
    })),
    segments: [hostile, 'b', 'c'],
    holdOuts: [holdOutColumns(held)],
    visits: [visitColumns(visits)],
    prices: { times: [noon, noon + day, noon + 2 * day], prices: [2.4, 3.1, 2.8] },
    weeklyActive: { times: [noon, noon + day], users: [10, 12] },
  })
}

/** Elements that are not closed, or closed where none is open. */
function unbalanced(html: string): string[] {
  const open: string[] = []
  const wrong: string[] = []
  const empty = new Set(['meta', '!doctype'])
  const body = html.replace(/<style>[\s\S]*?<\/style>/, '')
  for (const [whole, slash, name] of body.matchAll(/<(\/?)([a-z!][a-z0-9]*)(?:\s[^<>]*)?>/gi)) {
    if (empty.has(name!.toLowerCase()) || whole.endsWith('/>')) continue
    if (slash === '') open.push(name!)
    else if (open.pop() !== name) wrong.push(whole)
  }
  return [...wrong, ...open]
}

test.each([
  ['nothing at all', () => analysisOf([], { articles: [], segments: [] })],
  ['one send', () => analysisOf([plainSend])],
  ['no clicks', () => analysisOf(Array.from({ length: 90 }, (_, user) => Object.assign({}, plainSend, { user })))],
  ['no usual CTRs', () => analysisOf([Object.assign({}, plainSend, { usualCtr: 0, clickedAt: noon })])],
  ['random sends', () => analysisOf(randomRows(1, 500).sends)],
  ['hostile titles', hostileAnalysis],
])('a report of %s is a whole document, the same each time', async (_, make) => {
  const analysis = await make()
  const html = reportHtml(analysis)
  expect(unbalanced(html)).toEqual([])
  expect(html).not.toMatch(/NaN|Infinity|undefined|null|\[object/)
  expect(reportHtml(await make())).toBe(html)
  expect(reportHtml(JSON.parse(JSON.stringify(analysis)))).toBe(html)
})

test('the first line says the result in words', async () => {
  expect(reportHtml(await analysisOf([]))).toContain('No push was sent.')
  const one = reportHtml(await analysisOf([Object.assign({}, plainSend, { clickedAt: noon + 60_000 })]))
  expect(one).toContain('<h1>What content push brought</h1>')
  expect(one).toContain('1 push of 1 article brought 1 click (CTR 100.00 %, usually 1.00 %).')
  expect(one).toContain('Lift 100: so many times the clicks that these users usually make')
  expect(one).toContain('Nobody was held out')
  expect(one).toContain('No user had two pushes within the interval.')
  const soon = [plainSend, Object.assign({}, plainSend, { article: 1, sentAt: noon + day })]
  const twice = reportHtml(await analysisOf(soon))
  expect(twice).toContain('1 push went to users who had one too soon before.')
  expect(twice).toContain('<h2>Two pushes too soon</h2>')
})

test('until half of the clicks are in and a tenth of the users are followed, nothing is said of lift and users brought back', async () => {
  const rows = Array.from({ length: 900 }, (_, user) =>
    Object.assign({}, plainSend, { user, clickedAt: user < 90 ? noon + 30_000 : Number.NaN }),
  )
  const held = Array.from({ length: 40 }, (_, at) => ({ user: 900 + at, article: 0, segment: 0, rank: 0, time: noon }))
  const more = { holdOuts: [holdOutColumns(held)], visits: [] }
  const early = reportHtml(await analysisOf(rows, Object.assign({ now: noon + 60_000 }, more)))
  expect(early).toMatch(/It is too early for a lift: about \d+ % of the clicks that are to come have come\./)
  expect(early).toContain('How many users it brought back is not known before users have been followed for 7 days.')
  expect(early).toContain('(CTR 10.00 %, usually 1.00 %)')
  expect(early).not.toMatch(/<dt>Lift<\/dt><dd>\d/)
  const later = reportHtml(await analysisOf(rows, more))
  expect(later).toMatch(/Lift 10\.00: so many times .* \(95 %: \d+\.\d+ to \d+\.\d+, however often it is looked at\)/)
  expect(later).toMatch(/users (back is open|\(95 %)/)
  const none = await analysisOf(rows.map(row => Object.assign({}, row, { clickedAt: Number.NaN })))
  expect(reportHtml(none)).toMatch(/The lift is below 1\.\d\d\./)
})

test('what titles and ids hold stays text', async () => {
  const html = reportHtml(await hostileAnalysis())
  expect(html).not.toMatch(/<script|<img/)
  expect(html).not.toContain('\u0000')
  expect(html).toContain('&lt;script&gt;window.wasRun=1&lt;/script&gt;')
  expect(html).toContain('폭우로 통제')
})

test('files take the place of others whole, and nothing is left beside them', async () => {
  const folder = freshFolder()
  const [html, json] = [join(folder, 'report.html'), join(folder, 'report.json')]
  writeFileSync(html, 'old')
  const analysis = await analysisOf([plainSend])
  await writeReport(analysis, { html, json })
  expect(readFileSync(html, 'utf8')).toBe(reportHtml(analysis))
  expect(JSON.parse(readFileSync(json, 'utf8'))).toEqual(analysis)
  expect(readdirSync(folder).sort()).toEqual(['report.html', 'report.json'])
  await expect(writeReport(analysis, { html: join(folder, 'none', 'report.html') })).rejects.toThrow('ENOENT')
  expect(existsSync(join(folder, 'none'))).toBe(false)
})

const browser = await launchBrowser().catch(error => {
  console.warn(`reports are not looked at: Chromium does not start on this machine: ${(error as Error).message}`)
  return undefined
})
afterAll(() => browser?.close())

describe.skipIf(!browser)('in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-report-'))

  beforeAll(async () => {
    await writeReport(await hostileAnalysis(), { html: join(folder, 'hostile.html') })
    const parameters = Object.assign({}, worldParameters, { users: 5000, days: 5 })
    const input = await recordLoop({ seed: 3, parameters })
    const articles = input.articles.map(article => Object.assign({}, article, { titles: headlines }))
    const analysis = await analyse(Object.assign({}, input, { articles }))
    await writeReport(analysis, { html: join(folder, 'simulated.html') })
    return () => rmSync(folder, { recursive: true })
  })

  test.each([
    ['hostile', 'light', 390],
    ['hostile', 'dark', 1200],
    ['simulated', 'dark', 390],
    ['simulated', 'light', 1280],
  ] as const)('the %s report loads nothing, runs nothing, and fits (%s, %i px)', async (name, colorScheme, width) => {
    const context = await browser!.newContext({ colorScheme, viewport: { width, height: 800 } })
    try {
      const page = await context.newPage()
      const requests: string[] = []
      const messages: string[] = []
      page.on('request', request => requests.push(request.url()))
      page.on('console', message => messages.push(message.text()))
      page.on('pageerror', error => messages.push(error.message))
      const address = pathToFileURL(join(folder, `${name}.html`)).href
      await page.goto(address)
      expect(requests).toEqual([address])
      expect(messages).toEqual([])
      expect(await page.evaluate('window.wasRun')).toBe(undefined)
      expect(await page.locator('script, img, iframe, link, object').count()).toBe(0)
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      // Nor is a table, where there is room.
      const tables = await page
        .locator('.scroll')
        .evaluateAll(all => all.map(each => each.scrollWidth - each.clientWidth))
      if (name === 'simulated' && width === 1280) expect(Math.max(...tables)).toBe(0)
      expect(await page.locator('.plot svg').count()).toBeGreaterThan(3)
      // No label of a plot is cut off.
      const cut = await page.locator('.plot svg text').evaluateAll(texts =>
        texts
          .filter(text => {
            const [own, around] = [text.getBoundingClientRect(), text.closest('svg')!.getBoundingClientRect()]
            return own.left < around.left - 1 || own.right > around.right + 1 || own.bottom > around.bottom + 1
          })
          .map(text => text.textContent),
      )
      expect(cut).toEqual([])
      const [red] = await page.evaluate(() =>
        getComputedStyle(document.body).backgroundColor.match(/\d+/g)!.map(Number),
      )
      expect(red! < 60).toBe(colorScheme === 'dark')
    } finally {
      await context.close()
    }
  })
})
