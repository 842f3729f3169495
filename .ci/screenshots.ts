/**
 * `npm run screenshots` runs the demonstrations, visits their pages in a browser, and writes the pictures of README.md,
 * `.github/page.png` and `.github/bar.png`. `npm run screenshots -- DIRECTORY` also writes there what each tab looks like in light, in dark and on
 * a phone, to be looked at.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launchBrowser } from '../test/serve/browser.ts'

process.chdir(join(import.meta.dirname, '..'))
const picture = '.github/page.png'
const barPicture = '.github/bar.png'
const looks: Readonly<Record<string, BrowserContextOptions>> = {
  light: { viewport: { width: 1120, height: 780 } },
  dark: { viewport: { width: 1120, height: 780 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
}

const [directory] = process.argv.slice(2)
await onDemo(['demo'], async (browser, url) => {
  await recordVisit(browser, url)
  if (directory !== undefined) await recordTabs(browser, url, directory)
})
await onDemo(['music', 'demo'], (browser, url) => recordBar(browser, url.replace('/#/bar', '/'), directory))

/** Has `record` look at the page of a demonstration. */
async function onDemo(
  args: readonly string[],
  record: (browser: Browser, url: string) => Promise<void>,
): Promise<void> {
  const demo = spawn(process.execPath, ['dist/cli/main.js', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const url = await addressOf(demo)
    const browser = await launchBrowser()
    try {
      await record(browser, url)
    } finally {
      await browser.close()
    }
  } finally {
    demo.kill('SIGINT')
  }
}

/** The address of the page, once the demonstration prints it. */
function addressOf({ stdout }: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    stdout!.setEncoding('utf8').on('data', text => {
      output += text
      const [, url] = /^ {2}page +(\S+)$/m.exec(output) ?? []
      if (url !== undefined) resolve(url)
    })
    stdout!.on('close', () => reject(new Error(`the demonstration ended before it served:\n${output}`)))
  })
}

/** Someone new takes three items, and looks at what is similar to one. */
async function visit(page: Page, url: string): Promise<void> {
  await page.goto(`${url}#/try/visitor-2`)
  for (const place of [3, 2, 4]) {
    await page.locator('.items > li').nth(place).locator('.take').click()
    await page.waitForTimeout(700)
  }
  const similar = page.locator('.items [data-action=similar]').first()
  if ((await similar.count()) > 0) await similar.click()
  const why = page.locator('.items [data-action=why]').first()
  if ((await why.count()) > 0) await why.click()
  await page.evaluate(() => scrollTo(0, 0))
  // The pointer would light up what is under it.
  await page.mouse.move(0, 0)
  await page.waitForTimeout(500)
}

async function recordVisit(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ locale: 'en-GB', ...looks.light })
  await visit(page, url)
  await page.screenshot({ path: picture })
  await page.close()
}

async function recordTabs(browser: Browser, url: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  for (const [look, options] of Object.entries(looks)) {
    const page = await browser.newPage({ locale: 'en-GB', ...options })
    await visit(page, url)
    for (const tab of await page.locator('#sections a').allTextContents()) {
      await page.getByRole('link', { name: tab, exact: true }).click()
      await page.waitForTimeout(tab === 'Live' ? 6000 : 1000)
      await page.screenshot({ path: join(folder, `${tab.toLowerCase()}-${look}.png`), fullPage: true })
    }
    await page.close()
  }
}

/** A calm and rainy list that becomes livelier and calm again; a song of it is accepted, and one says why it is in. */
async function recordBar(browser: Browser, url: string, folder: string | undefined): Promise<void> {
  if (folder !== undefined) mkdirSync(folder, { recursive: true })
  for (const [look, options] of Object.entries(looks)) {
    if (folder === undefined && look !== 'light') continue
    const page = await browser.newPage({ locale: 'en-GB', ...options })
    await page.goto(`${url}#/bar`)
    const wanted = [
      ['calm', '1'],
      ['rain', '0.6'],
      ['dreamy', '0.3'],
    ] as const
    for (const [mood, weight] of wanted) await page.locator(`.tag-sliders [data-tag=${mood}] input`).fill(weight)
    await page.locator('.songs > li').first().waitFor()
    await page.locator('#energy-shape').selectOption('up and down')
    await page.waitForTimeout(700)
    await page.locator('.songs .accept').first().click()
    await page.waitForTimeout(700)
    await page.locator('.songs [data-action=why]').first().click()
    await page.mouse.move(0, 0)
    await page.waitForTimeout(700)
    if (look === 'light') {
      await page.setViewportSize({ width: 1120, height: 1000 })
      await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)')
      await page.waitForTimeout(300)
      await page.screenshot({ path: barPicture })
    }
    if (folder !== undefined) await page.screenshot({ path: join(folder, `bar-${look}.png`), fullPage: true })
    await page.close()
  }
}
