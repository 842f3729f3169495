/**
 * Requests and lists as they cross to a worker and back: all numbers of a batch in one buffer, since each array of a
 * message is a buffer of its own to make and to collect.
 */
import { pointers } from '../../search/item-lists.ts'
import { type ItemList, itemSources, type Ranking, type RankRequest, type SourceWeights } from '../algorithm.ts'

export interface PackedRequests {
  readonly count: number
  /** Recent events of all together. */
  readonly events: number
  /** Excluded items of all together. */
  readonly excluded: number
  /** Discounted items of all together. */
  readonly discounted: number
  readonly buffer: ArrayBuffer
  /** The only items of each; absent where every request is for any item. */
  readonly only?: readonly (Uint32Array | undefined)[]
  /** The bitmap of each, in shared memory; absent where none has one. One that several have is sent once. */
  readonly allowed?: readonly (Uint32Array | undefined)[]
}

export function packRequests(requests: readonly RankRequest[]): PackedRequests {
  const recentIndptr = pointers(requests.map(({ recent }) => recent.items.length))
  const excludeIndptr = pointers(requests.map(({ exclude }) => exclude.length))
  const discountIndptr = pointers(requests.map(({ discounts }) => discounts?.items.length ?? 0))
  const sizes = {
    count: requests.length,
    events: recentIndptr.at(-1)!,
    excluded: excludeIndptr.at(-1)!,
    discounted: discountIndptr.at(-1)!,
  }
  const { buffer, ...parts } = requestParts(sizes)
  parts.recentIndptr.set(recentIndptr)
  parts.excludeIndptr.set(excludeIndptr)
  parts.discountIndptr.set(discountIndptr)
  requests.forEach(({ user, recent, now, contextWeight, limit, seen, exclude, discounts }, at) => {
    parts.contextWeight[at] = contextWeight ?? Number.NaN
    parts.now[at] = now ?? Number.NaN
    parts.users[at] = user
    parts.limits[at] = limit
    parts.seen[at] = Number(seen === 'allow')
    parts.items.set(recent.items, recentIndptr[at])
    parts.weights.set(recent.weights, recentIndptr[at])
    parts.times.set(recent.times, recentIndptr[at])
    parts.exclude.set(exclude, excludeIndptr[at])
    if (!discounts) return
    parts.discountItems.set(discounts.items, discountIndptr[at])
    parts.discountFactors.set(discounts.factors, discountIndptr[at])
  })
  const only = requests.map(request => request.only)
  const allowed = requests.map(request => request.allowed)
  return {
    ...sizes,
    buffer,
    ...(only.some(items => items !== undefined) && { only }),
    ...(allowed.some(bitmap => bitmap !== undefined) && { allowed }),
  }
}

export function unpackRequests(packed: PackedRequests): RankRequest[] {
  const { now, contextWeight, users, limits, seen, recentIndptr, items, weights, times, ...parts } =
    requestParts(packed)
  const { excludeIndptr, exclude, discountIndptr, discountItems, discountFactors } = parts
  return Array.from(users, (user, at) => {
    const [begin, end] = [recentIndptr[at], recentIndptr[at + 1]]
    const [first, last] = [discountIndptr[at], discountIndptr[at + 1]]
    return {
      user,
      recent: {
        items: items.subarray(begin, end),
        weights: weights.subarray(begin, end),
        times: times.subarray(begin, end),
      },
      now: Number.isNaN(now[at]) ? undefined : now[at],
      contextWeight: Number.isNaN(contextWeight[at]) ? undefined : contextWeight[at],
      limit: limits[at],
      seen: seen[at] ? 'allow' : 'exclude',
      exclude: exclude.subarray(excludeIndptr[at], excludeIndptr[at + 1]),
      only: packed.only?.[at],
      allowed: packed.allowed?.[at],
      discounts:
        first === last
          ? undefined
          : { items: discountItems.subarray(first, last), factors: discountFactors.subarray(first, last) },
    }
  })
}

