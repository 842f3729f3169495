import type { SongSpace } from '../space/song-space.ts'
import { mixBounds } from './bounds.ts'
import { type Candidate, candidates, titleKey } from './candidates/candidates.ts'
import { pooled, poolOf } from './candidates/pool.ts'
import type { IndexedSpace } from './indexed-space.ts'
import { artistKey, avoidance } from './ingredients/avoidance.ts'
import { type Ingredient, resolveIngredients } from './ingredients/ingredients.ts'
import { type ScaledIngredient, scaleIngredients } from './ingredients/relevance.ts'
import { arrange } from './order/arrange.ts'
import { energyTargets } from './order/energy-curve.ts'
import { Objective } from './order/objective.ts'
import { type Spaced, Spacing } from './order/spacing.ts'
import { type MixedSong, mixedSongs } from './reasons/reasons.ts'
import { assertRequest, type MixRequest, mixDefaults } from './request.ts'

/** An ordered playlist. */
export interface Mix {
  readonly items: readonly MixedSong[]
  /** Songs of playlists and the history that the space lacks or knows nothing of. */
  readonly left: readonly string[]
  /** Songs whose duration is not known count {@link usualDuration}. */
  readonly minutes: number
  /** Why it is shorter than asked for, if it is. */
  readonly short?: string | undefined
}

/** Where a list goes on. */
export interface Former {
  /** Songs that were given out already, in order; none comes again. */
  readonly songs: readonly number[]
  /** The one that the next follows. */
  readonly last: number | undefined
  /** Songs of the whole list, these and those to come; the energy curve is over it. */
  readonly total: number
}

/** What songs without a duration last, in seconds. */
export const usualDuration = 210

/**
 * An ordered playlist of the ingredients of `request`: the songs that have most of all of them, unlike each other, songs of one artist apart, each
 * going on from the one before and near to the energy curve. The same for the same request.
 *
 * @param now ms since 1970, from which the age of a user's history is counted.
 * @throws {MixError} where a tag or a song is not known, or there is no ingredient. RangeError where a number is out of its range.
 */
export function mixSongs(indexed: IndexedSpace, request: MixRequest, now: number = Date.now()): Mix {
  assertRequest(request)
  const { ingredients, left } = resolveIngredients(indexed.space, request, now)
  return { ...listOf(indexed, request, ingredients), left }
}

/** The list of ingredients that were looked up. */
export function listOf(
  indexed: IndexedSpace,
  request: MixRequest,
  given: readonly Ingredient[],
  former?: Former,
): Omit<Mix, 'left'> {
  const { space } = indexed
  const { avoid = {}, seen = 'exclude', minutes } = request
  const own = seen === 'exclude' ? given.flatMap(({ songs }) => songs) : []
  const total = given.reduce((sum, { weight }) => sum + Math.max(0, weight), 0)
  const avoided = avoidance(space, avoid, [...own, ...(former?.songs ?? [])], total)
  const ingredients = scaleIngredients(indexed, [...given, ...avoided.ingredients])
  const draft = (length: number) => {
    const perArtist = Math.max(1, Math.floor((request.artistShare ?? mixDefaults.artistShare) * length))
    const size = Math.max(256, 8 * length)
    const options = {
      avoidance: avoided,
      perArtist: 2 * perArtist + 2,
      wanted: request.energy ? 3 * size : size,
    }
    const found = candidates(indexed, ingredients, options)
    return orderedList(indexed, found, { request, ingredients, length, perArtist, size, former })
  }
  const asked = request.length ?? mixDefaults.length
  if (minutes === undefined) return shortened(draft(asked), asked, request)
  return draftOfMinutes(draft, minutes, request)
}

/** Lists that are made until one is as long as it should be: how long the songs of one are says how many the next has. */
const mostDrafts = 4

function draftOfMinutes(
  draft: (length: number) => Omit<Mix, 'left'>,
  minutes: number,
  request: MixRequest,
): Omit<Mix, 'left'> {
  const tried = new Map<number, Omit<Mix, 'left'>>()
  const missing = (list: Omit<Mix, 'left'>) => Math.abs(list.minutes - minutes)
  let length = (minutes * 60) / usualDuration
  while (tried.size < mostDrafts) {
    length = Math.min(mixBounds.length, Math.max(1, Math.round(length)))
    if (tried.has(length)) break
    const list = draft(length)
    tried.set(length, list)
    const mean = list.minutes / Math.max(1, list.items.length)
    length += (minutes - list.minutes) / (mean || usualDuration / 60)
  }
  const [best] = [...tried].sort((a, b) => missing(a[1]) - missing(b[1]))
  return shortened(best![1], best![0], request)
}

function shortened(list: Omit<Mix, 'left'>, asked: number, request: MixRequest): Omit<Mix, 'left'> {
  const count = list.items.length
  if (count >= asked) return list
  const { artistGap = mixDefaults.artistGap, artistShare = mixDefaults.artistShare } = request
  const short = `${count} of ${asked} songs: no other is left that may stand beside these, with an artist gap of ${artistGap} and an artist share of ${artistShare}`
  return Object.assign({}, list, { short })
}

interface Ordering {
  readonly request: MixRequest
  readonly ingredients: readonly ScaledIngredient[]
  readonly length: number
  readonly perArtist: number
  readonly size: number
  readonly former: Former | undefined
}

function orderedList(
  indexed: IndexedSpace,
  found: readonly Candidate[],
  { request, ingredients, length, perArtist, size, former }: Ordering,
): Omit<Mix, 'left'> {
  const { space } = indexed
  const first = former?.songs.length ?? 0
  const part = { first, count: length, total: former?.total ?? length }
  const targets = energyTargets(request.energy, part)
  const pool = pooled(found, size, targets)
  const { diversity = mixDefaults.diversity, smoothness = mixDefaults.smoothness } = request
  const before = former?.last === undefined ? undefined : beforeOf(space, former.last, targets)
  const objective = new Objective(poolOf(indexed, pool, { targets, before }), { diversity, smoothness })
  const rule = { gap: request.artistGap ?? mixDefaults.artistGap, perArtist }
  const given = former?.songs.map(song => spacedOf(space, song))
  const order = arrange(objective, () => new Spacing(pool, rule, given), length)
  const items = mixedSongs(
    space,
    order.map(at => pool[at]!),
    { ingredients, targets, last: former?.last },
  )
  const seconds = order.reduce((sum, at) => sum + (pool[at]!.details.duration ?? usualDuration), 0)
  return { items, minutes: seconds / 60 }
}

function beforeOf(space: SongSpace, song: number, targets: Float64Array | undefined) {
  const { rank, vectors, energy } = space
  const vector = vectors.subarray(song * rank, (song + 1) * rank)
  // The step from it is to be none that the curve does not have.
  return { vector, energy: energy[song]!, target: targets ? targets[0]! : 0 }
}

function spacedOf(space: SongSpace, song: number): Spaced {
  const details = space.detailsOf(song)
  return {
    artist: details.artist === undefined ? undefined : artistKey(details.artist),
    title: titleKey(details),
  }
}
