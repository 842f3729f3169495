import type { Csr } from '../../storage/csr.ts'
import type { IdMap } from '../../storage/ids.ts'

/** What a song's vector rests on: its listeners alone, what it sounds like and its tags alone, or some of each. */
export type VectorSource = 'listeners' | 'features' | 'both'

/** What is known of a song, to show and to arrange it by. */
export interface SongDetails {
  readonly title?: string | undefined
  readonly artist?: string | undefined
  /** Seconds. */
  readonly duration?: number | undefined
  /** Path of its sound file, where there is a local one. */
  readonly file?: string | undefined
}

/** Songs and tags (moods among them) in one space: what goes together has a high cosine. */
export interface SongSpace {
  /** Numbers of a vector. */
  readonly rank: number
  readonly songs: IdMap
  /** (songs × rank), rows of length 1; zeros where nothing is known of a song. */
  readonly vectors: Float32Array
  readonly tags: IdMap
  /** (tags × rank), rows of length 1; zeros where no song has the tag. */
  readonly tagVectors: Float32Array
  /** (songs × tags), values above 0 up to 1: how much of a tag a song has. */
  readonly songTags: Csr
  /** (songs), from 0, low, to 1, high; NaN where it is not known. */
  readonly energy: Float32Array
  /** (songs) */
  readonly listeners: Uint32Array
  sourceOf(song: number): VectorSource | undefined
  detailsOf(song: number): SongDetails
  /** (songs × 2) A map of the songs: what is near in the space is near on it, from −1 to 1. */
  readonly coordinates: Float32Array
}
