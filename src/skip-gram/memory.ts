import { native } from '../native.ts'
import { gigabytes, processMemory } from '../storage/process-memory.ts'

/** What a training keeps. */
export interface SkipGramSizes {
  /** What a row is, in the plural: `items`. */
  readonly kind: string
  readonly rows: number
  readonly factors: number
  /** Vectors of n-grams beside them. */
  readonly grams?: number | undefined
  /** Bytes of the corpus that are in memory. */
  readonly corpusBytes: number
}

/** The samples of a round, and what is small. */
const workingBytes = 2 ** 28

/**
 * Checks that the vectors fit in memory.
 *
 * @param memory bytes that this process may have at most.
 * @throws RangeError saying how many factors surely fit.
 */
export function checkMemory(sizes: SkipGramSizes, memory = processMemory()): void {
  const { kind, rows, factors, grams = 0, corpusBytes } = sizes
  const bytesOf = (rank: number) => {
    const row = 4 * native.factorStride(rank)
    // Of each row an input and an output; with n-grams also a part of its own, and the input before a round.
    const vectors = grams > 0 ? 4 * rows + grams : 2 * rows
    return vectors * row + corpusBytes + workingBytes
  }
  if (bytesOf(factors) <= memory) return
  let fitting = factors
  while (fitting > 0 && bytesOf(fitting) > memory) fitting--
  const remedy = fitting > 0 ? `factors must be at most ${fitting}` : 'there must be fewer of them'
  throw new RangeError(
    `${remedy} for the vectors of ${rows} ${kind}${grams > 0 ? ` and ${grams} n-grams` : ''} to fit in ` +
      `${gigabytes(memory)} of memory, got ${factors}, which take ${gigabytes(bytesOf(factors))}: ` +
      `train with fewer, leave out the rare ones, or train where there is more memory`,
  )
}
