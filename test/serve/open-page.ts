import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, expect, onTestFinished } from 'vitest'
import { launchBrowser } from './browser.ts'

/** Chromium until all tests of the file have run; undefined, with a warning, where it does not start. */
export const browser = await launchBrowser().catch(error => {
  console.warn(`the page is not tested: Chromium does not start on this machine: ${(error as Error).message}`)
  return undefined
})
afterAll(() => browser?.close())

export interface PageOptions extends BrowserContextOptions {
  /** A key as if the person had entered it. */
  readonly key?: string | undefined
  /** Messages of errors that are no fault. */
  readonly expected?: RegExp | undefined
}

/** A page of its own browser context at `address` until the test ends, which fails where the page reports an error. */
export async function openPage(address: string, { key, expected, ...options }: PageOptions = {}): Promise<Page> {
  const context = await browser!.newContext(Object.assign({ locale: 'en-GB' }, options))
  if (key !== undefined) await context.addInitScript(value => sessionStorage.setItem('aurochs-key', value), key)
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const errors: string[] = []
  page.on('pageerror', error => errors.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error' && !expected?.test(message.text())) errors.push(message.text())
  })
  onTestFinished(async () => {
    await context.close()
    expect(errors).toEqual([])
  })
  await page.goto(address)
  return page
}
