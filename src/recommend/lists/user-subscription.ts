import type { Sequence } from '../../events/journal.ts'
import type { Discounts, Ranking, RankRequest } from '../../models/algorithm.ts'
import type { PendingQuery } from '../batches/micro-batches.ts'
import type { Generation } from '../generations/generation.ts'
import type { Arrangement } from '../promotions/arrangement.ts'
import type { UserState } from '../users/user-state.ts'
import type { ResolvedFilters } from './list-filters.ts'

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
  /** Whether it may differ from the one before; otherwise it is for those who have none. */
  readonly isChange: boolean
}

/** `background`: the list is wanted, but not at the cost of others. */
export type Priority = 'normal' | 'background'

export interface SubscriptionHandlers {
  /** Puts a query into the queue of its priority. */
  readonly enqueue: (query: PendingQuery, priority: Priority) => void
  /** Makes the list of a ranking, which may be deeper. */
  readonly arrangement: Pick<Arrangement, 'depth' | 'deeper' | 'pinRequest' | 'arrange'>
  /** What counts less in lists of the user. Default: nothing. */
  readonly discounts?: (state: UserState, generation: Generation, now: number) => Discounts | undefined
  readonly onRanking: (ranking: UserRanking) => void
  readonly onError: (error: Error) => void
}

/** What is known of a query that is in a queue or in a batch. */
interface Enqueued {
  change: Change
  /** What is ranked, once its batch is formed. */
  ranked: (Pick<UserRanking, 'version' | 'sequence' | 'after'> & { readonly request: RankRequest }) | undefined
  /** A change that came after that: the query to follow. */
  next: Change | undefined
  /** How many items are to be ranked, where more are than at first. */
  depth: number | undefined
  /** What is in the queue. */
  readonly pending: PendingQuery
}

/** The oldest change that a list will show, and how soon the list is wanted. */
interface Change {
  readonly priority: Priority
  /** On the clock of `performance.now()`. */
  readonly at: number
  /** False: only somebody who has no list wants it. */
  readonly isChange: boolean
}

/** A subscription to the list of one user: it is made anew whenever it may have changed. */
export class UserSubscription {
  readonly state: UserState
  readonly filters: ResolvedFilters
  readonly #handlers: SubscriptionHandlers
  readonly #client: string
  /** The query for the next list. Others that are still in a queue or in a batch are void. */
  #query: Enqueued | undefined
  /** The items that were given out last, of the generation that made them. */
  #given: { readonly generation: Generation; readonly items: Uint32Array } | undefined
  #isClosed = false

