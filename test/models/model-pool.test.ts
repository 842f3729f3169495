import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { UnsupportedError } from '../../src/models/open/capabilities.ts'
import { ModelPool } from '../../src/models/open/model-pool.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { baselineAlgorithm, defaultAlgorithm } from '../../src/models/registry.ts'
import { Pool, workerModuleUrl } from '../../src/parallel/pool.ts'
import { mappedFiles } from '../storage/mapped-files.ts'
import { checkerboard, datasetOf, randomInteractions } from './interactions.ts'
import { plainList, randomRequests, requestOf } from './requests.ts'
import { smallOptions, trained } from './trained.ts'

const failing = workerModuleUrl('./failing-jobs', import.meta.url)
let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 2 })
})
afterAll(() => pool.close())

const train = async (seed: number, more: Partial<Parameters<typeof trained>[2]> = {}) =>
  trained(defaultAlgorithm, await datasetOf(randomInteractions(40, 25, seed)), { pool, ...more })

/** Ends all workers; others take their places. */
async function endWorkers(): Promise<void> {
  const ended = Array.from({ length: pool.threads }, () => pool.run(failing, 'exit', {}))
  for (const { status } of await Promise.allSettled(ended)) expect(status).toBe('rejected')
}

test('a worker that takes the place of one that ended opens the same model', async () => {
  const directory = await train(1)
  const models = await ModelPool.open(directory, { pool })
  const requests = randomRequests(models.artifact, 20)
  const expected = (await models.rank(requests)).map(plainList)
  await endWorkers()
  expect((await models.rank(requests)).map(plainList)).toEqual(expected)
  await models.close()
})

test('a worker that takes the place of one that ended refuses a model that replaced the one served', async () => {
  const directory = await train(1)
  const models = await ModelPool.open(directory, { pool })
  const requests = randomRequests(models.artifact, 20)
  const expected = (await models.rank(requests)).map(plainList)
  await train(2, { directory, replace: true })
  // Workers that have it open go on.
  expect((await models.rank(requests)).map(plainList)).toEqual(expected)
  await endWorkers()
  const { checksum } = Artifact.open(directory)
  await expect(models.rank(requests)).rejects.toThrow(
    `${directory} must hold the model ${models.artifact.checksum}, but holds ${checksum}: it was replaced`,
  )
  await models.close()
  const others = await ModelPool.open(directory, { pool })
  expect(others.artifact.checksum).toBe(checksum)
  expect((await others.rank(requests)).map(plainList)).toEqual(OpenModel.open(directory).rank(requests).map(plainList))
  await others.close()
})

test('several models share the workers of a pool', async () => {
  const directories = [await train(1), await train(2), await train(3)]
  const models = await Promise.all(directories.map(directory => ModelPool.open(directory, { pool })))
  const requests = randomRequests(models[0]!.artifact, 30).map(({ user, recent, ...rest }) => ({
    ...rest,
    user: Math.min(user, 20),
    recent: { ...recent, items: recent.items.map(item => item % 10) },
    exclude: Uint32Array.of(3),
    only: undefined,
  }))
  const expected = directories.map(directory => OpenModel.open(directory).rank(requests).map(plainList))
  for (let round = 0; round < 3; round++) {
    const found = await Promise.all(models.map(model => model.rank(requests)))
    expect(found.map(lists => lists.map(plainList))).toEqual(expected)
  }
  for (const model of models) await model.close()
})

test('a request that fails, fails its call, and the workers go on', async () => {
  const models = await ModelPool.open(await train(1), { pool })
  const beyond = requestOf(0, { exclude: Uint32Array.of(models.items + 7) })
  await expect(models.rank([beyond])).rejects.toThrow(`below ${models.items}`)
  expect(await models.rank([requestOf(0)])).toHaveLength(1)
  await models.close()
})

test('an aborted ranking fails with the reason of its signal, and the workers go on', async () => {
  const models = await ModelPool.open(await train(1), { pool })
  const reason = new Error('too late')
  await expect(models.rank([requestOf(0)], AbortSignal.abort(reason))).rejects.toBe(reason)
  const controller = new AbortController()
  const requests = Array.from({ length: 20_000 }, () => requestOf(0))
  const ranking = models.rank(requests, controller.signal)
  const similar = models.similar([{ item: 0, limit: 1 }], controller.signal)
  setTimeout(() => controller.abort(reason), 5)
  await expect(ranking).rejects.toBe(reason)
  await expect(similar).rejects.toBe(reason)
  expect(await models.rank([requestOf(0)])).toHaveLength(1)
  await models.close()
})

