/**
 * How fast the users whom an article is for are found, of five million, by seeded random data: the kernel alone with three components of 64, 64
 * and 32 values, and all of `PreferenceModel` (factors and profiles of 64 values, the click model, the last 16 reads, activity), of 30 % who may
 * not come.
 */
import { Pool } from '../src/parallel/pool.ts'
import { PushUsers } from '../src/push/data/users.ts'
import { Audience } from '../src/push/prefer/audience/audience.ts'
import { PreferenceModel } from '../src/push/prefer/preference-model.ts'
import { randomNumbers } from '../src/storage/random.ts'
import { alignedArray, sharedArray } from '../src/storage/shared-array.ts'
import { atMost, type Bar, type BenchOptions } from './support/bar.ts'
import { printer } from './support/print.ts'

const users = 5_000_000
const strides = [64, 64, 32]
const limit = 50_000
const runs = 7
const factors = 64
const items = 100_000
const earlyReaders = 300

export async function run({ json }: BenchOptions): Promise<Bar[]> {
  const print = printer(json)
  const random = randomNumbers(1)
  const eligible = sharedArray(Uint32Array, Math.ceil(users / 32))
  for (let user = 0; user < users; user++) if (random() < 0.7) eligible[user >> 5]! |= 1 << (user & 31)
  const pool = new Pool({ threads: 2 })
  try {
    const name = `seconds to rank ${users.toLocaleString('en')} users for one article on 2 workers`
    const kernel = await kernelSeconds(pool, eligible, print)
    const all = await preferenceSeconds(pool, eligible, print)
    return [atMost(`${name}, the kernel alone`, kernel, 1), atMost(`${name}, all of the preference model`, all, 1)]
  } finally {
    await pool.close()
  }
}

async function kernelSeconds(pool: Pool, eligible: Uint32Array, print: (line: object) => void): Promise<number> {
  const random = randomNumbers(2)
  const components = strides.map(stride => {
    const rows = alignedArray(Float32Array, users * stride)
    fill(rows, () => random() - 0.5)
    return { rows, vector: Float32Array.from({ length: stride }, () => random() - 0.5) }
  })
  const audience = new Audience(users, pool)
  const { median, cpu } = await medianSeconds(async at => {
    const { scores } = await audience.rank(components, { limit, eligible })
    if (at === 0) print({ ranked: scores.length, best: scores[0]!, last: scores.at(-1)! })
  })
  const read = (4 * users * strides.reduce((sum, stride) => sum + stride, 0)) / 1e9
  print({ kernel: 'alone', users, limit, seconds: median, cpuSeconds: cpu, 'GB/s': read / median })
  return median
}

async function preferenceSeconds(pool: Pool, eligible: Uint32Array, print: (line: object) => void): Promise<number> {
  const random = randomNumbers(3)
  const now = Date.UTC(2026, 0, 1)
  const rows = new PushUsers(users)
  const vectorOf = () => Float32Array.from({ length: factors }, () => random() - 0.5)
  const preference = new PreferenceModel(rows, pool, { contentFactors: factors, vectorOf })
  for (let item = 0; item < items; item++) preference.items.rowOf(`item ${item}`)
  const article = { id: 'article', title: '', category: 'category', createdAt: now }
  preference.article(article)
  const { profiles, reads, activity, items: known } = preference
  fill(profiles.data, () => 0.2 * (random() - 0.5))
  fill(profiles.counts, () => 20 * random())
  fill(reads.rings, () => Math.floor(items * random() ** 2))
  fill(reads.counts, () => Math.floor(30 * random() ** 2))
  fill(activity.lastVisits, () => now - Math.floor(60 * 86_400_000 * random()))
  fill(activity.visits, () => 20 * random() ** 2)
  fill(known.categories, () => 1 + Math.floor(20 * random()))
  fill(rows.pushes, () => Math.floor(20 * random()))
  const data = Float32Array.from({ length: 100_003 * factors }, () => random() - 0.5)
  await preference.setFactors({ data, factors, rows: Int32Array.from({ length: users }, (_, user) => user % 100_003) })
  // Early readers have histories.
  const early = Array.from({ length: earlyReaders }, () => Math.floor(random() * users))
  for (const user of early) {
    for (let read = 0; read < 100; read++) preference.read(user, `item ${Math.floor(items * random() ** 2)}`, now)
  }
  learned(preference, random, now, article)
  const { median, cpu } = await medianSeconds(async at => {
    const { scores } = await preference.rank(article, early, { limit, eligible, now })
    if (at === 0) print({ ranked: scores.length, best: scores[0]!, last: scores.at(-1)! })
  })
  const shared = [profiles.data, profiles.counts, reads.rings, reads.counts, activity.lastVisits, activity.visits]
  const bytes = shared.reduce((sum, { byteLength }) => sum + byteLength, users * factors * 4)
  print({ kernel: 'PreferenceModel', users, limit, seconds: median, cpuSeconds: cpu, mibOfUsers: bytes / 2 ** 20 })
  return median
}

/** So that no coefficient is 0, and the click model has weights. */
function learned(
  preference: PreferenceModel,
  random: () => number,
  at: number,
  article: Parameters<PreferenceModel['article']>[0],
): void {
  const n = 2000
  const width = preference.blend.coefficients.length
  const values = Float32Array.from({ length: n * width }, (_, cell) => (cell % width === 0 ? 1 : 2 * random() - 1))
  const clicked = Uint8Array.from({ length: n }, (_, row) => Number(random() < 0.02 + 0.02 * values[row * width + 10]!))
  const someUsers = Uint32Array.from({ length: n }, () => Math.floor(random() * users))
  preference.learn({ article, at, users: someUsers, values, clicked })
}

async function medianSeconds(
  work: (run: number) => Promise<void>,
): Promise<{ readonly median: number; readonly cpu: number }> {
  const seconds: number[] = []
  const before = process.cpuUsage()
  for (let at = 0; at < runs; at++) {
    const begun = performance.now()
    await work(at)
    seconds.push((performance.now() - begun) / 1000)
  }
  const { user, system } = process.cpuUsage(before)
  return { median: seconds.toSorted((a, b) => a - b)[runs >> 1]!, cpu: (user + system) / 1e6 / runs }
}

/** Values that repeat cost as much as others, and are there sooner. */
function fill(array: Float32Array | Float64Array | Uint32Array, value: () => number): void {
  const some = Float64Array.from({ length: 1_000_003 }, value)
  for (let at = 0; at < array.length; at += some.length) array.set(some.subarray(0, array.length - at), at)
}
