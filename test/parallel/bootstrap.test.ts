/** What becomes of jobs when worker threads cannot start. */
import { createRequire } from 'node:module'
import type { Piscina } from 'piscina'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { Pool, workerModuleUrl } from '../../src/parallel/pool.ts'

type Options = NonNullable<ConstructorParameters<typeof Piscina>[0]>

/** What the threads of the next pools get in place of the pool's own options. */
const bootstrap = { options: {} as Options }

// A pool requires the class when it starts.
const require = createRequire(import.meta.url)
const original = require('piscina') as { Piscina: typeof Piscina }
require.cache[require.resolve('piscina')]!.exports = {
  Piscina: class extends original.Piscina {
    constructor(options: Options) {
      super({ ...options, ...bootstrap.options })
    }
  },
}

const chunks = workerModuleUrl('./chunks', import.meta.url)
const broken: Readonly<Record<string, [Options, string]>> = {
  'whose module throws': [{ filename: workerModuleUrl('./failing-bootstrap', import.meta.url) }, 'no thread of this'],
  'whose module ends them': [{ filename: workerModuleUrl('./ending-bootstrap', import.meta.url) }, 'worker'],
  'that need more memory than they may have': [
    {
      filename: workerModuleUrl('./greedy-bootstrap', import.meta.url),
      resourceLimits: { maxOldGenerationSizeMb: 32 },
    },
    'memory',
  ],
}

beforeEach(() => {
  bootstrap.options = {}
})

test.each(Object.entries(broken))('jobs of threads %s are rejected in words, and later ones run', async (_, given) => {
  const [options, words] = given
  for (const isLazy of [true, false]) {
    bootstrap.options = options
    const pool = new Pool({ threads: 2, isLazy })
    onTestFinished(() => pool.close())
    const jobs = [
      ...Array.from({ length: 5 }, () => pool.run<number>(chunks, 'threadOf', {})),
      pool.onEachWorker(chunks, 'threadOf', {}),
    ]
    for (const job of await Promise.allSettled(jobs)) {
      expect(job).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining(words) } })
    }
    // Again, after those are gone.
    await expect(pool.run(chunks, 'threadOf', {})).rejects.toThrow(words)
    bootstrap.options = {}
    await vi.waitFor(() => pool.run(chunks, 'threadOf', {}), { timeout: 20_000 })
    expect(new Set(await pool.onEachWorker<number>(chunks, 'threadOf', {})).size).toBe(2)
  }
})

test('a pool whose threads cannot start, and that gets no job, harms nobody and closes', async () => {
  bootstrap.options = broken['whose module throws']![0]
  const pool = new Pool({ threads: 2 })
  await new Promise(resolve => setTimeout(resolve, 1000))
  await pool.close()
})
