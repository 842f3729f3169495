import { plainId } from '../../../storage/ids.ts'
import type { SongSpace } from '../../space/song-space.ts'
import { productWith } from '../../space/vectors.ts'
import type { Candidate } from '../candidates/candidates.ts'
import type { IngredientKind } from '../ingredients/ingredients.ts'
import { matchOf, type ScaledIngredient } from '../ingredients/relevance.ts'
import { type SongTag, sharedTags, wantedTags } from './matching-tags.ts'
import { sentenceOf } from './sentence.ts'

/** What an ingredient says of a song. */
export interface Contribution {
  readonly kind: IngredientKind
  /** The tag, the id of the song or the user, or what the playlist is called. */
  readonly name: string
  /** Its title, where it is a song that has one. */
  readonly title?: string | undefined
  readonly weight: number
  readonly cosine: number
  /** How well the song fits it: 0 as songs do in the mean, 1 as the nearest 1 % of them; either may be exceeded. */
  readonly match: number
}

/** A song of a mix, and why it is in. */
export interface MixedSong {
  /** Id of the song. */
  readonly item: string | number
  /** How well it fits all ingredients together; comparable within one list only. */
  readonly score: number
  readonly title?: string | undefined
  readonly artist?: string | undefined
  /** Seconds. */
  readonly duration?: number | undefined
  /** Whether there is a sound file to play. */
  readonly audio: boolean
  /** From 0, low, to 1, high; absent where it is not known. */
  readonly energy?: number | undefined
  /** What the energy curve asks for here. */
  readonly askedEnergy?: number | undefined
  /** In the order of the ingredients. */
  readonly because: readonly Contribution[]
  /** Tags that it has of those that the ingredients are or have, most first. */
  readonly tags: readonly SongTag[]
  /** The song before it; `step`: to this one's energy from that one's. */
  readonly follows?:
    | { readonly item: string | number; readonly cosine: number; readonly step?: number | undefined }
    | undefined
  /** All of it as a sentence. */
  readonly why: string
}

export interface ReasonsOptions {
  readonly ingredients: readonly ScaledIngredient[]
  /** The energy asked for at each place. */
  readonly targets: Float64Array | undefined
  /** The song before the first. */
  readonly last: number | undefined
}

/** The songs of a list with what speaks for each. */
export function mixedSongs(
  space: SongSpace,
  songs: readonly Candidate[],
  { ingredients, targets, last }: ReasonsOptions,
): MixedSong[] {
  const wanted = wantedTags(space, ingredients)
  return songs.map((candidate, place) => {
    const { song, cosines, relevance, details } = candidate
    const former = place === 0 ? last : songs[place - 1]!.song
    const because = ingredients.map((ingredient, at): Contribution => {
      const { kind, name, weight, songs } = ingredient
      const title = kind === 'song' ? space.detailsOf(songs[0]!).title : undefined
      return { kind, name, title, weight, cosine: cosines[at]!, match: matchOf(ingredient, cosines[at]!) }
    })
    const fields = {
      item: plainId(space.songs.at(song)),
      score: relevance,
      title: details.title,
      artist: details.artist,
      duration: details.duration,
      audio: details.file !== undefined,
      energy: known(space.energy[song]!),
      askedEnergy: targets?.[place],
      because,
      tags: sharedTags(space, song, wanted),
      follows: former === undefined ? undefined : following(space, former, song),
    }
    const formerTitle = former === undefined ? undefined : space.detailsOf(former).title
    return Object.assign(fields, { why: sentenceOf(fields, formerTitle) })
  })
}

function following(space: SongSpace, former: number, song: number): NonNullable<MixedSong['follows']> {
  const { rank, vectors, energy } = space
  const vector = vectors.subarray(former * rank, (former + 1) * rank)
  return {
    item: plainId(space.songs.at(former)),
    cosine: productWith(vectors, song, vector),
    step: known(energy[song]! - energy[former]!),
  }
}

function known(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value
}
