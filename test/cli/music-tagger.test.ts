import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSongSpace } from '../../src/music/space/artifact.ts'
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
  const [trained, again, tagged, asJson, embedded, printed, misplaced] = await aurochsInTurn(
    ['music', 'train-tagger', sounds, '--out', out, '--validation', '0.25', ...flags],
    ['music', 'train-tagger', sounds, '--out', out, ...flags],
    ['music', 'tag', low, high, '--tagger', out, '--top', '1'],
    ['music', 'tag', low, broken, '--tagger', out, '--json'],
    ['music', 'embed', join(sounds, 'low'), high, '--tagger', out, '--out', embeddings],
    ['music', 'embed', low, '--tagger', out],
    ['music', 'embed', low, '--tagger', out, '--out', sounds],
  )
  expect(misplaced!.stderr).toBe(`aurochs: --out must be a file, got the directory ${sounds}\n`)
  expect(trained).toMatchObject({ status: 0, stderr: '' })
  expect(trained!.stdout).toMatch(/^label +sounds +precision +recall +average precision\nhigh +2 +1\.000/)
  expect(trained!.stdout).toMatch(/taken for +1 +2\n1 {2}high +2 +0\n2 {2}low +0 +2\n/)
  expect(trained!.stdout).toContain('of 4 others: accuracy 1.0000')
  expect(readFileSync(join(out, 'curves.svg'), 'utf8')).toContain('validation accuracy')
  expect(again).toMatchObject({ status: 2, stdout: '' })
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
  writeFileSync(join(sounds, 'bad.csv'), 'file,labels\nlow/0.wav,low\nlow/1.wav,\n')
  const runs = await aurochsInTurn(
    ['music', 'train-tagger', join(sounds, 'none'), '--out', out],
    ['music', 'train-tagger', sounds, '--out', out, '--width', '20'],
    ['music', 'train-tagger', sounds, '--out', out, '--frames', '20'],
    ['music', 'train-tagger', sounds, '--out', out, '--validation', '1'],
    ['serve', 'model', '--state', 'state', '--music', 'space', '--audio', join(sounds, 'none')],
    ['music', 'tag', join(sounds, 'low/0.wav'), '--tagger', out],
    ['music', 'tag', join(sounds, 'none.wav'), '--tagger', sounds],
    ['music', 'train-tagger', sounds, '--out', sounds],
    ['music', 'train-tagger', sounds, '--output', out],
    ['music', 'train-tagger', join(sounds, 'bad.csv'), '--out', out],
    ['music', 'train-tagger', join(sounds, 'bad.csv'), '--out', out, '--bad-rows', 'skip'],
  )
  const messages = [
    'expected a directory or a table of labelled sounds, got no such file',
    '--width must be a whole number from 16 to 1024 and a multiple of 16, got 20',
    'frames must be a multiple of 64, got 20',
    '--validation must be a share from 0 to below 1, got 1',
    '--audio must be a directory, got',
    'there is no tagger at',
    'is no tagger of Aurochs',
    'exists: choose another place',
    "unknown option '--output'",
    'labels: expected at least one label, got none; correct it, or leave bad rows out with --bad-rows skip',
    'expected 2 to 65536 labels, got 1',
  ]
  runs.forEach(({ status, stderr }, at) => {
    expect(stderr).toContain(messages[at])
    // What is said wrongly is told from what lies in files.
    expect(status).toBe(messages[at]!.includes('--bad-rows') ? 1 : 2)
    if (!stderr.startsWith('error: unknown option')) expect(stderr.split('\n')).toHaveLength(2)
  })
  expect(existsSync(out)).toBe(false)
})

test('songs that nobody has listened to come into a space by what a tagger hears', async () => {
  const sounds = soundFolders(6)
  const [out, space] = [join(freshFolder(), 'tagger'), join(freshFolder(), 'space')]
  const files = ['low', 'high'].flatMap(kind => [0, 1, 2, 3].map(number => `${kind}/${number}.wav`))
  const songs = join(sounds, 'songs.csv')
  writeFileSync(songs, `id,title,file\n${files.map(file => `${file},${file},${file}`).join('\n')}\n`)
  const [trained, built] = await aurochsInTurn(
    ['music', 'train-tagger', sounds, '--out', out, '--validation', '0', ...flags],
    ['music', 'build-space', '--songs', songs, '--audio-root', sounds, '--tagger', out, '--out', space, '--json'],
  )
  expect(trained!.status).toBe(0)
  expect(built).toMatchObject({ status: 0, stderr: '' })
  expect(built!.json()).toEqual([expect.objectContaining({ songs: 8, tags: 2, failedFiles: [] })])
  const opened = openSongSpace(space)
  const cosine = (a: string, b: string) => {
    const [of, with_] = [a, b].map(id => opened.vectors.subarray(opened.rank * opened.songs.indexOf(id))) as [
      Float32Array,
      Float32Array,
    ]
    return Array.from({ length: opened.rank }, (_, at) => of[at]! * with_[at]!).reduce((sum, value) => sum + value, 0)
  }
  expect(cosine('low/0.wav', 'low/3.wav')).toBeGreaterThan(cosine('low/0.wav', 'high/3.wav') + 0.5)
  expect(opened.sourceOf(0)).toBe('features')
  opened.close()
})