/** Views of the parts of a buffer of requests: of a new one where there is none. */
function requestParts(packed: Omit<PackedRequests, 'buffer'> & { buffer?: ArrayBuffer }) {
  const { count, events, excluded, discounted, buffer } = packed
  const words = 6 * count + 3 + 2 * events + excluded + 2 * discounted
  const parts = new Parts(buffer ?? new ArrayBuffer(8 * (events + 2 * count) + 4 * words))
  return {
    buffer: parts.buffer,
    // First, where they are aligned.
    times: parts.next(Float64Array, events),
    /** NaN where the request does not say. */
    now: parts.next(Float64Array, count),
    /** The same. */
    contextWeight: parts.next(Float64Array, count),
    users: parts.next(Int32Array, count),
    limits: parts.next(Uint32Array, count),
    /** 1 where items of the history may come again. */
    seen: parts.next(Uint32Array, count),
    recentIndptr: parts.next(Uint32Array, count + 1),
    excludeIndptr: parts.next(Uint32Array, count + 1),
    discountIndptr: parts.next(Uint32Array, count + 1),
    items: parts.next(Uint32Array, events),
    weights: parts.next(Float32Array, events),
    exclude: parts.next(Uint32Array, excluded),
    discountItems: parts.next(Uint32Array, discounted),
    discountFactors: parts.next(Float32Array, discounted),
  }
}

export interface PackedLists {
  readonly count: number
  /** Items of all lists together. */
  readonly total: number
  /** Whether any list has weights. */
  readonly isWeighed: boolean
  readonly buffer: ArrayBuffer
}

export function packLists(lists: readonly (ItemList & Partial<Ranking>)[]): PackedLists {
  const indptr = pointers(lists.map(({ items }) => items.length))
  const isWeighed = lists.some(({ weights }) => weights !== undefined)
  const sizes = { count: lists.length, total: indptr.at(-1)!, isWeighed }
  const { buffer, ...parts } = listParts(sizes)
  parts.indptr.set(indptr)
  lists.forEach(({ items, scores, sources, weights, basis }, at) => {
    parts.byModel[at] = Number(basis !== 'popularity')
    parts.items.set(items, indptr[at])
    parts.scores.set(scores, indptr[at])
    if (sources) parts.sources.set(sources, indptr[at])
    if (isWeighed) parts.weights.set(numbersOf(weights), at * itemSources.length)
  })
  return { ...sizes, buffer }
}

export function unpackLists(packed: PackedLists): Ranking[] {
  const { indptr, byModel, items, scores, sources, weights } = listParts(packed)
  return Array.from(byModel, (isByModel, at) => ({
    items: items.subarray(indptr[at], indptr[at + 1]),
    scores: scores.subarray(indptr[at], indptr[at + 1]),
    sources: sources.subarray(indptr[at], indptr[at + 1]),
    weights: packed.isWeighed ? weightsIn(weights, at * itemSources.length) : undefined,
    basis: isByModel ? 'model' : 'popularity',
  }))
}

/** One number a source, NaN where there is none. */
function numbersOf(weights: SourceWeights = {}): number[] {
  return itemSources.map(source => weights[source] ?? Number.NaN)
}

function weightsIn(numbers: Float64Array, begin: number): SourceWeights | undefined {
  const found = itemSources.flatMap((source, at) => {
    const weight = numbers[begin + at]!
    return Number.isNaN(weight) ? [] : [[source, weight] as const]
  })
  return found.length > 0 ? Object.fromEntries(found) : undefined
}

/** Views of the parts of a buffer of lists: of a new one where there is none. */
function listParts({ count, total, isWeighed, buffer }: Omit<PackedLists, 'buffer'> & { buffer?: ArrayBuffer }) {
  const weights = isWeighed ? count * itemSources.length : 0
  const parts = new Parts(buffer ?? new ArrayBuffer(8 * weights + 4 * (2 * count + 1 + 2 * total) + total))
  return {
    buffer: parts.buffer,
    // First, where they are aligned.
    weights: parts.next(Float64Array, weights),
    indptr: parts.next(Uint32Array, count + 1),
    /** 1 where the basis is the model; of rankings only. */
    byModel: parts.next(Uint32Array, count),
    items: parts.next(Uint32Array, total),
    scores: parts.next(Float32Array, total),
    /** Of rankings only. */
    sources: parts.next(Uint8Array, total),
  }
}

/** Arrays that lie in one buffer, one after the other. */
class Parts {
  readonly buffer: ArrayBuffer
  #at = 0

  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer
  }

  next<A extends { readonly byteLength: number }>(
    kind: new (buffer: ArrayBuffer, begin: number, length: number) => A,
    length: number,
  ): A {
    const part = new kind(this.buffer, this.#at, length)
    this.#at += part.byteLength
    return part
  }
}
