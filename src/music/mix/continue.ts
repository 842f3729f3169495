import type { Id } from '../../storage/ids.ts'
import type { SongSpace } from '../space/song-space.ts'
import type { IndexedSpace } from './indexed-space.ts'
import { type Ingredient, meanVector, resolveIngredients } from './ingredients/ingredients.ts'
import { listOf, type Mix } from './mix.ts'
import { assertRequest, type MixRequest, mixDefaults } from './request.ts'

/** A song that a listener was given. */
export interface PlayedSong {
  readonly song: Id
  /** What the listener made of it. Default: nothing yet. */
  readonly outcome?: 'accepted' | 'skipped' | undefined
}

/**
 * What accepted and skipped songs count, against the sum of the weights above 0, after Rocchio (1971), with the shares of Manning, Raghavan & Schütze
 * (2008), 9.1.1, for those accepted. Those skipped count more than there: they are not any documents but songs that were expected to please.
 */
const [acceptedShare, skippedShare] = [0.75, 0.4]
/** With so many of them it is half of that. */
const halfAt = 2
/** What one counts against the next of the same outcome. */
const fading = 0.85

export interface ContinueOptions {
  /** Songs of the whole list, over which the energy curve is; beyond it stays as it ends. Default: those of the playlist and those to come. */
  readonly total?: number | undefined
  /** ms since 1970, from which the age of a user's history is counted. Default: now. */
  readonly now?: number | undefined
}

/**
 * The songs that follow `playlist`, `request.length` of them: the mix moves towards those that were accepted and away from those skipped. None comes
 * again.
 *
 * @throws as {@link mixSongs}.
 */
export function continueMix(
  indexed: IndexedSpace,
  request: MixRequest,
  playlist: readonly PlayedSong[],
  { total, now = Date.now() }: ContinueOptions = {},
): Mix {
  assertRequest(request)
  const { space } = indexed
  const { ingredients, left } = resolveIngredients(space, request, now)
  const rows = space.songs.indicesOf(playlist.map(({ song }) => song))
  const played = playlist.flatMap(({ outcome }, at) => (rows[at]! < 0 ? [] : [{ song: rows[at]!, outcome }]))
  const last = played.findLast(({ outcome }) => outcome !== 'skipped')?.song
  const weight = ingredients.reduce((sum, { weight }) => sum + Math.max(0, weight), 0)
  const given = [...ingredients, ...feedback(space, played, weight)]
  const length = request.length ?? mixDefaults.length
  const former = { songs: played.map(({ song }) => song), last, total: total ?? played.length + length }
  const unknown = playlist.flatMap(({ song }, at) => (rows[at]! < 0 ? [String(song)] : []))
  return { ...listOf(indexed, request, given, former), left: [...left, ...unknown] }
}

interface Played {
  readonly song: number
  readonly outcome: PlayedSong['outcome']
}

/** What was accepted, and what was skipped, as ingredients; the later a song, the more it counts. */
function feedback(space: SongSpace, played: readonly Played[], total: number): Ingredient[] {
  const sides = [
    { kind: 'accepted', share: acceptedShare },
    { kind: 'skipped', share: -skippedShare },
  ] as const
  return sides.flatMap(({ kind, share }): Ingredient[] => {
    const songs = played.filter(({ outcome }) => outcome === kind).map(({ song }) => song)
    const vector = meanVector(
      space,
      songs,
      songs.map((_, at) => fading ** (songs.length - 1 - at)),
    )
    if (!vector) return []
    const weight = (share * total * songs.length) / (songs.length + halfAt)
    return [{ kind, name: kind, weight, vector, songs: songs.toSorted((a, b) => a - b) }]
  })
}
