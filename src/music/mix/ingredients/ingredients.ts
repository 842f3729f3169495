import { type Id, type IdMap, plainId } from '../../../storage/ids.ts'
import type { SongSpace } from '../../space/song-space.ts'
import type { HistorySong, MixRequest, TasteIngredient } from '../request.ts'
import { suggestion } from './near-matches.ts'

export type IngredientKind = 'tag' | 'song' | 'playlist' | 'taste' | 'accepted' | 'skipped'

/** What a mix is made of, in the space. */
export interface Ingredient {
  readonly kind: IngredientKind
  /** The tag, the id of the song or the user, or what the playlist is called. */
  readonly name: string
  /** Not 0; below 0 the mix keeps away from it. */
  readonly weight: number
  /** Of length 1. */
  readonly vector: Float32Array
  /** Songs that it consists of, ascending; none of a tag. */
  readonly songs: readonly number[]
  /** Of a tag. */
  readonly tag?: number | undefined
}

/** What of a request cannot be done; the service has a code of the same name for each reason. */
export class MixError extends Error {
  readonly reason: 'unknown_item' | 'unknown_tag' | 'bad_message'

  constructor(reason: MixError['reason'], message: string) {
    super(message)
    this.name = 'MixError'
    this.reason = reason
  }
}

/** In ms: after so long a song of the history counts half in the user's taste. */
const tasteHalfLife = 60 * 86_400_000

/** The ingredients of a request; `left`: songs of playlists and the history that the space lacks or knows nothing of. */
export interface Resolved {
  readonly ingredients: readonly Ingredient[]
  readonly left: readonly string[]
}

/**
 * Looks the ingredients of a request up.
 *
 * @param now ms since 1970, from which the age of the history is counted.
 * @throws {MixError} naming a tag or a song that is not known, with what was perhaps meant; where nothing is known of one; where
 *   there is none with a weight above 0.
 */
export function resolveIngredients(space: SongSpace, request: MixRequest, now: number): Resolved {
  const { tags = [], songs = [], playlists = [], taste } = request
  const left: string[] = []
  const ingredients: Ingredient[] = []
  for (const { tag, weight = 1 } of tags) ingredients.push(tagIngredient(space, tag, weight))
  for (const { song, weight = 1 } of songs) {
    const at = songNamed(space, song)
    const vector = meanVector(space, [at], [1])
    if (!vector) throw new MixError('bad_message', `nothing is known of the song ${shownId(song)}: choose another`)
    ingredients.push({ kind: 'song', name: String(song), weight, vector, songs: [at] })
  }
  for (const { songs, name = 'the playlist', weight = 1 } of playlists) {
    const known = knownSongs(space.songs, songs, left)
    const vector = meanVector(
      space,
      known,
      known.map(() => 1),
    )
    if (!vector) throw noneKnown(space, `the playlist has no song`, songs)
    ingredients.push({ kind: 'playlist', name, weight, vector, songs: ascending(known) })
  }
  if (taste) {
    const found = tasteIngredient(space, taste, now)
    // Of one who is new the other ingredients are all that is known.
    if (found) ingredients.push(found)
    else if (!ingredients.some(({ weight }) => weight > 0)) {
      const given = taste.history.map(({ song }) => song)
      throw noneKnown(space, `the history of ${shownId(taste.user)} has no song`, given)
    }
  }
  if (!ingredients.some(({ weight }) => weight > 0)) {
    throw new MixError('bad_message', 'expected a tag, a song, a playlist or a taste with a weight above 0, got none')
  }
  return { ingredients, left }
}

/** Undefined where nothing is known of the songs of the history. */
function tasteIngredient(
  space: SongSpace,
  { user, history, weight = 1 }: TasteIngredient,
  now: number,
): Ingredient | undefined {
  const liked = history.filter(({ weight }) => weight > 0)
  const rows = space.songs.indicesOf(liked.map(({ song }) => song))
  const known = liked.flatMap((song, at) =>
    rows[at]! < 0 ? [] : [{ at: rows[at]!, weight: historyWeight(song, now) }],
  )
  const songs = known.map(({ at }) => at)
  const vector = meanVector(
    space,
    songs,
    known.map(({ weight }) => weight),
  )
  return vector && { kind: 'taste', name: String(user), weight, vector, songs: ascending(songs) }
}

/** @throws {MixError} */
export function tagIngredient(space: SongSpace, name: string, weight: number): Ingredient {
  const tag = tagNamed(space, name)
  const vector = space.tagVectors.slice(tag * space.rank, (tag + 1) * space.rank)
  if (vector.every(value => value === 0)) {
    throw new MixError('bad_message', `no song has the tag ${JSON.stringify(name)}: choose another`)
  }
  return { kind: 'tag', name, weight, vector, songs: [], tag }
}

/** @throws {MixError} `unknown_tag` */
export function tagNamed({ tags }: SongSpace, name: string): number {
  const tag = tags.indexOf(name)
  if (tag >= 0) return tag
  throw new MixError('unknown_tag', `the songs have no tag ${JSON.stringify(name)}${suggestion(tags, name)}`)
}

/** @throws {MixError} `unknown_item` */
export function songNamed({ songs }: SongSpace, id: Id): number {
  const song = songs.indexOf(id)
  if (song >= 0) return song
  throw new MixError('unknown_item', `there is no song ${shownId(id)}${suggestion(songs, String(id))}`)
}

/** Indices of those of `ids` that are there, each once; the others are put into `left`. */
export function knownSongs(songs: IdMap, ids: readonly Id[], left: string[]): number[] {
  const rows = songs.indicesOf(ids)
  const known = new Set<number>()
  ids.forEach((id, at) => {
    if (rows[at]! >= 0) known.add(rows[at]!)
    else left.push(String(id))
  })
  return [...known]
}

/** The mean of songs' vectors by weight, at length 1; undefined where nothing is known of any, or they cancel out. */
export function meanVector(
  { vectors, rank }: Pick<SongSpace, 'vectors' | 'rank'>,
  songs: readonly number[],
  weights: readonly number[],
): Float32Array | undefined {
  const sum = new Float64Array(rank)
  songs.forEach((song, at) => {
    for (let k = 0; k < rank; k++) sum[k]! += weights[at]! * vectors[song * rank + k]!
  })
  const norm = Math.hypot(...sum)
  return norm > 1e-9 ? Float32Array.from(sum, value => value / norm) : undefined
}

function historyWeight({ weight, time }: HistorySong, now: number): number {
  // What is without a time is as two half-lives old.
  const age = time === undefined ? 2 * tasteHalfLife : Math.max(0, now - time)
  return Math.log1p(weight) * 2 ** (-age / tasteHalfLife)
}

function ascending(songs: readonly number[]): number[] {
  return [...new Set(songs)].sort((a, b) => a - b)
}

function noneKnown({ songs }: SongSpace, what: string, given: readonly Id[]): MixError {
  const like = songs.size > 0 ? `, with ids such as ${shownId(songs.at(0))}` : ''
  const got = given.length > 0 ? given.slice(0, 3).map(shownId).join(', ') : 'none'
  return new MixError(
    'bad_message',
    `${what} that something is known of: expected some of the ${songs.size} songs of the space${like}, got ${got}`,
  )
}

function shownId(id: Id): string {
  return JSON.stringify(plainId(id))
}
