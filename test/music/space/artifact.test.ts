import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  openSongSpace,
  type SongSpaceParts,
  songSpaceFiles,
  writeSongSpace,
} from '../../../src/music/space/artifact.ts'
import { freshFolder } from '../../storage/folder.ts'
import { threeSongs } from '../small-space.ts'

let folder: string
let directory: string
beforeEach(() => {
  folder = freshFolder()
  directory = join(folder, 'space')
})

test('what is written is read again', async () => {
  const parts = threeSongs()
  await writeSongSpace(directory, parts)
  const space = openSongSpace(directory)
  expect(space.rank).toBe(2)
  expect(Array.from(space.vectors)).toEqual(Array.from(parts.vectors))
  expect(Array.from(space.tagVectors)).toEqual(Array.from(parts.tagVectors))
  expect(Array.from(space.energy)).toEqual([0.25, 1, Number.NaN])
  expect(Array.from(space.listeners)).toEqual([12, 0, 0])
  expect(Array.from(space.coordinates)).toEqual(Array.from(parts.coordinates))
  expect([0, 1, 2].map(song => space.songs.at(song))).toEqual(['rain', 'sun', 'unknown'])
  expect(space.tags.indexOf('lively')).toBe(1)
  expect([0, 1, 2].map(song => space.sourceOf(song))).toEqual(['both', 'features', undefined])
  expect([0, 1, 2].map(song => space.detailsOf(song))).toEqual(
    parts.details.map(details => expect.objectContaining(details)),
  )
  const { indices, weights } = space.songTags.row(0)
  expect([Array.from(indices), Array.from(weights)]).toEqual([
    [0, 1],
    [1, 0.25],
  ])
  expect(space.manifest.made).toEqual({ lambda: 3 })
  space.close()
})

test('a space without songs and tags can be', async () => {
  await writeSongSpace(directory, {
    rank: 3,
    songs: [],
    tags: [],
    vectors: new Float32Array(0),
    tagVectors: new Float32Array(0),
    songTags: {
      rows: 0,
      columns: 0,
      indptr: new BigUint64Array(1),
      indices: new Uint32Array(0),
      weights: new Float32Array(0),
    },
    energy: new Float32Array(0),
    listeners: new Uint32Array(0),
    coordinates: new Float32Array(0),
    sources: [],
    details: [],
  })
  const space = openSongSpace(directory)
  expect([space.songs.size, space.tags.size, space.rank]).toEqual([0, 0, 3])
  space.close()
})

describe('refuses to write', () => {
  const wrong: [string, Partial<SongSpaceParts>, RegExp][] = [
    ['a matrix of another size', { vectors: new Float32Array(5) }, /vectors must hold 3 × 2 values, got 5/],
    [
      'a vector that is not of length 1',
      { tagVectors: Float32Array.of(0, 1, 1, 1) },
      /tagVectors: row 1 must be of length 1/,
    ],
    ['an energy above 1', { energy: Float32Array.of(0, 2, 0) }, /energy: value 1 must be from 0 to 1, or NaN, got 2/],
    [
      'coordinates off the map',
      { coordinates: Float32Array.of(0, 0, 0, 0, 0, 3) },
      /coordinates: value 5 must be from -1 to 1, got 3/,
    ],
    [
      'tags that a song has more than wholly',
      {
        songTags: {
          rows: 3,
          columns: 2,
          indptr: BigUint64Array.of(0n, 1n, 1n, 1n),
          indices: Uint32Array.of(0),
          weights: Float32Array.of(2),
        },
      },
      /songTags: weight 0 must be above 0 up to 1, got 2/,
    ],
    [
      'a negative duration',
      { details: [{ duration: -1 }, {}, {}] },
      /durations: value 0 must be seconds from 0 on, or NaN, got -1/,
    ],
  ]
  test.each(wrong)('%s', async (_, part, message) => {
    await expect(writeSongSpace(directory, Object.assign(threeSongs(), part))).rejects.toThrow(message)
    expect(() => openSongSpace(directory)).toThrow('there is no song space at')
  })

  test('over what is there, unless it may be replaced', async () => {
    await writeSongSpace(directory, threeSongs())
    await expect(writeSongSpace(directory, threeSongs())).rejects.toThrow('exists')
    await writeSongSpace(directory, threeSongs(), { replace: true })
  })
})

describe('a damaged song space is refused', () => {
  const files = Object.values(songSpaceFiles)

  test.each(files)('without %s', async name => {
    await writeSongSpace(directory, threeSongs())
    rmSync(join(directory, name))
    expect(() => openSongSpace(directory)).toThrow(`${join(directory, name)} is missing; make the song space anew`)
  })

  test.each(files)('with a shorter %s', async name => {
    await writeSongSpace(directory, threeSongs())
    truncateSync(join(directory, name), 40)
    expect(() => openSongSpace(directory)).toThrow(`${join(directory, name)} is damaged`)
  })

  test.each([...files, 'manifest.json'])('with any altered byte in %s', async name => {
    await writeSongSpace(directory, threeSongs())
    const file = join(directory, name)
    const bytes = readFileSync(file)
    for (let at = 0; at < bytes.length; at += Math.max(1, Math.floor(bytes.length / 40))) {
      const altered = Buffer.from(bytes)
      altered[at]! ^= 0x55
      writeFileSync(file, altered)
      expect(() => openSongSpace(directory), `byte ${at}`).toThrow(directory)
    }
    writeFileSync(file, bytes)
    openSongSpace(directory).close()
  })

  test('where it is another artifact or nothing', async () => {
    expect(() => openSongSpace(directory)).toThrow('there is no song space at')
    expect(() => openSongSpace(folder)).toThrow('is no song space of Aurochs')
    await writeSongSpace(directory, threeSongs())
    expect(readdirSync(directory).sort()).toEqual([...files, 'manifest.json'].sort())
  })
})
