import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

function bench(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${import.meta.dirname}/main.ts`, ...args], {
    encoding: 'utf8',
  })
  return { status, stderr, lines: stdout.trim().split('\n') }
}

test('the last JSON line names the bench and its bars, and all holding means exit code 0', () => {
  const { status, lines } = bench('sum', '1', '--json', '1', '--data', 'reads.csv')
  expect(status).toBe(0)
  expect(lines.map(line => JSON.parse(line))).toEqual([
    { data: 'reads.csv', rest: ['1', '1'] },
    {
      bench: 'sum',
      bars: [
        { name: 'the sum', figure: 2, bar: 2, holds: true },
        { name: 'the number of options', figure: 2, bar: 1, holds: true },
      ],
    },
  ])
})

test('a bar that falls short is reported and means exit code 1', () => {
  const { status, lines } = bench('sum', '3')
  expect(status).toBe(1)
  expect(lines).toEqual(['FALLS SHORT  the sum: 3 (bar 2)', 'holds        the number of options: 1 (bar 1)'])
})

test('a bench that is not there is answered with those that are', () => {
  const { status, stderr } = bench('nosuch')
  expect(status).toBe(2)
  expect(stderr).toContain('there is no bench nosuch')
  expect(stderr).toContain('There are: sum')
})
