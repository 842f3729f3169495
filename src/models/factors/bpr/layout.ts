/** How the work of an epoch is cut: by the data alone, so that any number of workers does the same. */
import { splitByCost } from '../../../parallel/chunks.ts'
import type { Csr } from '../../../storage/csr.ts'

/** Bytes of the rows of a block: about half of a core's cache of the second level. */
const blockBytes = 2 ** 20
/** Blocks that keep workers busy where all items would fit in one, as long as each has enough items to draw from. */
const blocksForWorkers = 16
const fewestItems = 100
/** What the kernel takes at most. */
const mostBlocks = 256
/** Chunks of users: a worker is one behind the next. */
const chunks = 256

/** Number of blocks of items. */
export function blocksOf(items: number, stride: number): number {
  const forCache = Math.ceil((4 * items * stride) / blockBytes)
  const forWorkers = Math.min(blocksForWorkers, Math.floor(items / fewestItems))
  return Math.max(1, Math.min(mostBlocks, Math.max(forCache, forWorkers)))
}

export interface SampleLayout {
  /** (chunks + 1) First user of each chunk. */
  readonly users: Uint32Array
  /** (chunks + 1) Where the samples of each chunk begin: there is room for as many as an epoch may have. */
  readonly rooms: BigUint64Array
  /** How often a pair of weight 1 comes in an epoch, on average; undefined: each pair comes once. */
  readonly visits: number | undefined
}

/** O(pairs) where they are weighted. @throws Error where weights are none. */
export function layOutSamples({ rows, indptr, weights }: Csr, weighted: boolean): SampleLayout {
  const users = rows > 0 ? splitByCost(indptr, chunks, 1) : Uint32Array.of(0)
  // Of damaged pairs, which the kernel refuses by row, bounds may lie anywhere.
  const bounds = Array.from(users, user => Math.min(Number(indptr[user]), weights.length))
  if (!weighted) return { users, rooms: BigUint64Array.from(bounds, BigInt), visits: undefined }
  const sums = bounds.slice(1).map((end, chunk) => {
    let sum = 0
    for (let pair = bounds[chunk]; pair < end; pair++) sum += weights[pair]
    return sum
  })
  const sum = sums.reduce((a, b) => a + b, 0)
  const visits = weights.length / sum
  if (!(visits > 0 && visits < Number.POSITIVE_INFINITY)) {
    throw new Error(`the weights of the pairs must be above 0, but their sum is ${sum}: import the dataset anew`)
  }
  const rooms = new BigUint64Array(users.length)
  sums.forEach((weight, chunk) => {
    // Each pair is rounded up at most, and the sums are those of single precision.
    const most = bounds[chunk + 1] - bounds[chunk] + Math.ceil(weight * visits * 1.001)
    rooms[chunk + 1] = rooms[chunk] + BigInt(most)
  })
  return { users, rooms, visits }
}