test('a model is checked before it is opened, unless that is not wanted', async () => {
  const directory = await train(1)
  const { artifact } = OpenModel.open(directory)
  rmSync(join(artifact.directory, 'popularity.safetensors'))
  await expect(ModelPool.open(directory, { pool })).rejects.toThrow('popularity.safetensors is missing')
  await expect(ModelPool.open(join(directory, 'nowhere'), { threads: 1 })).rejects.toThrow('there is no model at')
})

test('a capability that the algorithm lacks is refused on workers as on one thread', async () => {
  const directory = await trained(baselineAlgorithm, await datasetOf(checkerboard(10)), {
    pool,
    options: smallOptions(baselineAlgorithm),
  })
  const models = await ModelPool.open(directory, { pool })
  expect(models.capabilities).toEqual([])
  const similar = models.similar([{ item: 0, limit: 1 }])
  await expect(similar).rejects.toThrow('cannot find similar items')
  await expect(similar).rejects.toBeInstanceOf(UnsupportedError)
  await models.close()
})

test('where one pool cannot close a model, the other does, and the first error comes out', async () => {
  const background = new Pool({ threads: 1 })
  onTestFinished(() => background.close())
  const directory = await train(1)
  const models = await ModelPool.open(directory, { pool, background })
  vi.spyOn(background, 'onEachWorker').mockRejectedValueOnce(new Error('a worker ended'))
  const released = vi.spyOn(pool, 'onEachWorker')
  onTestFinished(() => void released.mockRestore())
  await expect(models.close()).rejects.toThrow('a worker ended')
  expect(released.mock.calls.map(([, name]) => name)).toEqual(['release'])
  await models.close()
  expect(released).toHaveBeenCalledTimes(1)
})

test('the workers of the caller stay when a model is closed', async () => {
  const models = await ModelPool.open(await train(1), { pool })
  await models.close()
  expect(() => models.artifact.history).toThrow('is closed')
  const again = await ModelPool.open(await train(1), { pool })
  expect(await again.rank([requestOf(0)])).toHaveLength(1)
  await again.close()
})

test.runIf(process.platform === 'linux')('a closed or refused model is kept mapped by no thread', async () => {
  const background = new Pool({ threads: 1 })
  onTestFinished(() => background.close())
  const directory = await train(1)
  const mapped = () => mappedFiles().filter(file => file.startsWith(directory))
  const models = await ModelPool.open(directory, { pool, background })
  await models.rank(randomRequests(models.artifact, 20))
  await models.rankInBackground([requestOf(-1), requestOf(-1, { only: Uint32Array.of(1, 2) })])
  await models.similar([{ item: 0, limit: 1 }])
  expect([models.artifact.users.size, models.artifact.items.size]).toEqual([40, 25])
  await models.close()
  await new Promise(resolve => setImmediate(resolve))
  expect(mapped()).toEqual([])
  const path = join(directory, 'manifest.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace('"algorithm": "als"', '"algorithm": "none"'))
  await expect(ModelPool.open(directory, { pool, background, verify: false })).rejects.toThrow('none')
  expect(mapped()).toEqual([])
})

test('the same model is opened twice on the same workers, and closed twice', async () => {
  const directory = await train(1)
  const [first, second] = [await ModelPool.open(directory, { pool }), await ModelPool.open(directory, { pool })]
  const expected = (await first.rank([requestOf(3)])).map(plainList)
  await first.close()
  rmSync(directory, { recursive: true })
  for (let round = 0; round < 4; round++) {
    expect((await second.rank([requestOf(3), requestOf(3)])).map(plainList)).toEqual([...expected, ...expected])
  }
  await second.close()
})

test('every worker has the model once it is open, however busy they are: its directory may go', async () => {
  const other = await ModelPool.open(await train(1), { pool })
  let isRunning = true
  const load = Array.from({ length: 4 }, async () => {
    while (isRunning) await other.rank([requestOf(0), requestOf(1)])
  })
  try {
    for (let round = 0; round < 10; round++) {
      const directory = await train(2 + round)
      const models = await ModelPool.open(directory, { pool })
      rmSync(directory, { recursive: true })
      await Promise.all(Array.from({ length: 8 }, (_, user) => models.rank([requestOf(user)])))
      await models.close()
    }
  } finally {
    isRunning = false
    await Promise.all(load)
    await other.close()
  }
})

test('what is ranked in the background is ranked by the workers for it', async () => {
  const [others, background] = [new Pool({ threads: 1 }), new Pool({ threads: 1, niceness: 10, isLazy: true })]
  onTestFinished(() => background.close())
  const directory = await train(1)
  const models = await ModelPool.open(directory, { pool: others, background })
  await others.close()
  const requests = [requestOf(3), requestOf(5)]
  const expected = OpenModel.open(directory).rank(requests).map(plainList)
  expect((await models.rankInBackground(requests)).map(plainList)).toEqual(expected)
})
