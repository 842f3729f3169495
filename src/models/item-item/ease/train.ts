import { join } from 'node:path'
import { workerModuleUrl } from '../../../parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../../storage/dataset.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { Phases } from '../../training/phases.ts'
import { isWeighted } from '../../weighting/options.ts'
import { trainDense } from './dense.ts'
import type { TrainingArgs } from './jobs.ts'
import { checkMemory } from './memory.ts'
import type { EaseOptions } from './options.ts'
import { trainSparse } from './sparse.ts'
import { tilesOf } from './tiles.ts'

const jobs = workerModuleUrl('./jobs', import.meta.url)

/**
 * Fits the weights of items on items (crates/kernels/src/ease). The same bits come out for any number of workers.
 * `easeTensors` in model.ts describes the tensors, `neededMemory` in memory.ts says what it takes.
 *
 * @throws RangeError when it cannot fit in memory, or when the regularization is too small for the precision of the numbers; the
 *   signal's reason when it is aborted.
 */
export async function trainEase(dataset: Dataset, options: EaseOptions, context: TrainContext): Promise<Trained> {
  context.signal?.throwIfAborted()
  const { directory, manifest } = dataset
  const { users, items } = manifest
  const { threads } = context.pool
  assertEaseFits(dataset, options, threads)
  const interactions: TrainingArgs = {
    byItem: { file: join(directory, datasetFiles.byItem), columns: users },
    byUser: { file: join(directory, datasetFiles.byUser), columns: items },
    weighted: isWeighted(options),
    regularization: 0,
  }
  const { size, count } = tilesOf(items)
  const costs = sharedArray(BigUint64Array, size * count + 1)
  const phases = new Phases(context, { jobs, rows: items })
  try {
    const meanDiagonal = await phases.one<number>('plan', { training: interactions, costs })
    const training = { ...interactions, regularization: options.regularization * meanDiagonal }
    const train = options.variant === 'dense' ? trainDense : trainSparse
    const tensors = await train({ items, training, costs, options }, phases)
    phases.complete()
    return { tensors, epochs: 1, complete: true, loss: [] }
  } finally {
    phases.close()
  }
}

/** @throws RangeError when a training cannot fit in memory. */
export function assertEaseFits({ manifest, byItem }: Dataset, options: EaseOptions, threads: number): void {
  const candidatePairs = mostPairs(byItem.indptr, options.candidates)
  checkMemory(options, { items: manifest.items, threads, candidatePairs })
}

/** Pairs that the `count` items with the most have together. */
function mostPairs(indptr: BigUint64Array, count: number): number {
  const pairs = Float64Array.from({ length: indptr.length - 1 }, (_, item) => Number(indptr[item + 1] - indptr[item]))
  const most = pairs.sort().subarray(-count)
  return most.reduce((sum, value) => sum + value, 0)
}
