import { sharedArray } from '../storage/shared-array.ts'

/** Stands between the sequences of a corpus. */
export const sequenceEnd = 0xffff_ffff

/** Sequences of rows of a vocabulary, one after the other, with {@link sequenceEnd} between them. */
export interface Corpus {
  /** In shared memory, or the path of a file of 32-bit integers, which workers map: it must not be written any more. */
  readonly tokens: Uint32Array | string
  /** How many there are, {@link sequenceEnd}s included. */
  readonly positions: number
  readonly vocabulary: Vocabulary
}

/**
 * Rows of a vocabulary, cut into blocks: in training rows are in the order of blocks, so that those of a block lie side by
 * side and belong to one worker at a time.
 */
export interface Vocabulary {
  /** (rows) How often each occurs in the corpus. */
  readonly counts: Float64Array
  /** (blocks + 1) */
  readonly blocks: Uint32Array
  /** (rows) */
  readonly blockOf: Uint8Array
}

/** What {@link arrange} found: the vocabulary in its order, and what that is of the former one. */
export interface Arrangement {
  readonly vocabulary: Vocabulary
  /** (rows) The former row of each new one. */
  readonly formerOf: Uint32Array
  /** (former rows) The new row of each former one; {@link sequenceEnd} for those that were left out. */
  readonly rowOf: Uint32Array
}

/**
 * Blocks of a vocabulary. As many pairs of blocks are followed at once, and so many workers are kept busy; but the samples of
 * a position are spread over as many places. Only the data decide, so that any number of workers gives the same.
 */
function blocksOf(rows: number): number {
  if (rows < 256) return 1
  return rows < 4096 ? 4 : 16
}

/**
 * Cuts the rows that occur at least `leastCount` times into blocks about which as much is to be done: the most frequent first,
 * each to the block that has least to do so far.
 */
export function arrange(counts: ArrayLike<number>, leastCount = 1, blocks?: number): Arrangement {
  const kept: number[] = []
  for (let row = 0; row < counts.length; row++) if (counts[row]! >= leastCount) kept.push(row)
  const order = Uint32Array.from(kept).sort((a, b) => counts[b]! - counts[a]! || a - b)
  const number = blocks ?? blocksOf(order.length)
  // A row is drawn as a negative by its count to the power of ¾ or so, and else by its count, of which subsampling leaves less.
  const cost = (row: number) => counts[row]! ** 0.75
  const sums = new Float64Array(number)
  const members: number[][] = Array.from({ length: number }, () => [])
  for (const row of order) {
    let least = 0
    for (let block = 1; block < number; block++) if (sums[block]! < sums[least]!) least = block
    sums[least]! += cost(row)
    members[least]!.push(row)
  }
  const formerOf = Uint32Array.from(members.flat())
  const rowOf = new Uint32Array(counts.length).fill(sequenceEnd)
  formerOf.forEach((former, row) => {
    rowOf[former] = row
  })
  const ends = sharedArray(Uint32Array, number + 1)
  members.forEach(({ length }, block) => {
    ends[block + 1] = ends[block]! + length
  })
  const blockOf = sharedArray(Uint8Array, formerOf.length)
  for (let block = 0; block < number; block++) blockOf.fill(block, ends[block], ends[block + 1])
  return {
    vocabulary: { counts: Float64Array.from(formerOf, former => counts[former]!), blocks: ends, blockOf },
    formerOf,
    rowOf,
  }
}
