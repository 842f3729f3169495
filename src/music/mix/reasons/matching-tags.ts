import type { SongSpace } from '../../space/song-space.ts'
import type { Ingredient } from '../ingredients/ingredients.ts'

/** How much of a tag a song has, above 0 up to 1. */
export interface SongTag {
  readonly tag: string
  readonly amount: number
}

/** Tags that are taken of the songs of one ingredient, and shown of a song. */
const mostTags = 5
/** Songs of an ingredient whose tags are looked at: those of a long history say little more. */
const mostSongs = 500

/** The tags that ingredients of positive weight are, and those that their songs have most of. */
export function wantedTags(space: SongSpace, ingredients: readonly Ingredient[]): Set<number> {
  const wanted = new Set<number>()
  for (const { weight, tag, songs } of ingredients) {
    if (weight <= 0) continue
    if (tag !== undefined) wanted.add(tag)
    const sums = new Map<number, number>()
    for (const song of songs.slice(0, mostSongs)) {
      for (const [of, amount] of tagsOfSong(space, song)) sums.set(of, (sums.get(of) ?? 0) + amount)
    }
    const most = [...sums].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, mostTags)
    for (const [of] of most) wanted.add(of)
  }
  return wanted
}

/** Those of `wanted` that a song has, most first. */
export function sharedTags(space: SongSpace, song: number, wanted: ReadonlySet<number>): SongTag[] {
  return tagsOfSong(space, song)
    .filter(([tag]) => wanted.has(tag))
    .slice(0, mostTags)
    .map(([tag, amount]) => ({ tag: String(space.tags.at(tag)), amount }))
}

/** Indices of a song's tags and how much it has of each, most first. */
export function tagsOfSong({ songTags: { indptr, indices, weights } }: SongSpace, song: number): [number, number][] {
  const tags: [number, number][] = []
  for (let at = Number(indptr[song]); at < Number(indptr[song + 1]); at++) tags.push([indices[at]!, weights[at]!])
  return tags.sort((a, b) => b[1] - a[1] || a[0] - b[0])
}
