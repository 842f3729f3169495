import { expect, test } from 'vitest'
import { factorsOf } from '../../bench/models-peers/library.ts'
import { alsLoss } from '../../bench/models-peers/loss.ts'
import { alsOptions } from '../../src/models/factors/als/options.ts'
import { trainAls } from '../../src/models/factors/als/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { datasetOf, randomInteractions } from '../models/interactions.ts'

test('the loss of factors is that which the training reports, for the objective of implicit', async () => {
  const dataset = await datasetOf(randomInteractions(60, 40, 7))
  const objective = { alpha: 5, regularization: 2 }
  const options = alsOptions.parse({
    ...objective,
    confidence: 'implicit',
    unobservedWeight: 1,
    frequencyExponent: 0,
    factors: 6,
    epochs: 4,
  })
  const pool = new Pool({ threads: 2 })
  const { tensors, loss } = await trainAls(dataset, options, { pool })
  const found = await alsLoss(factorsOf(tensors), objective, dataset, pool)
  await pool.close()
  expect(found / loss.at(-1)!).toBeCloseTo(1, 4)
})

test('the loss of factors of zeros is the sum of the confidences', async () => {
  const dataset = await datasetOf([
    [0, 0, 1],
    [0, 1, 2],
    [1, 1, 3],
  ])
  const pool = new Pool({ threads: 1 })
  const zeros = new SharedArrayBuffer(4 * 6)
  const factors = { users: new Float32Array(zeros), items: new Float32Array(zeros), factors: 3 }
  expect(await alsLoss(factors, { alpha: 2, regularization: 1 }, dataset, pool)).toBe(12)
  await pool.close()
})
