import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, pathsOf } from './markdown.ts'

const root = join(import.meta.dirname, '../..')

test.each(['README.md', 'CONTRIBUTING.md'])('every path that %s names is there, from the top or from src', file => {
  const paths = pathsOf(readFileSync(join(root, file), 'utf8'))
  expect(paths).not.toEqual([])
  expect(paths.filter(path => !existsSync(join(root, path)) && !existsSync(join(root, 'src', path)))).toEqual([])
})

test('finds fenced blocks, their lines, and why one is not run', () => {
  const markdown = 'Do:\n\n```sh\na\nb\n```\n\n<!-- not run: takes a day -->\n\n```ts\nc\n```\n'
  expect(blocksOf(markdown)).toEqual([
    { language: 'sh', text: 'a\nb\n', line: 4, notRun: undefined },
    { language: 'ts', text: 'c\n', line: 11, notRun: 'takes a day' },
  ])
})

test('finds paths in links and in backticks, but not addresses, commands and blocks', () => {
  const markdown =
    'See `src/cli`, `cli/main.ts`, [it](test/ci/), [there](https://example.org), `csv/tsv`, `npm test`.\n\n```sh\nls `src/ci`\n```\n'
  expect(pathsOf(markdown)).toEqual(['test/ci/', 'src/cli', 'cli/main.ts'])
})
