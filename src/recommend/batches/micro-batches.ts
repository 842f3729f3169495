import type { Ranking, RankRequest } from '../../models/algorithm.ts'
import type { ModelPool } from '../../models/open/model-pool.ts'
import type { Generation } from '../generations/generation.ts'
import { DistinctRequests } from './distinct-requests.ts'
import { FairQueue } from './fair-queue.ts'

/** One list that is wanted. Exactly one of `answer` and `fail` follows, unless `resolve` gave nothing. */
export interface PendingQuery {
  /** Who asks: clients take turns. */
  readonly client: string
  /** Items of which the list is made, as who asks for it has it: by these it is long or short. */
  readonly limit: number
  /** Items that are ranked for it, where these are more. */
  readonly depth?: number
  /**
   * The requests for it in rows of `generation`, made when the batch is formed, as late as can be. Undefined: not wanted now. What it
   * throws, it fails with.
   */
  resolve(generation: Generation): readonly RankRequest[] | undefined
  /** Takes a ranking for each of its requests. Never throws: all queries of the batch are answered. */
  answer(rankings: RankingOfEach, generation: Generation): void
  fail(error: Error): void
}

/** There is no query without a request. */
export type RankingOfEach = readonly [Ranking, ...Ranking[]]

export interface MicroBatchOptions {
  /** Queries in one batch at most. Default: 64, about where a larger batch makes the first wait for the last. */
  readonly largestBatch?: number | undefined
  /** Called after each batch: queries, and ms from the call of the pool to its answer. */
  readonly onBatch?: ((queries: number, took: number) => void) | undefined
}

/**
 * Lists of more items are long. A batch is searched with its largest limit: of half a million items, 64 lists of 10 take
 * 2 ms, of 100 5 ms, of 1,000 138 ms, and so do 63 of 10 beside one of 1,000.
 */
const mostShortItems = 100
/** Items that a batch of short lists looks for at most, as many as 64 of the longest: where boosts have lists ranked deeper, fewer are ranked at once. */
const shortBatchItems = 64 * mostShortItems
/** Items that a batch of long lists looks for at most, where it has more than one: 5 ms. */
const longBatchItems = 2000

/** Queries in one batch of those in the background: few, since all others wait while their lists are sent. */
const backgroundBatch = 4

/**
 * Ranks in micro-batches: what came while all workers were busy is the next batch, so that no query waits for a timer, and
 * the busier the server the cheaper a list. A batch is ranked by one generation, and holds either short lists or long ones,
 * which are ranked on workers of low priority: the short ones go first. Clients take turns, one query each.
 */
