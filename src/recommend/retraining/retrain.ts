/** From the events of a journal to the next dataset, and from that to the next model. */
import { resolve } from 'node:path'
import { type NextDataset, type NextDatasetProgress, writeNextDataset } from '../../events/dataset/next-dataset.ts'
import { EventReader } from '../../events/reader.ts'
import type { TrainProgress } from '../../models/algorithm.ts'
import { Artifact, checkedOptions, inspectArtifact } from '../../models/artifact/artifact.ts'
import { nextOf, publishNext, recoverPublished, rejectedDataset } from '../../models/artifact/published.ts'
import { ModelPool } from '../../models/open/model-pool.ts'
import { algorithmNamed } from '../../models/registry.ts'
import { trainModel } from '../../models/training/train.ts'
import { Pool } from '../../parallel/pool.ts'
import { Dataset } from '../../storage/dataset.ts'
import { checksumOf } from '../../storage/directory.ts'
import { withLocks } from '../../storage/directory-lock.ts'
import { checkModel, type ModelCheck } from './model-check.ts'

/** Scheduling priority of the threads that train: the lists of users go first. */
const niceness = 10

export interface RetrainOptions {
  /** Directory of the dataset to extend. */
  readonly dataset: string
  /** Directory of the events, which a server may use meanwhile. */
  readonly state: string
  /** Directory of the next dataset. Default: it takes the place of `dataset`. */
  readonly out?: string | undefined
  /** Take the place of a dataset at `out`. Default: refuse. */
  readonly replace?: boolean | undefined
  /**
   * Directory of the model that the next one begins with, and whose place it takes once it has passed its check; the former is
   * kept as `MODEL.previous`. Default: none is trained.
   */
  readonly model?: string | undefined
  /** Passes over the data. Default: what the algorithm needs from a warm start on, or else what the model was trained with. */
  readonly epochs?: number | undefined
  /** Threads that train, of low priority. Default: as many as the machine runs at once. */
  readonly threads?: number | undefined
  /** In ms since 1970: see {@link writeNextDataset}. */
  readonly since?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: RetrainProgress) => void) | undefined
}

export type RetrainProgress = NextDatasetProgress | ({ readonly stage: 'training' } & TrainProgress)

export interface Retrained extends Omit<NextDataset, 'manifest'> {
  readonly users: number
  readonly items: number
  readonly pairs: number
  /** Whether there was anything to do: new events, or a dataset that the model was not trained on. */
  readonly isNew: boolean
  /** What the check of the new model found, where one was trained. */
  readonly check?: ModelCheck | undefined
}

/**
 * Makes the next dataset, and trains and publishes the next model where one is asked for. Killed at any moment, dataset and
 * model are each the old one or the new one, whole; done again, nothing counts twice.
 *
 * @throws ModelCheckError where the new model is not fit to be served: it stays at `MODEL.next`. Error when a dataset or a model is
 *   missing, damaged or of another version, or the disk is full. The signal's reason when it is aborted.
 */
export async function retrain(options: RetrainOptions): Promise<Retrained> {
  const { dataset: directory, out = directory, model } = options
  const isInPlace = resolve(out) === resolve(directory)
  const replace = options.replace ?? options.out === undefined
  const places = [out, ...(model === undefined ? [] : [model])]
  return withLocks(places, () => retrainLocked(options, { isInPlace, replace }))
}

interface Place {
  /** Whether the next dataset takes the place of the one that is extended. */
  readonly isInPlace: boolean
  readonly replace: boolean
}

