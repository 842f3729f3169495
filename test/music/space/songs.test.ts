import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EnergyMeter, energyFeaturesOf } from '../../../src/music/audio/energy-features.ts'
import { melBands, melHop, melRate } from '../../../src/music/audio/mel.ts'
import { coordinatesOf, projections } from '../../../src/music/space/coordinates.ts'
import { placesByLandmarks } from '../../../src/music/space/landmarks.ts'
import { analyseSongs } from '../../../src/music/space/songs/analyse-songs.ts'
import { energies, places } from '../../../src/music/space/songs/energy.ts'
import { readSongs } from '../../../src/music/space/songs/read-songs.ts'
import { songTagsOf } from '../../../src/music/space/songs/song-tags.ts'
import { normalise } from '../../../src/music/space/vectors.ts'
import { randomNumbers } from '../../../src/storage/random.ts'
import { freshFolder } from '../../storage/folder.ts'
import { wav } from '../wav.ts'
import { silence, sine } from './sounds.ts'

const reading = { separator: '|', badRows: 'refuse' as const, signal: new AbortController().signal }

test('songs of a table, with tags of their own and of another table', async () => {
  const folder = freshFolder()
  const [songs, tags] = [join(folder, 'songs.csv'), join(folder, 'tags.csv')]
  writeFileSync(songs, 'id,title,artist,duration,tags,file,energy\na,Rain,비,181.5,calm|rain,a.wav,0.25\nb,Sun,,,,,\n')
  writeFileSync(tags, 'song,tag,weight\na,calm,3\nb,lively,2\nb,happy,0\nnobody,calm,1\n')
  const found = await readSongs({ ...reading, songs: [songs], tags: [tags], audioRoot: '/music' })
  expect(found.strayTags).toBe(1)
  expect(found.songs).toEqual([
    {
      id: 'a',
      title: 'Rain',
      artist: '비',
      duration: 181.5,
      file: '/music/a.wav',
      energy: 0.25,
      tags: [
        { tag: 'calm', weight: 4 },
        { tag: 'rain', weight: 1 },
      ],
    },
    { id: 'b', title: 'Sun', tags: [{ tag: 'lively', weight: 2 }] },
  ])
})

test.each([
  ['id,energy\na,2\n', /row 1 after the header, energy: expected a number from 0 to 1, got 2/],
  ['id,duration\na,long\n', /duration: expected a number, got long/],
  ['id,duration\na,1e39\n', /duration: expected seconds from 0 on, in single precision, got 1e\+39/],
  ['name,duration\na,1\n', /--songs: the column of each id must name a column/],
])('a table that cannot be used is refused: %j', async (text, message) => {
  const file = join(freshFolder(), 'songs.csv')
  writeFileSync(file, text)
  await expect(readSongs({ ...reading, songs: [file] })).rejects.toThrow(message)
})

test('weights of tags that cannot be summed are refused', async () => {
  const folder = freshFolder()
  const [songs, tags] = [join(folder, 'songs.csv'), join(folder, 'tags.csv')]
  writeFileSync(songs, 'id\na\n')
  writeFileSync(tags, 'song,tag,weight\na,calm,1e308\na,calm,1e308\n')
  await expect(readSongs({ ...reading, songs: [songs], tags: [tags] })).rejects.toThrow(
    'weight: expected a number from 0 on, in single precision, got 1e+308',
  )
})

test('given tags count in proportion, predicted ones by their probability', () => {
  const given = [
    [
      { tag: 'calm', weight: 4 },
      { tag: 'rain', weight: 1 },
    ],
    [],
    [],
  ]
  const predicted = [Float32Array.of(0.5, 0.75), Float32Array.of(0.05, 1), undefined]
  const { tags, songTags } = songTagsOf(given, ['rain', 'lively'], predicted)
  expect(tags).toEqual(['lively', 'calm', 'rain'])
  expect(Array.from(songTags.indptr)).toEqual([0n, 3n, 4n, 4n])
  expect(Array.from(songTags.indices)).toEqual([0, 1, 2, 0])
  expect(Array.from(songTags.weights)).toEqual([0.75, 1, 0.5, 1])
})

test('places are those of a sorted list, ties between them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(Number.NaN)), { maxLength: 12 }),
      values => {
        const known = values.filter(value => !Number.isNaN(value))
        const expected = values.map(value => {
          if (Number.isNaN(value)) return value
          const below = known.filter(other => other < value).length
          const equal = known.filter(other => other === value).length
          return known.length > 1 ? (below + (equal - 1) / 2) / (known.length - 1) : 0.5
        })
        places(values).forEach((place, at) => {
          if (Number.isNaN(values[at])) expect(place).toBeNaN()
          else expect(place).toBeCloseTo(expected[at]!, 12)
        })
      },
    ),
  )
})

test('beats have more energy than noise of the same level, that more than a quiet tone, and silence the least', async () => {
  const folder = freshFolder()
  const random = randomNumbers(5)
  const noise = join(folder, 'noise.wav')
  // Of the root mean square of the beats.
  writeFileSync(noise, wav(Float32Array.from({ length: 64_000 }, () => Math.sqrt(3) * 0.4 * (2 * random() - 1))))
  const files = [
    silence(join(folder, 'silence.wav'), 4),
    sine(join(folder, 'low.wav'), { hertz: 200, amplitude: 0.05, seconds: 4 }),
    noise,
    sine(join(folder, 'beats.wav'), { hertz: 200, amplitude: 0.8, seconds: 4, beats: 2 }),
  ]
  const [none, tone, noisy, beats] = await Promise.all(files.map(file => energyFeaturesOf(file)))
  expect(beats!.seconds).toBeCloseTo(4, 2)
  expect([none!.flux, none!.pulse]).toEqual([0, 0])
  // Seven onsets after the first, each a rise of 40 dB in two of the 250 frames.
  expect(beats!.flux).toBeCloseTo((7 * 2 * Math.log(1e4)) / 250, 2)
  expect(beats!.pulse).toBeGreaterThan(0.9)
  expect(noisy!.pulse).toBeLessThan(0.5)
  expect(Array.from(energies([none, tone, noisy, beats, undefined])).map(energy => energy.toFixed(1))).toEqual([
    '0.0',
    '0.3',
    '0.7',
    '1.0',
    'NaN',
  ])
})

