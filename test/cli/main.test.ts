import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { aurochs } from './aurochs.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

test('--version and --help are answered on stdout', async () => {
  expect(await aurochs('--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' })
  const help = await aurochs('--help')
  expect(help).toMatchObject({ status: 0, stderr: '' })
  expect(help.stdout).toContain('Usage: aurochs')
})

test('what nobody knows is refused with exit code 2', async () => {
  const option = await aurochs('--nonsense')
  expect(option).toMatchObject({ status: 2, stdout: '' })
  expect(option.stderr).toContain("unknown option '--nonsense'\n(add --help for the options)")
})
