import type { Id } from '../../storage/ids.ts'
import { mixBounds } from './bounds.ts'
import type { CurvePoint } from './order/energy-curve.ts'

/** A tag that a mix is made of. */
export interface TagIngredient {
  readonly tag: string
  /** Below 0: the mix keeps away from it. Default: 1. */
  readonly weight?: number | undefined
}

/** A song that a mix is to be like. */
export interface SongIngredient {
  readonly song: Id
  /** Below 0: the mix keeps away from it. Default: 1. */
  readonly weight?: number | undefined
}

/** Songs that belong together, of which a mix takes the mean. */
export interface PlaylistIngredient {
  readonly songs: readonly Id[]
  /** What it is called in reasons. Default: `the playlist`. */
  readonly name?: string | undefined
  readonly weight?: number | undefined
}

/** What a user likes, from what the user did. */
export interface TasteIngredient {
  readonly user: Id
  readonly history: readonly HistorySong[]
  readonly weight?: number | undefined
}

/** A song of a user's history. */
export interface HistorySong {
  readonly song: Id
  /** How much the user has of it; what is not above 0 is left out. */
  readonly weight: number
  /** Of the last time, in ms since 1970. Default: long ago. */
  readonly time?: number | undefined
}

/** What a mix must not have. */
export interface Avoided {
  readonly songs?: readonly Id[] | undefined
  /** Songs that have one of these as much as `avoidedFrom`; the others count less the nearer they are to it. */
  readonly tags?: readonly string[] | undefined
  /** Names, whatever their case. */
  readonly artists?: readonly string[] | undefined
}

/** What a list is mixed of, and how it is ordered. */
export interface MixRequest {
  readonly tags?: readonly TagIngredient[] | undefined
  readonly songs?: readonly SongIngredient[] | undefined
  readonly playlists?: readonly PlaylistIngredient[] | undefined
  readonly taste?: TasteIngredient | undefined
  readonly avoid?: Avoided | undefined
  /** The energy over the list. Default: any, with small steps. */
  readonly energy?: readonly CurvePoint[] | undefined
  /** Songs of the list; with `minutes` it is not looked at. Default: 20. */
  readonly length?: number | undefined
  /** Minutes of the list, as nearly as whole songs allow. */
  readonly minutes?: number | undefined
  /** How much it counts that songs are unlike each other, from 0 to 1. Default: 0.3. */
  readonly diversity?: number | undefined
  /** How much it counts that songs are like the one before, from 0 to 1. Default: 0.5. */
  readonly smoothness?: number | undefined
  /** Places from a song of an artist to the next one of the same, from 1. Default: 4. */
  readonly artistGap?: number | undefined
  /** Of the songs, those of one artist at most, rounded down but one at least; above 0 to 1. Default: 0.2. */
  readonly artistShare?: number | undefined
  /** Whether songs that are ingredients, or of these, may be in the list. Default: `exclude`. */
  readonly seen?: 'allow' | 'exclude' | undefined
}

export const mixDefaults = {
  length: 20,
  diversity: 0.3,
  smoothness: 0.5,
  artistGap: 4,
  artistShare: 0.2,
} as const

/** @throws RangeError where a number is out of its range. */
export function assertRequest(request: MixRequest): void {
  const { length, minutes, diversity, smoothness, artistGap, artistShare, energy = [] } = request
  assertWithin('length', length, 1, mixBounds.length, true)
  assertWithin('minutes', minutes, 1, mixBounds.minutes)
  assertWithin('diversity', diversity, 0, 1)
  assertWithin('smoothness', smoothness, 0, 1)
  assertWithin('artistGap', artistGap, 1, mixBounds.length, true)
  assertWithin('artistShare', artistShare, 0.001, 1)
  for (const { at, energy: value } of energy) {
    assertWithin('energy.at', at, 0, 1)
    assertWithin('energy', value, 0, 1)
  }
  const { tags = [], songs = [], playlists = [], taste } = request
  const weights = [...tags, ...songs, ...playlists, ...(taste ? [taste] : [])].map(({ weight }) => weight)
  for (const weight of weights) {
    assertWithin('weight', weight, -mixBounds.weight, mixBounds.weight)
    if (weight === 0) throw new RangeError('weight must not be 0: leave the ingredient out')
  }
}

function assertWithin(name: string, value: number | undefined, least: number, most: number, isWhole = false): void {
  if (value === undefined) return
  if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return
  throw new RangeError(
    `${name} must be ${isWhole ? 'a whole number' : 'a number'} from ${least} to ${most}, got ${value}`,
  )
}
