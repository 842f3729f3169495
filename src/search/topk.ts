import type { Operand } from '../binding.d.ts'
import { native } from '../native.ts'
import { type FactorMatrix, MAX_RANK } from '../storage/factors.ts'
import { alignedArray } from '../storage/shared-array.ts'

/** Pads lists that are shorter than asked for. */
const none = 0xffff_ffff
/** Items that the kernel scores in one step. */
const tile = 128

/**
 * An index and what it is of, as threads pass them on: in shared memory they post to workers without a copy. Those of a
 * mapped file do not post: each worker maps it.
 */
export interface TopKParts {
  /** What it holds is known to the kernel alone. */
  readonly buffer: Operand<Uint8Array>
  /** (items × rank), rows `stride` apart. */
  readonly factors: Operand<Float32Array>
  readonly rank: number
  /** Default: the rank. */
  readonly stride?: number | undefined
}

export interface SearchOptions {
  /** Items a query gets, from 1. */
  readonly limit: number
  /**
   * What each query must not get: the items of query q are `indices[indptr[q]..indptr[q + 1]]`, in ascending order
   * within a query.
   */
  readonly exclude?: { readonly indptr: Uint32Array; readonly indices: Uint32Array } | undefined
  /** The only items that any query may get, never falling; each comes once. Default: all. */
  readonly only?: Uint32Array | undefined
  /** Of the items that any query may get, a bit each, in shared memory. Default: all. */
  readonly allowed?: Uint32Array | undefined
  /** What items are ranked by: the inner product (default), or the cosine, 0 where either side is zero. */
  readonly measure?: 'product' | 'cosine' | undefined
  /** Added to the product of the norms, by which a cosine is divided: cosines of small norms are smaller. Default: 0. */
  readonly shrinkage?: number | undefined
}

/** Lists side by side, best first; of equal scores the lower index comes first. */
export interface Found {
  /** (queries × limit) Item indices, padded with 0xffffffff where a query has fewer. */
  readonly items: Uint32Array
  /** (queries × limit) Inner products or cosines, summed in double precision and rounded; padded with -Infinity. */
  readonly scores: Float32Array
}

/** Tiles that are made at a time: half a megabyte at rank 128. */
const tilesInPiece = 32

/** Bytes of an index, a multiple of 64. */
export function topKIndexBytes({ rows, rank }: Pick<FactorMatrix, 'rows' | 'rank'>): number {
  return native.topKBytes(rows, rank)
}

/**
 * The bytes of an index of `factors` in pieces, so that a file of it can be written without the whole in memory: about a
 * quarter of the factors' size, in about half a second for half a million items of rank 128. The factors may be in any
 * basis. A piece holds its bytes until the next is taken.
 *
 * @throws Error naming the first factor that is NaN or infinite.
 */
export function* topKIndexPieces({ data, rank, stride, rows }: FactorMatrix): Generator<Uint8Array> {
  const order = native.topKOrder(data, rank, stride)
  yield native.topKHead(order, rank)
  const tiles = Math.ceil(rows / tile)
  const piece = new Uint8Array(native.topKBytes(tilesInPiece * tile, rank))
  for (let first = 0; first < tiles; first += tilesInPiece) {
    yield piece.subarray(0, native.topKTiles(data, rank, stride, order, first, tilesInPiece, piece))
  }
}

/**
 * Finds the exact best items of a query, by inner product or cosine, and looks at few of them: with the factors of an
 * ALS model of half a million items, at about 2 % by one byte a coordinate and at a few dozen by their floats.
 */
export class TopKIndex {
  readonly parts: TopKParts
  /** Number of items. */
  readonly items: number
  /** Dimensions of the factors. */
  readonly rank: number

  /**
   * Copies `factors` (items × rank) to shared memory and makes their index there; see {@link topKIndexPieces}.
   *
   * @throws Error naming the first factor that is NaN or infinite.
   */
  static build(factors: Float32Array, rank: number): TopKIndex {
    if (!Number.isInteger(rank) || rank < 1 || rank > MAX_RANK || factors.length % rank !== 0) {
      throw new RangeError(
        `factors must be whole rows of a rank from 1 to ${MAX_RANK}, got ${factors.length} floats of rank ${rank}`,
      )
    }
    const data = alignedArray(Float32Array, factors.length)
    data.set(factors)
    const rows = factors.length / rank
    const buffer = alignedArray(Uint8Array, topKIndexBytes({ rows, rank }))
    let at = 0
    for (const piece of topKIndexPieces({ data: factors, rank, stride: rank, rows })) {
      buffer.set(piece, at)
      at += piece.length
    }
    return new TopKIndex({ buffer, factors: data, rank })
  }

  /**
   * Views an index that was made of `factors` before, here or on another thread.
   *
   * @throws Error when it is of other factors, or none.
   */
  static of({ buffer, ...parts }: TopKParts): TopKIndex {
    return new TopKIndex({ buffer: aligned(buffer), ...parts })
  }

  /** Reads all of an index and its factors: what is wrong with them, in words, or undefined. */
  static fault({ buffer, factors, rank, stride }: TopKParts): string | undefined {
    return native.topKFault(aligned(buffer), factors, rank, stride) ?? undefined
  }

  private constructor(parts: TopKParts) {
    const { buffer, factors, rank, stride } = parts
    this.parts = parts
    this.items = native.topKCheck(buffer, factors, rank, stride)
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
  similar(
    items: Uint32Array,
    { limit, only, allowed, shrinkage }: Pick<SearchOptions, 'limit' | 'only' | 'allowed' | 'shrinkage'>,
  ): Found {
    const indptr = Uint32Array.from({ length: items.length + 1 }, (_, row) => row)
    const { factors, rank, stride } = this.parts
    return this.search(native.topKRows(factors, rank, items, stride), {
      limit,
      only,
      allowed,
      measure: 'cosine',
      shrinkage,
      exclude: { indptr, indices: items },
    })
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
  { parts }: TopKIndex,
  queries: Float32Array,
  { limit, exclude, only, allowed, measure = 'product', shrinkage = 0 }: SearchOptions,
  { items, scores }: Found,
): Effort {
  const search = {
    ...{ limit, cosine: measure === 'cosine', shrinkage },
    ...(exclude && { excludeIndptr: exclude.indptr, excludeIndices: exclude.indices }),
    ...(only && { only }),
    ...(allowed && { allowed }),
    ...(parts.stride !== undefined && { stride: parts.stride }),
  }
  return native.topKSearch(parts.buffer, parts.factors, parts.rank, queries, search, items, scores)
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

/** `bytes` where they begin on a cache line, as the kernel needs them; else a copy that does. */
function aligned(bytes: Operand<Uint8Array>): Operand<Uint8Array> {
  if (native.misalignment(bytes) === 0) return bytes
  const copy = alignedArray(Uint8Array, bytes.length)
  if (ArrayBuffer.isView(bytes)) copy.set(bytes)
  else bytes.read(0, copy)
  return copy
}
