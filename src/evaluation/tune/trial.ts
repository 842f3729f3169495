import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Algorithm, TrainProgress } from '../../models/algorithm.ts'
import { ModelPool } from '../../models/open/model-pool.ts'
import { trainModel } from '../../models/training/train.ts'
import type { Pool } from '../../parallel/pool.ts'
import type { Dataset } from '../../storage/dataset.ts'
import { evaluate } from '../evaluate.ts'
import type { Metric } from '../metrics/metrics.ts'
import type { HeldOut } from '../splits/held-out.ts'
import type { Options } from './search-space.ts'

/** What all trials of one search share. */
export interface TrialContext {
  /** What is learned from, and what is to be found. */
  readonly train: Dataset
  readonly held: HeldOut
  readonly metric: Metric
  readonly pool: Pool
  /** Where the models of trials lie that may go on. */
  readonly folder: string
  readonly signal?: AbortSignal | undefined
}

/** What a trial gave, when it had as many epochs. */
export interface TrialScore {
  /** Of the search's metric, higher is better; -Infinity: the training failed. */
  readonly score: number
  readonly epochs: number
  /** Of training and ranking, all that was done for this score. */
  readonly seconds: number
  /** Why the training failed. */
  readonly error?: string | undefined
}

/** One choice of options, trained a part of the way and judged, and perhaps a part more. */
export class Trial {
  readonly algorithm: Algorithm
  readonly options: Options
  /** One for each rung that it has reached. */
  readonly scores: TrialScore[] = []
  /** Where its model lies. */
  #directory: string | undefined

  constructor(algorithm: Algorithm, options: Options) {
    this.algorithm = algorithm
    this.options = options
  }

  /**
   * Trains up to `epochs` in all, where the algorithm has epochs, or else whole; then judges. A training that fails has a score
   * all the same: other options may do.
   *
   * @throws the signal's reason when it is aborted.
   */
  async run(
    epochs: number,
    context: TrialContext,
    onProgress?: (progress: TrainProgress) => void,
  ): Promise<TrialScore> {
    const begun = performance.now()
    const outcome = await this.#run(epochs, context, onProgress).catch((error: Error) => {
      context.signal?.throwIfAborted()
      return { score: Number.NEGATIVE_INFINITY, epochs, error: error.message }
    })
    const score = { ...outcome, seconds: (performance.now() - begun) / 1000 }
    this.scores.push(score)
    return score
  }

  /** Removes its model: to go on it must be trained from the beginning. */
  dropModel(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
    this.#directory = undefined
  }

  async #run(epochs: number, context: TrialContext, onProgress: ((progress: TrainProgress) => void) | undefined) {
    const { train, held, metric, pool, folder, signal } = context
    signal?.throwIfAborted()
    const isThere = this.#directory !== undefined && existsSync(this.#directory)
    this.#directory ??= join(folder, `trial-${++directories}`)
    const manifest = await trainModel(train, this.#directory, this.algorithm, this.#optionsOf(epochs), {
      pool,
      ...(isThere && { [this.algorithm.resumable ? 'resume' : 'replace']: true }),
      checkpointSeconds: Number.POSITIVE_INFINITY,
      signal,
      onProgress,
    })
    const models = await ModelPool.open(this.#directory, { pool, verify: false })
    try {
      const { metrics } = await evaluate(models, held, [metric], { signal })
      return { score: metrics[metric.name]!, epochs: manifest.epochs }
    } finally {
      await models.close()
    }
  }

  #optionsOf(epochs: number): Options {
    return hasEpochs(this.algorithm) ? { ...this.options, epochs } : this.options
  }
}

/** Of trials so far, which gives each model a name. */
let directories = 0

/** Whether the option `epochs` says how long a training is, and a short one can go on. */
export function hasEpochs({ options, resumable }: Algorithm): boolean {
  return resumable && 'epochs' in options.shape
}