export class MicroBatches {
  readonly #current: () => Generation
  readonly #onBatch: NonNullable<MicroBatchOptions['onBatch']>
  readonly #largest: number
  readonly #short = new QueryQueue((models, requests) => models.rankOnOne(requests))
  readonly #long = new QueryQueue((models, requests) => models.rankInBackground(requests))
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
    return this.#short.waiting + this.#long.waiting + this.#background.waiting
  }

  push(query: PendingQuery): void {
    this.#queueOf(query.limit).push(query)
    this.#next()
  }

  /** Ranks `query` on a worker of low priority. */
  pushInBackground(query: PendingQuery): void {
    this.#background.push(query)
    this.#next()
  }

  /** In ms: how long a further query of `client` would wait, as far as that can be known. */
  expectedWait({ client, limit }: Pick<PendingQuery, 'client' | 'limit'>): number {
    const { threads, backgroundThreads } = this.#current().models
    return this.#queueOf(limit).expectedWait(client) / (limit > mostShortItems ? backgroundThreads : threads)
  }

  /** Waits until no query is left, those included that the answers to others lead to. */
  async drained(): Promise<void> {
    while (!this.#isIdle) await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  #queueOf(limit: number): QueryQueue {
    return limit > mostShortItems ? this.#long : this.#short
  }

  #next(): void {
    const { threads, backgroundThreads } = this.#current().models
    this.#begin(
      this.#short,
      threads,
      free => Math.min(this.#largest, Math.ceil(this.#short.waiting / free)),
      shortBatchItems,
    )
    this.#begin(this.#long, backgroundThreads, () => this.#largest, longBatchItems)
    this.#begin(this.#background, 1, () => backgroundBatch)
    this.#noteIdle()
  }

  /** Begins batches while fewer than `most` are ranked, of as many queries as `sizeOf` says where so many workers are free. */
  #begin(queue: QueryQueue, most: number, sizeOf: (free: number) => number, items = Number.POSITIVE_INFINITY): void {
    while (queue.running < most && queue.waiting > 0) {
      this.#run(queue, queue.take(sizeOf(most - queue.running), items))
    }
  }

  #noteIdle(): void {
    if (this.#isIdle) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  get #isIdle(): boolean {
    return this.waiting === 0 && [this.#short, this.#long, this.#background].every(({ running }) => running === 0)
  }

  #run(queue: QueryQueue, pending: readonly PendingQuery[]): void {
    const generation = this.#current()
    const queries: PendingQuery[] = []
    const distinct = new DistinctRequests()
    /** Of each query: the places of its requests. */
    const places: number[][] = []
    for (const query of pending) {
      try {
        const requests = query.resolve(generation)
        if (!requests) continue
        places.push(requests.map(request => distinct.add(request)))
        queries.push(query)
      } catch (error) {
        query.fail(error as Error)
      }
    }
    if (queries.length === 0) return
    queue.running++
    // Used until all are answered: the lists are named by its ids.
    void generation.use(async models => {
      const began = performance.now()
      const outcomes = await queue.rankEach(models, distinct.requests)
      queue.running--
      const took = performance.now() - began
      queue.noteTime(took, queries.length)
      this.#onBatch(queries.length, took)
      // The next batch leaves before this one's answers are processed.
      this.#next()
      queries.forEach((query, at) => {
        const own = places[at]!.map(place => outcomes[place]!)
        const error = own.find(outcome => outcome instanceof Error)
        if (error) query.fail(error)
        else query.answer(own as unknown as RankingOfEach, generation)
      })
      this.#noteIdle()
    })
  }
}

type Rank = (models: ModelPool, requests: readonly RankRequest[]) => Promise<readonly Ranking[]>

/** Queries of one kind: those that wait, and how many batches of them are ranked. */
class QueryQueue {
  running = 0
  readonly #queries = new FairQueue<PendingQuery>()
  readonly #rank: Rank
  /** Of late: ms of workers, and queries that were ranked in them. */
  #took = 0
  #ranked = 0

  constructor(rank: Rank) {
    this.#rank = rank
  }

  get waiting(): number {
    return this.#queries.size
  }

  push(query: PendingQuery): void {
    this.#queries.push(query.client, query)
  }

  /** Those whose turn it is: `most` of them, and no more than make lists of `mostItems` together, but one at least. */
  take(most: number, mostItems = Number.POSITIVE_INFINITY): PendingQuery[] {
    const taken: PendingQuery[] = []
    let largest = 0
    for (let query = this.#queries.first; query && taken.length < most; query = this.#queries.first) {
      largest = Math.max(largest, query.depth ?? query.limit)
      if (taken.length > 0 && (taken.length + 1) * largest > mostItems) break
      taken.push(query)
      this.#queries.shift()
    }
    return taken
  }

  /** A batch of so many took so many ms. */
  noteTime(took: number, queries: number): void {
    this.#took += took - this.#took / 8
    this.#ranked += queries - this.#ranked / 8
  }

  /** In ms of one worker: until those of `client` are ranked that wait, each after one of every other client that has one. */
  expectedWait(client: string): number {
    const { size, clients } = this.#queries
    // Of all batches together: one of a single query takes nearly as long as one of many.
    const queryTime = this.#ranked === 0 ? 0 : this.#took / this.#ranked
    return Math.min(size, this.#queries.waitingOf(client) * clients) * queryTime
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