test('the pulse of a long sound is that of its parts, whatever its tempo becomes', () => {
  const meter = new EnergyMeter()
  const clicks = (frames: number, every: number) =>
    Float32Array.from({ length: frames * melBands }, (_, at) => (Math.floor(at / melBands) % every === 0 ? 0 : -15))
  for (const every of [20, 31, 27]) for (let part = 0; part < 4; part++) meter.add(clicks(256, every).slice())
  const alone = new EnergyMeter()
  alone.add(clicks(1024, 31))
  expect(meter.features(0).pulse).toBeGreaterThan(0.7)
  expect(alone.features(0).pulse).toBeCloseTo(1, 1)
  expect(alone.features(0).seconds).toBeCloseTo((1024 * melHop) / melRate)
})

test('a file that cannot be read is listed, and the others are analysed', async () => {
  const folder = freshFolder()
  const broken = join(folder, 'broken.mp3')
  writeFileSync(broken, 'no sound')
  const good = sine(join(folder, 'good.wav'), { hertz: 440, amplitude: 0.5, seconds: 0.5 })
  const analysed = await analyseSongs([undefined, broken, good])
  expect(analysed.failed.map(({ file }) => file)).toEqual([broken])
  expect(analysed.energies.map(one => one !== undefined)).toEqual([false, false, true])
  // What the tagger has measured is not decoded again: there is no such file.
  const energy = { loudness: 1, flux: 2, pulse: 0.3, seconds: 4 }
  const sound = { probabilities: Float32Array.of(1), embedding: Float32Array.of(1), energy }
  const tagger = { labels: ['a'], embedding: 1, analyse: async () => sound }
  expect(await analyseSongs([join(folder, 'none.wav')], { tagger })).toEqual({
    energies: [energy],
    sounds: [sound],
    failed: [],
  })
  await expect(analyseSongs([good], { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
})

test.each(projections)(
  'neighbours are near on the map by %s, which is the same for the same seed',
  async projection => {
    const random = randomNumbers(2)
    const rank = 5
    const vectors = normalise(
      Float32Array.from(
        { length: 60 * rank },
        (_, at) => (at % rank === Math.floor(at / rank) % 3 ? 1 : 0) + 0.1 * random(),
      ),
      rank,
    )
    vectors.fill(0, 0, rank)
    const coordinates = await coordinatesOf(vectors, rank, { projection, seed: 3 })
    expect(await coordinatesOf(vectors, rank, { projection, seed: 3 })).toEqual(coordinates)
    expect(Array.from(coordinates.subarray(0, 2))).toEqual([0, 0])
    expect(Math.max(...coordinates)).toBe(1)
    expect(Math.min(...coordinates)).toBe(-1)
    const distance = (a: number, b: number) =>
      Math.hypot(coordinates[a * 2]! - coordinates[b * 2]!, coordinates[a * 2 + 1]! - coordinates[b * 2 + 1]!)
    const mean = (isSame: boolean) => {
      const pairs: number[] = []
      for (let a = 1; a < 60; a++)
        for (let b = 1; b < a; b++) if ((a % 3 === b % 3) === isSame) pairs.push(distance(a, b))
      return pairs.reduce((sum, value) => sum + value, 0) / pairs.length
    }
    expect(mean(true)).toBeLessThan(mean(false) / 2)
  },
)

test('vectors are placed between the five nearest landmarks, the nearer to one the more alike they are', async () => {
  const [random, rank] = [randomNumbers(4), 6]
  const drawn = (count: number) =>
    normalise(
      Float32Array.from({ length: count * rank }, () => random() - 0.5),
      rank,
    )
  // More than are placed at once.
  const [vectors, landmarks] = [drawn(1500), drawn(40)]
  const places = Array.from({ length: 40 }, () => [random(), random()])
  vectors.set(landmarks.subarray(7 * rank, 8 * rank), 1200 * rank)
  const found = await placesByLandmarks(vectors, rank, { vectors: landmarks, places })
  for (let row = 0; row < 1500; row++) {
    const nearest = places
      .map((place, at) => {
        let cosine = 0
        for (let k = 0; k < rank; k++) cosine += vectors[row * rank + k]! * landmarks[at * rank + k]!
        return { place, cosine }
      })
      .sort((a, b) => b.cosine - a.cosine)
      .slice(0, 5)
      .map(({ place, cosine }) => ({ place, weight: 1 / Math.max(1e-6, 1 - cosine) }))
    const total = nearest.reduce((sum, { weight }) => sum + weight, 0)
    for (const axis of [0, 1]) {
      const expected = nearest.reduce((sum, { place, weight }) => sum + (weight * place[axis]!) / total, 0)
      expect(found[row * 2 + axis]).toBeCloseTo(expected, 4)
    }
  }
  expect(found[2400]).toBeCloseTo(places[7]![0]!, 4)
  const aborted = AbortSignal.abort(new Error('enough'))
  await expect(placesByLandmarks(vectors, rank, { vectors: landmarks, places }, aborted)).rejects.toThrow('enough')
})
