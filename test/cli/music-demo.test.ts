import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from '../storage/folder.ts'
import { aurochs, aurochsInTurn, main } from './aurochs.ts'

/** The smallest that there is. */
const small = ['music', 'demo', '--songs', '60', '--listeners', '60', '--threads', '2']
const patience = 300_000

test('goes the whole way, says how much of what is true it found, and keeps what it made', {
  timeout: patience,
}, async () => {
  const directory = join(freshFolder(), 'kept')
  const { status, stdout, stderr } = await aurochs(...small, '--directory', directory, '--no-serve')
  expect([status, stderr.replace(/^\d+ % \| .*\n/gm, '')]).toEqual([0, ''])
  expect(stdout).not.toMatch(/\bundefined\b|\bNaN\b/)
  /** The two figures of a row: what was found, and what chance would. */
  const figures = (row: string) => {
    const [, found, chance] = new RegExp(`^ *${row} +([\\d.]+)(?: %)? +([\\d.]+)`, 'm').exec(stdout) ?? []
    return { found: Number(found), chance: Number(chance) }
  }
  for (const row of ['rain', 'mean', '51 songs with listeners', 'each mood']) {
    const { found, chance } = figures(row)
    expect(found, row).toBeGreaterThan(1.5 * chance)
  }
  expect(figures('9 songs without listeners, by their sound').chance).toBeGreaterThan(0)
  const kept = readdirSync(directory).sort()
  expect(kept).toEqual([
    ...[
      'dataset',
      'labels.csv',
      'model',
      'playlist-tags.csv',
      'playlists.csv',
      'songs.csv',
      'sounds',
      'space',
      'tagger',
    ],
    'truth.csv',
  ])
  expect(readdirSync(join(directory, 'sounds'))).toHaveLength(60)
  expect(readFileSync(join(directory, 'labels.csv'), 'utf8').split('\n')).toHaveLength(60 - 18 + 2)
  // What the tables hold is what the other commands read.
  const [tagged, again] = await aurochsInTurn(
    ['music', 'tag', join(directory, 'sounds/song-001.wav'), '--tagger', join(directory, 'tagger')],
    [...small, '--directory', directory],
  )
  expect(tagged!.stdout).toMatch(/song-001\.wav: \w+ [\d.]+ %/)
  expect(again!.status).toBe(2)
  expect(again!.stderr).toContain('exists: choose another --directory')
})

test('interrupted, nothing of it remains', { timeout: patience }, async () => {
  const folder = freshFolder()
  const directory = join(folder, 'kept')
  const child = spawn(process.execPath, [main, ...small, '--directory', directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: Object.assign({}, process.env, { TMPDIR: folder }),
  })
  let [stdout, stderr] = ['', '']
  child.stderr.on('data', data => {
    stderr += data
  })
  child.stdout.on('data', data => {
    const isNew = !stdout.includes('1. ')
    stdout += data
    // Once: a second Ctrl-C ends it at once.
    if (isNew && stdout.includes('1. ')) child.kill('SIGINT')
  })
  const [code] = await once(child, 'close')
  expect([code, stderr]).toEqual([130, expect.stringContaining('interrupted: nothing is kept')])
  expect(existsSync(directory)).toBe(false)
  expect(readdirSync(folder)).toEqual([])
})

test('every option says what it must be', async () => {
  const wrong = [
    ['--songs', '5', 'a whole number from 60 to 20000'],
    ['--listeners', 'many', 'a whole number from 20 to 100000'],
    ['--seed', '-1', 'a whole number from 0 to 4294967295'],
    ['--port', '70000', 'a whole number from 0 to 65535'],
    ['--threads', '0', 'a whole number from 1 to 1024'],
    ['--seconds', 'x', 'a whole number from 0 to 1000000'],
    ['--directory', '', 'a directory'],
  ] as const
  const runs = await aurochsInTurn(...wrong.map(([option, value]) => ['music', 'demo', `${option}=${value}`]))
  for (const [at, { status, stderr }] of runs.entries()) {
    expect(status).toBe(2)
    expect(stderr).toContain(`aurochs: ${wrong[at]![0]} must be ${wrong[at]![2]}`)
  }
})
