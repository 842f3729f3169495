import { existsSync } from 'node:fs'
import { native } from '../../native.ts'
import { freeSharedMemory } from '../../parallel/free-shared-memory.ts'
import type { Pool } from '../../parallel/pool.ts'
import { closedOnError } from '../../storage/closing.ts'
import type { Dataset } from '../../storage/dataset.ts'
import { assertReplaceable, checksumOf } from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'
import type { Algorithm, Trained, TrainProgress } from '../algorithm.ts'
import {
  Artifact,
  type ArtifactManifest,
  checkedOptions,
  type PartTuning,
  saveArtifact,
  type Tuning,
} from '../artifact/artifact.ts'
import { assertWeighable, weightingIn } from '../weighting/options.ts'
import { type WeightedDataset, withWeights } from '../weighting/weighted-dataset.ts'

export interface TrainModel {
  readonly pool: Pool
  /** Take the place of a model that is there. */
  readonly replace?: boolean | undefined
  /** Go on from the model that is there: the same dataset and options, but perhaps more epochs. */
  readonly resume?: boolean | undefined
  /** How the options were chosen, for the manifest. */
  readonly tuning?: Tuning | undefined
  /** The same of its parts. */
  readonly partTunings?: readonly PartTuning[] | undefined
  /** A model to begin with in place of random values, where the algorithm can: of the same options but for epochs. */
  readonly warmStart?: Artifact | undefined
  /**
   * Save the model so far after an epoch once this many seconds have passed since the last time, and when the signal is aborted.
   * Infinity: nothing but a model whose training has come to its end. Default: 300.
   */
  readonly checkpointSeconds?: number | undefined
  /** Aborting it ends the training; a resumable algorithm saves what it has. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined
}

/**
 * Trains `algorithm` on a dataset and saves the model to `directory`: at the end and, where the algorithm is resumable,
 * when interrupted and now and then between.
 *
 * @param options of the algorithm; those left out have their defaults or, to resume, are those of the model.
 * @returns the manifest, whose `complete` tells whether it came to its end.
 * @throws TypeError naming the option that the algorithm does not have or take, what it expects and what came, or when both
 *   `replace` and `resume` are given; Error when a model is there and neither is, or when it cannot be resumed; the signal's reason when a training that cannot be resumed
 *   is aborted.
 */
export async function trainModel(
  dataset: Dataset,
  directory: string,
  algorithm: Algorithm,
  options: Readonly<Record<string, unknown>>,
  train: TrainModel,
): Promise<ArtifactManifest> {
  const {
    pool,
    replace = false,
    resume = false,
    tuning,
    partTunings,
    warmStart,
    checkpointSeconds = 300,
    signal,
    onProgress,
  } = train
  const fault = faultIn(algorithm.options, options)
  if (fault) throw new TypeError(`options of ${algorithm.name}: ${fault}`)
  if (replace && resume)
    throw new TypeError('a model is either replaced (replace, --replace) or resumed (resume, --resume)')
  assertPlace(directory, { replace, resume })
  const { from, decided } = resume
    ? openCheckpoint(directory, dataset, algorithm, options)
    : { from: undefined, decided: resolved(algorithm, algorithm.options.parse(options)) }
  if (warmStart) assertWarmStart(warmStart, algorithm, decided)
  let [savedAt, isOurs] = [performance.now(), false]
  const save = async (weighted: WeightedDataset, trained: Trained) => {
    // Else what the epochs freed counts beside what saving takes: 20 MiB of 510 on the brunch reads at 64 factors.
    native.trimMemory()
    const began = from?.manifest.warmStart ?? warmStart?.checksum
    const parts = {
      algorithm: algorithm.name,
      options: decided,
      dataset,
      weighted,
      trained,
      warmStart: began,
      tuning: from?.manifest.tuning ?? tuning,
      partTunings,
    }
    const manifest = await saveArtifact(directory, parts, { replace: replace || resume || isOurs })
    isOurs = true
    savedAt = performance.now()
    return manifest
  }
  // Of trainings before this one.
  await freeSharedMemory(pool)
  try {
    return await withWeights(dataset, weightingIn(decided), directory, async weighted => {
      const trained = await algorithm.train(weighted.dataset, decided, {
        pool,
        from,
        warmStart: from ? undefined : warmStart,
        signal,
        onProgress,
        onCheckpoint: async soFar => {
          if (performance.now() - savedAt >= checkpointSeconds * 1000) await save(weighted, soFar)
        },
      })
      if (!trained.complete && checkpointSeconds === Number.POSITIVE_INFINITY) signal?.throwIfAborted()
      return save(weighted, trained)
    })
  } finally {
    from?.close()
  }
}

type Options = Readonly<Record<string, unknown>>

/**
 * What can be said before the work of a training, or of many.
 *
 * @param options of the algorithm; those left out have their defaults.
 * @throws RangeError where the dataset lacks what the options need, or the training would not fit in memory.
 */
export function assertTrainable(dataset: Dataset, algorithm: Algorithm, options: Options, threads: number): void {
  const parsed = algorithm.options.parse(options) as Options
  const weighting = weightingIn(parsed)
  if (weighting) assertWeighable(dataset.manifest, weighting)
  algorithm.assertFits?.(dataset, parsed, threads)
}

/**
 * Found before hours of work, not after.
 *
 * @throws Error where a model cannot be saved in `directory`, since something is there.
 */
export function assertPlace(
  directory: string,
  { replace = false, resume = false }: Pick<TrainModel, 'replace' | 'resume'>,
): void {
  if (replace || resume) assertReplaceable(directory, 'aurochs-model')
  else if (existsSync(directory)) {
    throw new Error(
      `${directory} exists: choose another place, replace it (replace, --replace) or go on from it (resume, --resume)`,
    )
  }
}

/** @throws Error where training cannot begin with `model`. */
function assertWarmStart({ directory, manifest }: Artifact, algorithm: Algorithm, decided: Options): void {
  if (algorithm.warmEpochs === undefined) {
    throw new Error(`${algorithm.name} cannot begin with another model: train it anew`)
  }
  if (manifest.algorithm !== algorithm.name) {
    throw new Error(`${directory} is a model of ${manifest.algorithm}: ${algorithm.name} cannot begin with it`)
  }
  const before = checkedOptions({ directory, manifest }, algorithm)
  assertSameOptions(directory, before, decided, 'begin with it by the same')
}

function assertSameOptions(directory: string, before: Options, decided: Options, remedy: string): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(decided)])) {
    const [trained, wanted] = [before[name], decided[name]].map(value => JSON.stringify(value))
    if (name !== 'epochs' && trained !== wanted) {
      throw new Error(
        `${directory} was trained with ${name} ${asText(before[name])}, not ${asText(decided[name])}: ${remedy}`,
      )
    }
  }
}

