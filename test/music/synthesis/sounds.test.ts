import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { melBands } from '../../../src/music/audio/mel.ts'
import { melOfFileSync, soundOfFile } from '../../../src/music/audio/mel-of-file.ts'
import { type Mood, type Trait, type Traits, traits } from '../../../src/music/synthesis/moods.ts'
import { drawSongs, type SongPlan } from '../../../src/music/synthesis/songs.ts'
import { render } from '../../../src/music/synthesis/sound/render.ts'
import { tempoOf } from '../../../src/music/synthesis/sound/score.ts'
import { wavOf } from '../../../src/music/synthesis/sound/wav.ts'
import { soundFile, writeSounds } from '../../../src/music/synthesis/sounds.ts'
import { Pool } from '../../../src/parallel/pool.ts'
import { freshFolder } from '../../storage/folder.ts'
import { fileOf } from '../wav.ts'

const rate = 22_050
const pool = new Pool({ threads: 2, isLazy: true })
afterAll(() => pool.close())

test('the same songs give the same bytes, by any number of workers', async () => {
  const songs = drawSongs({ songs: 6, seconds: [1, 2] })
  const [one, two] = [freshFolder(), freshFolder()]
  const written: number[] = []
  await writeSounds(songs, one, { pool, rate, onProgress: count => written.push(count) })
  const single = new Pool({ threads: 1 })
  await writeSounds(songs, two, { pool: single, rate })
  await single.close()
  expect(written).toEqual([1, 2, 3, 4, 5, 6])
  for (const song of songs) {
    const bytes = readFileSync(soundFile(one, song))
    expect(bytes.equals(readFileSync(soundFile(two, song)))).toBe(true)
    expect(bytes.equals(wavOf(render(song, rate), rate))).toBe(true)
  }
})

test('files are wav of the length of the song, at the rate that is asked for', async () => {
  const [song] = drawSongs({ songs: 1, seconds: [3, 3] })
  for (const each of [16_000, 44_100]) {
    const path = fileOf(wavOf(render(song!, each), each))
    expect(await soundOfFile(path)).toEqual({ rate: each, channels: 1, codec: 'pcm_s16le', declaredSeconds: 3 })
  }
})

test('no sample is cut, none is no number, and the end is silent', () => {
  for (const song of drawSongs({ songs: 60, seconds: [3, 4], seed: 8 })) {
    const samples = render(song, rate)
    const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    expect(peak, song.id).toBeGreaterThan(0.05)
    expect(peak, song.id).toBeLessThanOrEqual(1)
    expect(Math.abs(samples.at(-1)!)).toBeLessThan(0.01)
  }
})

test('interrupted, it ends with the reason', async () => {
  const songs = drawSongs({ songs: 50, seconds: [4, 4] })
  const controller = new AbortController()
  const written = writeSounds(songs, join(freshFolder(), 'sounds'), {
    pool,
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  })
  await expect(written).rejects.toThrow('enough')
})

/** A song that has one mood, with nothing else to tell it apart. */
function songOf(mood: Mood, effects: Partial<Traits>): SongPlan {
  const [any] = drawSongs({ songs: 1, seconds: [8, 8], seed: 5 })
  const plain = Object.fromEntries(traits.map((trait: Trait) => [trait, effects[trait] ?? 0])) as Traits
  return Object.assign({}, any, {
    id: mood,
    moods: new Map([[mood, 1]]),
    traits: plain,
    lead: 'flute',
    chords: 'strings',
  })
}

/** In dB: root mean square, and the share of the power that is above 1 kHz. */
function measured(song: SongPlan): { readonly loudness: number; readonly brightness: number } {
  const samples = render(song, rate)
  const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length
  const { values } = melOfFileSync(fileOf(wavOf(samples, rate)), { scale: 'power' })
  let [high, total] = [0, 0]
  values.forEach((value, at) => {
    if (at % melBands >= 32) high += value
    total += value
  })
  return { loudness: 10 * Math.log10(power), brightness: 10 * Math.log10(high / total) }
}

test('louder, brighter and rain are audible', () => {
  const plain = measured(songOf('focus', {}))
  expect(measured(songOf('energetic', { loudness: 1 })).loudness).toBeGreaterThan(plain.loudness + 3)
  expect(measured(songOf('calm', { loudness: -1 })).loudness).toBeLessThan(plain.loudness - 3)
  const without = (effects: Partial<Traits>) => measured(songOf('calm', Object.assign({ percussion: -1 }, effects)))
  expect(without({ brightness: 1 }).brightness).toBeGreaterThan(without({}).brightness + 1)
  expect(without({ brightness: -1 }).brightness).toBeLessThan(without({}).brightness - 1)
  expect(without({ rain: 1 }).brightness).toBeGreaterThan(without({}).brightness + 2)
})

test('the tempo is that of the audible beats', () => {
  for (const tempo of [-0.6, 0, 0.8]) {
    const song = songOf('energetic', { tempo, percussion: 1, loudness: 0.5 })
    expect(beatsOf(render(song, rate))).toBeCloseTo(tempoOf(song.traits), -0.5)
  }
})

/** Beats a minute, within an octave: the lag at which the rises of the low part (the kick is below 150 Hz) agree best with themselves. */
function beatsOf(samples: Float32Array): number {
  const frame = 256
  let low = 0
  const energies = Array.from({ length: Math.floor(samples.length / frame) }, (_, at) => {
    let sum = 0
    for (let place = at * frame; place < (at + 1) * frame; place++) {
      low += 0.03 * (samples[place]! - low)
      sum += low * low
    }
    return Math.sqrt(sum)
  })
  const rises = energies.map((value, at) => Math.max(0, value - (energies[at - 1] ?? value)))
  const agreement = (lag: number) => {
    let sum = 0
    for (let at = lag; at < rises.length; at++) sum += rises[at]! * rises[at - lag]!
    return sum / (rises.length - lag)
  }
  const perMinute = (60 * rate) / frame
  const lags = Array.from({ length: 80 }, (_, at) => at + 30).filter(
    lag => perMinute / lag > 66 && perMinute / lag < 131,
  )
  const best = lags.reduce((a, b) => (agreement(b) > agreement(a) ? b : a))
  return perMinute / best
}
