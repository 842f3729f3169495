/** The methods of music: see methods.ts. A server without a song space answers them with `unsupported`. */
import { z } from 'zod'
import type { FoundSong } from '../music/library/found-song.ts'
import type { SongFound } from '../music/library/library.ts'
import type { SongMap } from '../music/library/song-map.ts'
import type { ListedTag } from '../music/library/tags.ts'
import type { MixedSong } from '../music/mix/reasons/reasons.ts'
import { IdSchema } from './ids.ts'
import { limits } from './limits.ts'
import { continueFields, mixFields, NameSchema } from './mix-values.ts'

interface Tasting {
  readonly taste?: { readonly user?: string | undefined } | undefined
}

/** Whose history the mix rests on. */
export const tasterOf = ({ taste }: Tasting): readonly string[] => (taste?.user === undefined ? [] : [taste.user])

export const musicMethods = {
  music_mix: {
    summary: 'an ordered playlist of moods, songs, playlists and taste; each song says why it is in',
    reads: true,
    access: tasterOf,
    params: z
      .object({
        ...mixFields,
        /** Minutes of the list, as nearly as whole songs allow; not with `length`. */
        minutes: z.number().min(1).max(limits.mixMinutes).optional(),
      })
      .refine(
        ({ length, minutes }) => length === undefined || minutes === undefined,
        'expected length or minutes, and not both',
      ),
  },
  music_continue: {
    summary: 'the songs that follow a playlist, nearer to those accepted and away from those skipped',
    reads: true,
    access: tasterOf,
    params: z.object(continueFields),
  },
  music_tags: {
    summary: 'tags of a song or a playlist, tags near to one, or tags with a beginning, and how many songs each has',
    reads: true,
    access: 'credential',
    params: z
      .object({
        song: IdSchema.optional(),
        playlist: z.array(IdSchema).min(1).max(limits.mixSongs).optional(),
        prefix: z.string().max(limits.labelLength).optional(),
        near: NameSchema.optional(),
        limit: z.int().min(1).max(limits.musicTags).default(20),
      })
      .refine(
        ({ song, playlist, prefix, near }) =>
          [song, playlist, prefix, near].filter(part => part !== undefined).length <= 1,
        'expected one of song, playlist, prefix and near at most',
      ),
  },
  music_song: {
    summary: 'what is known of a song: details, tags, energy and the songs nearest to it',
    reads: true,
    subject: 'song',
    access: 'credential',
    params: z.object({
      song: IdSchema,
      /** Nearest songs. */
      nearest: z.int().min(0).max(limits.musicSongs).default(10),
    }),
  },
  music_songs: {
    summary: 'songs by words of title and artist, or the beginning of the id; those that most listen to first',
    reads: true,
    access: 'credential',
    params: z.object({
      /** Words that a song must have all, each of them as the beginning of one. Default: any song. */
      text: z.string().max(limits.titleLength).default(''),
      /** None but those with this tag. */
      tag: NameSchema.optional(),
      limit: z.int().min(1).max(limits.musicSongs).default(20),
    }),
  },
  music_map: {
    summary: 'songs on a map, where what is near goes together, with the tag that each has most of; side by side',
    reads: true,
    access: 'credential',
    params: z.object({
      /** Songs at most: where there are more, some of all parts of the map. */
      limit: z.int().min(1).max(limits.musicMap).default(3000),
    }),
  },
} as const

/** What each of them gives. */
export interface MusicResults {
  readonly music_mix: MixedList
  readonly music_continue: MixedList
  readonly music_tags: InSpace & { readonly tags: readonly ListedTag[] }
  readonly music_song: InSpace & SongFound
  readonly music_songs: InSpace & { readonly songs: readonly FoundSong[] }
  readonly music_map: InSpace & SongMap
}

/** What was asked of one song space. */
export interface InSpace {
  /** Names the space: another has another name. */
  readonly space: string
}

/** An ordered playlist. */
export interface MixedList extends InSpace {
  /** Names this list: events that follow from it can say so. */
  readonly list: string
  readonly items: readonly MixedSong[]
  /** Songs of playlists and the user's history that the space lacks. */
  readonly left: readonly string[]
  /** Songs of which it is not known how long they are count 3.5. */
  readonly minutes: number
  /** Why it is shorter than asked for; absent where it is not. */
  readonly short?: string
}

export type { FoundSong, ListedTag, MixedSong, SongFound, SongMap }
