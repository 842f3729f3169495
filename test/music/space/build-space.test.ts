import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSongSpace } from '../../../src/music/space/artifact.ts'
import { buildSongSpace } from '../../../src/music/space/build.ts'
import type { SongTagger } from '../../../src/music/space/song-tagger.ts'
import { aurochsInTurn } from '../../cli/aurochs.ts'
import { freshFolder } from '../../storage/folder.ts'
import { sine } from './sounds.ts'

/** Two kinds of songs with listeners of their own: even ones are calm, odd ones lively. Songs from 60 on have no listeners. */
function collection(folder: string) {
  const pairs = Array.from({ length: 40 }, (_, user) =>
    Array.from({ length: 60 }, (_, song) => song)
      .filter(song => song % 2 === user % 2 && (song * 7 + user * 5) % 3 !== 0)
      .map(song => `u${user},s${song}\n`),
  )
  const songs = Array.from(
    { length: 66 },
    (_, song) => `s${song},Song ${song},${song === 64 ? '' : song % 2 ? 'lively' : 'calm'}\n`,
  )
  const files = { pairs: join(folder, 'pairs.csv'), songs: join(folder, 'songs.csv') }
  writeFileSync(files.pairs, `user,item\n${pairs.flat().join('')}`)
  writeFileSync(files.songs, `id,title,tags\n${songs.join('')}`)
  return files
}

test('songs without listeners come near those with the same tags', { timeout: 180_000 }, async () => {
  const folder = freshFolder()
  const at = (name: string) => join(folder, name)
  const { pairs, songs } = collection(folder)
  const build = ['music', 'build-space', at('model'), '--songs', songs, '--out', at('space'), '--projection', 'pca']
  const [imported, trained, built, again, replaced] = await aurochsInTurn(
    ['import', pairs, '--user', 'user', '--item', 'item', '--out', at('data')],
    ['train', at('data'), '--model', 'als', '--factors', '4', '--out', at('model')],
    [...build, '--json'],
    build,
    [...build, '--replace'],
  )
  expect([imported!, trained!, built!].map(({ status, stderr }) => [status, status ? stderr : ''])).toEqual([
    [0, ''],
    [0, ''],
    [0, ''],
  ])
  const [summary] = built!.json() as [{ sources: Record<string, number>; made: { map: { songs: number } } }]
  expect(summary).toMatchObject({
    songs: 66,
    tags: 2,
    rank: 4,
    sources: { features: 5, none: 1 },
    failedFiles: [],
    strayTags: 0,
  })
  expect(summary.made.map.songs).toBe(60)
  expect(again!.status).toBe(2)
  expect(again!.stderr).toBe(`aurochs: ${at('space')} exists: choose another --out, or add --replace\n`)
  expect(replaced!.stdout).toContain('66 songs and 2 tags, 4 numbers a vector')
  const space = openSongSpace(at('space'))
  const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, k) => sum + value * b[k]!, 0)
  const song = (id: number) =>
    space.vectors.subarray(space.songs.indexOf(`s${id}`) * 4, space.songs.indexOf(`s${id}`) * 4 + 4)
  expect(cosine(song(60), song(0))).toBeGreaterThan(cosine(song(60), song(1)) + 0.5)
  const calm = space.tags.indexOf('calm')
  const tag = space.tagVectors.subarray(calm * 4, calm * 4 + 4)
  expect(cosine(tag, song(62))).toBeGreaterThan(cosine(tag, song(63)) + 0.5)
  expect([0, 60, 64].map(id => space.sourceOf(space.songs.indexOf(`s${id}`)))).toEqual([
    expect.stringMatching(/both|listeners/),
    'features',
    undefined,
  ])
  expect(space.detailsOf(space.songs.indexOf('s3')).title).toBe('Song 3')
  space.close()
})

