import { gigabytes, processMemory } from '../../../storage/process-memory.ts'

/** What a training makes. */
export interface FilterSizes {
  readonly users: number
  readonly items: number
  /** Singular vectors that are kept. */
  readonly factors: number
  /** Columns of the matrices that they are found with. */
  readonly columns: number
}

/**
 * Bytes that a training takes: a row of single precision a user and two an item, and squares for the products of columns.
 */
export function trainingBytes({ users, items, columns }: FilterSizes): number {
  const squares = 64 * 2 ** 20 + 8 * 8 * columns ** 2
  return 4 * columns * (users + 2 * items) + 4 * (users + items) + squares
}

/**
 * Checks that a training fits in memory.
 *
 * @param memory bytes that this process may have at most.
 * @throws RangeError saying how many factors surely fit.
 */
export function checkMemory(sizes: FilterSizes, memory = processMemory()): void {
  const needed = trainingBytes(sizes)
  if (needed <= memory) return
  const spare = sizes.columns - sizes.factors
  let fitting = sizes.factors
  while (fitting > 0 && trainingBytes({ ...sizes, columns: fitting + spare }) > memory) fitting--
  const remedy =
    fitting > 0 ? 'keep fewer, train where there is more memory, or use the filter turbo-cf' : 'use the filter turbo-cf'
  throw new RangeError(
    `factors must be at most ${fitting} for those of ${sizes.users} users and ${sizes.items} items to fit in ` +
      `${gigabytes(memory)} of memory, got ${sizes.factors}, which take ${gigabytes(needed)}: ${remedy}`,
  )
}
