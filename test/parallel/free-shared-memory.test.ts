import { expect, test } from 'vitest'
import { freeSharedMemory } from '../../src/parallel/free-shared-memory.ts'
import { Pool, workerModuleUrl } from '../../src/parallel/pool.ts'
import { allocateFactors } from '../../src/storage/factors.ts'

test('shared arrays that nobody uses any more are freed, also those that workers had', async () => {
  const pool = new Pool({ threads: 2 })
  const work = workerModuleUrl('../../src/models/factors/als/jobs', import.meta.url)
  try {
    const before = process.memoryUsage().rss
    for (let round = 0; round < 8; round++) {
      // 64 MiB each.
      const factors = allocateFactors(2 ** 18, 64)
      await pool.phase(work, 'initialise', { factors, chunkRows: 1024, deviation: 1, seed: 1 })
      await freeSharedMemory(pool)
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(5 * 2 ** 26)
  } finally {
    await pool.close()
  }
})
