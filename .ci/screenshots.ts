/**
 * `npm run screenshots` runs the demonstration, visits its page in a browser, and writes the picture of README.md,
 * `.github/page.png`. `npm run screenshots -- DIRECTORY` also writes there what each tab looks like in light, in dark and on
 * a phone, to be looked at.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launchBrowser } from '../test/serve/browser.ts'

process.chdir(join(import.meta.dirname, '..'))
const picture = '.github/page.png'
const looks: Readonly<Record<string, BrowserContextOptions>> = {
  light: { viewport: { width: 1120, height: 780 } },
  dark: { viewport: { width: 1120, height: 780 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
}

const [directory] = process.argv.slice(2)
const demo = spawn(process.execPath, ['dist/cli/main.js', 'demo'], { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  const url = await addressOf(demo)
  const browser = await launchBrowser()
  try {
    await recordVisit(browser, url)
    if (directory !== undefined) await recordTabs(browser, url, directory)
  } finally {
    await browser.close()
  }
} finally {
  demo.kill('SIGINT')
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
