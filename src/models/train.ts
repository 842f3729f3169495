import { existsSync } from 'node:fs'
import type { Pool } from '../parallel/pool.ts'
import type { Dataset } from '../storage/dataset.ts'
import { checksumOf } from '../storage/directory.ts'
import { type AlsOptions, alsOptions } from './als/options.ts'
import { type AlsFactors, type AlsProgress, trainAls } from './als/train.ts'
import { Model, type ModelManifest, saveModel } from './model.ts'

export interface TrainModel {
  readonly pool: Pool
  /** Takes the place of a model that is there. */
  readonly replace?: boolean | undefined
  /** Goes on from the model that is there: the same dataset and options, but perhaps more epochs. */
  readonly resume?: boolean | undefined
  /** Saves the model so far after an epoch once this many seconds have passed since the last time. Default: 300. */
  readonly checkpointSeconds?: number | undefined
  /** Aborting it ends the training after the running epoch; what it has learned is saved. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (progress: AlsProgress) => void
}

/**
 * Trains ALS on a dataset and saves the model to `directory`: at the end, when interrupted, and now and then between.
 *
 * @returns the manifest, whose `epochs` tells how far it came.
 * @throws Error when a model is there and neither `replace` nor `resume` is asked for, or when it cannot be gone on from.
 */
export async function trainModel(
  dataset: Dataset,
  directory: string,
  options: AlsOptions,
  { pool, replace = false, resume = false, checkpointSeconds = 300, signal, onProgress }: TrainModel,
): Promise<ModelManifest> {
  // Found before hours of work, not after.
  if (existsSync(directory) && !replace && !resume) {
    throw new Error(
      `${directory} exists: choose another place, or ask to replace it (--replace) or to go on from it (--resume)`,
    )
  }
  let saved = performance.now()
  const save = (factors: AlsFactors) =>
    saveModel(
      directory,
      { kind: 'als', rank: options.factors, options: { ...options }, dataset, ...factors },
      { replace: replace || resume || checkpoints++ > 0 },
    )
  let checkpoints = 0
  const factors = await trainAls(dataset, options, {
    ...{ pool, signal },
    ...(resume && { from: checkpoint(directory, dataset, options) }),
    ...(onProgress && { onProgress }),
    onEpoch: async factors => {
      if (factors.epochs === options.epochs || performance.now() - saved < checkpointSeconds * 1000) return
      await save(factors)
      saved = performance.now()
    },
  })
  return save(factors)
}

/** What training goes on from: a model of the same data and options. */
function checkpoint(directory: string, dataset: Dataset, options: AlsOptions) {
  const model = Model.open(directory)
  const { manifest, userFactors: users, itemFactors: items, spectrum } = model
  if (manifest.dataset.checksum !== checksumOf(dataset.manifest)) {
    throw new Error(
      `${directory} was trained on another dataset than ${dataset.directory}: train it anew, or name its own`,
    )
  }
  const before = alsOptions.parse(manifest.options)
  for (const name of new Set([...Object.keys(before), ...Object.keys(options)]) as Set<keyof AlsOptions>) {
    if (name !== 'epochs' && before[name] !== options[name]) {
      throw new Error(
        `${directory} was trained with ${name} ${before[name]}, not ${options[name]}: resume it with the same`,
      )
    }
  }
  return { users, items, spectrum, epochs: manifest.epochs, loss: manifest.loss }
}
