import { jobs, type Pool } from '../parallel/pool.ts'
import { concat, pointers } from '../search/item-lists.ts'
import type { Batch, Ranked } from './rank.ts'

/** What a list is wanted for, in indices of the model. */
export interface Query {
  /** The user's index, or -1 for one whom the model does not know. */
  readonly user: number
  /** What the user did since the model was trained: each item once, any order. */
  readonly recent: { readonly indices: Uint32Array; readonly weights: Float32Array }
  readonly limit: number
  /** Whether items of the user's history may come. */
  readonly seen: boolean
  /** Ascending. */
  readonly exclude: Uint32Array
  /** Ascending. */
  readonly only: Uint32Array | undefined
}

/** Best first. */
export interface Ranking {
  readonly items: Uint32Array
  readonly scores: Float32Array
  readonly basis: 'taste' | 'popularity'
}

/** Who asks. Exactly one of `answer` and `fail` follows each `query` that gave something. */
export interface Question {
  /** What to ask, as late as can be: called when the batch is put together. Undefined: nothing any more. */
  query(): Query | undefined
  answer(ranking: Ranking): void
  fail(error: Error): void
}

export interface EngineOptions {
  /** Queries in one batch at most. Default: 64, about where a larger batch makes the first wait for the last. */
  readonly largestBatch?: number
  /** Hears of each batch: queries, and ms from the call of the pool to its answer. */
  readonly onBatch?: (queries: number, took: number) => void
}

const rank = jobs('./rank', import.meta.url)

/**
 * Ranks in micro-batches: what was asked while all workers were busy is the next batch, so nobody waits for a timer, and
 * the busier the server the cheaper a list.
 */
export class Engine {
  readonly #pool: Pool
  readonly #largest: number
  readonly #onBatch: NonNullable<EngineOptions['onBatch']>
  #queue: Question[] = []
  #running = 0
  #idle: (() => void)[] = []

  constructor(pool: Pool, { largestBatch = 64, onBatch = () => {} }: EngineOptions = {}) {
    this.#pool = pool
    this.#largest = largestBatch
    this.#onBatch = onBatch
  }

  /** Questions that wait for a worker. */
  get waiting(): number {
    return this.#queue.length
  }

  ask(question: Question): void {
    this.#queue.push(question)
    this.#next()
  }

  /** Waits until nothing is asked. */
  async drained(): Promise<void> {
    if (this.#running > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  #next(): void {
    while (this.#running < this.#pool.threads && this.#queue.length > 0) {
      const free = this.#pool.threads - this.#running
      const size = Math.min(this.#largest, Math.ceil(this.#queue.length / free))
      const asked: [Question, Query][] = []
      for (const question of this.#queue.splice(0, size)) {
        const query = question.query()
        if (query) asked.push([question, query])
      }
      if (asked.length > 0) this.#run(asked)
    }
    if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #run(asked: [Question, Query][]): Promise<void> {
    this.#running++
    const began = performance.now()
    let answers: readonly Ranking[] | Error
    try {
      const ranked = await this.#pool.run<Ranked>(rank, 'rank', pack(asked.map(([, query]) => query)))
      answers = unpack(ranked)
    } catch (error) {
      answers = error as Error
    }
    this.#running--
    this.#onBatch(asked.length, performance.now() - began)
    // The next batch leaves before this one's answers are written out.
    this.#next()
    asked.forEach(([question], i) => {
      if (answers instanceof Error) question.fail(answers)
      else question.answer(answers[i])
    })
  }
}

function pack(queries: readonly Query[]): Batch {
  return {
    users: Int32Array.from(queries, query => query.user),
    recent: {
      indptr: pointers(queries.map(query => query.recent.indices.length)),
      indices: concat(
        Uint32Array,
        queries.map(query => query.recent.indices),
      ),
      weights: concat(
        Float32Array,
        queries.map(query => query.recent.weights),
      ),
    },
    limits: Uint32Array.from(queries, query => query.limit),
    seen: Uint8Array.from(queries, query => Number(query.seen)),
    exclude: {
      indptr: pointers(queries.map(query => query.exclude.length)),
      indices: concat(
        Uint32Array,
        queries.map(query => query.exclude),
      ),
    },
    only: queries.map(query => query.only),
  }
}

function unpack({ indptr, items, scores, tastes }: Ranked): Ranking[] {
  return Array.from(tastes, (taste, i) => ({
    items: items.subarray(indptr[i], indptr[i + 1]),
    scores: scores.subarray(indptr[i], indptr[i + 1]),
    basis: taste ? 'taste' : 'popularity',
  }))
}
