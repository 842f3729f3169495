/**
 * Runs each block of README.md in `sh`, `ts` and `json` (messages to the server), unless `<!-- not run: REASON -->`
 * stands before it. What the blocks import is made up here, with the users and items that they name.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { blocksOf } from './markdown.ts'
import { Examples } from './readme.ts'

const markdown = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
const blocks = blocksOf(markdown).filter(({ language, notRun }) => !notRun && ['sh', 'ts', 'json'].includes(language))

let folder: string
let examples: Examples

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aurochs-readme-'))
  examples = await Examples.prepare(folder, blocks)
})

afterAll(async () => {
  await examples?.close()
  rmSync(folder, { recursive: true, force: true })
})

test.each(blocks.map(block => [block.line, block.text.split('\n', 1)[0], block] as const))(
  'README.md:%i does what it says: %s',
  async (_line, _first, block) => {
    const printed = await examples.run(block)
    expect(printed.trim()).not.toBe('')
    expect(printed).not.toMatch(/\bundefined\b|\bNaN\b|\[object Object\]|^\[\]$|"items":\[\]/m)
  },
)

test('the blocks in TypeScript pass the type checks', async () => {
  expect(await examples.typeErrors(blocks)).toBe('')
})
