/** What becomes of the jobs of a model whose workers are killed in the midst of them. */
import type { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { defaultAlgorithm } from '../../src/models/registry.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { datasetOf, randomInteractions } from './interactions.ts'
import { plainList, randomRequests } from './requests.ts'
import { trained } from './trained.ts'

/** The threads of this process that run. */
const threads = new Set<Worker>()
process.on('worker', thread => {
  threads.add(thread)
  thread.once('exit', () => threads.delete(thread))
})

async function train(): Promise<string> {
  const pool = new Pool({ threads: 1 })
  const dataset = await datasetOf(randomInteractions(400, 120, 3))
  const directory = await trained(defaultAlgorithm, dataset, { pool, options: { factors: 64, epochs: 1 } })
  await pool.close()
  return directory
}

/** A pool of two, and what kills its threads. */
function mortalPool() {
  const pool = new Pool({ threads: 2 })
  onTestFinished(() => pool.close())
  return { pool, kill: () => Promise.all([...threads].map(thread => thread.terminate())) }
}

const inWords = {
  status: 'rejected',
  reason: { message: expect.stringMatching(/^the job \w+ of .+ failed, as its worker ended: /) },
}

test('queries whose worker is killed fail in words, those that wait and later ones are answered', async () => {
  const directory = await train()
  const { pool, kill } = mortalPool()
  const models = await ModelPool.open(directory, { pool })
  const requests = randomRequests(models.artifact, 60)
  const expected = OpenModel.open(directory).rank(requests).map(plainList)
  for (let round = 0; round < 3; round++) {
    const queries = Promise.allSettled(Array.from({ length: 12 }, () => models.rankOnOne(requests)))
    await kill()
    const outcomes = await queries
    for (const outcome of outcomes.filter(({ status }) => status === 'rejected')) expect(outcome).toMatchObject(inWords)
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') expect(outcome.value.map(plainList)).toEqual(expected)
    }
    expect((await models.rank(requests)).map(plainList)).toEqual(expected)
  }
  await models.close()
})

test('a model whose workers are killed while they open it is refused in words, and opens later', async () => {
  const directory = await train()
  const { pool, kill } = mortalPool()
  for (let round = 0; round < 3; round++) {
    const opening = Promise.allSettled([ModelPool.open(directory, { pool, verify: false })])
    await kill()
    const [outcome] = await opening
    if (outcome.status === 'rejected') expect(outcome).toMatchObject(inWords)
    else await outcome.value.close()
    const models = await ModelPool.open(directory, { pool })
    expect(await models.rank(randomRequests(models.artifact, 5))).toHaveLength(5)
    await models.close()
  }
})
