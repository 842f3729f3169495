import { join } from 'node:path'
import { splitByCost } from '../../parallel/chunks.ts'
import { sharedCounter, workerModuleUrl } from '../../parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../storage/dataset.ts'
import { vector } from '../../storage/safetensors.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type { TrainContext, Trained, TrainProgress } from '../algorithm.ts'
import type { FindArgs, Plan, TrainingArgs } from './jobs.ts'
import { checkMemory } from './memory.ts'
import { type NeighboursOptions, similarityOf } from './options.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Chunks of items of about equal cost. On brunch reads a chunk is 8M additions, and the most expensive item 4M. */
const chunks = 1024
/** Additions that cost as much as what is done once an item. */
const perItem = 200

/**
 * Finds the neighbours of all items (crates/kernels/src/neighbours), or counts what is to be known of users and items to find those
 * of a user. The same bits come out for any number of workers. `itemTensors` in item-model.ts and `userTensors` in
 * user-model.ts describe the tensors.
 *
 * Takes 8 bytes of memory for each neighbour kept, and 48 for each item; of each worker, 4 for each user and about one for each pair.
 * With `by` users, 48 for each user.
 *
 * @throws RangeError when the neighbours cannot fit in memory; the signal's reason when it is aborted.
 */
export async function trainNeighbours(
  dataset: Dataset,
  options: NeighboursOptions,
  { pool, signal, onProgress }: TrainContext,
): Promise<Trained> {
  signal?.throwIfAborted()
  const { byItem, byUser } = filesOf(dataset)
  const [byRow, byColumn] = options.by === 'items' ? [byItem, byUser] : [byUser, byItem]
  const [rows, columns] = [byColumn.columns, byRow.columns]
  const training: TrainingArgs = {
    byRow,
    byColumn,
    similarity: similarityOf(options),
    limit: options.neighbours,
  }
  const plan: Plan = {
    left: sharedArray(Float64Array, rows),
    right: sharedArray(Float64Array, rows),
    totals: sharedArray(Float64Array, rows),
    most: sharedArray(Float64Array, rows),
    weights: sharedArray(Float64Array, columns),
    costs: sharedArray(BigUint64Array, rows + 1),
    starts: sharedArray(BigUint64Array, rows + 1),
  }
  const meanLength = await pool.run<number>(work, 'plan', { training, plan })
  if (options.by === 'users') {
    signal?.throwIfAborted()
    const { right, weights } = plan
    const tensors = { right: vector(right), weights: vector(weights), meanLength: vector(Float64Array.of(meanLength)) }
    return { tensors, epochs: 1, complete: true, loss: [] }
  }

  const most = Number(plan.starts[rows])
  checkMemory({ items: rows, neighbours: training.limit, most })
  const output = {
    indices: sharedArray(Uint32Array, most),
    similarities: sharedArray(Float32Array, most),
    counts: sharedArray(Uint32Array, rows),
  }
  const bounds = splitByCost(plan.costs, chunks, perItem)
  const next = sharedCounter()
  const begun = performance.now()
  const report = () => onProgress?.(progress(bounds, Atomics.load(next, 0), performance.now() - begun))
  const ticking = onProgress && setInterval(report, 200)
  // Beyond the last chunk the workers find none and return.
  const abort = () => Atomics.store(next, 0, bounds.length)
  signal?.addEventListener('abort', abort)
  try {
    if (signal?.aborted) abort()
    const args: FindArgs = { training, plan, output, bounds }
    await pool.phase(work, 'find', args, next)
  } finally {
    clearInterval(ticking)
    signal?.removeEventListener('abort', abort)
  }
  signal?.throwIfAborted()
  report()
  return { tensors: compacted(plan.starts, output), epochs: 1, complete: true, loss: [] }
}

function filesOf({ directory, manifest: { users, items } }: Dataset) {
  return {
    byItem: { file: join(directory, datasetFiles.byItem), columns: users },
    byUser: { file: join(directory, datasetFiles.byUser), columns: items },
  }
}

function progress(bounds: Uint32Array, taken: number, milliseconds: number): TrainProgress {
  const last = bounds.length - 1
  const chunk = Math.min(taken, last)
  const done = chunk / Math.max(1, last)
  const seconds = Math.max(milliseconds / 1000, 1e-9)
  return {
    done,
    rowsPerSecond: bounds[chunk] / seconds,
    secondsLeft: done > 0 ? (seconds / done) * (1 - done) : Number.POSITIVE_INFINITY,
  }
}

/** Closes the gaps between the neighbours of items that have fewer than there was room for, in place. */
function compacted(starts: BigUint64Array, { indices, similarities, counts }: FindArgs['output']): Trained['tensors'] {
  const indptr = new BigUint64Array(starts.length)
  let size = 0
  counts.forEach((count, item) => {
    const begin = Number(starts[item])
    if (begin > size) {
      indices.copyWithin(size, begin, begin + count)
      similarities.copyWithin(size, begin, begin + count)
    }
    size += count
    indptr[item + 1] = BigInt(size)
  })
  return {
    indptr: vector(indptr),
    indices: vector(indices.subarray(0, size)),
    similarities: vector(similarities.subarray(0, size)),
  }
}
