import { TopKIndex, topKIndexBytes, topKIndexPieces } from '../../search/topk.ts'
import { alignedArray } from '../../storage/shared-array.ts'
import type { SongSpace } from '../space/song-space.ts'
import { isSet } from '../space/vectors.ts'

/** Songs that say what cosines are usual: enough for a quantile of 1 %. */
const sampleSize = 2048

/** Songs with a vector, spread evenly over the space, ascending. */
export interface SongSample {
  readonly songs: Uint32Array
  /** (songs × rank), copied: they are read for every ingredient, and would be a line of memory each. */
  readonly vectors: Float32Array
}

/** A song space with what mixes look up in it. */
export interface IndexedSpace {
  readonly space: SongSpace
  /** Of the songs' vectors. */
  readonly index: TopKIndex
  readonly sample: SongSample
}

/**
 * Indexes the songs of `space`, whose vectors are viewed, not copied: in about a second for a million songs of rank 128.
 *
 * @throws Error naming the first vector that is NaN or infinite.
 */
export function indexSpace(space: SongSpace): IndexedSpace {
  const { rank, vectors } = space
  const rows = space.songs.size
  const buffer = alignedArray(Uint8Array, topKIndexBytes({ rows, rank }))
  let at = 0
  for (const piece of topKIndexPieces({ data: vectors, rank, stride: rank, rows })) {
    buffer.set(piece, at)
    at += piece.length
  }
  return { space, index: TopKIndex.of({ buffer, factors: vectors, rank }), sample: sampleOf(space) }
}

function sampleOf(space: SongSpace): SongSample {
  const { rank } = space
  const count = space.songs.size
  const step = Math.max(1, count / sampleSize)
  const sample: number[] = []
  for (let place = 0; place < count; place += step) {
    const song = Math.floor(place)
    if (isSet(space.vectors, song, rank)) sample.push(song)
  }
  const vectors = new Float32Array(sample.length * rank)
  sample.forEach((song, at) => {
    vectors.set(space.vectors.subarray(song * rank, (song + 1) * rank), at * rank)
  })
  return { songs: Uint32Array.from(sample), vectors }
}
