import { expect, test } from 'vitest'
import { drawCollection } from '../../../src/music/demo/collection.ts'
import {
  meanAgreement,
  mixAgreement,
  neighboursShareMood,
  rankCorrelation,
  wantedMoods,
} from '../../../src/music/demo/truth.ts'
import type { SongSpace } from '../../../src/music/space/song-space.ts'
import { moods } from '../../../src/music/synthesis/moods.ts'
import { drawSongs, type SongPlan } from '../../../src/music/synthesis/songs.ts'

const songs = drawSongs({ songs: 200 })

/** A space whose vectors `vectorOf` gives; nothing else is looked at. */
function spaceOf(vectorOf: (song: SongPlan, at: number) => readonly number[]): SongSpace {
  const rows = new Map(songs.map(({ id }, at) => [id, at]))
  const vectors = songs.map(vectorOf)
  const ids = { indicesOf: (wanted: readonly string[]) => Int32Array.from(wanted, id => rows.get(id)!) }
  return { rank: vectors[0]!.length, vectors: Float32Array.from(vectors.flat()), songs: ids } as unknown as SongSpace
}

test('neighbours agree wholly where vectors are moods, and as by chance where they say nothing', () => {
  const [some, others] = [songs.slice(0, 40), songs.slice(40)]
  const oracle = neighboursShareMood(
    spaceOf(({ moods: own }) => moods.map(mood => (own.keys().next().value === mood ? 10 : own.has(mood) ? 1 : 0))),
    some,
    others,
  )
  expect(oracle.found).toBeGreaterThan(0.95)
  let state = 1
  const noise = spaceOf(() =>
    Array.from({ length: 8 }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 31 - 1
    }),
  )
  const random = neighboursShareMood(noise, some, others)
  expect(Math.abs(random.found - random.chance)).toBeLessThan(0.1)
  expect(random.chance).toBe(oracle.chance)
})

test('counts the songs of a mix that have all of its moods', () => {
  const rain = songs.filter(({ moods: own }) => own.has('rain'))
  expect(mixAgreement(['rain'], rain, songs)).toEqual({
    wanted: ['rain'],
    found: 1,
    chance: rain.length / songs.length,
  })
  expect(mixAgreement(['rain'], [], songs).found).toBe(0)
  const wanted = wantedMoods(songs, 5)
  expect(wanted.filter(each => each.length === 1)).toHaveLength(moods.length)
  expect(wanted).not.toContainEqual(['calm', 'energetic'])
  for (const each of wanted)
    expect(songs.filter(song => each.every(mood => song.moods.has(mood))).length).toBeGreaterThan(4)
  const mean = meanAgreement([
    { found: 1, chance: 0.5 },
    { found: 0, chance: 0.25 },
  ])
  expect(mean).toEqual({ found: 0.5, chance: 0.375 })
})

test('ranks correlate wholly, not at all, and with ties', () => {
  expect(rankCorrelation([1, 2, 3], [10, 20, 900])).toBeCloseTo(1)
  expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1)
  // By hand: places 0.5, 0.5, 2 and 0, 1, 2.
  expect(rankCorrelation([1, 1, 2], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(1.5 * 2))
})

test('fresh songs are in no playlist, and nobody says of others than labelled ones what they are', () => {
  const collection = drawCollection('nowhere', { songs: 100, listeners: 50, seed: 3 })
  const { labelled, unlabelled, fresh, playlists } = collection
  expect([labelled.length, unlabelled.length, fresh.length]).toEqual([70, 15, 15])
  expect(new Set([...labelled, ...unlabelled, ...fresh]).size).toBe(100)
  const heard = new Set(playlists.flatMap(({ songs: own }) => own))
  for (const { id } of fresh) expect(heard.has(id)).toBe(false)
})
