import type { GivenFactors, Trained } from '../algorithm.ts'

/** @throws RangeError where the vectors have not as many values as the options say. */
export function assertWidth({ width }: GivenFactors, expected: number, why = ''): void {
  if (width === expected) return
  throw new RangeError(`vectors must have ${expected} values${why}, got ${width}: give --factors that many`)
}

/** Of tensors that no training here made. */
export function wholeTraining(tensors: Trained['tensors']): Trained {
  return { tensors, epochs: 0, complete: true, loss: [] }
}