test('what does not meet is counted: items, songs, files, listeners', { timeout: 180_000 }, async () => {
  const folder = freshFolder()
  const at = (name: string) => join(folder, name)
  const { pairs, songs } = collection(folder)
  const table = (name: string, rows: readonly string[]) => writeFileSync(at(name), `id,file,tags\n${rows.join('\n')}\n`)
  const numbered = (count: number, row: (song: number) => string) =>
    Array.from({ length: count }, (_, song) => row(song))
  table('others.csv', ['x1,,calm', 'x2,,calm'])
  table('few.csv', numbered(12, song => `s${song},,calm`).concat('new,,calm', 'newer,,calm'))
  table(
    'lost.csv',
    numbered(30, song => `s${song},lost/${song}.wav,calm`),
  )
  // Tags that say nothing of who listens.
  table(
    'noise.csv',
    numbered(60, song => `s${song},,t${(song * 13) % 29}|u${(song * 7) % 31}`),
  )
  const build = (model: string, songs: string, ...rest: string[]) => [
    'music',
    'build-space',
    at(model),
    '--songs',
    songs,
    '--out',
    at('space'),
    '--replace',
    '--projection',
    'pca',
    ...rest,
  ]
  const [, , , others, few, lost, ignored, none, noise, vectorless] = await aurochsInTurn(
    ['import', pairs, '--user', 'user', '--item', 'item', '--out', at('data')],
    ['train', at('data'), '--model', 'als', '--factors', '4', '--out', at('model')],
    ['train', at('data'), '--model', 'popular', '--out', at('popular')],
    build('model', at('others.csv')),
    build('model', at('few.csv')),
    build('model', at('lost.csv'), '--audio-root', folder),
    build('model', at('lost.csv')),
    build('model', at('few.csv'), '--audio-root', folder),
    build('model', at('noise.csv')),
    build('popular', songs),
  )
  expect(others!.status).toBe(2)
  expect(others!.stderr).toMatch(
    /none of the 2 songs is an item of the model: expected ids of its 60 items, such as "s\d+", got "x1"/,
  )
  expect(few!.status).toBe(0)
  expect(few!.stdout).toContain('48 of the 60 items of the model are in no row of --songs')
  expect(few!.stdout).toContain(
    '12 songs with listeners enough (--least-listeners) and with tags or sound (--tags, --tagger), and 20 are needed; 2 songs without a vector',
  )
  expect(lost!.status).toBe(2)
  expect(lost!.stderr).toContain(`none of the 30 sound files of --songs exists, the first being ${at('lost/0.wav')}`)
  expect(lost!.stderr).toContain('--audio-root')
  expect(ignored!.stdout).toMatch(
    /30 of 30 sound files could not be read; the first: .*is --audio-root the folder that their paths begin at\?/,
  )
  expect(none!.stderr).toContain('--audio-root needs sound files: none of the 14 songs of --songs has a file')
  expect(noise!.stdout).toMatch(
    /warning: features explain nothing of the vectors .* \(-[\d.]+ %: worse than their mean\)/,
  )
  expect(vectorless!.status).toBe(2)
  expect(vectorless!.stderr).toContain(
    'cannot give vectors of users and items: train another algorithm for that: als, autoencoder, bpr, word2vec, graph-filter',
  )
  expect(existsSync(at('space'))).toBe(true)
})

test('mistakes are reported in one line', { timeout: 180_000 }, async () => {
  const folder = freshFolder()
  const at = (name: string) => join(folder, name)
  const { songs } = collection(folder)
  writeFileSync(at('bare.csv'), 'id\na\nb\n')
  writeFileSync(at('no-id.csv'), 'name\na\n')
  mkdirSync(at('full'))
  writeFileSync(join(at('full'), 'thesis.txt'), '')
  const run = (songs: string, ...rest: string[]) => [
    'music',
    'build-space',
    '--songs',
    songs,
    '--out',
    at('space'),
    ...rest,
  ]
  const runs: [string[], string][] = [
    [run(songs, '--rank', '0'), '--rank must be a whole number from 1 to 1024, got 0'],
    [run(songs, '--least-listeners', 'x'), '--least-listeners must be a whole number from 1 to 1000000, got x'],
    [run(songs, '--projection', 'tsne'), '--projection must be umap or pca, got tsne'],
    [run(songs, '--seed', '-1'), '--seed must be a whole number from 0 to 4294967295, got -1'],
    [run(songs, '--separator', ''), '--separator must be what separates two tags, got nothing'],
    [run(songs, '--audio-root', at('nowhere')), `--audio-root must be a directory, got ${at('nowhere')}`],
    [run(songs, '--out', at('full'), '--replace'), 'was not written by Aurochs'],
    [run(at('none.csv')), at('none.csv')],
    [run(at('no-id.csv')), '--songs: the column of each id must name a column'],
    [run(at('bare.csv')), 'nothing is known of any song'],
    [
      ['music', 'build-space', at('no-model'), '--songs', songs, '--out', at('space')],
      `there is no model at ${at('no-model')}`,
    ],
  ]
  const found = await aurochsInTurn(...runs.map(([args]) => args))
  found.forEach(({ status, stderr }, place) => {
    expect(status, stderr).toBe(2)
    expect(stderr).toContain(runs[place]![1])
    expect(stderr.trimEnd()).not.toContain('\n')
  })
})

/** Predicts how high a tone is. */
const tagger: SongTagger = {
  labels: ['low', 'high'],
  embedding: 2,
  analyse: async path => {
    const isHigh = path.includes('high')
    const high = isHigh ? 0.9 : 0.05
    return {
      probabilities: Float32Array.of(1 - high, high),
      embedding: Float32Array.of(Number(isHigh), Number(!isHigh)),
    }
  },
}

