/** What the workers of {@link search} do. */
import { type Found, type SearchOptions, searchInto, TopKIndex, type TopKParts } from './topk.ts'

export interface SearchArgs {
  readonly index: TopKParts
  readonly queries: Float32Array
  readonly options: SearchOptions
  /** Where the lists go; each chunk writes its own rows. */
  readonly found: Found
  /** Queries in a chunk. */
  readonly chunk: number
  /** The chunk counter. */
  readonly next: Int32Array
}

/** Searches chunks of queries until there is none left. */
export function searchChunks({ index, queries, options, found, chunk, next }: SearchArgs): void {
  const here = TopKIndex.of(index)
  const count = queries.length / here.rank
  const { limit, exclude } = options
  for (let first = Atomics.add(next, 0, 1) * chunk; first < count; first = Atomics.add(next, 0, 1) * chunk) {
    const end = Math.min(first + chunk, count)
    searchInto(
      here,
      queries.subarray(first * here.rank, end * here.rank),
      exclude ? { ...options, exclude: rowsOf(exclude, first, end) } : options,
      {
        items: found.items.subarray(first * limit, end * limit),
        scores: found.scores.subarray(first * limit, end * limit),
      },
    )
  }
}

/** Rows `first..end` of sparse rows, with pointers from 0. */
function rowsOf({ indptr, indices }: NonNullable<SearchOptions['exclude']>, first: number, end: number) {
  const begin = indptr[first]
  return {
    indptr: indptr.slice(first, end + 1).map(pointer => pointer - begin),
    indices: indices.subarray(begin, indptr[end]),
  }
}
