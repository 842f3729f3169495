import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { baselineAlgorithm } from '../../src/models/registry.ts'
import { checkerboard } from '../models/interactions.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochs, aurochsInTurn } from './aurochs.ts'

test("goes the whole way on a file of one's own, and ends with --exit", async () => {
  const folder = freshFolder()
  const file = join(folder, 'likes.csv')
  writeFileSync(file, ['who,what', ...checkerboard(60).map(([user, item]) => `u${user},i${item}`)].join('\n'))
  const out = join(folder, 'kept')
  const columns = ['--user', 'who', '--item', 'what']
  const { status, stdout, stderr } = await aurochs('demo', file, ...columns, '--factors', '8', '--out', out, '--exit')
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain('imported 1,740 pairs of 60 users and 60 items')
  // Half of the items are of a user's parity: ALS must find out which, popularity cannot.
  const quality = (name: string) => Number(new RegExp(`^${name} +([\\d.]+)`, 'm').exec(stdout)?.[1])
  expect(quality('als')).toBeGreaterThan(2 * quality('popular'))
  expect(stdout).toMatch(/before +after i\d+ \([\d.]+ ms\) +after i\d+/)
  expect(existsSync(join(out, 'model', 'manifest.json'))).toBe(true)
})

test('goes the whole way with an algorithm of each kind', async () => {
  const file = join(freshFolder(), 'likes.csv')
  writeFileSync(
    file,
    ['who,what,when', ...checkerboard(40).map(([user, item], at) => `u${user},i${item},${at}`)].join('\n'),
  )
  // Each of the registry is trained, measured and served by its name in train, evaluate and one-answer.
  const names = ['autoencoder', 'bpr', 'ease', 'transitions', 'blend', baselineAlgorithm.name]
  const asked = [
    'demo',
    file,
    '--user',
    'who',
    '--item',
    'what',
    '--time',
    'when',
    '--time-unit',
    's',
    '--threads',
    '1',
    '--exit',
  ]
  const demos = await aurochsInTurn(...names.map(name => [...asked, '--model', name]))
  for (const [at, { status, stdout, stderr }] of demos.entries()) {
    const name = names[at]
    expect([name, status, stderr]).toEqual([name, 0, ''])
    expect(stdout).toContain(`trained ${name} on all of it`)
    expect(stdout).toMatch(/before +after i\d+ \([\d.]+ ms\) +after i\d+/)
  }
})

test('reads its file by the options of import, and names its columns where those of ids are missing', async () => {
  const file = join(freshFolder(), 'likes.dat')
  const rows = checkerboard(40).map(([user, item]) => `u${user}::i${item}`)
  writeFileSync(file, [...rows, 'bad'].join('\n'))
  const reading = ['--delimiter', '::', '--no-header', '--bad-rows', 'skip', '--min-user', '2']
  const asked = ['demo', file, ...reading, '--model', 'popular', '--threads', '1', '--exit']
  const [shown, missing] = await aurochsInTurn([...asked, '--user', 'column0', '--item', 'column1'], asked)
  expect(shown).toMatchObject({ status: 0, stderr: '' })
  expect(shown!.stdout).toContain('imported 760 pairs of 40 users and 40 items')
  expect(missing!.stderr).toBe(
    `aurochs: --user and --item must name the columns of ids in ${file}, which has "column0", "column1"\n`,
  )
})

test('says what is missing or wrong', async () => {
  const likes = join(freshFolder(), 'likes.csv')
  writeFileSync(likes, 'who,what\n')
  const [file, option, columns] = await aurochsInTurn(
    ['demo', 'nowhere.csv', '--user', 'u', '--item', 'i'],
    ['demo', '--model', 'popular', '--factors', '8', '--exit'],
    ['demo', likes, '--user', 'who'],
  )
  expect(file).toMatchObject({
    status: 2,
    stderr: 'aurochs: there is no file nowhere.csv\n',
  })
  expect(option).toMatchObject({
    status: 2,
    stderr:
      'aurochs: --factors is an option of als, autoencoder, bpr, graph-filter, word2vec, not of popular: leave it out, or train one of these\n',
  })
  expect(columns).toMatchObject({
    status: 2,
    stderr: `aurochs: --item must name the column of item ids in ${likes}, which has "who", "what"\n`,
  })
})
