import type { Ranking } from '../../models/algorithm.ts'
import { cosines, sharedTags, spreadPlaces } from '../../search/spread.ts'
import type { Generation } from '../generations/generation.ts'

/** How the items of a list are to differ from each other. */
export interface Spread {
  /** 0 to 1: how much it counts that an item is unlike those before it. */
  readonly diversity: number
  /** Items with the same tag at most. */
  readonly perTag: number
}

/** Of so many times the items of a list the list is made, and of so many at the least. */
const depthFactor = 4
const leastDepth = 100

/** How many of the best items a list of `limit` is chosen from. */
export function spreadDepth(limit: number): number {
  return Math.max(leastDepth, depthFactor * limit)
}

/** Gives the tags of items, in their order. */
export type TagsOf = (ids: readonly string[]) => Promise<readonly (readonly string[])[]>

/**
 * The items of `ranking` that make a list of `limit`, in its order, with their scores. Items are alike by their vectors, where both
 * have one, else by the tags that they share.
 */
export async function spreadRanking(
  ranking: Ranking,
  generation: Generation,
  { limit, diversity, perTag }: Spread & { readonly limit: number },
  tagsOf: TagsOf,
): Promise<Ranking> {
  const { items, scores, sources } = ranking
  const hasVectors = generation.models.capabilities.includes('vectors')
  const byVectors = diversity > 0 && hasVectors
  const ids = Array.from(items, row => String(generation.itemIds.at(row)))
  const vectors = byVectors ? await generation.use(models => models.itemVectors(items)) : undefined
  const hasVector = vectors ? rowsWithValues(vectors.data, vectors.factors) : ids.map(() => false)
  const needsTags = perTag < Number.POSITIVE_INFINITY || (diversity > 0 && hasVector.includes(false))
  const tags = needsTags ? await tagsOf(ids) : ids.map(() => [])
  const [byTags, cosine] = [sharedTags(tags), vectors && cosines(vectors.data, vectors.factors)]
  const similarity = (one: number, other: number) =>
    cosine && hasVector[one] && hasVector[other] ? cosine(one, other) : byTags(one, other)
  const places = spreadPlaces({ scores, similarity, tags }, { limit, diversity, perTag })
  return {
    ...ranking,
    items: Uint32Array.from(places, place => items[place]!),
    scores: Float32Array.from(places, place => scores[place]!),
    sources: Uint8Array.from(places, place => sources[place]!),
  }
}

/** Of each row of `vectors` (rows × width): whether any of its values is not 0. */
function rowsWithValues(vectors: Float32Array, width: number): boolean[] {
  const rows = width === 0 ? 0 : vectors.length / width
  return Array.from({ length: rows }, (_, row) =>
    vectors.subarray(row * width, (row + 1) * width).some(value => value !== 0),
  )
}
