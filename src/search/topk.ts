import { native } from '../native.ts'

/** Pads lists that are shorter than asked for. */
const none = 0xffff_ffff

/** An index as threads pass it on: it posts to workers without a copy. */
export interface SharedTopKIndex {
  /** A view of a `SharedArrayBuffer`; what it holds is known to the kernel alone. */
  readonly buffer: Uint8Array<SharedArrayBuffer>
}

export interface SearchOptions {
  /** Items a query gets, from 1. */
  readonly limit: number
  /**
   * What each query must not get: the items of query q are `indices[indptr[q]..indptr[q + 1]]`, in ascending order
   * within a query.
   */
  readonly exclude?: { readonly indptr: Uint32Array; readonly indices: Uint32Array } | undefined
  /** The only items that any query may get, in ascending order. Default: all. */
  readonly only?: Uint32Array | undefined
  /** What items are ranked by: the inner product (default), or the cosine, 0 where either side is zero. */
  readonly measure?: 'product' | 'cosine' | undefined
}

/** Lists side by side, best first; of equal scores the lower index comes first. */
export interface Found {
  /** (queries × limit) Item indices, padded with 0xffffffff where a query has fewer. */
  readonly items: Uint32Array
  /** (queries × limit) Inner products or cosines, summed in double precision and rounded; padded with -Infinity. */
  readonly scores: Float32Array
}

/**
 * Finds the exact best items of a query, by inner product or cosine, and looks at few of them: with the factors of an
 * ALS model of half a million items, at about 2 % by one byte a coordinate and at a few dozen by their floats.
 */
export class TopKIndex {
  readonly shared: SharedTopKIndex
  /** Number of items. */
  readonly items: number
  /** Dimensions of the factors. */
  readonly rank: number

  /**
   * Copies `factors` (items × rank) into an index: about 5/4 of their size, in about a second for half a
   * million items of rank 128. They may be in any basis.
   *
   * @throws Error naming the first factor that is NaN or infinite.
   */
  static build(factors: Float32Array, rank: number): TopKIndex {
    if (!Number.isInteger(rank) || rank < 1 || rank > 1024 || factors.length % rank !== 0) {
      throw new RangeError(
        `factors must be whole rows of a rank from 1 to 1024, got ${factors.length} floats of rank ${rank}`,
      )
    }
    const bytes = native.topKBytes(factors.length / rank, rank)
    const buffer = new Uint8Array(new SharedArrayBuffer(bytes))
    native.preferHugePages(buffer)
    native.topKBuild(factors, rank, buffer)
    return new TopKIndex({ buffer })
  }

  /** The index that another thread built. */
  static from(shared: SharedTopKIndex): TopKIndex {
    return new TopKIndex(shared)
  }

  private constructor(shared: SharedTopKIndex) {
    this.shared = shared
    const [items, rank] = native.topKShape(shared.buffer)
    this.items = items
    this.rank = rank
  }

  /**
   * The best items of each of `queries` (queries × rank), found on this thread. A batch costs far less than its
   * queries one by one; {@link search} in search.ts spreads a large one over a pool.
   *
   * @throws Error if a query is not finite, a list of items does not ascend or names an item that is not there.
   */
  search(queries: Float32Array, options: SearchOptions): Found {
    const found = emptyLists(this, queries, options.limit)
    searchInto(this, queries, options, found)
    return found
  }

  /** The items most similar to each of `items`, which is left out of its own list: their cosines, falling. */
  similar(items: Uint32Array, { limit, only }: Pick<SearchOptions, 'limit' | 'only'>): Found {
    const indptr = Uint32Array.from({ length: items.length + 1 }, (_, row) => row)
    const factors = native.topKFactors(this.shared.buffer, items)
    return this.search(factors, { limit, only, measure: 'cosine', exclude: { indptr, indices: items } })
  }
}

/** How much a search looked at, over all its queries. */
export interface Effort {
  /** Items scored by one byte a coordinate. */
  readonly coded: number
  /** Items scored exactly. */
  readonly scored: number
}

/** {@link TopKIndex.search} into lists that are there already, of which it overwrites all. */
export function searchInto(
  index: TopKIndex,
  queries: Float32Array,
  { limit, exclude, only, measure = 'product' }: SearchOptions,
  { items, scores }: Found,
): Effort {
  const search = {
    ...{ limit, cosine: measure === 'cosine' },
    ...(exclude && { excludeIndptr: exclude.indptr, excludeIndices: exclude.indices }),
    ...(only && { only }),
  }
  return native.topKSearch(index.shared.buffer, queries, search, items, scores)
}

/** Room for the lists of `queries`, in shared memory where workers are to fill it. */
export function emptyLists(
  { rank }: TopKIndex,
  queries: Float32Array,
  limit: number,
  Memory: typeof ArrayBuffer | typeof SharedArrayBuffer = ArrayBuffer,
): Found {
  if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`limit must be a whole number from 1, got ${limit}`)
  if (queries.length % rank !== 0) {
    throw new RangeError(`queries must be whole rows of rank ${rank}, got ${queries.length} floats`)
  }
  const size = (queries.length / rank) * limit
  return {
    items: new Uint32Array(new Memory(4 * size)).fill(none),
    scores: new Float32Array(new Memory(4 * size)),
  }
}
