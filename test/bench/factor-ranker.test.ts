import { expect, test } from 'vitest'
import { factorRanker } from '../../bench/peers/factor-ranker.ts'
import { noEvents } from '../../src/models/algorithm.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { csrOf } from '../storage/csr-of.ts'

test('factors rank by inner product, items of the history left out', async () => {
  const pool = new Pool({ threads: 2 })
  const ranker = factorRanker(pool, {
    users: Float32Array.of(1, 0, 0, 1),
    items: Float32Array.of(3, 1, 2, 2, 1, 3),
    factors: 2,
    history: csrOf([
      [0, 1, 0],
      [0, 0, 0],
    ]),
  })
  const request = { recent: noEvents, seen: 'exclude', exclude: new Uint32Array(0) } as const
  const lists = await ranker.rank([
    { ...request, user: 0, limit: 3 },
    { ...request, user: 1, limit: 2 },
    { ...request, user: -1, limit: 3 },
  ])
  await pool.close()
  expect(ranker.items).toBe(3)
  expect(lists.map(({ items }) => [...items])).toEqual([
    [0, 2],
    [2, 1],
    [0, 1, 2],
  ])
})
