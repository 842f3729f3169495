import { afterAll, expect, test } from 'vitest'
import { NONE } from '../../src/models/ranker.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { factorRanker } from '../../src/search/factor-ranker.ts'
import { csrOf } from '../storage/csr-of.ts'

const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

// Rows of two factors, padded to three with what must not be looked at.
const users = { data: Float32Array.of(1, 0, 9, 0, 1, 9, 1, 1, 9), stride: 3, rank: 2 }
const items = { data: Float32Array.of(3, 1, 9, 1, 3, 9, 3, 1, 9, 0, 0, 9), stride: 3, rank: 2 }
const history = csrOf([
  [1, 1, 0, 0],
  [0, 0, 0, 0],
  [0, 1, 1, 0],
])

test('items are ranked by inner product, training items left out, ties to the lower index', async () => {
  const ranker = factorRanker(pool, { users, items, history })
  expect(ranker.items).toBe(4)
  expect([...(await ranker.rank(Uint32Array.of(1, 0, 2), 3))]).toEqual([...[1, 0, 2], ...[2, 3, NONE], ...[0, 3, NONE]])
})

test('a newcomer gets the most popular items', async () => {
  const ranker = factorRanker(pool, { users, items, history })
  expect([...(await ranker.rank(Uint32Array.of(NONE, 0), 2))]).toEqual([0, 1, 2, 3])
})
