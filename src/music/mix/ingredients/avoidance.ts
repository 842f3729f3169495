import type { SongSpace } from '../../space/song-space.ts'
import type { Avoided } from '../request.ts'
import { type Ingredient, songNamed, tagIngredient } from './ingredients.ts'

/** Songs that have so much of an avoided tag are left out. */
export const avoidedFrom = 0.2
/** What an avoided tag counts as an ingredient, against the sum of the weights above 0. */
const avoidedWeight = -0.5

/** Which songs a mix may have. */
export interface Avoidance {
  /** Songs that it must not have, ascending. */
  readonly songs: Uint32Array
  /** The avoided tags as ingredients. */
  readonly ingredients: readonly Ingredient[]
  /** Whether `song` may not be in the list for its tags or artist. */
  isAvoided(song: number, artist: string | undefined): boolean
}

/** @throws {MixError} naming a song or a tag that is not known. */
export function avoidance(space: SongSpace, avoid: Avoided, others: readonly number[], total: number): Avoidance {
  const { songs = [], tags = [], artists = [] } = avoid
  const avoided = songs.map(song => songNamed(space, song))
  const ingredients = tags.map(tag => tagIngredient(space, tag, avoidedWeight * total))
  const avoidedTags = new Set(ingredients.map(({ tag }) => tag!))
  const names = new Set(artists.map(artistKey))
  return {
    songs: Uint32Array.from(new Set([...avoided, ...others])).sort(),
    ingredients,
    isAvoided(song, artist) {
      if (artist !== undefined && names.has(artistKey(artist))) return true
      if (avoidedTags.size === 0) return false
      const { indptr, indices, weights } = space.songTags
      for (let at = Number(indptr[song]); at < Number(indptr[song + 1]); at++) {
        if (avoidedTags.has(indices[at]!) && weights[at]! >= avoidedFrom) return true
      }
      return false
    },
  }
}

/** What artists are compared by. */
export function artistKey(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase()
}
