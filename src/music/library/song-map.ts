import { plainId } from '../../storage/ids.ts'
import { tagsOfSong } from '../mix/reasons/matching-tags.ts'
import type { SongSpace } from '../space/song-space.ts'

/** Songs side by side: place i of each array is of the same song. */
export interface SongMap {
  /** Of the space. */
  readonly songs: number
  readonly items: readonly (string | number)[]
  /** Empty text where it is not known. */
  readonly titles: readonly string[]
  readonly artists: readonly string[]
  /** From −1 to 1. */
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Places in `tags` of the tag that each has most of, of these; −1 where it has none of them. */
  readonly tag: readonly number[]
  readonly listeners: readonly number[]
  /** null where it is not known. */
  readonly energy: readonly (number | null)[]
  /** The tags that are the main one of most of the songs, at most 12. */
  readonly tags: readonly string[]
}

/** Tags with a colour of their own on a map, as many as colours can be. */
const mostTags = 12

/** All songs on the map, or of more than `limit` that many, evenly over their order. */
export function songMap(space: SongSpace, limit: number): SongMap {
  const { size } = space.songs
  const count = Math.min(limit, size)
  const songs = Array.from({ length: count }, (_, place) => Math.floor((place * size) / count))
  const tagsOf = songs.map(song => tagsOfSong(space, song))
  const counts = new Map<number, number>()
  for (const [main] of tagsOf) if (main) counts.set(main[0], (counts.get(main[0]) ?? 0) + 1)
  const main = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, mostTags)
  const places = new Map(main.map(([tag], place) => [tag, place]))
  const details = songs.map(song => space.detailsOf(song))
  return {
    songs: size,
    items: songs.map(song => plainId(space.songs.at(song))),
    titles: details.map(({ title }) => title ?? ''),
    artists: details.map(({ artist }) => artist ?? ''),
    x: songs.map(song => space.coordinates[2 * song]!),
    y: songs.map(song => space.coordinates[2 * song + 1]!),
    tag: tagsOf.map(tags => places.get(tags.find(([tag]) => places.has(tag))?.[0] ?? -1) ?? -1),
    listeners: songs.map(song => space.listeners[song]!),
    energy: songs.map(song => (Number.isNaN(space.energy[song]!) ? null : space.energy[song]!)),
    tags: main.map(([tag]) => String(space.tags.at(tag))),
  }
}
