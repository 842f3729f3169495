import { gigabytes, processMemory } from '../../../storage/process-memory.ts'
import { type EaseOptions, isDense } from './options.ts'
import { tilesOf } from './tiles.ts'

/** An index and a weight. */
export const bytesPerEntry = 8

/** What a training is of, as far as its memory depends on it. */
export interface EaseSize {
  readonly items: number
  readonly threads: number
  /** Pairs of the `candidates` items that have most, together: what a worker holds of them at most. */
  readonly candidatePairs: number
}

/** Bytes that a training takes at most, from its begin until the model is saved; the dataset is mapped and not counted. */
export function neededMemory(options: EaseOptions, { items, threads, candidatePairs }: EaseSize): number {
  const { variant, candidates, entries } = options
  const others = Math.max(0, items - 1)
  // Sums, norms and the order of rows.
  const beside = 32 * items * (1 + threads)
  if (variant === 'sparse') {
    const columns = items * Math.min(candidates, others) * bytesPerEntry
    // The same by rows beside those by columns.
    return 2 * columns + threads * (8 * candidatePairs + 8 * candidates ** 2) + beside
  }
  const { size, count } = tilesOf(items)
  const triangle = ((count * (count + 1)) / 2) * size ** 2 * 4
  const panels = (2 * count + 1) * size ** 2 * 4
  const kept = isDense(options, items) ? 2 ** 22 : items * Math.min(entries, others) * bytesPerEntry
  // Rows of the matrix, as each worker makes them.
  return triangle + panels + kept + threads * 16 * items * 8 + beside
}

/**
 * Checks that a training fits in memory.
 *
 * @param memory bytes that this process may have at most.
 * @throws RangeError saying what it takes, and what takes less.
 */
export function checkMemory(options: EaseOptions, size: EaseSize, memory = processMemory()): void {
  const needed = neededMemory(options, size)
  if (needed <= memory) return
  const remedy =
    options.variant === 'dense'
      ? 'take the sparse variant (variant: sparse, --variant sparse)'
      : `take fewer candidates than ${options.candidates} (candidates, --candidates)`
  throw new RangeError(
    `the ${options.variant} weights of ${size.items} items need ${gigabytes(needed)} of memory to be trained, but there are ` +
      `${gigabytes(memory)}: ${remedy}, or train where there is more memory`,
  )
}
