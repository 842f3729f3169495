import { gigabytes, processMemory } from '../../storage/process-memory.ts'

/** An index and a similarity. */
const bytesPerNeighbour = 8

/** What a training would keep. */
export interface NeighbourCounts {
  readonly items: number
  /** Neighbours asked for of each item. */
  readonly neighbours: number
  /** Neighbours of all items that the data can give at most; where that is much, about items × neighbours. */
  readonly most: number
}

/**
 * Checks that the neighbours fit in memory.
 *
 * @param memory bytes that this process may have at most.
 * @throws RangeError saying how many neighbours surely fit.
 */
export function checkMemory({ items, neighbours, most }: NeighbourCounts, memory = processMemory()): void {
  const needed = most * bytesPerNeighbour
  if (needed <= memory) return
  const fitting = Math.floor(memory / bytesPerNeighbour / items)
  throw new RangeError(
    `neighbours must be at most ${fitting} for those of ${items} items to fit in ${gigabytes(memory)} of memory, ` +
      `got ${neighbours}, which take up to ${gigabytes(needed)}: keep fewer, or train where there is more memory`,
  )
}
