import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import chromium from '@sparticuz/chromium'
import { type Browser, chromium as playwright } from 'playwright-core'

const modules = join(import.meta.dirname, '../../node_modules')
const { version } = JSON.parse(readFileSync(join(modules, '@sparticuz/chromium/package.json'), 'utf8'))
/** Where the browser is unpacked to, once for each version of its package. */
const cache = join(modules, `.cache/aurochs-browser-${version}`)

/**
 * Chromium, as it comes whole from npm.
 *
 * @throws Error where it cannot run on this machine.
 */
export async function launchBrowser(): Promise<Browser> {
  return playwright.launch({
    executablePath: await unpacked(),
    args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none'],
    headless: true,
  })
}

/** Unpacks it beside its place first: another process may do the same at the same time. */
async function unpacked(): Promise<string> {
  const place = join(cache, 'chromium')
  if (existsSync(place)) return place
  const draft = `${cache}.${process.pid}`
  await mkdir(draft, { recursive: true })
  const { TMPDIR } = process.env
  // The package unpacks to the folder for temporary files only.
  process.env.TMPDIR = draft
  try {
    await chromium.executablePath()
    await mkdir(cache, { recursive: true })
    await rename(join(draft, 'chromium'), place)
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
    await rm(draft, { recursive: true, force: true })
  }
  return place
}
