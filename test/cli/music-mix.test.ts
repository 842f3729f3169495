import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeSpace } from '../music/small-space.ts'
import { writeSmallModel } from '../serve/small-model.ts'
import { smallSongs } from '../serve/small-songs.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochsInTurn } from './aurochs.ts'

test('aurochs music mix prints a playlist, each song with the reason', async () => {
  const folder = freshFolder()
  const [space, file] = [join(folder, 'space'), join(folder, 'playlist.txt')]
  await writeSpace(space, smallSongs)
  const model = await writeSmallModel(folder)
  writeFileSync(file, 'i1\ni2\nnone\n')
  const mix = ['music', 'mix', space]
  const [plain, json, user, ...wrong] = await aurochsInTurn(
    [...mix, '--mood', 'calm', '--mood', 'rain:0.5', '--song', 'i20', '--energy', '0.2,0.8,0.3', '--length', '6'],
    [
      ...mix,
      '--playlist',
      file,
      '--playlist',
      'i5,i6',
      '--mood',
      'rock:-1',
      '--avoid',
      'artist 3',
      '--length',
      '5',
      '--json',
    ],
    [...mix, '--user', '3', '--model', model, '--minutes', '10', '--artist-gap', '1', '--artist-share', '1'],
    [...mix, '--mood', 'clam'],
    [...mix, '--mood', 'calm', '--avoid', 'nobody'],
    [...mix, '--user', '3'],
    [...mix, '--user', 'nobody', '--model', model],
    [...mix, '--mood', 'calm', '--energy', '0.2,loud'],
    [...mix, '--mood', 'calm', '--length', '0'],
    [...mix, '--mood', 'calm', '--diversity', '2'],
    [...mix, '--mood', 'calm', '--length', '5', '--minutes', '5'],
    [...mix],
    ['music', 'mix', join(folder, 'nothing'), '--mood', 'calm'],
    ['music', 'mix', model, '--mood', 'calm'],
    [...mix, '--mode', 'calm'],
  )
  expect(plain!.status, plain!.stderr).toBe(0)
  const lines = plain!.stdout.trimEnd().split('\n')
  expect(lines.length).toBe(13)
  expect(lines[0]).toMatch(/^1 {2}Title \d+ +Artist \d +0\.\d\d$/)
  expect(lines[3]).toMatch(/^ {4}(Fits|Is the nearest) .*where 0\.44 was asked for; .* Title \d+ \(cosine 0\.\d\d\)\.$/)
  expect(lines.at(-1)).toBe('6 songs, 20 minutes')

  expect(json!.status, json!.stderr).toBe(0)
  const { items, left } = JSON.parse(json!.stdout)
  expect(left).toEqual(['none'])
  expect(items.length).toBe(5)
  expect(items[0].because.map(({ name, weight }: { name: string; weight: number }) => [name, weight])).toEqual([
    ['rock', -1],
    ['playlist 1', 1],
    ['playlist 2', 1],
  ])
  for (const { artist, item } of items) {
    expect(artist).not.toBe('Artist 3')
    expect(['i1', 'i2', 'i5', 'i6']).not.toContain(item)
  }
  expect(user!.stdout).toContain('the taste of 3')
  expect(user!.stdout).toContain('3 songs, 10 minutes')

  expect(wrong.map(({ status }) => status)).toEqual([3, 3, 2, 3, 2, 2, 2, 2, 2, 2, 2, 2])
  const messages = [
    'the songs have no tag "clam": did you mean "calm"?',
    '--avoid must be a tag, the id of a song or an artist, got "nobody"',
    '--user needs --model',
    'the model has no user "nobody": its 20 users have ids such as 0',
    '--energy must be numbers from 0 to 1 with commas between, as 0.2,0.8,0.3, got 0.2,loud',
    '--length must be a whole number from 1 to 200, got 0',
    '--diversity must be a number from 0 to 1, got 2',
    '--minutes goes without --length',
    'expected a tag, a song, a playlist or a taste with a weight above 0, got none',
    'nothing',
    'must be a song space, which `aurochs music build-space` makes, but is a model',
    "unknown option '--mode'",
  ]
  for (const [at, message] of messages.entries()) expect(wrong[at]!.stderr).toContain(message)
})