test('tags that playlists have and no song has are in the space, near the songs of these playlists', async () => {
  const folder = freshFolder()
  const at = (name: string) => join(folder, name)
  const { pairs } = collection(folder)
  const tags = Array.from({ length: 40 }, (_, user) => `u${user},${user % 2 ? 'party' : 'evening'}\n`)
  writeFileSync(at('tags.csv'), `user,tag\n${tags.join('')}`)
  writeFileSync(at('bare.csv'), `id\n${Array.from({ length: 60 }, (_, song) => `s${song}\n`).join('')}`)
  const runs = await aurochsInTurn(
    [
      'import',
      pairs,
      '--user',
      'user',
      '--item',
      'item',
      '--tags',
      at('tags.csv'),
      '--tag',
      'tag',
      '--out',
      at('data'),
    ],
    [
      'train',
      at('data'),
      '--model',
      'autoencoder',
      '--factors',
      '8',
      '--epochs',
      '20',
      '--no-tune',
      '--out',
      at('model'),
    ],
    ['music', 'build-space', at('model'), '--songs', at('bare.csv'), '--out', at('space'), '--projection', 'pca'],
  )
  expect(runs.map(({ status, stderr }) => [status, status ? stderr : ''])).toEqual(Array(3).fill([0, '']))
  const space = openSongSpace(at('space'))
  const cosines = (tag: string) => {
    const own = space.tagVectors.subarray(space.tags.indexOf(tag) * space.rank)
    return Array.from({ length: 60 }, (_, song) => {
      const row = space.songs.indexOf(`s${song}`) * space.rank
      return Array.from({ length: space.rank }, (_, k) => own[k]! * space.vectors[row + k]!).reduce((a, b) => a + b, 0)
    })
  }
  for (const [tag, parity] of [
    ['evening', 0],
    ['party', 1],
  ] as const) {
    const mean = (of: number) =>
      cosines(tag)
        .filter((_, song) => song % 2 === of)
        .reduce((a, b) => a + b, 0) / 30
    expect(mean(parity)).toBeGreaterThan(mean(1 - parity) + 0.3)
  }
  space.close()
  const [mixed] = await aurochsInTurn(['music', 'mix', at('space'), '--mood', 'party', '--length', '5', '--json'])
  expect(mixed!.status).toBe(0)
})

test('a collection that nobody listened to is placed by sound and tags', async () => {
  const folder = freshFolder()
  const songs = Array.from({ length: 12 }, (_, song) => {
    const name = song % 2 ? 'high' : 'low'
    const hertz = (song % 2 ? 2000 : 150) + 10 * song
    const file = sine(join(folder, `${name}-${song}.wav`), { hertz, amplitude: 0.2 + 0.05 * song, seconds: 0.3 })
    return { id: `s${song}`, file, tags: song < 6 ? [{ tag: song % 2 ? 'bright' : 'dark', weight: 1 }] : [] }
  })
  const stages = new Set<string>()
  const { parts, failed, map } = await buildSongSpace({
    songs,
    tagger,
    projection: 'pca',
    onProgress: ({ stage }) => void stages.add(stage),
  })
  expect([failed, map]).toEqual([[], undefined])
  expect([...stages]).toEqual(['analysing sounds', 'placing songs'])
  expect(new Set(parts.tags)).toEqual(new Set(['low', 'high', 'bright', 'dark']))
  expect(parts.sources.every(source => source === 'features')).toBe(true)
  expect(parts.details[3]!.duration).toBeCloseTo(0.3, 2)
  const { rank, vectors } = parts
  const cosine = (a: number, b: number) => {
    let sum = 0
    for (let k = 0; k < rank; k++) sum += vectors[a * rank + k]! * vectors[b * rank + k]!
    return sum
  }
  // One without tags, and the nearest other one.
  const others = [...songs.keys()].filter(song => song !== 9)
  expect(others.toSorted((a, b) => cosine(9, b) - cosine(9, a))[0]! % 2).toBe(1)
  const energy = (kind: number) =>
    songs.reduce((sum, _, song) => sum + (song % 2 === kind ? parts.energy[song]! : 0), 0)
  expect(energy(1)).toBeGreaterThan(energy(0))
})

test('the building of a space can be interrupted', async () => {
  const file = sine(join(freshFolder(), 'high.wav'), { hertz: 500, amplitude: 0.5, seconds: 0.2 })
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(buildSongSpace({ songs: [{ id: 'a', file, tags: [] }], tagger, signal })).rejects.toThrow('enough')
})
