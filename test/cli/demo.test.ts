import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { algorithms, defaultAlgorithm } from '../../src/models/registry.ts'
import { checkerboard } from '../models/interactions.ts'
import { freshFolder } from '../storage/folder.ts'

const cli = join(import.meta.dirname, '../../src/cli/main.ts')

function demo(...args: string[]) {
  return spawnSync(process.execPath, [cli, 'demo', ...args], { encoding: 'utf8' })
}

test("goes the whole way on a file of one's own, and ends with --exit", () => {
  const folder = freshFolder()
  const file = join(folder, 'likes.csv')
  writeFileSync(file, ['who,what', ...checkerboard(60).map(([user, item]) => `u${user},i${item}`)].join('\n'))
  const out = join(folder, 'kept')
  const { status, stdout, stderr } = demo(
    file,
    ...['--user', 'who', '--item', 'what', '--factors', '8', '--out', out, '--exit'],
  )
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain('imported 1,740 pairs of 60 users and 60 items')
  // Half of the items are of a user's parity: ALS must find out which, popularity cannot.
  const quality = (name: string) => Number(new RegExp(`^${name} +([\\d.]+)`, 'm').exec(stdout)?.[1])
  expect(quality('als')).toBeGreaterThan(2 * quality('popular'))
  expect(stdout).toMatch(/before +after i\d+ \([\d.]+ ms\) +after i\d+/)
  expect(existsSync(join(out, 'model', 'manifest.json'))).toBe(true)
})

test('goes the whole way with any algorithm of the registry', () => {
  const file = join(freshFolder(), 'likes.csv')
  writeFileSync(file, ['who,what', ...checkerboard(40).map(([user, item]) => `u${user},i${item}`)].join('\n'))
  for (const { name } of algorithms.filter(algorithm => algorithm !== defaultAlgorithm)) {
    const { status, stdout, stderr } = demo(file, '--user', 'who', '--item', 'what', '--model', name, '--exit')
    expect([name, status, stderr]).toEqual([name, 0, ''])
    expect(stdout).toContain(`trained ${name} on all of it`)
    expect(stdout).toMatch(/before +after i\d+ \([\d.]+ ms\) +after i\d+/)
  }
})

test('says what is missing or wrong', () => {
  expect(demo('nowhere.csv', '--user', 'u', '--item', 'i')).toMatchObject({
    status: 2,
    stderr: 'aurochs: there is no file nowhere.csv\n',
  })
  expect(demo('--model', 'popular', '--factors', '8', '--exit')).toMatchObject({
    status: 2,
    stderr: 'aurochs: --factors is an option of als, not of popular: leave it out, or train als\n',
  })
  expect(demo('x.csv').stderr).toBe('aurochs: --user and --item must name the columns of ids in x.csv\n')
})
