/** Gradient-boosted decision trees: trained on all workers, saved and opened as tensors. */
import { z } from 'zod'
import { native } from '../../native.ts'
import { type Pool, workerModuleUrl } from '../../parallel/pool.ts'
import { faultIn } from '../../storage/expectation.ts'
import {
  mappedTensor,
  openSafetensors,
  type Safetensors,
  type TensorArray,
  vector,
  writeSafetensors,
} from '../../storage/safetensors.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type { BinsArgs, TrainArgs } from './jobs.ts'
import { type BoostingOptions, boostingOptions } from './options.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Rows that trees are learned from. Arrays in shared memory are not copied. */
export interface BoostingData {
  /** (features × rows) The values of a feature lie together. NaN: missing. */
  readonly columns: Float32Array
  /** (rows) 0 to 1 with the logistic loss. */
  readonly labels: Float32Array
  /** (rows) Above 0. Default: 1 each. */
  readonly weights?: Float32Array | undefined
}

export interface TrainEnsemble {
  readonly pool: Pool
  /** By which the training ends, of as many features; `patience` says when. */
  readonly validation?: BoostingData | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: BoostingProgress) => void) | undefined
}

export interface BoostingProgress {
  readonly trees: number
  /** Trees, at most. */
  readonly total: number
}

/** Trees as flat arrays; crates/kernels/src/boosting/trees.rs says what they hold. */
export type Trees = Parameters<typeof native.boostingScores>[0]

/** Of each array of trees, as files have them. */
export const treeKinds = {
  starts: Uint32Array,
  features: Uint32Array,
  thresholds: Float32Array,
  left: Uint32Array,
  right: Uint32Array,
  missingLeft: Uint8Array,
  gains: Float64Array,
  values: Float64Array,
  covers: Float64Array,
} as const satisfies { readonly [Name in keyof Trees]: unknown }

const version = 1

const description = z.strictObject({
  version: z.literal(version),
  loss: boostingOptions.shape.loss.unwrap(),
  features: z.int().min(1).max(1_000_000),
  base: z.number(),
  losses: z.array(z.number()),
})

/** What is known of an ensemble beside its trees. */
export interface EnsembleParts {
  readonly loss: BoostingOptions['loss']
  readonly features: number
  /** The score without any tree. */
  readonly base: number
  /** Mean losses of the validation part, without a tree and after each; none where there was no such part. */
  readonly losses: readonly number[]
  readonly trees: Trees
}

/** In ms. */
const progressInterval = 100

/**
 * Learns trees from `data`, on all workers of the pool: the same bits for any number of them.
 *
 * Each task, the histograms and best splits of two leaves, is divided by features. A tree of 31 leaves has 30 of them,
 * each of half a millisecond for 80,000 rows of 200 features: the workers share one call, and wait for the next task in
 * it. On a quiet machine two took .76 s for 50 such trees, one 1.41 s.
 *
 * @throws TypeError or RangeError for options and data that do not fit; the signal's reason when it is aborted.
 */
export async function trainEnsemble(
  data: BoostingData,
  options: z.input<typeof boostingOptions>,
  { pool, validation, signal, onProgress }: TrainEnsemble,
): Promise<Ensemble> {
  const fault = faultIn(boostingOptions, options)
  if (fault !== undefined) throw new RangeError(fault)
  const { bins: mostBins, ...learning } = boostingOptions.parse(options)
  const features = featuresOf(data)
  if (validation && validation.columns.length !== validation.labels.length * features) {
    throw new RangeError(
      `the validation part must have ${features} features, got ${validation.columns.length} values of ${validation.labels.length} rows`,
    )
  }
  signal?.throwIfAborted()
  const rows = data.labels.length
  const sizes = native.boostingSizes(rows, features, learning.leaves)
  const shared = sharedData(data)
  const binned = {
    bins: sharedArray(Uint8Array, sizes.bins),
    cuts: sharedArray(Float32Array, sizes.cuts),
    counts: sharedArray(Uint32Array, features),
  }
  const binsArgs: Omit<BinsArgs, 'next'> = { columns: shared.columns, rows, mostBins, ...binned }
  await pool.phase(work, 'learnBins', binsArgs)
  signal?.throwIfAborted()
  const control = sharedArray(Int32Array, sizes.control)
  const args: TrainArgs = {
    data: shared,
    ...(validation && { validation: sharedData(validation) }),
    options: learning,
    workspace: {
      ...binned,
      order: sharedArray(Uint32Array, rows),
      gradients: sharedArray(BigInt64Array, sizes.gradients),
      histograms: sharedArray(BigInt64Array, sizes.histograms),
      splits: sharedArray(BigInt64Array, sizes.splits),
      task: sharedArray(BigInt64Array, sizes.task),
      control,
    },
  }
  const abort = () => Atomics.store(control, 5, 1)
  signal?.addEventListener('abort', abort)
  const report = () => onProgress?.({ trees: Atomics.load(control, 4), total: learning.trees })
  const timer = onProgress && setInterval(report, progressInterval)
  try {
    const results = await pool.phase<ReturnType<typeof native.boostingTrain>>(work, 'train', args)
    signal?.throwIfAborted()
    const { base, losses, ...trees } = results.find(result => result !== null)!
    report()
    return new Ensemble({ loss: learning.loss, features, base, losses: [...losses], trees })
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', abort)
  }
}

