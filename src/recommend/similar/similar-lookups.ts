import type { ItemList, SimilarRequest } from '../../models/algorithm.ts'
import type { ModelPool } from '../../models/open/model-pool.ts'
import { FairQueue } from '../batches/fair-queue.ts'
import { RecommendError } from '../errors.ts'

/** Lookups that may wait. */
const mostWaiting = 100_000
/** Lookups, and items in their lists, that a worker does in one go: others' must not wait for more. */
const batchLookups = 16
const batchItems = 1000

interface Lookup {
  readonly models: ModelPool
  readonly request: SimilarRequest
  readonly signal: AbortSignal | undefined
  readonly resolve: (list: ItemList) => void
  readonly reject: (error: unknown) => void
}

/** What a lookup is for. */
export interface LookupOptions {
  readonly signal?: AbortSignal | undefined
  /** Who asks. */
  readonly client: string
}

/**
 * Finds similar items, several in one job of a worker of low priority, on no more than half of these: the lists of users go
 * first. Clients take turns. What nobody waits for any more is not looked up.
 */
export class SimilarLookups {
  /** Batches at once. */
  readonly #most: number
  readonly #queue = new FairQueue<Lookup>()
  #running = 0

  /** `threads`: workers of low priority that there are. */
  constructor(threads: number) {
    this.#most = Math.max(1, Math.floor(threads / 2))
  }

  /** All lookups that wait. */
  get size(): number {
    return this.#queue.size
  }

  /**
   * The items most similar to that of `request`, by `models`, which must stay open until then.
   *
   * @throws {RecommendError} `overloaded` while 100,000 wait, for clients who have their share of these. UnsupportedError
   *   when the algorithm cannot find similar items, or not by the measure. The signal's reason when it was aborted before its turn came.
   */
  find(models: ModelPool, request: SimilarRequest, { signal, client }: LookupOptions): Promise<ItemList> {
    return new Promise((resolve, reject) => {
      const queue = this.#queue
      if (queue.size >= mostWaiting && queue.waitingOf(client) >= mostWaiting / queue.clients) {
        throw new RecommendError('overloaded', `${mostWaiting} lists of similar items wait already: ask again later`)
      }
      queue.push(client, { models, request, signal, resolve, reject })
      this.#begin()
    })
  }

  #begin(): void {
    while (this.#running < this.#most) {
      const batch = this.#take()
      if (batch.length === 0) return
      this.#running++
      void this.#run(batch).finally(() => {
        this.#running--
        this.#begin()
      })
    }
  }

  /** The next lookups that are still wanted, by one model and measure and of one length. */
  #take(): Lookup[] {
    const batch: Lookup[] = []
    for (let lookup = this.#queue.first; lookup; lookup = this.#queue.first) {
      const { models, request, signal, reject } = lookup
      const { limit, measure } = request
      if (signal?.aborted) {
        reject(signal.reason)
      } else {
        const [first = lookup] = batch
        const isFull = batch.length >= batchLookups || (batch.length > 0 && (batch.length + 1) * limit > batchItems)
        const isAlike = limit === first.request.limit && measure === first.request.measure
        if (isFull || models !== first.models || !isAlike) break
        batch.push(lookup)
      }
      this.#queue.shift()
    }
    return batch
  }

  /** Never rejected. */
  async #run(batch: readonly Lookup[]): Promise<void> {
    try {
      const lists = await batch[0]!.models.similar(batch.map(({ request }) => request))
      for (const [at, { resolve }] of batch.entries()) resolve(lists[at]!)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
