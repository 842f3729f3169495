import type { Id } from '../../storage/ids.ts'
import { knownSongs, MixError, meanVector, songNamed, tagNamed } from '../mix/ingredients/ingredients.ts'
import { tagsOfSong } from '../mix/reasons/matching-tags.ts'
import type { SongSpace } from '../space/song-space.ts'
import { productWith } from '../space/vectors.ts'

/** A tag, and how many songs have it. */
export interface ListedTag {
  readonly tag: string
  readonly songs: number
  /** How much the song has of it, or the songs of the playlist in the mean, above 0 up to 1. */
  readonly amount?: number | undefined
  /** With what was asked for. */
  readonly cosine?: number | undefined
}

/** What tags are asked for: of one of these. None: the tags that most songs have. */
export interface TagQuery {
  readonly song?: Id | undefined
  readonly playlist?: readonly Id[] | undefined
  /** The beginning of tags, whatever their case. */
  readonly prefix?: string | undefined
  /** Tags near to this one. */
  readonly near?: string | undefined
  readonly limit: number
}

/** How many songs each tag has. O(pairs). */
export function songCounts({ tags, songTags }: Pick<SongSpace, 'tags' | 'songTags'>): Uint32Array {
  const counts = new Uint32Array(tags.size)
  for (const tag of songTags.indices) counts[tag]! += 1
  return counts
}

/**
 * Tags of a song or of a playlist, those that it has first, then those nearest to it by cosine; tags near to another; or those with a beginning, which
 * most songs have first.
 *
 * @param counts {@link songCounts}
 * @throws {MixError} where a song or a tag is not known, or more than one thing is asked for.
 */
export function tagsOf(space: SongSpace, counts: Uint32Array, query: TagQuery): ListedTag[] {
  const { song, playlist, prefix, near, limit } = query
  if ([song, playlist, prefix, near].filter(part => part !== undefined).length > 1) {
    throw new MixError('bad_message', 'expected one of song, playlist, prefix and near, got several')
  }
  const listed = (tag: number, more: object = {}): ListedTag =>
    Object.assign({ tag: String(space.tags.at(tag)), songs: counts[tag]! }, more)
  if (near !== undefined) {
    const of = tagNamed(space, near)
    const vector = space.tagVectors.subarray(of * space.rank, (of + 1) * space.rank)
    const nearest = nearestTags(space, vector, limit + 1).filter(({ tag }) => tag !== of)
    return nearest.slice(0, limit).map(({ tag, cosine }) => listed(tag, { cosine }))
  }
  const songs = song !== undefined ? [songNamed(space, song)] : playlist && knownSongs(space.songs, playlist, [])
  if (!songs) return withPrefix(space, counts, prefix ?? '', limit).map(tag => listed(tag))
  if (songs.length === 0) throw new MixError('unknown_item', 'expected songs of the space in the playlist, got none')
  return ofSongs(space, songs, limit).map(({ tag, amount, cosine }) => listed(tag, { amount, cosine }))
}

function ofSongs(space: SongSpace, songs: readonly number[], limit: number) {
  const amounts = new Map<number, number>()
  for (const song of songs) {
    for (const [tag, amount] of tagsOfSong(space, song))
      amounts.set(tag, (amounts.get(tag) ?? 0) + amount / songs.length)
  }
  const vector = meanVector(
    space,
    songs,
    songs.map(() => 1),
  )
  const cosineOf = (tag: number) => (vector ? productWith(space.tagVectors, tag, vector) : undefined)
  const own = [...amounts]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .map(([tag, amount]) => ({ tag, amount, cosine: cosineOf(tag) }))
  const nearest = vector ? nearestTags(space, vector, limit + own.length) : []
  const others = nearest
    .filter(({ tag }) => !amounts.has(tag))
    .map(({ tag, cosine }) => ({ tag, amount: undefined, cosine }))
  return [...own, ...others].slice(0, limit)
}

/** Tags of the highest cosine with `vector`, best first; those without a vector are none of them. */
function nearestTags(
  { tags, tagVectors }: SongSpace,
  vector: Float32Array,
  limit: number,
): { readonly tag: number; readonly cosine: number }[] {
  const all = Array.from({ length: tags.size }, (_, tag) => ({ tag, cosine: productWith(tagVectors, tag, vector) }))
  const known = all.filter(({ cosine }) => cosine !== 0)
  return known.sort((a, b) => b.cosine - a.cosine || a.tag - b.tag).slice(0, limit)
}

function withPrefix({ tags }: SongSpace, counts: Uint32Array, prefix: string, limit: number): number[] {
  const lower = prefix.toLowerCase()
  const found: number[] = []
  for (let tag = 0; tag < tags.size; tag++) {
    if (counts[tag]! > 0 && (lower === '' || String(tags.at(tag)).toLowerCase().startsWith(lower))) found.push(tag)
  }
  return found.sort((a, b) => counts[b]! - counts[a]! || a - b).slice(0, limit)
}
