import type { SongSpace } from '../../space/song-space.ts'
import { productWith } from '../../space/vectors.ts'
import type { IndexedSpace } from '../indexed-space.ts'
import type { Ingredient } from './ingredients.ts'

/** Of the songs, those that count as the nearest to an ingredient. */
const nearShare = 0.01
/** How soft the minimum is over ingredients; at 0 the worst alone would count. */
const temperature = 0.2
/** What the soft minimum counts beside the mean. */
const minimumShare = 0.5
/** Cosines of an ingredient that differ by less say nothing. */
const leastSpread = 1e-4

/** An ingredient, and where its cosines lie: some have high ones with all songs. */
export interface ScaledIngredient extends Ingredient {
  /** The mean cosine with songs. */
  readonly usual: number
  /** From there to the cosine that 1 % of the songs reach. */
  readonly spread: number
  /** Share of the weights above 0 of all; below 0 where the weight is. */
  readonly share: number
}

/** Scales the ingredients by the cosines of a sample of songs, those that they consist of left out. */
export function scaleIngredients(
  { sample: { songs, vectors } }: IndexedSpace,
  ingredients: readonly Ingredient[],
): ScaledIngredient[] {
  const total = ingredients.reduce((sum, { weight }) => sum + Math.max(0, weight), 0)
  return ingredients.map(ingredient => {
    const own = new Set(ingredient.songs)
    const cosines: number[] = []
    for (let at = 0; at < songs.length; at++) {
      if (!own.has(songs[at]!)) cosines.push(productWith(vectors, at, ingredient.vector))
    }
    const sorted = Float64Array.from(cosines).sort()
    const usual = sorted.reduce((sum, cosine) => sum + cosine, 0) / Math.max(1, sorted.length)
    const high = sorted.at(-1 - Math.floor(nearShare * sorted.length)) ?? 0
    return Object.assign({}, ingredient, {
      usual,
      spread: Math.max(leastSpread, high - usual),
      share: ingredient.weight / (total || 1),
    })
  })
}

/** How well a song fits an ingredient by its cosine: 0 as songs do in the mean, 1 as the nearest 1 % of them. */
export function matchOf({ usual, spread }: Pick<ScaledIngredient, 'usual' | 'spread'>, cosine: number): number {
  return (cosine - usual) / spread
}

/**
 * How well a song fits all ingredients by its match m with each: half the mean Σ p m and half the soft minimum
 * −τ log Σ p exp(−m / τ) over those of positive weight, p being their shares, so that a song that has some of each stands before one that has
 * only one of them; less Σ |p| max(0, m) over those of negative weight.
 */
export function relevanceOf(ingredients: readonly ScaledIngredient[], matches: ArrayLike<number>): number {
  let [mean, exponentials, kept] = [0, 0, 0]
  // Shifted, so that no exponential is infinite.
  let least = Number.POSITIVE_INFINITY
  for (let at = 0; at < ingredients.length; at++) if (ingredients[at]!.share > 0) least = Math.min(least, matches[at]!)
  for (let at = 0; at < ingredients.length; at++) {
    const [{ share }, match] = [ingredients[at]!, matches[at]!]
    if (share < 0) kept += share * Math.max(0, match)
    else {
      mean += share * match
      exponentials += share * Math.exp((least - match) / temperature)
    }
  }
  const minimum = least - temperature * Math.log(exponentials)
  return (1 - minimumShare) * mean + minimumShare * minimum + kept
}

/**
 * The query whose inner product with a song, plus `offset`, is never below the song's {@link relevanceOf}: the soft minimum is at most the
 * mean, and max(0, m) at least m. It is the weighted sum of the ingredients, each of length 1 and scaled by its spread.
 */
export function mixedQuery(
  { rank }: Pick<SongSpace, 'rank'>,
  ingredients: readonly ScaledIngredient[],
): { readonly query: Float32Array; readonly offset: number } {
  const query = new Float32Array(rank)
  let offset = 0
  for (const { vector, share, usual, spread } of ingredients) {
    for (let k = 0; k < rank; k++) query[k]! += (share / spread) * vector[k]!
    offset -= (share / spread) * usual
  }
  return { query, offset }
}

/** The cosine of `song` with each ingredient. */
export function cosinesOf(space: SongSpace, song: number, ingredients: readonly Ingredient[]): number[] {
  return ingredients.map(({ vector }) => productWith(space.vectors, song, vector))
}
