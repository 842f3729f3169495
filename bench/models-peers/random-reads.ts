/** Reads of rows at random, on a worker: what of an epoch is memory's alone. */
import { native } from '../../src/native.ts'
import { randomNumbers } from '../../src/storage/random.ts'

/** Rows of a call: few enough that they stay in a core's cache. */
const batch = 256

export interface RandomReads {
  /** (rows × rank) Shared. */
  readonly data: Float32Array
  readonly rank: number
  readonly seed: number
  readonly calls: number
}

/** Copies `calls` times some rows; gives how many rows in all. */
export function readRows({ data, rank, seed, calls }: RandomReads): number {
  const random = randomNumbers(seed)
  const rows = data.length / rank
  const chosen = Array.from({ length: 64 }, () =>
    Uint32Array.from({ length: batch }, () => Math.floor(random() * rows)),
  )
  for (let call = 0; call < calls; call++) {
    const own = chosen[call % chosen.length]!
    // Others each time, so that rows do not stay in cache.
    for (let at = 0; at < batch; at++) own[at] = (own[at]! + 7919 * (at + 1)) % rows
    native.topKRows(data, rank, own)
  }
  return calls * batch
}
