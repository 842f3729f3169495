import { gigabytes, processMemory } from '../../../storage/process-memory.ts'

/** What a training holds beside the dataset, which is mapped. */
export interface TrainingSize {
  readonly users: number
  readonly items: number
  /** Floats of a row of factors in training. */
  readonly stride: number
  readonly factors: number
  /** Samples of an epoch at most. */
  readonly samples: number
}

/** Factors, the samples of an epoch, the partition and the biases; and the items with their biases, when they are saved. */
export function trainingBytes({ users, items, stride, factors, samples }: TrainingSize): number {
  return 4 * stride * (users + items) + 8 * samples + 16 * items + 4 * (factors + 1) * items
}

/**
 * Checks that a training fits in memory.
 *
 * @param memory bytes that this process may have at most.
 * @throws RangeError saying what it needs.
 */
export function checkMemory(size: TrainingSize, memory = processMemory()): void {
  const needed = trainingBytes(size)
  if (needed <= memory) return
  throw new RangeError(
    `${size.factors} factors of ${size.users} users and ${size.items} items and ${size.samples} samples an epoch take ` +
      `${gigabytes(needed)} of memory, and there are ${gigabytes(memory)}: choose fewer factors (factors, --factors), or train where there is more`,
  )
}
