import type { Logger } from 'pino'
import { rollBackModel } from '../models/artifact/published.ts'
import type { Recommender } from '../recommend/recommender.ts'
import type { Retrained } from '../recommend/retraining/retrain.ts'
import { RetrainingSchedule } from '../recommend/retraining/schedule.ts'

export interface RetrainingOptions {
  /** Directory of the dataset that the model was trained on, or one that has it; the next one takes its place. */
  readonly dataset: string
  /** In ms: from the end of one retraining to the begin of the next. */
  readonly interval: number
  /** Threads that train. Default: as many as the machine runs at once. */
  readonly threads?: number | undefined
  /**
   * In ms from its arrival: how long an event is kept that is part of the dataset and the models. Default: without end.
   */
  readonly keep?: number | undefined
  /** In ms from its arrival: how long the id of a removed event is known when it is sent again. Default: 30 days. */
  readonly keepIds?: number | undefined
}

/** What of which events is new to the dataset: see `ServeOptions`. */
export interface JournalSource {
  readonly state: string
  readonly since?: number | undefined
}

/** In ms: 30 days. */
const defaultKeepIds = 30 * 86_400_000

/** Trains the next model of what a server records, again and again, and has it served. */
export class Retraining {
  readonly #recommender: Recommender
  readonly #options: RetrainingOptions
  readonly #log: Logger
  readonly #schedule: RetrainingSchedule

  constructor(recommender: Recommender, journal: JournalSource, options: RetrainingOptions, log: Logger) {
    this.#recommender = recommender
    this.#options = options
    this.#log = log
    const { dataset, interval, threads } = options
    this.#schedule = new RetrainingSchedule({
      interval,
      task: () => ({ ...journal, dataset, model: recommender.generation.artifact.directory, threads }),
      onRetrained: retrained => this.#serve(retrained),
      onFailure: failure =>
        log.error({ failure }, 'the retraining failed: the model that is served goes on being served'),
    })
  }

  /** Directory of the dataset. */
  get dataset(): string {
    return this.#options.dataset
  }

  /** Ends a retraining that runs: the next begins in its time. */
  abandon(): Promise<void> {
    return this.#schedule.abandon()
  }

  close(): Promise<void> {
    return this.#schedule.close()
  }

  async #serve({ isNew, check, ...figures }: Retrained): Promise<void> {
    if (!isNew) {
      this.#log.info('there is nothing new to train on')
      await this.#removeEvents()
      return
    }
    this.#log.info({ ...figures, check }, 'a model was trained')
    const { directory } = this.#recommender.generation.artifact
    try {
      await this.#recommender.swap(directory)
    } catch (error) {
      // A worker that starts again opens what is served from there.
      await rollBackModel(directory, { verify: false })
      throw error
    }
    await this.#removeEvents()
  }

  async #removeEvents(): Promise<void> {
    const { dataset, keep, keepIds = defaultKeepIds } = this.#options
    if (keep === undefined) return
    const removed = await this.#recommender.removeEvents({
      directories: [dataset, this.#recommender.generation.artifact.directory],
      keep,
      keepIds,
    })
    if (removed.events > 0) this.#log.info(removed, 'old events were removed')
  }
}
