import { setTimeout } from 'node:timers/promises'
import { Dataset } from '../../src/storage/dataset.ts'

/** Reads every page of the matrices, then keeps them open while others do the same. Gives a sum, so that it must. */
export async function touch({ directory, until }: { directory: string; until: Int32Array }): Promise<number> {
  const { byUser, byItem, times = new BigInt64Array(0) } = Dataset.open(directory)
  let sum = 0
  for (const { indices, weights } of [byUser, byItem]) {
    for (let at = 0; at < indices.length; at += 1024) sum += indices[at]! + weights[at]!
  }
  for (let at = 0; at < times.length; at += 512) sum += Number(times[at]) % 2
  Atomics.add(until, 0, 1)
  while (Atomics.load(until, 0) >= 0) await setTimeout(5)
  return sum + byUser.rows + byItem.rows
}
