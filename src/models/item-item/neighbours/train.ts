import { join } from 'node:path'
import { splitByCost } from '../../../parallel/chunks.ts'
import { workerModuleUrl } from '../../../parallel/pool.ts'
import { type Dataset, datasetFiles } from '../../../storage/dataset.ts'
import { vector } from '../../../storage/safetensors.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { compactRows } from '../../training/compact-rows.ts'
import { checkMemory } from '../../training/neighbour-memory.ts'
import { Phases } from '../../training/phases.ts'
import type { FindArgs, Plan, TrainingArgs } from './jobs.ts'
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
  context: TrainContext,
): Promise<Trained> {
  const { pool, signal } = context
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
  const phases = new Phases(context, { jobs: work, rows })
  phases.total = 1
  try {
    const args: FindArgs = { training, plan, output, bounds }
    await phases.run({ name: 'find', chunks: bounds.length - 1, work: 1 }, args)
  } finally {
    phases.close()
  }
  const indptr = compactRows(plan.starts, output.counts, [output.indices, output.similarities])
  const size = Number(indptr.at(-1))
  const tensors = {
    indptr: vector(indptr),
    indices: vector(output.indices.subarray(0, size)),
    similarities: vector(output.similarities.subarray(0, size)),
  }
  return { tensors, epochs: 1, complete: true, loss: [] }
}

function filesOf({ directory, manifest: { users, items } }: Dataset) {
  return {
    byItem: { file: join(directory, datasetFiles.byItem), columns: users },
    byUser: { file: join(directory, datasetFiles.byUser), columns: items },
  }
}
