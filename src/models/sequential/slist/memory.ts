import { gigabytes, processMemory } from '../../../storage/process-memory.ts'
import type { SlistOptions } from './options.ts'

/** An index and a weight. */
const bytesPerEntry = 8

/** What a training is of, as far as its memory depends on it. */
export interface SlistSize {
  readonly items: number
  readonly threads: number
  /** Items of all sessions, and one for the end of each. */
  readonly places: number
  /** Products of items with others, at most. */
  readonly products: number
}

/** Bytes that a training takes at most, from its begin until the model is saved; the dataset is mapped and not counted. */
export function neededMemory(
  { candidates }: SlistOptions,
  { items, threads, places, products }: SlistSize,
): { readonly products: number; readonly columns: number } {
  const most = Math.min(candidates, Math.max(0, items - 1))
  // By columns, and the same by rows.
  const columns = 2 * items * most * bytesPerEntry
  const beside = 12 * places + threads * (8 * (most + 8) ** 2 + 40 * items)
  return { products: products * bytesPerEntry, columns: columns + beside }
}

/**
 * Checks that a training fits in memory.
 *
 * @param memory bytes that this process may have at most.
 * @throws RangeError saying what it takes, and what takes less.
 */
export function checkMemory(options: SlistOptions, size: SlistSize, memory = processMemory()): void {
  const { products, columns } = neededMemory(options, size)
  if (products + columns <= memory) return
  const remedy =
    products > columns
      ? `cut sessions after fewer items than ${options.sessionItems} (sessionItems, --session-items)`
      : `take fewer candidates than ${options.candidates} (candidates, --candidates)`
  throw new RangeError(
    `slist needs ${gigabytes(products + columns)} of memory to be trained on ${size.items} items, but there are ` +
      `${gigabytes(memory)}: ${remedy}, or train where there is more memory`,
  )
}
