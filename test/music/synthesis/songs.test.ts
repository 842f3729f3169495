import fc from 'fast-check'
import { expect, test } from 'vitest'
import { drawPlaylists } from '../../../src/music/synthesis/listeners.ts'
import { goTogether, moods } from '../../../src/music/synthesis/moods.ts'
import { drawSongs } from '../../../src/music/synthesis/songs.ts'

test('the same seed draws the same songs and playlists, another one others', () => {
  const draw = (seed: number) => {
    const songs = drawSongs({ songs: 40, seed })
    return { songs, playlists: drawPlaylists(songs, { listeners: 10, seed }) }
  }
  expect(draw(3)).toEqual(draw(3))
  expect(draw(4).songs).not.toEqual(draw(3).songs)
  expect(draw(4).playlists).not.toEqual(draw(3).playlists)
})

test('songs have one to three moods that go together, titles of their own, and an energy', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), seed => {
      const songs = drawSongs({ songs: 100, seed })
      expect(new Set(songs.map(({ title }) => title)).size).toBe(100)
      expect(new Set(songs.map(({ id }) => id)).size).toBe(100)
      for (const { moods: own, energy, seconds, traits } of songs) {
        const names = [...own.keys()]
        expect(names.length).toBeGreaterThanOrEqual(1)
        expect(names.length).toBeLessThanOrEqual(3)
        expect(own.get(names[0]!)).toBe(1)
        for (const a of names) for (const b of names) if (a !== b) expect(goTogether(a, b)).toBe(true)
        expect(energy).toBeGreaterThanOrEqual(0)
        expect(energy).toBeLessThanOrEqual(1)
        expect(seconds).toBeGreaterThanOrEqual(12)
        expect(seconds).toBeLessThanOrEqual(16)
        expect(traits.rain > 0).toBe(own.has('rain'))
      }
    }),
    { numRuns: 20 },
  )
})

test('every mood is the main one of some songs, and energetic songs have more energy than calm ones', () => {
  const songs = drawSongs({ songs: 1000 })
  const main = (mood: string) => songs.filter(({ moods: own }) => own.keys().next().value === mood)
  for (const mood of moods) expect(main(mood).length, mood).toBeGreaterThan(20)
  const energy = (mood: string) => main(mood).reduce((sum, song) => sum + song.energy, 0) / main(mood).length
  expect(energy('energetic')).toBeGreaterThan(energy('calm') + 0.4)
})

test('songs of an artist are more alike than those of others', () => {
  const songs = drawSongs({ songs: 400, artists: 10 })
  const ofLead = (same: boolean) => {
    const pairs = songs.flatMap((a, at) => songs.slice(at + 1).map(b => [a, b] as const))
    const compared = pairs.filter(([a, b]) => (a.artist === b.artist) === same)
    return compared.filter(([a, b]) => a.lead === b.lead && a.chords === b.chords).length / compared.length
  }
  expect(ofLead(true)).toBeGreaterThan(2 * ofLead(false))
})

test('a playlist holds songs that have its moods, no song twice, and is mostly tagged with them', () => {
  const songs = drawSongs({ songs: 300 })
  const byId = new Map(songs.map(song => [song.id, song]))
  const playlists = drawPlaylists(songs, { listeners: 200 })
  expect(new Set(playlists.map(({ id }) => id)).size).toBe(playlists.length)
  let [having, all, chance, named] = [0, 0, 0, 0]
  for (const { moods: wanted, songs: chosen, tags } of playlists) {
    expect(new Set(chosen).size).toBe(chosen.length)
    expect(chosen.length).toBeGreaterThanOrEqual(8)
    expect(chosen.length).toBeLessThanOrEqual(20)
    const has = (id: string) => wanted.some(mood => byId.get(id)!.moods.has(mood))
    having += chosen.filter(has).length
    all += chosen.length
    chance += songs.filter(({ id }) => has(id)).length / songs.length / playlists.length
    named += tags.filter(tag => wanted.includes(tag)).length / wanted.length / playlists.length
  }
  expect(having / all).toBeGreaterThan(0.75)
  expect(having / all).toBeGreaterThan(1.8 * chance)
  expect(named).toBeGreaterThan(0.8)
})

test.each([
  [{ songs: 0 }, 'songs must be a whole number from 1 to 100000, got 0'],
  [{ seconds: [9, 3] as const }, 'seconds must be from 1 to 600, the least first, got 9 and 3'],
  [{ artists: 0.5 }, 'artists must be a whole number from 1 to 100000, got 0.5'],
])('refuses %j', (options, message) => {
  expect(() => drawSongs(options)).toThrow(new RangeError(message))
})
