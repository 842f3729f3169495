import type { Ranking, RankRequest } from '../models/algorithm.ts'
import type { Generation } from './generation.ts'

/** One list that is wanted. Exactly one of `answer` and `fail` follows each request that `resolve` gave. */
export interface PendingQuery {
  /** The request in rows of `generation`, made when the batch is formed, as late as can be. Undefined: not wanted now. */
  resolve(generation: Generation): RankRequest | undefined
  answer(ranking: Ranking, generation: Generation): void
  fail(error: Error): void
}

export interface MicroBatchOptions {
  /** Queries in one batch at most. Default: 64, about where a larger batch makes the first wait for the last. */
  readonly largestBatch?: number | undefined
  /** Called after each batch: queries, and ms from the call of the pool to its answer. */
  readonly onBatch?: ((queries: number, took: number) => void) | undefined
}

/** Queries in one batch of those in the background. */
const backgroundBatch = 8

/**
 * Ranks in micro-batches: what came while all workers were busy is the next batch, so that no query waits for a timer, and
 * the busier the server the cheaper a list. A batch is ranked by one generation.
 */
export class MicroBatches {
  readonly #current: () => Generation
  readonly #largest: number
  readonly #onBatch: NonNullable<MicroBatchOptions['onBatch']>
  #queue: PendingQuery[] = []
  #background: PendingQuery[] = []
  #running = 0
  #runningBackground = 0
  #whenIdle: (() => void)[] = []

  /** `current` gives the generation of the next batch. */
  constructor(current: () => Generation, { largestBatch = 64, onBatch = () => {} }: MicroBatchOptions = {}) {
    this.#current = current
    this.#largest = largestBatch
    this.#onBatch = onBatch
  }

  /** Queries that wait for a worker. */
  get waiting(): number {
    return this.#queue.length + this.#background.length
  }

  push(query: PendingQuery): void {
    this.#queue.push(query)
    this.#next()
  }

  /** Ranks `query` when no other waits: few at a time, and never on all workers, so that those that come wait little. */
  pushInBackground(query: PendingQuery): void {
    this.#background.push(query)
    this.#next()
  }

  /** Waits until no query is left, those included that the answers to others lead to. */
  async drained(): Promise<void> {
    while (this.#running > 0) await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  #next(): void {
    const generation = this.#current()
    const { threads } = generation.models
    while (this.#running < threads && this.#queue.length > 0) {
      const size = Math.min(this.#largest, Math.ceil(this.#queue.length / (threads - this.#running)))
      void this.#run(generation, this.#queue.splice(0, size))
    }
    const most = Math.max(1, threads - 1)
    while (this.#running < threads && this.#runningBackground < most && this.#background.length > 0) {
      this.#runningBackground++
      void this.#run(generation, this.#background.splice(0, backgroundBatch), () => this.#runningBackground--)
    }
    if (this.#running === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  async #run(generation: Generation, pending: readonly PendingQuery[], onEnd = () => {}): Promise<void> {
    const queries: PendingQuery[] = []
    const requests: RankRequest[] = []
    for (const query of pending) {
      const request = query.resolve(generation)
      if (!request) continue
      queries.push(query)
      requests.push(request)
    }
    if (queries.length === 0) return onEnd()
    this.#running++
    const began = performance.now()
    const outcomes = await generation.use(() => rankEach(generation, requests))
    this.#running--
    onEnd()
    this.#onBatch(queries.length, performance.now() - began)
    // The next batch leaves before this one's answers are processed.
    this.#next()
    queries.forEach((query, at) => {
      const outcome = outcomes[at]
      if (outcome instanceof Error) query.fail(outcome)
      else query.answer(outcome, generation)
    })
  }
}

/** Ranks a batch; if it fails, one by one, so that a query that makes it fail fails alone. */
async function rankEach(
  { models }: Generation,
  requests: readonly RankRequest[],
): Promise<readonly (Ranking | Error)[]> {
  try {
    return await models.rankOnOne(requests)
  } catch (error) {
    if (requests.length === 1) return [error as Error]
    const alone = requests.map(async (request): Promise<Ranking | Error> => {
      try {
        return (await models.rankOnOne([request]))[0]
      } catch (error) {
        return error as Error
      }
    })
    return Promise.all(alone)
  }
}
