import { gigabytes, processMemory } from '../../../storage/process-memory.ts'

/** What a training holds beside the dataset, which is mapped. */
export interface TrainingSize {
  readonly items: number
  readonly tags: number
  /** Of all networks. */
  readonly factors: number
  readonly networks: number
  /** Floats of a row of weights of a network in training. */
  readonly stride: number
  /** Users of a step, rounded up to whole shards. */
  readonly users: number
  /** Outputs of a step. */
  readonly room: number
}

/** Weights with their running means, and what a step has of its users; and the items' rows and indices, when they are saved. */
export function trainingBytes({ items, tags, factors, networks, stride, users, room }: TrainingSize): number {
  const weights = 3 * networks * stride * (2 * (items + tags) + 1)
  // Several networks are copied beside each other.
  const saved = factors * (2 * items + (networks > 1 ? items + tags : 0))
  return 4 * (weights + users * (room + 2 * stride) + saved)
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
    `${size.factors} factors of ${size.items} items and ${size.tags} tags with steps of ${size.users} users take ` +
      `${gigabytes(needed)} of memory, and there are ${gigabytes(memory)}: choose fewer factors (factors, --factors), ` +
      'smaller steps (batch, --batch) or a sampled softmax (softmax, --softmax sampled), or train where there is more',
  )
}
