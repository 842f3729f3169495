import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { small, soundFolders } from '../music/tagger/sounds.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochsInTurn } from './aurochs.ts'

const flags = Object.entries(small).flatMap(([name, value]) => [
  `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`,
  String(value),
])

test('learns a tagger of a directory, says how good it is, and tags and embeds files with it', async () => {
  const sounds = soundFolders(8)
  const out = join(freshFolder(), 'tagger')
  const embeddings = join(freshFolder(), 'embeddings.ndjson')
  const [low, high, broken] = ['low/1.wav', 'high/2.wav', 'broken.wav'].map(name => join(sounds, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(broken, 'no sound')
  const [trained, again, tagged, asJson, embedded, printed] = await aurochsInTurn(
    ['music', 'train-tagger', sounds, '--out', out, '--validation', '0.25', ...flags],
    ['music', 'train-tagger', sounds, '--out', out, ...flags],
    ['music', 'tag', low, high, '--tagger', out, '--top', '1'],
    ['music', 'tag', low, broken, '--tagger', out, '--json'],
    ['music', 'embed', join(sounds, 'low'), high, '--tagger', out, '--out', embeddings],
    ['music', 'embed', low, '--tagger', out],
  )
  expect(trained).toMatchObject({ status: 0, stderr: '' })
  expect(trained!.stdout).toMatch(/^label +sounds +precision +recall +average precision\nhigh +2 +1\.000/)
  expect(trained!.stdout).toMatch(/taken for +1 +2\n1 {2}high +2 +0\n2 {2}low +0 +2\n/)
  expect(trained!.stdout).toContain('of 4 others: accuracy 1.0000')
  expect(readFileSync(join(out, 'curves.svg'), 'utf8')).toContain('validation accuracy')
  expect(again).toMatchObject({ status: 1, stdout: '' })
  expect(again!.stderr).toContain('exists: choose another place, replace it (replace, --replace)')
  expect(tagged!.stdout).toMatch(/low\/1\.wav: low \d+\.\d %\n.*high\/2\.wav: high \d+\.\d %\n$/)
  expect(asJson!.status).toBe(1)
  expect(asJson!.stderr).toMatch(/broken\.wav.*\naurochs: 1 of 2 files could not be analysed/)
  expect(asJson!.json()).toEqual([
    { file: low, seconds: 0.5, failedPackets: 0, labels: { low: expect.any(Number), high: expect.any(Number) } },
  ])
  const lines = readFileSync(embeddings, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(lines.map(({ file }) => file)).toEqual([
    ...Array.from({ length: 8 }, (_, at) => join(sounds, `low/${at}.wav`)),
    high,
  ])
  expect(lines[1].embedding).toHaveLength(small.embedding)
  expect(printed!.json()).toEqual([lines[1]])
  expect(embedded!.stdout).toBe('')
})

test('mistakes are said with what was expected', async () => {
  const sounds = soundFolders(2)
  const out = join(freshFolder(), 'tagger')
  const runs = await aurochsInTurn(
    ['music', 'train-tagger', join(sounds, 'none'), '--out', out],
    ['music', 'train-tagger', sounds, '--out', out, '--width', '20'],
    ['music', 'train-tagger', sounds, '--out', out, '--frames', '20'],
    ['music', 'train-tagger', sounds, '--out', out, '--validation', '1'],
    ['music', 'tag', join(sounds, 'low/0.wav'), '--tagger', out],
    ['music', 'tag', join(sounds, 'none.wav'), '--tagger', sounds],
  )
  const messages = [
    'expected a directory or a table of labelled sounds, got no such file',
    '--width must be',
    'frames must be a multiple of 64, got 20',
    '--validation must be a share from 0 to below 1, got 1',
    'there is no tagger at',
    'is no tagger of Aurochs',
  ]
  runs.forEach(({ status, stderr }, at) => {
    expect(status).toBeGreaterThan(0)
    expect(stderr).toContain(messages[at])
    expect(stderr.split('\n')).toHaveLength(2)
  })
  expect(existsSync(out)).toBe(false)
})