function asText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : `${value}`
}

/** Opens what training goes on from: a model of the same algorithm, data and options, but perhaps fewer epochs. */
function openCheckpoint(
  directory: string,
  dataset: Dataset,
  algorithm: Algorithm,
  given: Options,
): { readonly from: Artifact; readonly decided: Options } {
  if (!algorithm.resumable) {
    throw new Error(
      `${algorithm.name} trains in one go and has nothing to resume: replace the model in place of resuming it (replace, --replace)`,
    )
  }
  return closedOnError(Artifact.open(directory), from => {
    const decided = optionsToContinue(from, dataset, algorithm, given)
    algorithm.verify(from)
    return { from, decided }
  })
}

/** What the options leave to the machine is decided as it was in the model to go on from. */
function optionsToContinue(
  { directory, manifest }: Artifact,
  dataset: Dataset,
  algorithm: Algorithm,
  given: Options,
): Options {
  if (manifest.algorithm !== algorithm.name) {
    throw new Error(
      `${directory} is a model of ${manifest.algorithm}, not of ${algorithm.name}: name its algorithm (--model ${manifest.algorithm})`,
    )
  }
  if (manifest.dataset.checksum !== checksumOf(dataset.manifest)) {
    throw new Error(
      `${directory} was trained on another dataset than ${dataset.directory}: train it anew, or name its own`,
    )
  }
  const before = resolvedAt(directory, algorithm, checkedOptions({ directory, manifest }, algorithm))
  const decided = resolved(algorithm, algorithm.options.parse({ ...before, ...given }), before)
  assertSameOptions(directory, before, decided, 'resume it with the same')
  const { epochs } = decided
  if (typeof epochs === 'number' && epochs < manifest.epochs) {
    throw new Error(
      `${directory} has had ${manifest.epochs} epochs already: epochs (--epochs) must be as many in all or more, got ${epochs}`,
    )
  }
  return decided
}

function resolved(algorithm: Algorithm, options: Options, recorded?: Options): Options {
  return algorithm.resolve?.(options, recorded) ?? options
}

function resolvedAt(directory: string, algorithm: Algorithm, options: Options): Options {
  try {
    return resolved(algorithm, options)
  } catch (cause) {
    throw new Error(`${directory} cannot be resumed here: ${(cause as Error).message}`, { cause })
  }
}