  /** `client`: who asks for the list. */
  constructor(state: UserState, filters: ResolvedFilters, handlers: SubscriptionHandlers, client = '') {
    this.state = state
    this.filters = filters
    this.#handlers = handlers
    this.#client = client
    state.subscriptions.add(this)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Has the list made, for a change at `at`: once, however often this is called before it is there. */
  refresh(at = performance.now(), isChange = true): void {
    const change: Change = { priority: 'normal', at, isChange }
    const query = this.#query
    if (!query) this.#enqueue(change)
    // An event does not wait for a list that is made in the background.
    else if (query.change.priority === 'background') this.#enqueue(both(query.change, change))
    else if (query.ranked) query.next = both(query.next, change)
    else query.change = both(query.change, change)
  }

  /**
   * Another model is served: has the list made anew by it, in the background. One that is being made will not be given out;
   * the next answers what it would have, as soon.
   */
  renew(): void {
    const change: Change = { priority: 'background', at: performance.now(), isChange: true }
    const query = this.#query
    if (!query) this.#enqueue(change)
    else if (query.ranked) query.next = both(both(query.change, query.next), change)
  }

  close(): void {
    this.#isClosed = true
    this.state.subscriptions.delete(this)
  }

  /** Whether lists may still have all that `ranking` has; notes that it is given out. */
  admits({ generation, ranking: { items } }: UserRanking): boolean {
    const isAdmitted = this.filters.admits(generation, items)
    if (isAdmitted) this.#given = { generation, items }
    return isAdmitted
  }

  /** Has the list made anew where the one that was given out last has items that it may not have any more. */
  refreshIfGone(): void {
    const given = this.#given
    if (given && !this.filters.admits(given.generation, given.items)) this.refresh()
  }

  /** The list cannot be made. */
  fail(error: Error): void {
    if (!this.#isClosed) this.#handlers.onError(error)
  }

  #enqueue(change: Change): void {
    if (this.#isClosed) return
    const answer = (ranking: Ranking, generation: Generation) => {
      if (!this.#settle(query)) return
      const { at, isChange } = query.change
      const { request: _, ...ranked } = query.ranked!
      this.#handlers.onRanking({ ...ranked, changedAt: at, isChange, ranking, generation })
    }
    const { filters } = this
    const { arrangement } = this.#handlers
    const pending: PendingQuery = {
      client: this.#client,
      limit: filters.depth,
      get depth() {
        return query.depth ?? arrangement.depth(filters)
      },
      resolve: generation => this.#resolve(query, generation),
      answer: ([ranking, pinned], generation) => {
        const ranked = { ranking, pinned, request: query.ranked!.request, generation }
        const deeper = arrangement.deeper(ranked, filters)
        if (deeper !== undefined) return this.#rankAgain(query, deeper)
        const list = arrangement.arrange(ranked, filters)
        if (list instanceof Promise) list.then(list => answer(list, generation), pending.fail)
        else answer(list, generation)
      },
      fail: error => {
        if (this.#settle(query)) this.fail(error)
      },
    }
    const query: Enqueued = { change, ranked: undefined, next: undefined, depth: undefined, pending }
    this.#query = query
    this.#handlers.enqueue(pending, change.priority)
  }

  /** The first `depth` items are ranked, for all changes that came by now. */
  #rankAgain(query: Enqueued, depth: number): void {
    if (query !== this.#query) return
    query.change = both(query.change, query.next)
    query.next = query.ranked = undefined
    query.depth = depth
    this.#handlers.enqueue(query.pending, query.change.priority)
  }

  #resolve(query: Enqueued, generation: Generation): readonly RankRequest[] | undefined {
    if (query !== this.#query) return undefined
    if (this.#isClosed || !this.state.isLoaded) {
      this.#query = undefined
      return undefined
    }
    const making = this.filters.prepare(generation)
    if (making) {
      const enqueue = () => {
        if (query === this.#query) this.#handlers.enqueue(query.pending, query.change.priority)
      }
      making.then(enqueue, query.pending.fail)
      return undefined
    }
    const { version, sequence, newest } = this.state
    const now = Date.now()
    const { seen } = this.filters
    const { arrangement } = this.#handlers
    const { exclude, only } = this.filters.rowsIn(generation)
    const request = {
      user: this.state.rowIn(generation),
      recent: this.state.recent(generation),
      now,
      contextWeight: this.filters.contextWeight,
      seen,
      limit: query.depth ?? arrangement.depth(this.filters, generation),
      exclude,
      only,
      allowed: this.filters.allowedIn(generation),
      discounts: this.#handlers.discounts?.(this.state, generation, now),
    }
    query.ranked = { version, sequence, after: newest, request }
    const pinRequest = arrangement.pinRequest(request, this.filters, generation)
    return pinRequest ? [request, pinRequest] : [request]
  }

  /** Follows the query by the next, if one is wanted; gives whether its outcome is. */
  #settle(query: Enqueued): boolean {
    if (query !== this.#query) return false
    this.#query = undefined
    if (query.next) this.#enqueue(query.next)
    return !this.#isClosed
  }
}

/** What a list must be like that shows both. */
function both(one: Change | undefined, other: Change): Change
function both(one: Change, other: Change | undefined): Change
function both(one: Change | undefined, other: Change | undefined): Change | undefined {
  if (!one || !other) return one ?? other
  const priority = one.priority === 'normal' ? 'normal' : other.priority
  return { priority, at: Math.min(one.at, other.at), isChange: one.isChange || other.isChange }
}
