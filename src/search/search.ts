import type { Operand } from '../binding.d.ts'
import { type Pool, workerModuleUrl } from '../parallel/pool.ts'
import type { SearchArgs } from './search-jobs.ts'
import { emptyLists, type Found, type SearchOptions, type TopKIndex } from './topk.ts'

/** Queries that a worker takes at a time: as many as pass over the index together. */
const chunk = 256

/**
 * {@link TopKIndex.search} on all workers of the pool. The lists are the same for any number of workers; they lie in
 * shared memory, as do the index, the queries and the excluded items where the caller made them so: else they are copied
 * once.
 */
export async function search(
  pool: Pool,
  index: TopKIndex,
  queries: Float32Array,
  { exclude, only, ...options }: SearchOptions,
): Promise<Found> {
  const found = emptyLists(index, queries, options.limit, SharedArrayBuffer)
  const count = queries.length / index.rank
  if (exclude && exclude.indptr.length !== count + 1) {
    throw new RangeError(`exclude.indptr must have ${count + 1} values, got ${exclude.indptr.length}`)
  }
  const args: Omit<SearchArgs, 'next'> = {
    index: { ...index.parts, buffer: shared(index.parts.buffer), factors: shared(index.parts.factors) },
    queries: shared(queries),
    options: {
      ...options,
      ...(exclude && { exclude: { indptr: shared(exclude.indptr), indices: shared(exclude.indices) } }),
      ...(only && { only: shared(only) }),
    },
    found,
    // Small batches are cut so that every worker has some.
    chunk: Math.max(1, Math.min(chunk, Math.ceil(count / pool.threads))),
  }
  await pool.phase(workerModuleUrl('./search-jobs', import.meta.url), 'searchChunks', args)
  return found
}

function shared<A extends Float32Array | Uint32Array | Uint8Array>(values: Operand<A>): A {
  if (!ArrayBuffer.isView(values))
    throw new TypeError('an index in a mapped file is not shared: let each worker open it')
  if (values.buffer instanceof SharedArrayBuffer) return values
  const Values = values.constructor as new (buffer: SharedArrayBuffer) => A
  const copy = new Values(new SharedArrayBuffer(values.byteLength))
  copy.set(values)
  return copy
}
