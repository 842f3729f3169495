import type { Sequence } from '../events/journal.ts'
import type { Ranking, RankRequest } from '../models/algorithm.ts'
import type { Generation } from './generation.ts'
import type { ResolvedFilters } from './list-filters.ts'
import type { PendingQuery } from './micro-batches.ts'
import type { UserState } from './user-state.ts'

/** A ranking, and what it rests on. */
export interface UserRanking {
  readonly ranking: Ranking
  readonly generation: Generation
  /** {@link UserState.version} that was ranked. */
  readonly version: number
  /** The newest event that was taken into account. */
  readonly sequence: Sequence
  readonly after: string | undefined
  /** When the oldest change that it answers came, on the clock of `performance.now()`. */
  readonly changedAt: number
}

/** `background`: the list is wanted, but not at the cost of others. */
export type Priority = 'normal' | 'background'

export interface SubscriptionHandlers {
  /** Puts it into the queue: {@link UserSubscription.resolve} follows. */
  readonly enqueue: (subscription: UserSubscription, priority: Priority) => void
  readonly onRanking: (ranking: UserRanking) => void
  readonly onError: (error: Error) => void
}

/** A subscription to the list of one user: it is made anew whenever it may have changed. */
export class UserSubscription implements PendingQuery {
  readonly state: UserState
  readonly #filters: ResolvedFilters
  readonly #handlers: SubscriptionHandlers
  /** Nothing to do; in one of the queues; or in a batch, and whether something changed since that was formed. */
  #phase: 'idle' | 'background' | 'queued' | 'running' | 'stale' = 'idle'
  #changedAt = 0
  #ranked: Omit<UserRanking, 'ranking' | 'generation'> = { version: 0, sequence: 0, after: undefined, changedAt: 0 }
  #isClosed = false

  constructor(state: UserState, filters: ResolvedFilters, handlers: SubscriptionHandlers) {
    this.state = state
    this.#filters = filters
    this.#handlers = handlers
    state.subscriptions.add(this)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The list may have changed: has it made once, however often this is called before it is there. */
  refresh(priority: Priority = 'normal'): void {
    if (this.#isClosed) return
    if (this.#phase === 'running') {
      this.#phase = 'stale'
      this.#changedAt = performance.now()
    }
    // One that waits in the background moves forward; its place there is then void.
    const isWaiting = this.#phase === 'background' && priority === 'normal'
    if (this.#phase !== 'idle' && !isWaiting) return
    this.#phase = priority === 'normal' ? 'queued' : 'background'
    this.#changedAt = performance.now()
    this.#handlers.enqueue(this, priority)
  }

  resolve(generation: Generation): RankRequest | undefined {
    if (this.#phase === 'running' || this.#phase === 'stale') return undefined
    if (this.#isClosed || !this.state.isLoaded) {
      this.#phase = 'idle'
      return undefined
    }
    this.#phase = 'running'
    const { version, sequence, newest } = this.state
    this.#ranked = { version, sequence, after: newest, changedAt: this.#changedAt }
    const { seen, limit } = this.#filters.filters
    const { exclude, only } = this.#filters.rowsIn(generation)
    return {
      user: this.state.rowIn(generation),
      recent: this.state.recent(generation),
      seen,
      limit,
      exclude,
      only,
    }
  }

  answer(ranking: Ranking, generation: Generation): void {
    // Refreshing may form the next batch at once, and with it the next `#ranked`.
    const ranked = this.#ranked
    this.#settle()
    if (!this.#isClosed) this.#handlers.onRanking({ ...ranked, ranking, generation })
  }

  fail(error: Error): void {
    this.#settle()
    if (!this.#isClosed) this.#handlers.onError(error)
  }

  close(): void {
    this.#isClosed = true
    this.state.subscriptions.delete(this)
  }

  #settle(): void {
    const isStale = this.#phase === 'stale'
    this.#phase = 'idle'
    if (isStale) this.refresh()
  }
}
