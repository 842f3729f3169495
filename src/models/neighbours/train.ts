import { join } from 'node:path'
import { splitByCost } from '../../parallel/chunks.ts'
import { sharedCounter, workerModuleUrl } from '../../parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../storage/dataset.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type { TrainContext, Trained, TrainProgress } from '../algorithm.ts'
import type { FindArgs, Plan, TrainingArgs } from './jobs.ts'
import { checkMemory } from './memory.ts'
import type { NeighboursOptions } from './options.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Chunks of items of about equal cost. On brunch reads a chunk is 8M additions, and the most expensive item 4M. */
const chunks = 1024
/** Additions that cost as much as what is done once an item. */
const perItem = 200

/**
 * Finds the neighbours of all items (crates/kernels/src/neighbours). The same bits come out for any number of workers.
 * `neighbourTensors` in model.ts describes the tensors.
 *
 * Takes 8 bytes of memory for each neighbour kept.
 *
 * @throws RangeError when the neighbours cannot fit in memory; the signal's reason when it is aborted.
 */
export async function trainNeighbours(
  dataset: Dataset,
  options: NeighboursOptions,
  { pool, signal, onProgress }: TrainContext,
): Promise<Trained> {
  signal?.throwIfAborted()
  const { directory, manifest } = dataset
  const { users, items } = manifest
  const training: TrainingArgs = {
    byItem: { file: join(directory, datasetFiles.byItem), columns: users },
    byUser: { file: join(directory, datasetFiles.byUser), columns: items },
    weighted: options.weighting === 'weight',
    shrinkage: options.shrinkage,
    limit: options.neighbours,
  }
  const plan: Plan = {
    norms: sharedArray(Float64Array, items),
    costs: sharedArray(BigUint64Array, items + 1),
    starts: sharedArray(BigUint64Array, items + 1),
  }
  await pool.run(work, 'plan', { training, ...plan })

  const most = Number(plan.starts[items])
  checkMemory({ items, neighbours: options.neighbours, most })
  const output = {
    starts: plan.starts,
    indices: sharedArray(Uint32Array, most),
    similarities: sharedArray(Float32Array, most),
    counts: sharedArray(Uint32Array, items),
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
    const args: FindArgs = { training, norms: plan.norms, output, bounds }
    await pool.phase(work, 'find', args, next)
  } finally {
    clearInterval(ticking)
    signal?.removeEventListener('abort', abort)
  }
  signal?.throwIfAborted()
  report()
  return { tensors: compacted(output), epochs: 1, complete: true, loss: [] }
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
function compacted({ starts, indices, similarities, counts }: FindArgs['output']): Trained['tensors'] {
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
    indptr: { data: indptr, shape: [indptr.length] },
    indices: { data: indices.subarray(0, size), shape: [size] },
    similarities: { data: similarities.subarray(0, size), shape: [size] },
  }
}
