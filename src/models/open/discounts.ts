/** Items that count less in a list than the model says, as those that were shown and not taken. */
import { elements, valuesAt } from '../../storage/safetensors.ts'
import { type Discounts, type ItemList, listAt, type ResolvedRequest } from '../algorithm.ts'
import { type Popularity, popularItems } from './popularity.ts'

/**
 * The lists that `rank` would give if it counted each score times the factor of its item; one that is below 0 is divided by it, so that the item
 * sinks as well. `rank` is asked for some more items, and where that does not suffice for as many more as are discounted.
 */
export function rankDiscounted(
  rank: (requests: readonly ResolvedRequest[]) => readonly ItemList[],
  requests: readonly ResolvedRequest[],
): readonly ItemList[] {
  if (requests.every(({ discounts }) => discounts === undefined)) return rank(requests)
  const deeper = requests.map(request => deepened(request, Math.min(request.limit, sizeOf(request))))
  const lists = rank(deeper).map((list, at) => ({ list, ranked: discounted(list, requests[at]) }))
  const short = [...lists.keys()].filter(at => {
    const { list, ranked } = lists[at]
    const { limit } = requests[at]
    // What follows scores no more than the last one.
    return list.items.length === deeper[at].limit && !(ranked.scores[limit - 1] > list.scores[list.scores.length - 1])
  })
  const enough = short.map(at => deepened(requests[at], sizeOf(requests[at])))
  const found = short.length > 0 ? rank(enough) : []
  short.forEach((at, place) => {
    lists[at] = { list: found[place], ranked: discounted(found[place], requests[at]) }
  })
  return lists.map(({ ranked }, at) => listAt(ranked, [...ranked.items.keys()].slice(0, requests[at].limit)))
}

/**
 * The most popular items that may come, by what they count times their factors; where the latest come first, by their places: one of half the factor stands as far
 * behind as if its place were doubled.
 */
export function popularDiscounted(
  popularity: Popularity,
  limit: number,
  exclude: Uint32Array,
  { only, allowed, discounts }: Pick<ResolvedRequest, 'only' | 'allowed' | 'discounts'>,
): ItemList {
  if (!discounts) return popularItems(popularity, limit, exclude, { only, allowed })
  const { items } = popularItems(popularity, limit + discounts.items.length, exclude, { only, allowed })
  const factors = factorsOf(items, discounts)
  const values = popularity.latest ? Float64Array.from(items, (_, at) => 1 / (at + 1)) : countsOf(popularity, items)
  const counted = Float64Array.from(values, (value, at) => value * factors[at])
  const order = [...items.keys()].sort((a, b) => counted[b] - counted[a] || factors[b] - factors[a] || a - b)
  const first = Uint32Array.from(order.slice(0, limit), at => items[at])
  return { items: first, scores: new Float32Array(first.length) }
}

/** Of new items 0. */
function countsOf({ counts }: Popularity, items: Uint32Array): Float64Array {
  const known = items.filter(item => item < elements(counts.shape))
  const found = valuesAt(counts, known)
  const countOf = new Map(Array.from(known, (item, at) => [item, found[at]]))
  return Float64Array.from(items, item => countOf.get(item) ?? 0)
}

function sizeOf({ discounts }: ResolvedRequest): number {
  return discounts?.items.length ?? 0
}

function deepened(request: ResolvedRequest, more: number): ResolvedRequest {
  return { ...request, limit: request.limit + more }
}

/** The list by discounted scores, of equal ones the lower item first. */
function discounted(list: ItemList, { discounts }: ResolvedRequest): ItemList {
  if (!discounts) return list
  const { items } = list
  const factors = factorsOf(items, discounts)
  const scores = list.scores.map((score, at) => (score > 0 ? score * factors[at] : score / factors[at]))
  const order = [...items.keys()].sort((a, b) => scores[b] - scores[a] || items[a] - items[b])
  return listAt({ ...list, scores }, order)
}

/** Of each item, 1 where it has none. */
function factorsOf(items: Uint32Array, discounts: Discounts): Float32Array {
  const factors = new Map(Array.from(discounts.items, (item, at) => [item, discounts.factors[at]]))
  return Float32Array.from(items, item => factors.get(item) ?? 1)
}
