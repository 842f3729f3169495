import { afterAll, beforeAll, expect, test } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import { Audience } from '../../src/push/prefer/audience/audience.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { sharedArray } from '../../src/storage/shared-array.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

const users = 10_000
const random = randomNumbers(3)

function component(stride: number) {
  const rows = sharedArray(Float32Array, users * stride)
  for (let at = 0; at < rows.length; at++) rows[at] = random() - 0.5
  const vector = Float32Array.from({ length: stride }, () => random() - 0.5)
  return { rows, vector }
}

test('the users whom an article is for are those of the greatest sums over all components, best first, without those who may not come', async () => {
  const components = [component(32), component(16)]
  const base = Float32Array.from({ length: users }, (_, user) => (user % 97 === 0 ? Number.NaN : 0.01 * random()))
  const eligible = new Uint32Array(Math.ceil(users / 32)).fill(0xffff_ffff)
  for (let user = 0; user < users; user += 3) eligible[user >> 5]! &= ~(1 << (user & 31))
  const expected = Array.from({ length: users }, (_, user) => {
    const products = components.map(({ rows, vector }) =>
      vector.reduce((sum, value, at) => sum + value * rows[user * vector.length + at]!, 0),
    )
    return { user, score: base[user]! + products[0]! + products[1]! }
  })
    .filter(({ user, score }) => user % 3 !== 0 && !Number.isNaN(score))
    .sort((a, b) => b.score - a.score)
  const audience = new Audience(users, pool)
  const ranked = await audience.rank(components, { limit: 500, eligible, base })
  expect(ranked.users).toHaveLength(500)
  expect([...ranked.scores]).toEqual([...ranked.scores].sort((a, b) => b - a))
  for (const [place, score] of ranked.scores.entries()) expect(score).toBeCloseTo(expected[place]!.score, 5)
  const best = new Set(expected.slice(0, 510).map(({ user }) => user))
  expect([...ranked.users].every(user => best.has(user))).toBe(true)
  // All who may come, where there are fewer than asked for; of two articles at once each has its own.
  const [all, none] = await Promise.all([
    audience.rank(components, { limit: users, eligible, base }),
    audience.rank(components, { limit: 0 }),
  ])
  expect(all.users).toHaveLength(expected.length)
  expect(none.users).toHaveLength(0)
})

test('users of equal scores come by their rows', async () => {
  const audience = new Audience(9000, pool)
  expect((await audience.rank([], { limit: 5 })).users).toEqual(Uint32Array.of(0, 1, 2, 3, 4))
})

test('sizes that do not fit together are refused with both', async () => {
  const audience = new Audience(users, pool)
  const { rows } = component(16)
  await expect(audience.rank([{ rows, vector: new Float32Array(32) }], { limit: 1 })).rejects.toThrow(
    'a component must have 10000 rows of 32 values, got 160000 values',
  )
  await expect(audience.rank([], { limit: Number.NaN })).rejects.toThrow('limit must be 0 or more, got NaN')
  await expect(audience.rank([], { limit: 1, base: new Float32Array(3) })).rejects.toThrow(
    'base must have 10000 values, got 3',
  )
})
