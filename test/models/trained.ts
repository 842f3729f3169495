import { join } from 'node:path'
import type { Algorithm } from '../../src/models/algorithm.ts'
import { type TrainModel, trainModel } from '../../src/models/training/train.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'

/** Options that suit data as small as that of tests; algorithms that are not here have their defaults. */
const small: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  als: { factors: 3, regularization: 0.01, seed: 7 },
  autoencoder: { factors: 8, epochs: 60, batch: 16, learningRate: 0.02, seed: 7 },
  word2vec: { factors: 3, epochs: 60, window: 40, learningRate: 0.03, subsampling: 0, seed: 7 },
  blend: { parts: 'als(factors=3, regularization=0.01, seed=7) + 2 * graph-filter' },
  transitions: {
    window: 1000,
    gapDecay: 1,
    backward: 1,
    secondStep: 0,
    sessionGap: 0,
    recentItems: 100,
    recencyDecay: 1,
  },
  'session-neighbours': { gapDecay: 1, backward: 1, sessionGap: 0, recentItems: 100, recencyDecay: 1 },
  slist: { consistency: 1, regularization: 1, sessionGap: 0, sessionItems: 1000, recentItems: 100, recencyDecay: 1 },
  'context-taste': {
    parts:
      'transitions(window=1000, gap-decay=1, backward=1, second-step=0, session-gap=0, recent-items=100, recency-decay=1) + als(factors=3, regularization=0.01, seed=7)',
    gateEvents: 100,
  },
  trending: { halfLifeHours: 1e9, sessionGap: 0 },
  bpr: { factors: 3, epochs: 60, learningRate: 0.1, seed: 7 },
}

export function smallOptions({ name }: Algorithm): Readonly<Record<string, unknown>> {
  return small[name] ?? {}
}

export interface TrainingOptions extends TrainModel {
  readonly directory?: string
  readonly options?: Readonly<Record<string, unknown>>
}

/** Trains on `dataset`, and gives the directory of the model, in a fresh folder where none is named. */
export async function trained(
  algorithm: Algorithm,
  dataset: Dataset,
  { directory = join(freshFolder(), 'model'), options = smallOptions(algorithm), ...train }: TrainingOptions,
): Promise<string> {
  await trainModel(dataset, directory, algorithm, options, train)
  return directory
}
