import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { labelledClips } from '../../../src/music/tagger/clips/clips.ts'
import { splitClips } from '../../../src/music/tagger/clips/split.ts'
import { freshFolder } from '../../storage/folder.ts'

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = freshFolder()
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text)
  }
  return folder
}

test('folders are labels of the sound files in them, at any depth', async () => {
  const folder = folderWith({
    'rain/a.wav': '',
    'rain/more/b.MP3': '',
    'dog/c.flac': '',
    'dog/notes.txt': '',
    'd.wav': '',
  })
  const { clips, labels, kind } = await labelledClips(folder)
  expect({ labels, kind }).toEqual({ labels: ['dog', 'rain'], kind: 'single' })
  expect(clips.map(({ file, labels }) => [file, ...labels])).toEqual([
    [join(folder, 'dog/c.flac'), 'dog'],
    [join(folder, 'rain/a.wav'), 'rain'],
    [join(folder, 'rain/more/b.MP3'), 'rain'],
  ])
})

test('links are followed, to files, folders and labels, and those in a circle once', async () => {
  const library = folderWith({ 'rain/a.wav': '', 'b.aac': '', 'dog/c.oga': '' })
  const folder = folderWith({ 'dog/d.wav': '' })
  symlinkSync(join(library, 'rain'), join(folder, 'rain'))
  symlinkSync(join(library, 'b.aac'), join(folder, 'dog/b.aac'))
  symlinkSync(join(library, 'dog'), join(folder, 'dog/more'))
  symlinkSync(join(folder, 'dog'), join(folder, 'dog/again'))
  symlinkSync(join(folder, 'nothing.wav'), join(folder, 'dog/nothing.wav'))
  const { clips } = await labelledClips(folder)
  expect(clips.map(({ file, labels }) => [file, ...labels])).toEqual([
    [join(folder, 'dog/b.aac'), 'dog'],
    [join(folder, 'dog/d.wav'), 'dog'],
    [join(folder, 'dog/more/c.oga'), 'dog'],
    [join(folder, 'rain/a.wav'), 'rain'],
  ])
})

test('rows that cannot be used are left out and counted where that is asked for', async () => {
  const folder = folderWith({
    'labels.csv': 'file;labels\na.wav;calm|rain\nb.wav;\nc.wav;dark\n',
    'bad.csv': 'file,labels\na.wav,\n',
  })
  const found = await labelledClips(join(folder, 'labels.csv'), { delimiter: ';', badRows: 'skip' })
  expect(found.clips).toHaveLength(2)
  expect(found.badRows).toBe(1)
  expect(found.firstBadRow).toContain('row 2 after the header, labels: expected at least one label, got none')
  await expect(labelledClips(join(folder, 'labels.csv'))).rejects.toThrow('leave bad rows out with --bad-rows skip')
  await expect(labelledClips(join(folder, 'bad.csv'), { badRows: 'skip' })).rejects.toThrow('1 bad row was left out')
})

test('a table says the labels of each file, by any of its rows', async () => {
  const folder = folderWith({
    'labels.csv':
      'path,tags,artist,split\na.wav,calm|rain,x,train\nsub/b.wav,"[""calm, very"",""dark""]",y,validation\na.wav,night,x,train\n',
  })
  const { clips, labels, kind } = await labelledClips(join(folder, 'labels.csv'))
  expect({ labels, kind }).toEqual({ labels: ['calm', 'calm, very', 'dark', 'night', 'rain'], kind: 'multi' })
  expect(clips).toEqual([
    { file: join(folder, 'a.wav'), labels: ['calm', 'rain', 'night'], group: 'x', split: 'train' },
    { file: join(folder, 'sub/b.wav'), labels: ['calm, very', 'dark'], group: 'y', split: 'validation' },
  ])
})

test.each([
  [{ 'a.wav': '' }, '', 'expected a folder of sound files for each label, got none'],
  [{ 'rain/a.wav': '' }, '', 'expected 2 to 65536 labels, got 1'],
  [
    { 'labels.csv': 'file,labels\na.wav,[oops\n' },
    'labels.csv',
    'labels: expected labels separated by | or an array of',
  ],
  [{ 'labels.csv': 'file,labels\na.wav,\n' }, 'labels.csv', 'labels: expected at least one label, got none'],
  [{ 'labels.csv': 'file,sound\na.wav,b\n' }, 'labels.csv', 'labels'],
  [{}, 'none.csv', 'got no such file'],
])('says what is missing: %j', async (files, name, message) => {
  await expect(labelledClips(join(folderWith(files), name))).rejects.toThrow(message)
})

test('about the share of each label is held out, and groups stay whole', () => {
  const label = fc.constantFrom('a', 'b', 'c')
  const clip = fc.record({
    file: fc.string(),
    labels: fc.uniqueArray(label, { minLength: 1 }),
    group: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(clip, { maxLength: 60 }), fc.nat(), (clips, seed) => {
      const { training, validation } = splitClips(clips, 0.2, seed)
      expect([...training, ...validation].sort((a, b) => a - b)).toEqual(clips.map((_, row) => row))
      const groups = (rows: readonly number[]) => new Set(rows.map(row => clips[row]!.group).filter(Boolean))
      expect([...groups(training)].filter(group => groups(validation).has(group))).toEqual([])
    }),
  )
})

test('groups of very many clips are split at once', () => {
  const clips = Array.from({ length: 200_000 }, (_, row) => ({ file: `${row}`, labels: ['a'], group: `${row % 2}` }))
  const before = process.cpuUsage()
  expect(splitClips(clips, 0.5, 7).validation).toHaveLength(100_000)
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(3)
})

test('of clips with one label each a fifth of every label is held out', () => {
  const clips = Array.from({ length: 100 }, (_, row) => ({ file: `${row}`, labels: [`${row % 4}`] }))
  const { validation } = splitClips(clips, 0.2, 7)
  for (let label = 0; label < 4; label++) expect(validation.filter(row => row % 4 === label)).toHaveLength(5)
  expect(splitClips(clips, 0, 7).validation).toEqual([])
})

test('the split that a table names is kept; rows of other parts are left out', () => {
  const clips = ['train', 'validation', 'test', 'train'].map(split => ({ file: split, labels: ['a'], split }))
  expect(splitClips(clips, 0.5, 1)).toEqual({ training: [0, 3], validation: [1] })
})
