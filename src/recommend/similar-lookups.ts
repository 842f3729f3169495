import type { ItemList } from '../models/algorithm.ts'
import type { ModelPool } from '../models/model-pool.ts'
import { RecommendError } from './errors.ts'

/** Lookups that may wait. */
const mostWaiting = 100_000
/** Lookups, and items in their lists, that a worker does in one go: users' lists must not wait for more. */
const batchLookups = 16
const batchItems = 1000

interface Lookup {
  readonly models: ModelPool
  readonly item: number
  readonly limit: number
  readonly signal: AbortSignal | undefined
  readonly resolve: (list: ItemList) => void
  readonly reject: (error: unknown) => void
}

/**
 * Finds similar items, several in one job of a worker, on no more than half of the workers: the lists of users go first.
 * What nobody waits for any more is not looked up.
 */
export class SimilarLookups {
  /** Batches at once. */
  readonly #most: number
  readonly #waiting: Lookup[] = []
  #running = 0

  /** `threads`: workers that there are. */
  constructor(threads: number) {
    this.#most = Math.max(1, Math.floor(threads / 2))
  }

  /** Lookups that wait for a worker. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * The items most similar to the one in row `item`, by `models`, which must stay open until then.
   *
   * @throws {RecommendError} `overloaded` while 100,000 wait. UnsupportedError when the algorithm cannot find similar items.
   *   The signal's reason when it was aborted before its turn came.
   */
  find(models: ModelPool, item: number, limit: number, signal?: AbortSignal): Promise<ItemList> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= mostWaiting) {
        throw new RecommendError('overloaded', `${mostWaiting} lists of similar items wait already: ask again later`)
      }
      this.#waiting.push({ models, item, limit, signal, resolve, reject })
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

  /** The next lookups that are still wanted, by one model and of one length. */
  #take(): Lookup[] {
    const batch: Lookup[] = []
    let taken = 0
    for (const lookup of this.#waiting) {
      const { models, limit, signal, reject } = lookup
      if (signal?.aborted) {
        reject(signal.reason)
      } else {
        const [first = lookup] = batch
        const isFull = batch.length >= batchLookups || (batch.length > 0 && (batch.length + 1) * limit > batchItems)
        if (isFull || models !== first.models || limit !== first.limit) break
        batch.push(lookup)
      }
      taken++
    }
    this.#waiting.splice(0, taken)
    return batch
  }

  /** Never rejected. */
  async #run(batch: readonly Lookup[]): Promise<void> {
    try {
      const lists = await batch[0]!.models.similar(batch.map(({ item, limit }) => ({ item, limit })))
      for (const [at, { resolve }] of batch.entries()) resolve(lists[at]!)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