/** Trees that are trained, and what they say of rows. */
export class Ensemble {
  readonly loss: BoostingOptions['loss']
  readonly features: number
  readonly base: number
  readonly losses: readonly number[]
  readonly trees: Trees

  constructor({ loss, features, base, losses, trees }: EnsembleParts) {
    this.loss = loss
    this.features = features
    this.base = base
    this.losses = losses
    this.trees = trees
  }

  /** @throws Error when the file cannot be read, or what it holds is damaged. */
  static open(path: string): Ensemble {
    const file = openSafetensors(path)
    try {
      const ensemble = new Ensemble(partsOf(file))
      ensemble.verify(path)
      return ensemble
    } finally {
      file.close()
    }
  }

  /** Writes a new file at `path`, and waits until the disk has it. */
  async save(path: string): Promise<void> {
    const { loss, features, base, losses, trees } = this
    const told: z.input<typeof description> = { version, loss, features, base, losses: [...losses] }
    const tensors = Object.fromEntries(Object.entries(trees).map(([name, data]) => [name, vector(data)]))
    await writeSafetensors(path, tensors, { ensemble: JSON.stringify(told) })
  }

  /** @throws Error that names what is damaged: children that are no tree, features that there are not, numbers that are none. */
  verify(title = 'the ensemble'): void {
    const fault = Number.isFinite(this.base)
      ? native.boostingFault(this.trees, this.features)
      : `the base must be finite, got ${this.base}`
    if (fault != null) throw new Error(`${title} is damaged: ${fault}: train it anew`)
  }

  /** Number of trees. */
  get size(): number {
    return this.trees.starts.length - 1
  }

  /**
   * The probabilities, or values, of `rows` (n × features): those of a row lie together.
   *
   * @throws Error when they are not whole rows.
   */
  predict(rows: Float32Array): Float64Array {
    const scores = this.scores(rows)
    return this.loss === 'logistic' ? scores.map(score => 1 / (1 + Math.exp(-score))) : scores
  }

  /** The same, as logarithms of odds where they are probabilities: what contributions sum to. */
  scores(rows: Float32Array): Float64Array {
    return native.boostingScores(this.trees, this.features, rows).map(score => this.base + score)
  }

  /**
   * What each feature of `row` contributes to its score: their sum and `base`, the mean score of the training's rows,
   * give it. They are Shapley values (TreeSHAP): what features that are not known would be is averaged over the
   * training's rows.
   */
  contributions(row: Float32Array): { readonly base: number; readonly features: Float64Array } {
    const found = native.boostingContributions(this.trees, this.features, row)
    return { base: this.base + found[this.features]!, features: found.slice(0, this.features) }
  }

  /** (features) What the splits by each feature gain, as a share of all. */
  get importance(): Float64Array {
    const gains = new Float64Array(this.features)
    native.boostingGains(this.trees, gains)
    const total = gains.reduce((sum, gain) => sum + gain, 0)
    return total > 0 ? gains.map(gain => gain / total) : gains
  }
}

function featuresOf({ columns, labels }: BoostingData): number {
  const features = columns.length / labels.length
  if (Number.isInteger(features) && features >= 1) return features
  throw new RangeError(
    `columns must have the values of one feature or more for each of ${labels.length} rows, got ${columns.length}`,
  )
}

/** The data in shared memory, and the weights only where there are some. */
function sharedData({ columns, labels, weights }: BoostingData): TrainArgs['data'] {
  return { columns: sharedCopy(columns), labels: sharedCopy(labels), ...(weights && { weights: sharedCopy(weights) }) }
}

function sharedCopy(values: Float32Array): Float32Array {
  if (values.buffer instanceof SharedArrayBuffer) return values
  const copy = sharedArray(Float32Array, values.length)
  copy.set(values)
  return copy
}

function partsOf(file: Safetensors): EnsembleParts {
  const broken = (why: string) => new Error(`${file.path} is no ensemble of trees: ${why}`)
  let told: unknown
  try {
    told = JSON.parse(file.metadata.ensemble ?? '')
  } catch {
    throw broken('its description is not JSON')
  }
  const fault = faultIn(description, told)
  if (fault !== undefined) throw broken(fault)
  const { version: _, ...rest } = description.parse(told)
  const tensors = Object.entries(treeKinds).map(([name, kind]) => [name, tensorIn(file, name, kind)])
  return { ...rest, trees: Object.fromEntries(tensors) as Trees }
}

/** A copy, so that the file can be closed. */
function tensorIn(file: Safetensors, name: string, kind: new (length: number) => TensorArray): TensorArray {
  return mappedTensor(file, name, kind).data.slice()
}
