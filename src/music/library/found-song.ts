import { plainId } from '../../storage/ids.ts'
import { type SongTag, tagsOfSong } from '../mix/reasons/matching-tags.ts'
import type { SongSpace } from '../space/song-space.ts'

/** A song, to show. */
export interface FoundSong {
  readonly item: string | number
  readonly title?: string | undefined
  readonly artist?: string | undefined
  /** Seconds. */
  readonly duration?: number | undefined
  /** Whether its sound file can be played. */
  readonly audio: boolean
  /** From 0, low, to 1, high. */
  readonly energy?: number | undefined
  readonly listeners: number
  /** The tags that it has most of, most first. */
  readonly tags: readonly SongTag[]
}

/** Tags that are shown of a song. */
const mostTags = 8

export function foundSong(space: SongSpace, song: number): FoundSong {
  const { title, artist, duration, file } = space.detailsOf(song)
  const energy = space.energy[song]!
  return {
    item: plainId(space.songs.at(song)),
    title,
    artist,
    duration,
    audio: file !== undefined,
    energy: Number.isNaN(energy) ? undefined : energy,
    listeners: space.listeners[song]!,
    tags: tagsOfSong(space, song)
      .slice(0, mostTags)
      .map(([tag, amount]) => ({ tag: String(space.tags.at(tag)), amount })),
  }
}
