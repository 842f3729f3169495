import { splitByCost } from '../../../parallel/chunks.ts'
import { workerModuleUrl } from '../../../parallel/pool.ts'
import type { Dataset } from '../../../storage/dataset.ts'
import { vector } from '../../../storage/safetensors.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { allocateEntries, compacted, type Rows, rowsOfColumns, rowTensors } from '../../training/entries.ts'
import { Phases } from '../../training/phases.ts'
import { repeatShares } from '../sessions/repeats.ts'
import { assertHasTimes } from '../sessions/sessions.ts'
import type { ColumnsArgs, GramianArgs } from './jobs.ts'
import { checkMemory } from './memory.ts'
import type { SlistOptions } from './options.ts'
import { type SessionSizes, sessionsOf, sizesOf } from './sessions.ts'

const jobs = workerModuleUrl('./jobs', import.meta.url)

/** Chunks of items of about equal cost. */
const chunks = 2048

/**
 * Fits what comes next in sessions by what came before (crates/kernels/src/slist). The same bits come out for any number of workers.
 * `slistTensors` in model.ts describes the tensors, `neededMemory` in memory.ts says what it takes.
 *
 * @throws RangeError when the dataset has no times, when it cannot fit in memory, or when the regularization is too small for the precision of
 *   the numbers; the signal's reason when it is aborted.
 */
export async function trainSlist(dataset: Dataset, options: SlistOptions, context: TrainContext): Promise<Trained> {
  const sizes = fittingSizes(dataset, options, context.pool.threads)
  context.signal?.throwIfAborted()
  const events = dataset.events!
  const { items } = dataset.manifest
  const { consistency, pastDecay, futureDecay, regularization, dropout, mostOwn, candidates } = options
  const phases = new Phases(context, { jobs, rows: items })
  const costs = { gramian: 4 * Number(sizes.starts[items]), columns: (items * Math.min(candidates, items) ** 3) / 6 }
  phases.total = costs.gramian + costs.columns
  try {
    const training = { sessions: sessionsOf(events, sizes, options), consistency, pastDecay, futureDecay }
    const room = (item: number) => Number(sizes.starts[item + 1] - sizes.starts[item])
    const products = allocateEntries(items, room)
    const multiplying: GramianArgs = { training, entries: products, bounds: splitByCost(sizes.starts, chunks, 1) }
    await phases.run({ name: 'gramian', chunks: multiplying.bounds.length - 1, work: costs.gramian }, multiplying)
    const gramian = compacted(products)

    const others = Math.min(candidates, items - 1)
    const entries = allocateEntries(items, item => Math.min(others, room(item)))
    const bounds = splitByCost(entries.starts, chunks, 200 + others ** 3 / 60)
    const fitting: ColumnsArgs = {
      training,
      regression: { gramian, regularization, dropout, mostOwn },
      entries,
      bounds,
    }
    const phase = { name: 'columns', chunks: bounds.length - 1, work: costs.columns }
    const fault = (await phases.run<number | null>(phase, fitting)).find(item => item !== null)
    if (typeof fault === 'number') {
      throw new RangeError(
        `the regression of item ${fault} is not positive definite with a regularization of ${regularization}: ` +
          'train with a larger one (regularization, --regularization)',
      )
    }
    const rows = rowsOfColumns(entries, options.neighbours)
    const tensors = {
      ...rowTensors(rows),
      sums: vector(sumsOf(rows)),
      repeats: vector(repeatShares(events, options.sessionGap, options.recentItems)),
    }
    return { tensors, epochs: 1, complete: true, loss: [] }
  } finally {
    phases.close()
  }
}

/** @throws RangeError when the dataset has no times, or a training cannot fit in memory. */
export function assertSlistFits(dataset: Dataset, options: SlistOptions, threads: number): void {
  fittingSizes(dataset, options, threads)
}

function fittingSizes(dataset: Dataset, options: SlistOptions, threads: number): SessionSizes {
  assertHasTimes(dataset, 'slist')
  const sizes = sizesOf(dataset.events!, options)
  const { places, starts } = sizes
  const { items } = dataset.manifest
  checkMemory(options, { items, threads, places, products: Number(starts[items]) })
  return sizes
}

/** What each row holds in sum. */
function sumsOf({ indptr, weights }: Rows): Float32Array {
  const sums = new Float32Array(indptr.length - 1)
  return sums.map((_, row) =>
    weights.subarray(Number(indptr[row]), Number(indptr[row + 1])).reduce((sum, weight) => sum + weight, 0),
  )
}
