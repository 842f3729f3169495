/** How fast the users whom an article is for are found, of five million, by seeded random vectors: three legs of 64, 64 and 32 values, of 30 % who may not come. */
import { Pool } from '../src/parallel/pool.ts'
import { Audience } from '../src/push/prefer/audience.ts'
import { randomNumbers } from '../src/storage/random.ts'
import { alignedArray, sharedArray } from '../src/storage/shared-array.ts'
import { atMost, type Bar, type BenchOptions } from './support/bar.ts'
import { printer } from './support/print.ts'

const users = 5_000_000
const strides = [64, 64, 32]
const limit = 50_000
const runs = 7

export async function run({ json }: BenchOptions): Promise<Bar[]> {
  const print = printer(json)
  const random = randomNumbers(1)
  const legs = strides.map(stride => {
    const rows = alignedArray(Float32Array, users * stride)
    // Values that repeat cost as much as others, and are there sooner.
    const some = Float32Array.from({ length: 1_000_003 }, () => random() - 0.5)
    for (let at = 0; at < rows.length; at += some.length) rows.set(some.subarray(0, rows.length - at), at)
    return { rows, vector: Float32Array.from({ length: stride }, () => random() - 0.5) }
  })
  const eligible = sharedArray(Uint32Array, Math.ceil(users / 32))
  for (let user = 0; user < users; user++) if (random() < 0.7) eligible[user >> 5]! |= 1 << (user & 31)
  const pool = new Pool({ threads: 2 })
  try {
    const audience = new Audience(users, pool)
    const seconds: number[] = []
    for (let at = 0; at < runs; at++) {
      const begun = performance.now()
      const { scores } = await audience.rank(legs, { limit, eligible })
      seconds.push((performance.now() - begun) / 1000)
      if (at === 0) print({ ranked: scores.length, best: scores[0]!, last: scores.at(-1)! })
    }
    const median = seconds.toSorted((a, b) => a - b)[runs >> 1]!
    const read = (4 * users * strides.reduce((sum, stride) => sum + stride, 0)) / 1e9
    print({ users, limit, seconds: median, 'GB/s': read / median })
    return [atMost(`seconds to rank ${users.toLocaleString('en')} users for one article on 2 workers`, median, 1)]
  } finally {
    await pool.close()
  }
}
