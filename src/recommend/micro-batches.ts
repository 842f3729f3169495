import type { Ranking, RankRequest } from '../models/algorithm.ts'
import type { ModelPool } from '../models/model-pool.ts'
import { DistinctRequests } from './distinct-requests.ts'
import type { Generation } from './generation.ts'

/** One list that is wanted. Exactly one of `answer` and `fail` follows, unless `resolve` gave nothing. */
export interface PendingQuery {
  /**
   * The request in rows of `generation`, made when the batch is formed, as late as can be. Undefined: not wanted now. What it
   * throws, it fails with.
   */
  resolve(generation: Generation): RankRequest | undefined
  /** Never throws: all queries of the batch are answered. */
  answer(ranking: Ranking, generation: Generation): void
  fail(error: Error): void
}

export interface MicroBatchOptions {
  /** Queries in one batch at most. Default: 64, about where a larger batch makes the first wait for the last. */
  readonly largestBatch?: number | undefined
  /** Called after each batch: queries, and ms from the call of the pool to its answer. */
  readonly onBatch?: ((queries: number, took: number) => void) | undefined
}

/** Queries in one batch of those in the background: few, since all others wait while their lists are sent. */
const backgroundBatch = 4

/**
 * Ranks in micro-batches: what came while all workers were busy is the next batch, so that no query waits for a timer, and
 * the busier the server the cheaper a list. A batch is ranked by one generation.
 */
export class MicroBatches {
  readonly #current: () => Generation
  readonly #largest: number
  readonly #onBatch: NonNullable<MicroBatchOptions['onBatch']>
  readonly #normal = new QueryQueue((models, requests) => models.rankOnOne(requests))
  readonly #background = new QueryQueue((models, requests) => models.rankInBackground(requests))
  #whenIdle: (() => void)[] = []

  /** `current` gives the generation of the next batch. */
  constructor(current: () => Generation, { largestBatch = 64, onBatch = () => {} }: MicroBatchOptions = {}) {
    this.#current = current
    this.#largest = largestBatch
    this.#onBatch = onBatch
  }

  /** Queries that wait for a worker. */
  get waiting(): number {
    return this.#normal.waiting + this.#background.waiting
  }

  push(query: PendingQuery): void {
    this.#normal.push(query)
    this.#next()
  }

  /** Ranks `query` on a worker of low priority. */
  pushInBackground(query: PendingQuery): void {
    this.#background.push(query)
    this.#next()
  }

  /** Waits until no query is left, those included that the answers to others lead to. */
  async drained(): Promise<void> {
    while (!this.#isIdle) await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  #next(): void {
    const generation = this.#current()
    const { threads } = generation.models
    for (const queue = this.#normal; queue.running < threads && queue.waiting > 0; ) {
      const size = Math.min(this.#largest, Math.ceil(queue.waiting / (threads - queue.running)))
      void this.#run(generation, queue, queue.take(size))
    }
    for (const queue = this.#background; queue.running < 1 && queue.waiting > 0; ) {
      void this.#run(generation, queue, queue.take(backgroundBatch))
    }
    if (this.#isIdle) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  get #isIdle(): boolean {
    return this.#normal.running === 0 && this.#background.running === 0
  }

  async #run(generation: Generation, queue: QueryQueue, pending: readonly PendingQuery[]): Promise<void> {
    const queries: PendingQuery[] = []
    const distinct = new DistinctRequests()
    /** Of each query: the place of its request. */
    const places: number[] = []
    for (const query of pending) {
      try {
        const request = query.resolve(generation)
        if (!request) continue
        places.push(distinct.add(request))
        queries.push(query)
      } catch (error) {
        query.fail(error as Error)
      }
    }
    if (queries.length === 0) return
    queue.running++
    // Used until all are answered: the lists are named by its ids.
    await generation.use(async models => {
      const began = performance.now()
      const outcomes = await queue.rankEach(models, distinct.requests)
      queue.running--
      this.#onBatch(queries.length, performance.now() - began)
      // The next batch leaves before this one's answers are processed.
      this.#next()
      queries.forEach((query, at) => {
        const outcome = outcomes[places[at]!]!
        if (outcome instanceof Error) query.fail(outcome)
        else query.answer(outcome, generation)
      })
    })
  }
}

type Rank = (models: ModelPool, requests: readonly RankRequest[]) => Promise<readonly Ranking[]>

/** Queries of one priority: those that wait, and how many batches of them are ranked. */
class QueryQueue {
  running = 0
  #queries: PendingQuery[] = []
  /** Those before it were taken. */
  #first = 0
  readonly #rank: Rank

  constructor(rank: Rank) {
    this.#rank = rank
  }

  get waiting(): number {
    return this.#queries.length - this.#first
  }

  push(query: PendingQuery): void {
    this.#queries.push(query)
  }

  /** The oldest `count`, or as many as there are. */
  take(count: number): PendingQuery[] {
    const taken = this.#queries.slice(this.#first, this.#first + count)
    this.#first += taken.length
    // Not each time: of a million that wait, all that are left would be moved for each batch.
    if (2 * this.#first >= this.#queries.length) {
      this.#queries = this.#queries.slice(this.#first)
      this.#first = 0
    }
    return taken
  }

  /** Ranks a batch; if it fails, one by one, so that a query that makes it fail fails alone. */
  async rankEach(models: ModelPool, requests: readonly RankRequest[]): Promise<readonly (Ranking | Error)[]> {
    try {
      return await this.#rank(models, requests)
    } catch (error) {
      if (requests.length === 1) return [error as Error]
      return (await Promise.all(requests.map(request => this.rankEach(models, [request])))).flat()
    }
  }
}
