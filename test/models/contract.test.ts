/** What every algorithm of the registry must do, whatever it is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as aurochs from '../../src/index.ts'
import { algorithms, baselineAlgorithm } from '../../src/models/registry.ts'
import { trending } from '../../src/models/sequential/trending/index.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { testCapabilities } from './contract/capabilities.ts'
import type { Contract } from './contract/contract.ts'
import { testDamage } from './contract/damage.ts'
import { testLearning } from './contract/learning.ts'
import { testRanking } from './contract/ranking.ts'
import { testTraining } from './contract/training.ts'
import { trained } from './trained.ts'

let pools: readonly Pool[]
beforeAll(() => {
  pools = [1, 2, 3].map(threads => new Pool({ threads }))
})
afterAll(() => Promise.all(pools.map(pool => pool.close())))

describe.each(algorithms.map(algorithm => [algorithm.name, algorithm] as const))('%s', (_, algorithm) => {
  const contract: Contract = {
    algorithm,
    isPersonal: ![baselineAlgorithm, trending].includes(algorithm),
    hasTies: !['autoencoder', 'bpr', 'word2vec'].includes(algorithm.name),
    pools: () => pools,
    train: (dataset, options) => trained(algorithm, dataset, { pool: pools[1]!, ...options }),
  }
  test('is exported by the package', () => expect(Object.values(aurochs)).toContain(algorithm))
  describe('ranks', () => testRanking(contract))
  describe('trains', () => testTraining(contract))
  describe('when damaged', () => testDamage(contract))
  describe('can', () => testCapabilities(contract))
  describe('live', () => testLearning(contract))
})
