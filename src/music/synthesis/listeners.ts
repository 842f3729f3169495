/** Made-up listeners whose tastes are known, and the playlists that they make of songs. */
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { Drawing } from './drawing.ts'
import { goTogether, type Mood, moods } from './moods.ts'
import type { SongPlan } from './songs.ts'

export interface Playlist {
  /** The listener's, as `listener-12-calm-rain`, or `listener-12-calm-rain-2` for a further one. */
  readonly id: string
  readonly listener: string
  /** What it was made for: one mood, or two. */
  readonly moods: readonly Mood[]
  /** Ids, in the order in which they were chosen. */
  readonly songs: readonly string[]
  /** What the listener says that it is: most of its moods, now and then another. */
  readonly tags: readonly Mood[]
}

export interface PlaylistOptions {
  /** From 1 to 100,000. Default: 400. */
  readonly listeners?: number
  /** Playlists of a listener at most. Default: 4. */
  readonly playlists?: number
  /** Songs of a playlist at least and at most. Default: 8 and 20; never more than a third of all songs. */
  readonly length?: readonly [number, number]
  /** Default: 1. The same seed gives the same playlists of the same songs. */
  readonly seed?: number
}

/** By how much likelier, as an exponent, a song is that has all of a playlist's moods. */
const pull = 3.5
/** How likely a listener names a mood of the playlist, and a further one. */
const [isNamed, isAdded] = [0.85, 0.08]

/**
 * Draws the playlists of listeners. Each listener likes some moods and artists more than others; a playlist is made for one
 * or two of the moods that the listener likes, of songs that have them: the likelier the more so, the more popular a song is,
 * and the more its artist is liked.
 *
 * @throws RangeError naming the option.
 */
export function drawPlaylists(
  songs: readonly SongPlan[],
  { listeners = 400, playlists = 4, length = [8, 20], seed = 1 }: PlaylistOptions = {},
): Playlist[] {
  assertWholeNumber('listeners', listeners, 1, 100_000)
  assertWholeNumber('playlists', playlists, 1, 1000)
  const most = Math.max(1, Math.floor(songs.length / 3))
  const drawing = new Drawing(seed)
  const popularity = songs.map(() => Math.exp(0.7 * drawing.normal()))
  const artists = [...new Set(songs.map(({ artist }) => artist))]
  return Array.from({ length: listeners }, (_, at) => `listener-${at + 1}`).flatMap(listener => {
    const taste = moods.map(() => Math.exp(1.2 * drawing.normal()))
    const liked = new Map(artists.map(artist => [artist, Math.exp(0.6 * drawing.normal())]))
    const taken = new Map<string, number>()
    return Array.from({ length: 1 + drawing.below(playlists) }, () => {
      const occasion = occasionOf(taste, drawing)
      const weights = songs.map(
        (song, place) => popularity[place]! * liked.get(song.artist)! * Math.exp(pull * matchOf(song, occasion)),
      )
      const wanted = Math.min(most, length[0] + drawing.below(length[1] - length[0] + 1))
      const chosen = choose(weights, wanted, drawing).map(place => songs[place]!.id)
      const name = `${listener}-${occasion.join('-')}`
      const times = (taken.get(name) ?? 0) + 1
      taken.set(name, times)
      const id = times === 1 ? name : `${name}-${times}`
      return { id, listener, moods: occasion, songs: chosen, tags: tagsOf(occasion, drawing) }
    })
  })
}

/** In the order of {@link moods}. */
function occasionOf(taste: readonly number[], drawing: Drawing): Mood[] {
  const first = moods[drawing.weighted(taste)]!
  if (drawing.chance(0.5)) return [first]
  const fitting = moods.map((mood, at) => (goTogether(first, mood) ? taste[at]! : 0))
  const second = moods[drawing.weighted(fitting)]!
  return moods.filter(mood => mood === first || mood === second)
}

/** How much of the occasion's moods a song has, from 0 to 1; less than 0 where it is the opposite of one. */
function matchOf({ moods: own }: SongPlan, occasion: readonly Mood[]): number {
  const shares = occasion.map(mood => {
    const share = own.get(mood)
    if (share !== undefined) return share
    return [...own.keys()].every(each => goTogether(each, mood)) ? 0 : -0.5
  })
  return shares.reduce((sum, share) => sum + share, 0) / occasion.length
}

/** Places of `weights`, no two alike, each as likely as it is large. */
function choose(weights: readonly number[], count: number, drawing: Drawing): number[] {
  const left = [...weights]
  return Array.from({ length: count }, () => {
    const place = drawing.weighted(left)
    left[place] = 0
    return place
  })
}

function tagsOf(occasion: readonly Mood[], drawing: Drawing): Mood[] {
  return moods.filter(mood => drawing.chance(occasion.includes(mood) ? isNamed : isAdded / moods.length))
}
