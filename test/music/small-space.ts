import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SongSpaceParts, writeSongSpace } from '../../src/music/space/artifact.ts'
import type { SongDetails, SongSpace } from '../../src/music/space/song-space.ts'
import type { Csr } from '../../src/storage/csr.ts'
import { type Id, IdMap, writeIds } from '../../src/storage/ids.ts'
import { randomNumbers } from '../../src/storage/random.ts'

export interface SmallSong {
  readonly id?: Id
  /** How much of each tag it has. */
  readonly tags: Readonly<Record<string, number>>
  readonly energy?: number
  readonly title?: string
  readonly artist?: string
  readonly duration?: number
  readonly file?: string
}

export interface SmallSpaceOptions {
  /** Of each song's vector, beside its tags. Default: 0. */
  readonly noise?: number
  readonly seed?: number
  /** At least. Default: as many as there are tags. */
  readonly rank?: number
}

/**
 * A space of songs, side by side: each tag has its own axis, and a song's vector is how much it has of each, plus `noise` of its own on all axes. Songs
 * are `s0` and so on.
 */
export function partsOf(
  songs: readonly SmallSong[],
  { noise = 0, seed = 1, rank = 0 }: SmallSpaceOptions = {},
): SongSpaceParts {
  const names = [...new Set(songs.flatMap(({ tags }) => Object.keys(tags)))].sort()
  const axes = Math.max(rank, names.length)
  const random = randomNumbers(seed)
  const vectors = new Float32Array(songs.length * axes)
  songs.forEach(({ tags }, song) => {
    const row = Float64Array.from({ length: axes }, () => noise * (random() - 0.5))
    for (const [tag, amount] of Object.entries(tags)) row[names.indexOf(tag)]! += amount
    const norm = Math.hypot(...row)
    if (norm > 0)
      vectors.set(
        row.map(value => value / norm),
        song * axes,
      )
  })
  const tagVectors = new Float32Array(names.length * axes)
  names.forEach((_, tag) => {
    tagVectors[tag * axes + tag] = 1
  })
  return {
    rank: axes,
    songs: songs.map(({ id }, song) => id ?? `s${song}`),
    vectors,
    tags: names,
    tagVectors,
    songTags: tagsOf(songs, names),
    energy: Float32Array.from(songs, ({ energy = Number.NaN }) => energy),
    listeners: Uint32Array.from(songs, (_, song) => songs.length - song),
    sources: songs.map(() => 'both'),
    details: songs.map(detailsOf),
    coordinates: Float32Array.from({ length: 2 * songs.length }, () => 2 * random() - 1),
  }
}

/** {@link partsOf} in memory. */
export async function spaceOf(songs: readonly SmallSong[], options?: SmallSpaceOptions): Promise<SongSpace> {
  const { sources, details, ...parts } = partsOf(songs, options)
  return {
    ...parts,
    songs: await idsOf(parts.songs as readonly Id[]),
    tags: await idsOf(parts.tags),
    sourceOf: song => sources[song],
    detailsOf: song => details[song]!,
  }
}

/** {@link partsOf} on disk. */
export async function writeSpace(
  directory: string,
  songs: readonly SmallSong[],
  options?: SmallSpaceOptions,
): Promise<void> {
  await writeSongSpace(directory, partsOf(songs, options))
}

/** Three songs, of which nothing is known of the last, with two tags in the plane. */
export function threeSongs(): SongSpaceParts {
  return {
    rank: 2,
    songs: ['rain', 'sun', 'unknown'],
    tags: ['calm', 'lively'],
    vectors: Float32Array.of(0.6, 0.8, 1, 0, 0, 0),
    tagVectors: Float32Array.of(0, 1, 1, 0),
    songTags: {
      rows: 3,
      columns: 2,
      indptr: BigUint64Array.of(0n, 2n, 3n, 3n),
      indices: Uint32Array.of(0, 1, 1),
      weights: Float32Array.of(1, 0.25, 1),
    },
    energy: Float32Array.of(0.25, 1, Number.NaN),
    listeners: Uint32Array.of(12, 0, 0),
    coordinates: Float32Array.of(-1, 0.5, 1, -0.5, 0, 0),
    sources: ['both', 'features', undefined],
    details: [
      { title: 'Rain, 비', artist: 'A', duration: 181.5, file: '/music/rain.flac' },
      { title: 'Sun', artist: undefined, duration: undefined, file: undefined },
      {},
    ],
    made: { lambda: 3 },
  }
}

/** Ids in memory. */
export async function idsOf(ids: readonly Id[]): Promise<IdMap> {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-ids-'))
  const file = join(folder, 'ids.arrow')
  await writeIds(file, ids)
  const map = IdMap.open(file)
  rmSync(folder, { recursive: true })
  return map
}

function detailsOf({ title, artist, duration, file }: SmallSong): SongDetails {
  return { title, artist, duration, file }
}

function tagsOf(songs: readonly SmallSong[], names: readonly string[]): Csr {
  const rows = songs.map(({ tags }) => {
    return Object.entries(tags)
      .map(([tag, amount]) => [names.indexOf(tag), amount] as const)
      .sort((a, b) => a[0] - b[0])
  })
  const bounds = [0n]
  for (const row of rows) bounds.push(bounds.at(-1)! + BigInt(row.length))
  return {
    rows: songs.length,
    columns: names.length,
    indptr: BigUint64Array.from(bounds),
    indices: Uint32Array.from(rows.flat().map(([tag]) => tag)),
    weights: Float32Array.from(rows.flat().map(([, amount]) => amount)),
  }
}

export const moods = ['calm', 'happy', 'rain', 'rock', 'sad', 'sea'] as const
const energyOfMood: Readonly<Record<string, number>> = {
  calm: 0.1,
  happy: 0.7,
  rain: 0.25,
  rock: 0.9,
  sad: 0.3,
  sea: 0.4,
}

/** Songs of one to three moods, of so many artists; energy follows from the moods, but for a tenth of them where it is not known. */
export function randomSongs(count: number, { artists = Math.ceil(count / 8), seed = 7 } = {}): SmallSong[] {
  const random = randomNumbers(seed)
  return Array.from({ length: count }, (_, song) => {
    const tags: Record<string, number> = {}
    for (let at = 0; at <= random() * 3; at++) tags[moods[Math.floor(random() * moods.length)]!] = 0.2 + 0.8 * random()
    const total = Object.values(tags).reduce((sum, amount) => sum + amount, 0)
    const level = Object.entries(tags).reduce((sum, [tag, amount]) => sum + (amount * energyOfMood[tag]!) / total, 0)
    const energy = Math.min(1, Math.max(0, level + 0.2 * (random() - 0.5)))
    return {
      tags,
      title: `Title ${song}`,
      artist: `Artist ${Math.floor(random() * artists)}`,
      duration: 120 + Math.floor(random() * 180),
      ...(random() > 0.1 && { energy }),
    }
  })
}
