import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SongSpace } from '../../src/music/space/song-space.ts'
import { type Id, IdMap, writeIds } from '../../src/storage/ids.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { sharedArray } from '../../src/storage/shared-array.ts'

const tagCount = 200
/** Songs of an artist in the mean. */
const songsPerArtist = 12
/** Tags of a song. */
const tagsPerSong = 3

/**
 * A seeded space: tags lie in random directions, songs between those of three tags, beside others of their artist, with as much noise of their own. Each tag has an
 * energy of its own, from which that of songs follows.
 */
export async function seededSpace(songs: number, rank: number, seed: number): Promise<SongSpace> {
  const random = randomNumbers(seed)
  const artists = Math.ceil(songs / songsPerArtist)
  const tagVectors = directions(tagCount, rank, random)
  const artistVectors = directions(artists, rank, random)
  const energyOfTag = Float64Array.from({ length: tagCount }, random)
  const artistOf = Uint32Array.from({ length: songs }, () => Math.floor(random() ** 2 * artists))
  const vectors = sharedArray(Float32Array, songs * rank)
  const indices = new Uint32Array(songs * tagsPerSong)
  const weights = new Float32Array(songs * tagsPerSong)
  const energy = new Float32Array(songs)
  for (let song = 0; song < songs; song++) {
    const tags = new Set<number>()
    while (tags.size < tagsPerSong) tags.add(Math.floor(random() ** 2 * tagCount))
    let mean = 0
    for (const [at, tag] of [...tags].sort((a, b) => a - b).entries()) {
      const amount = 0.3 + 0.7 * random()
      indices[song * tagsPerSong + at] = tag
      weights[song * tagsPerSong + at] = amount
      mean += energyOfTag[tag]! / tagsPerSong
      add(vectors, song, tagVectors, tag, amount, rank)
    }
    add(vectors, song, artistVectors, artistOf[song]!, 0.5, rank)
    for (let k = 0; k < rank; k++) vectors[song * rank + k]! += (0.8 * normal(random)) / Math.sqrt(rank)
    normalize(vectors, song, rank)
    energy[song] = Math.min(1, Math.max(0, mean + 0.15 * normal(random)))
  }
  return {
    rank,
    songs: await idsOf(BigInt64Array.from({ length: songs }, (_, song) => BigInt(song))),
    vectors,
    tags: await idsOf(Array.from({ length: tagCount }, (_, tag) => `tag ${tag}`)),
    tagVectors,
    songTags: {
      rows: songs,
      columns: tagCount,
      indptr: BigUint64Array.from({ length: songs + 1 }, (_, song) => BigInt(song * tagsPerSong)),
      indices,
      weights,
    },
    energy,
    listeners: new Uint32Array(songs),
    sourceOf: () => 'listeners',
    detailsOf: song => ({ title: `Song ${song}`, artist: `Artist ${artistOf[song]}`, duration: 200 }),
    coordinates: new Float32Array(2 * songs),
  }
}

async function idsOf(ids: readonly Id[] | BigInt64Array): Promise<IdMap> {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-bench-'))
  const file = join(folder, 'ids.arrow')
  await writeIds(file, ids)
  const map = IdMap.open(file)
  rmSync(folder, { recursive: true })
  return map
}

function directions(rows: number, rank: number, random: () => number): Float32Array {
  const all = Float32Array.from({ length: rows * rank }, () => normal(random))
  for (let row = 0; row < rows; row++) normalize(all, row, rank)
  return all
}

function add(to: Float32Array, row: number, from: Float32Array, other: number, amount: number, rank: number): void {
  for (let k = 0; k < rank; k++) to[row * rank + k]! += amount * from[other * rank + k]!
}

function normalize(vectors: Float32Array, row: number, rank: number): void {
  let squares = 0
  for (let k = 0; k < rank; k++) squares += vectors[row * rank + k]! ** 2
  for (let k = 0; k < rank; k++) vectors[row * rank + k]! /= Math.sqrt(squares)
}

/** The sum of twelve uniform numbers is nearly normal. */
function normal(random: () => number): number {
  let sum = -6
  for (let at = 0; at < 12; at++) sum += random()
  return sum
}
