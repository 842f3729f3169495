import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { algorithms } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { freshFolder } from '../storage/folder.ts'
import { datasetOf, randomInteractions } from './interactions.ts'
import { smallOptions, trained } from './trained.ts'

const pool = new Pool({ threads: 1 })
afterAll(() => pool.close())

const starting = algorithms.filter(({ warmEpochs }) => warmEpochs !== undefined)

test.each(starting)(
  '$name comes as far from a model of nearly the same data in few epochs as anew in many',
  async algorithm => {
    const pairs = randomInteractions(200, 60, 5)
    const first = await trained(algorithm, await datasetOf(pairs.filter(([user]) => user < 180)), {
      pool,
      options: { ...smallOptions(algorithm), epochs: 30 },
    })
    const all = await datasetOf(pairs)
    const train = async (epochs: number, warmStart?: Artifact) => {
      const directory = join(freshFolder(), 'model')
      const { loss } = await trainModel(
        all,
        directory,
        algorithm,
        { ...smallOptions(algorithm), epochs },
        { pool, warmStart },
      )
      return { directory, loss: loss.at(-1)! }
    }
    const artifact = Artifact.open(first)
    const warm = await train(algorithm.warmEpochs!, artifact)
    const cold = await train(30)
    expect(warm.loss).toBeLessThan(1.02 * cold.loss)
    expect(warm.loss).toBeLessThan((await train(algorithm.warmEpochs!)).loss)
    const manifest = Artifact.open(warm.directory).manifest
    expect([manifest.warmStart, manifest.epochs]).toEqual([artifact.checksum, algorithm.warmEpochs])
  },
)

test.each(starting)('$name refuses to begin with a model of other options', async algorithm => {
  const dataset = await datasetOf(randomInteractions(20, 10, 1))
  const artifact = Artifact.open(await trained(algorithm, dataset, { pool }))
  const start = trainModel(
    dataset,
    join(freshFolder(), 'model'),
    algorithm,
    { ...smallOptions(algorithm), factors: 5 },
    { pool, warmStart: artifact },
  )
  await expect(start).rejects.toThrow('was trained with factors 3, not 5: begin with it by the same')
})

test('an algorithm that cannot begin with a model says so', async () => {
  const [other] = algorithms.filter(({ warmEpochs }) => warmEpochs === undefined)
  const dataset = await datasetOf(randomInteractions(20, 10, 1))
  const artifact = Artifact.open(await trained(other!, dataset, { pool }))
  const start = trainModel(dataset, join(freshFolder(), 'model'), other!, {}, { pool, warmStart: artifact })
  await expect(start).rejects.toThrow(`${other!.name} cannot begin with another model: train it anew`)
})
