import { native } from '../../../native.ts'
import { splitByCost } from '../../../parallel/chunks.ts'
import { alignedArray, sharedArray } from '../../../storage/shared-array.ts'
import type { Trained } from '../../algorithm.ts'
import type { PiecewiseTensor } from '../../artifact/trained-tensor.ts'
import { allocateEntries, compacted, rowTensors } from '../../training/entries.ts'
import type { Phases } from '../../training/phases.ts'
import type { TrainingArgs, Triangle } from './jobs.ts'
import { type EaseOptions, isDense } from './options.ts'
import { allocateTriangle, tilesOf } from './tiles.ts'

/** Chunks of rows of the Gramian of about equal cost. */
const gramianChunks = 1024
/** Tiles that a worker updates at a time: those of one row share an operand. */
const chunkTiles = 4
/** Rows of B that a worker makes at a time: `weights::ROWS` of the kernel. */
const rowsInChunk = 16
/** Columns of the inverse that are checked, and how far the product with the matrix may be from those of the identity. */
const checkedColumns = 16
const largestError = 0.01

/** What one of each takes about, in nanoseconds: to tell the time that is left. */
const cost = { addition: 4, operation: 0.012, entry: 2 }

export interface EaseWork {
  readonly items: number
  readonly training: TrainingArgs
  /** (rows + 1, those of the padding too) Additions that the rows of the Gramian before each take. */
  readonly costs: BigUint64Array
  readonly options: EaseOptions
}

/**
 * All of B, by way of the inverse: the lower triangle of the Gramian in tiles, which becomes that of the negative inverse in place
 * (crates/kernels/src/ease/sweep.rs). Each block of rows is swept in three steps: its pivot by one worker, then the tiles
 * beside it, then all others. Nothing but the triangle is as large as half of B.
 */
export async function trainDense(
  { items, training, costs, options }: EaseWork,
  phases: Phases,
): Promise<Trained['tensors']> {
  const { count } = tilesOf(items)
  const work = workOf(items, Number(costs.at(-1)), isDense(options, items))
  phases.total = work.gramian + count * (work.panels + work.updates) + work.rows
  const triangle = allocateTriangle(items)
  const bounds = splitByCost(costs, gramianChunks, items)
  const gramian = { name: 'gramian', chunks: bounds.length - 1, work: work.gramian }
  await phases.run(gramian, { training, triangle, bounds })
  await sweep(triangle, work, options, phases)

  const residuals = sharedArray(Float32Array, items)
  native.easeResiduals(triangle, residuals)
  await checkInverse(triangle, training, options, phases)
  const tensors = { residuals: { data: residuals, shape: [items] } }
  if (isDense(options, items)) return { weights: wholeRows(triangle, residuals), ...tensors }
  const most = Math.min(options.entries, items - 1)
  const entries = allocateEntries(items, () => most)
  const largest = { name: 'largest', chunks: Math.ceil(items / rowsInChunk), work: work.rows }
  await phases.run(largest, { triangle, residuals, entries })
  return { ...rowTensors(compacted(entries)), ...tensors }
}

function workOf(items: number, additions: number, isWhole: boolean) {
  const { size, count } = tilesOf(items)
  const padded = size * count
  return {
    gramian: cost.addition * additions + cost.entry * items ** 2,
    panels: 2 * cost.operation * padded * size ** 2,
    updates: cost.operation * padded ** 2 * size,
    rows: isWhole ? 0 : cost.entry * items ** 2,
  }
}

async function sweep(
  triangle: Triangle,
  work: ReturnType<typeof workOf>,
  options: EaseOptions,
  phases: Phases,
): Promise<void> {
  const { size, count } = tilesOf(triangle.items)
  const area = size ** 2
  const operands = {
    inverse: alignedArray(Float32Array, area),
    left: alignedArray(Float32Array, count * area),
    right: alignedArray(Float32Array, count * area),
  }
  const updateChunks = Math.ceil((count * (count + 1)) / 2 / chunkTiles)
  for (let step = 0; step < count; step++) {
    const args = { triangle, step, panels: operands }
    const fault = await phases.one<number | null>('invert', args)
    if (fault !== null) throw tooLittleRegularization(`row ${fault} of XᵀX + λI has no pivot above 0`, options)
    await phases.run({ name: 'panels', chunks: count, work: work.panels }, args)
    await phases.run({ name: 'updates', chunks: updateChunks, work: work.updates }, { ...args, chunkTiles })
  }
}

/** @throws RangeError when the inverse is none: single precision has not enough digits. */
async function checkInverse(
  triangle: Triangle,
  training: TrainingArgs,
  options: EaseOptions,
  phases: Phases,
): Promise<void> {
  const { items } = triangle
  const columns = Math.min(items, checkedColumns)
  const checks = Array.from({ length: columns }, async (_, n) => {
    const item = Math.floor((n * items) / columns)
    return { item, error: await phases.one<number>('error', { training, triangle, item }) }
  })
  for (const { item, error } of await Promise.all(checks)) {
    if (error <= largestError) continue
    throw tooLittleRegularization(
      `the inverse of XᵀX + λI is wrong by ${error.toPrecision(2)} in column ${item}, more than ${largestError},`,
      options,
    )
  }
}

/** What to say where λ is too small for the precision of the numbers. */
export function tooLittleRegularization(fault: string, { regularization }: EaseOptions): RangeError {
  return new RangeError(
    `${fault} with a regularization of ${regularization}: train with a larger one (regularization, --regularization)`,
  )
}

/** All of B, made as it is written: a few rows at a time. */
function wholeRows(triangle: Triangle, residuals: Float32Array): PiecewiseTensor {
  const { items } = triangle
  const rows = Math.max(1, Math.floor(2 ** 20 / Math.max(1, items)))
  function* pieces() {
    const piece = new Float32Array(Math.min(rows, items) * items)
    for (let first = 0; first < items; first += rows) {
      const own = piece.subarray(0, Math.min(rows, items - first) * items)
      native.easeRows(triangle, residuals, first, own)
      yield own
    }
  }
  return { dtype: 'F32', shape: [items, items], pieces }
}
