import type { ItemList } from '../../algorithm.ts'

/** The list of a part, with the probability of each item. */
export interface Expert {
  readonly items: Uint32Array
  readonly probabilities: Float64Array
}

/** Items that the user had lately, and what their scores are multiplied by. */
export interface Repeats {
  /** Few. */
  readonly items: Uint32Array
  /** (items) */
  readonly factors: Float64Array
}

/**
 * Each item with `factor`; with its square root where the item is newer than the training, since less is known of
 * what could come in its place.
 */
export function repeatsOf(items: Uint32Array, factor: number, isNew: (item: number) => boolean): Repeats {
  return { items, factors: Float64Array.from(items, item => (isNew(item) ? Math.sqrt(factor) : factor)) }
}

export interface Mixture extends ItemList {
  /** (items) The part that gave most of the score. */
  readonly parts: Uint8Array
}

/**
 * The `limit` best items by Σ weight × probability over the parts that list them; of equal sums the lower item
 * first.
 */
export function mixtureOf(
  experts: readonly Expert[],
  weights: Float64Array,
  limit: number,
  repeats?: Repeats,
): Mixture {
  const sums = new Map<number, number>()
  experts.forEach(({ items, probabilities }, part) => {
    const weight = weights[part]
    for (let at = 0; at < items.length; at++) {
      sums.set(items[at], (sums.get(items[at]) ?? 0) + weight * probabilities[at])
    }
  })
  repeats?.items.forEach((item, at) => {
    const sum = sums.get(item)
    if (sum !== undefined) sums.set(item, sum * repeats.factors[at])
  })
  const all = Uint32Array.from(sums.keys()).sort()
  const scores = Float32Array.from(all, item => sums.get(item)!)
  const first = Uint32Array.from(scores.keys())
    .sort((a, b) => scores[b] - scores[a] || a - b)
    .subarray(0, limit)
  const items = first.map(at => all[at])
  return { items, scores: Float32Array.from(first, at => scores[at]), parts: dominantParts(items, experts, weights) }
}

/** Which part gives most of each item's score, of equal ones the first. */
function dominantParts(items: Uint32Array, experts: readonly Expert[], weights: Float64Array): Uint8Array {
  const places = new Map(Array.from(items, (item, at) => [item, at]))
  const most = new Float64Array(items.length)
  const parts = new Uint8Array(items.length)
  experts.forEach(({ items: own, probabilities }, part) => {
    own.forEach((item, at) => {
      const place = places.get(item)
      const given = weights[part] * probabilities[at]
      if (place === undefined || !(given > most[place])) return
      most[place] = given
      parts[place] = part
    })
  })
  return parts
}