async function retrainLocked(options: RetrainOptions, { isInPlace, replace }: Place): Promise<Retrained> {
  const { dataset: directory, state, out = directory, model, signal, onProgress } = options
  if (model !== undefined) await recoverPublished(model)
  const before = Dataset.open(directory, { verify: true })
  try {
    if (model !== undefined) assertOfDataset(model, before)
    if (replace && isInPlace && isUpToDate(before, state, model)) return unchanged(before)
    const { since } = options
    const next = await writeNextDataset(before, { state, out, replace, since, signal, onProgress })
    const { users, items, pairs } = next.manifest
    const { events, newUsers, newItems, becameText } = next
    const check = model === undefined ? undefined : await trainNext(out, model, options)
    return { events, newUsers, newItems, becameText, users, items, pairs, isNew: true, check }
  } finally {
    before.close()
  }
}

/** Items of a model that are looked for in a dataset, and the share of them that must be there. */
const lookedFor = 1000
const leastKnown = 0.5

/**
 * Checks that the model may have been trained on what the dataset has grown from: datasets lose no items.
 *
 * @throws Error when it is no model, or most of its items are not in the dataset.
 */
export function assertOfDataset(model: string, dataset: Dataset): void {
  const artifact = Artifact.open(model, { verify: false })
  try {
    const { items } = artifact
    const step = Math.max(1, Math.floor(items.size / lookedFor))
    const some = Array.from({ length: Math.ceil(items.size / step) }, (_, at) => items.at(at * step))
    const known = dataset.items.indicesOf(some).filter(row => row >= 0).length
    if (known >= leastKnown * some.length) return
    throw new Error(
      `${dataset.directory} has only ${known} of ${some.length} items of the model ${model}: name the dataset that it was trained on, ` +
        'or one made from that',
    )
  } finally {
    artifact.close()
  }
}

/** Whether there are no events that the dataset lacks, and the model was trained on it. */
function isUpToDate({ manifest }: Dataset, state: string, model: string | undefined): boolean {
  const reader = new EventReader(state)
  try {
    if (reader.newest > (manifest.journals?.[reader.journal] ?? 0)) return false
  } finally {
    reader.close()
  }
  if (model === undefined) return true
  const trained = inspectArtifact(model).manifest
  if (!trained.complete) return false
  const checksum = checksumOf(manifest)
  // A model of the same data was rolled back: another comes when there are new events.
  return trained.dataset.checksum === checksum || rejectedDataset(model) === checksum
}

function unchanged({ manifest: { users, items, pairs } }: Dataset): Retrained {
  return { users, items, pairs, events: 0, newUsers: 0, newItems: 0, becameText: [], isNew: false }
}

async function trainNext(
  directory: string,
  model: string,
  { state, threads, epochs, signal, onProgress }: RetrainOptions,
): Promise<ModelCheck> {
  const pool = new Pool({ niceness, ...(threads !== undefined && { threads }) })
  const dataset = Dataset.open(directory)
  const former = Artifact.open(model)
  try {
    const algorithm = algorithmNamed(former.manifest.algorithm)
    const canBegin = algorithm.warmEpochs !== undefined && former.manifest.epochs > 0
    const passes = epochs ?? (canBegin ? algorithm.warmEpochs : undefined)
    const trained = checkedOptions(former, algorithm)
    await trainModel(
      dataset,
      nextOf(model),
      algorithm,
      { ...trained, ...(passes !== undefined && 'epochs' in trained && { epochs: passes }) },
      {
        pool,
        replace: true,
        // One that is cut off begins anew.
        checkpointSeconds: Number.POSITIVE_INFINITY,
        warmStart: canBegin ? former : undefined,
        signal,
        onProgress: progress => onProgress?.({ stage: 'training', ...progress }),
      },
    )
    const check = await checkedBeside(model, state, pool)
    await publishNext(model)
    return check
  } finally {
    former.close()
    dataset.close()
    await pool.close()
  }
}

async function checkedBeside(model: string, state: string, pool: Pool): Promise<ModelCheck> {
  const candidate = await ModelPool.open(nextOf(model), { pool })
  try {
    const served = await ModelPool.open(model, { pool, verify: false })
    try {
      return await checkModel(candidate, served, state)
    } finally {
      await served.close()
    }
  } finally {
    await candidate.close()
  }
}
