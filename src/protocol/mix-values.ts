/** What mixes are asked for by, as a method and as a subscription. */
import { z } from 'zod'
import { isStorable } from '../events/event.ts'
import { IdSchema, textExpected } from './ids.ts'
import { limits } from './limits.ts'

/** A tag or an artist. */
export const NameSchema = z.string().min(1).max(limits.labelLength).refine(isStorable, textExpected)

/** Of an ingredient; below 0 the mix keeps away from it. */
const Weight = z
  .number()
  .min(-limits.mixWeight)
  .max(limits.mixWeight)
  .refine(weight => weight !== 0, 'expected another number than 0, or no ingredient')
  .default(1)

const weighted = { weight: Weight }

/** A tag alone has weight 1. */
const TagIngredient = z.union([
  NameSchema.transform(tag => ({ tag, weight: 1 })),
  z.object({ tag: NameSchema, ...weighted }),
])
const SongIngredient = z.union([
  IdSchema.transform(song => ({ song, weight: 1 })),
  z.object({ song: IdSchema, ...weighted }),
])

const PlaylistIngredient = z.object({
  songs: z.array(IdSchema).min(1).max(limits.mixSongs),
  /** What it is called in reasons. */
  name: NameSchema.optional(),
  ...weighted,
})

const Share = z.number().min(0).max(1)

const CurvePoint = z.union([z.number().min(0).max(1), z.object({ at: Share, energy: Share })])

type CurveInput = z.output<typeof CurvePoint>

/** Either values spread evenly over the list, or points. */
const isOfOneKind = (points: readonly CurveInput[]) =>
  points.every(point => typeof point === 'number') || points.every(point => typeof point === 'object')

/** What a mix is made of and how it is ordered; it has a tag, a song, a playlist or a taste with a weight above 0 at least. */
export const mixFields = {
  tags: z.array(TagIngredient).max(limits.mixIngredients).optional(),
  songs: z.array(SongIngredient).max(limits.mixIngredients).optional(),
  playlists: z.array(PlaylistIngredient).max(limits.mixPlaylists).optional(),
  /** What a user likes, from what the server knows that the user did. Without `user`: the one that the caller is bound to. */
  taste: z.object({ user: IdSchema.optional(), ...weighted }).optional(),
  avoid: z
    .object({
      songs: z.array(IdSchema).max(limits.filterItems).optional(),
      tags: z.array(NameSchema).max(limits.mixIngredients).optional(),
      artists: z.array(NameSchema).max(limits.filterItems).optional(),
    })
    .optional(),
  /** The energy over the list, from 0, low, to 1, high: values spread evenly over it, or points `{at, energy}` with `at` from 0 to 1. */
  energy: z
    .array(CurvePoint)
    .max(limits.mixIngredients)
    .refine(isOfOneKind, 'expected numbers alone, or points alone')
    .optional(),
  /** Songs of the list. Default: 20. */
  length: z.int().min(1).max(limits.mixLength).optional(),
  /** How much it counts that songs are unlike each other. Default: 0.3. */
  diversity: Share.optional(),
  /** How much it counts that songs are like the one before. Default: 0.5. */
  smoothness: Share.optional(),
  /** Places from a song of an artist to the next one of the same, at least. Default: 4. */
  artistGap: z.int().min(1).max(limits.mixLength).optional(),
  /** Of the songs, those of one artist at most, one in any case. Default: 0.2. */
  artistShare: z.number().min(0.001).max(1).optional(),
  /** Whether songs of the ingredients may come. Default: `exclude`. */
  seen: z.enum(['allow', 'exclude']).optional(),
}

/** A song that was given out, and what became of it. */
const PlayedSong = z.union([
  IdSchema.transform(song => ({ song, outcome: undefined })),
  z.object({ song: IdSchema, outcome: z.enum(['accepted', 'skipped']).optional() }),
])

export const continueFields = {
  ...mixFields,
  /** Songs that were given out already, in order: none comes again, and those accepted and skipped move the mix. */
  playlist: z.array(PlayedSong).max(limits.mixPlayed).default([]),
  /** Songs of the whole list, over which the energy curve is. Default: those of the playlist and those to come. */
  total: z.int().min(1).max(limits.mixPlayed).optional(),
}
