/** Lists whose items differ from each other. */

/** Items in the order of a list, best first. */
export interface Candidates {
  readonly scores: ArrayLike<number>
  /** How alike two of them are, by their places: 0 where they have nothing in common, 1 where they are the same. */
  readonly similarity: (one: number, other: number) => number
  /** What each has that no more than `perTag` items of a list may have. */
  readonly tags: readonly (readonly string[])[]
}

export interface SpreadOptions {
  /** Items of the list at most. */
  readonly limit: number
  /** How much it counts that an item is unlike those before it, beside its score: 0 not at all, 1 alone. */
  readonly diversity: number
  /** Items of the list with the same tag at most. */
  readonly perTag: number
}

/**
 * The places of the candidates that make the list, in its order: one after the other that with the highest
 * (1 − d) r(i) − d max s(i, j) over the j before it, d being the diversity and r the scores from 0 to 1 (maximal marginal relevance,
 * Carbonell & Goldstein 1998); of equal ones the better candidate. Those of a tag that the list has enough of are passed over.
 * O(limit × candidates).
 */
export function spreadPlaces(
  { scores, similarity, tags }: Candidates,
  { limit, diversity, perTag }: SpreadOptions,
): number[] {
  const count = scores.length
  const [highest, lowest] = [scores[0] ?? 0, scores[count - 1] ?? 0]
  const relevance = Float64Array.from(scores, score => (highest > lowest ? (score - lowest) / (highest - lowest) : 0))
  const closest = new Float64Array(count)
  const isLeft = new Uint8Array(count).fill(1)
  const taken = new Map<string, number>()
  const places: number[] = []
  while (places.length < limit) {
    let [best, highestValue] = [-1, Number.NEGATIVE_INFINITY]
    for (let place = 0; place < count; place++) {
      const value = (1 - diversity) * relevance[place]! - diversity * closest[place]!
      if (isLeft[place] === 1 && value > highestValue) [best, highestValue] = [place, value]
    }
    if (best < 0) break
    isLeft[best] = 0
    if (tags[best]!.some(tag => (taken.get(tag) ?? 0) >= perTag)) continue
    for (const tag of tags[best]!) taken.set(tag, (taken.get(tag) ?? 0) + 1)
    places.push(best)
    if (diversity === 0) continue
    for (let place = 0; place < count; place++) {
      if (isLeft[place] === 1) closest[place] = Math.max(closest[place]!, similarity(best, place))
    }
  }
  return places
}

/** The cosine of rows of `vectors` (rows × width); 0 where it is negative or a row is 0. */
export function cosines(vectors: Float32Array, width: number): Candidates['similarity'] {
  const rows = width === 0 ? 0 : vectors.length / width
  const norms = Float64Array.from({ length: rows }, (_, row) => Math.sqrt(product(vectors, width, row, row)))
  return (one, other) => {
    const norm = norms[one]! * norms[other]!
    return norm > 0 ? Math.max(0, product(vectors, width, one, other) / norm) : 0
  }
}

/** The share of the tags of either that both have; 0 where neither has any. */
export function sharedTags(tags: Candidates['tags']): Candidates['similarity'] {
  const sets = tags.map(list => new Set(list))
  return (one, other) => {
    const [a, b] = [sets[one]!, sets[other]!]
    let both = 0
    for (const tag of a) if (b.has(tag)) both++
    return both === 0 ? 0 : both / (a.size + b.size - both)
  }
}

function product(vectors: Float32Array, width: number, one: number, other: number): number {
  let sum = 0
  for (let at = 0; at < width; at++) sum += vectors[one * width + at]! * vectors[other * width + at]!
  return sum
}
