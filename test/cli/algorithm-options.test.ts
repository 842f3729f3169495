import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { flagsText } from '../../src/cli/training/algorithm-options.ts'

test('options are printed so that a shell reads them as they are', () => {
  const parts = "als(factors=128) + 0.5 * graph-filter; it's"
  const text = flagsText({ factors: 64, parts, initialDeviation: 1e-7 })
  expect(text).toBe(`--factors 64 --parts 'als(factors=128) + 0.5 * graph-filter; it'\\''s' --initial-deviation 1e-7`)
  const words = execFileSync('sh', ['-c', `printf '%s\\n' ${text}`], { encoding: 'utf8' })
  expect(words.trim().split('\n')).toEqual(['--factors', '64', '--parts', parts, '--initial-deviation', '1e-7'])
})
