/** How far what was learned agrees with what is true of the made-up songs. */
import type { SongSpace } from '../space/song-space.ts'
import { places } from '../space/songs/energy.ts'
import { productWith } from '../space/vectors.ts'
import { goTogether, type Mood, moods } from '../synthesis/moods.ts'
import type { SongPlan } from '../synthesis/songs.ts'

/** Songs that share a mood, of those that could. */
export interface Agreement {
  readonly found: number
  /** What songs at random would reach. */
  readonly chance: number
}

/** Nearest songs that are looked at. */
const neighbours = 10

/**
 * Of the songs of `candidates` that are nearest to each of `songs` in the space, the share that has its main mood; `chance` is the share of all
 * candidates.
 */
export function neighboursShareMood(
  space: SongSpace,
  songs: readonly SongPlan[],
  candidates: readonly SongPlan[],
): Agreement {
  const { rank, vectors } = space
  const rows = space.songs.indicesOf(candidates.map(({ id }) => id))
  let [found, chance] = [0, 0]
  for (const song of songs) {
    const mood = mainMood(song)
    const own = space.songs.indicesOf([song.id])[0]!
    const vector = vectors.subarray(own * rank, (own + 1) * rank)
    const ranked = candidates
      .map((candidate, at) => ({ candidate, cosine: productWith(vectors, rows[at]!, vector) }))
      .filter(({ candidate }) => candidate !== song)
      .sort((a, b) => b.cosine - a.cosine)
    const share = (of: readonly { readonly candidate: SongPlan }[]) =>
      of.filter(({ candidate }) => candidate.moods.has(mood)).length / of.length
    found += share(ranked.slice(0, neighbours)) / songs.length
    chance += share(ranked) / songs.length
  }
  return { found, chance }
}

function mainMood({ moods: own }: SongPlan): Mood {
  return own.keys().next().value!
}

/** What a mix is asked for, and how many of the songs have all of it. */
export interface MixAgreement extends Agreement {
  readonly wanted: readonly Mood[]
}

/** All single moods, and all pairs that go together and that some songs have. */
export function wantedMoods(songs: readonly SongPlan[], least: number): Mood[][] {
  const pairs = moods.flatMap((a, at) => moods.slice(at + 1).flatMap(b => (goTogether(a, b) ? [[a, b]] : [])))
  return [...moods.map(mood => [mood]), ...pairs].filter(
    wanted => songs.filter(song => hasAll(song, wanted)).length >= least,
  )
}

/** Of the songs `mixed` for `wanted`, those that have all of it. */
export function mixAgreement(
  wanted: readonly Mood[],
  mixed: readonly SongPlan[],
  songs: readonly SongPlan[],
): MixAgreement {
  const share = (of: readonly SongPlan[]) => of.filter(song => hasAll(song, wanted)).length / Math.max(1, of.length)
  return { wanted, found: share(mixed), chance: share(songs) }
}

function hasAll({ moods: own }: SongPlan, wanted: readonly Mood[]): boolean {
  return wanted.every(mood => own.has(mood))
}

export function meanAgreement(agreements: readonly Agreement[]): Agreement {
  const mean = (of: (agreement: Agreement) => number) =>
    agreements.reduce((sum, agreement) => sum + of(agreement), 0) / Math.max(1, agreements.length)
  return { found: mean(({ found }) => found), chance: mean(({ chance }) => chance) }
}

/** Spearman's rank correlation of two columns; ties have the mean of their places. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [places(a), places(b)]
  const middle = 0.5
  let [both, left, right] = [0, 0, 0]
  for (let at = 0; at < a.length; at++) {
    const [dx, dy] = [x[at]! - middle, y[at]! - middle]
    both += dx * dy
    left += dx * dx
    right += dy * dy
  }
  return both / Math.sqrt(left * right)
}
