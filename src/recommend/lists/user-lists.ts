import type { Catalogue } from '../../catalogue/catalogue.ts'
import type { UserEvent } from '../../events/event.ts'
import type { Impressions } from '../../events/impressions.ts'
import type { Journal, Outcome, ReadEvents, Sequence } from '../../events/journal.ts'
import { unlessAborted } from '../../parallel/unless-aborted.ts'
import { MicroBatches } from '../batches/micro-batches.ts'
import type { Generations } from '../generations/generations.ts'
import { Arrangement } from '../promotions/arrangement.ts'
import { PromotedRows } from '../promotions/promoted-rows.ts'
import type { ImpressionRule } from '../users/impression-discounts.ts'
import { UserCache } from '../users/user-cache.ts'
import type { UserState } from '../users/user-state.ts'
import { AskedLists } from './asked-lists.ts'
import { HeldRankings } from './held-rankings.ts'
import { type ListFilters, ResolvedFilters } from './list-filters.ts'
import { userListOf } from './lists.ts'
import type { TagsOf } from './spread-rankings.ts'
import { type UserRanking, UserSubscription } from './user-subscription.ts'
import { WatchedList } from './watched-list.ts'

/** In ms: how long after the journal could not be read it is tried again, for those who wait for lists. */
const loadInterval = 1000

export interface UserListsOptions {
  readonly generations: Generations
  readonly journal: Journal | undefined
  readonly catalogue: Catalogue | undefined
  readonly impressionRule: ImpressionRule
  /** Events of a user that count at the most. */
  readonly historyLimit: number
  /** Gives the name of a new list. */
  readonly nameOf: () => string
  /** Called after each batch: queries, and ms that it took. */
  readonly onBatch: (queries: number, took: number) => void
  /** Calls a listener of the caller's: what it throws is reported, and ends nothing else. */
  readonly guard: (listener: () => void) => void
}

/**
 * What users did since the training of the model that is served, and the lists that follow from it: once, or now and whenever they may have
 * changed. A list is given out only when the events that it rests on are on disk.
 */
export class UserLists {
  readonly #options: UserListsOptions
  readonly #users = new UserCache()
  readonly #arrangement: Arrangement
  readonly #batches: MicroBatches
  readonly #held = new HeldRankings()
  /** Lists that {@link lists} has not given yet. */
  readonly #asked = new AskedLists()
  #isClosed = false

  constructor(options: UserListsOptions) {
    const { generations, journal, catalogue, onBatch } = options
    this.#options = options
    this.#arrangement = new Arrangement(
      catalogue && new PromotedRows(catalogue.promotions),
      () => generations.current,
      ids => this.#tagsOf(ids),
    )
    this.#batches = new MicroBatches(() => generations.current, {
      onBatch: (queries, took) => options.guard(() => onBatch(queries, took)),
    })
    journal?.onSettled(() => this.#held.release(journal.settled))
  }

  /** Users whose events are in memory. */
  get cachedUsers(): number {
    return this.#users.size
  }

  /** Lists that wait for a worker. */
  get waiting(): number {
    return this.#batches.waiting
  }

  /** What is known of a user. */
  stateOf(user: string): UserState {
    return this.#users.get(user)
  }

  /** Whether a user is known to have events. */
  hasEvents(user: string): boolean {
    return this.#users.find(user)?.hasEvents ?? false
  }

  /** Counts an event that the journal has been given, in lists that are made from now on. */
  add(event: UserEvent, sequence: Sequence): void {
    const state = this.#users.find(event.user)
    if (!state) return
    state.add(event, sequence)
    state.trim(this.#options.historyLimit)
    this.#refreshOrLoad(state, state.isIncomplete)
  }

  /**
   * Says what became of an event: one that failed does not count.
   *
   * @param isNewlyKnown whether it brought its item into the model: then it counts from now on.
   */
  settle(user: string, sequence: Sequence, outcome: Outcome, position: number, isNewlyKnown: () => boolean): void {
    const state = this.#users.find(user)
    if (!state) return
    if (outcome === 'stored') {
      state.settle(sequence, position)
      if (!isNewlyKnown() || !state.isLoaded) return
      state.lookUpAgain()
      refresh(state)
    }
    // One that failed may be on disk all the same, where the journal could not say so any more.
    else if (state.remove(sequence)) this.#refreshOrLoad(state, outcome === 'failed' || state.lacksEvents)
  }

  /** Impressions have been given to the journal. */
  expectImpressions(user: string): void {
    this.#users.find(user)?.expectImpressions()
  }

  /** Says what became of impressions. */
  settleImpressions(impressions: Impressions, outcome: Outcome): void {
    const state = this.#users.find(impressions.user)
    if (outcome === 'stored') state?.noteShown(impressions, this.#options.impressionRule.halfLife)
    // They may be on disk all the same.
    else if (outcome === 'failed' && state?.isLoaded) this.#refreshOrLoad(state, true)
  }

  /** Removes what is in memory of a user whose events are gone. */
  clear(user: string): void {
    const state = this.#users.find(user)
    if (!state) return
    state.clear()
    this.#refreshOrLoad(state, true)
  }

  /** The list for a user that all share who watch it with the same filters. */
  watched(user: string, filters: ResolvedFilters): WatchedList {
    return this.#users.get(user).watched.get(filters.key) ?? this.#watch(user, filters)
  }

  /** Has all lists made anew by another model, where the former had the events up to `before`. */
  renewAll(before: number): void {
    this.#held.renew()
    for (const state of this.#users) this.#renew(state, before)
  }

  /** Has those lists made anew that have items which lists may not have any more. */
  refreshGone(): void {
    for (const { subscriptions } of this.#users) for (const subscription of subscriptions) subscription.refreshIfGone()
  }

  /** Has the lists made anew whose filters are due. */
  renewIf(isDue: (list: { readonly filters: ResolvedFilters }) => boolean): void {
    for (const { subscriptions, isLoaded } of this.#users) {
      for (const subscription of subscriptions) if (isLoaded && isDue(subscription)) subscription.renew()
    }
  }

  /** Waits until no list is being made. */
  drained(): Promise<void> {
    return this.#batches.drained()
  }

  close(): void {
    this.#isClosed = true
  }

  /** The list for each of `users`, once, made by `listOf` as soon as the user is ranked. */
  async lists<List>(
    users: readonly string[],
    filters: ListFilters,
    listOf: (ranking: UserRanking) => List,
    { signal, client }: Asking,
  ): Promise<List[]> {
    signal?.throwIfAborted()
    const resolved = new ResolvedFilters(filters)
    const made: Made<List>[] = []
    let left = [...users.keys()]
    // Once more for those that had to wait for others, in any round, and have items meanwhile that lists may not have any more.
    while (left.length > 0) {
      const lists = await this.#makeLists(
        left.map(at => users[at]!),
        resolved,
        listOf,
        { signal, client },
      )
      left.forEach((at, place) => {
        made[at] = lists[place]!
      })
      left = [...made.keys()].filter(at => {
        const { generation, ranking } = made[at]!.ranking
        return !resolved.admits(generation, ranking.items)
      })
    }
    return made.map(({ list }) => list)
  }

  async #makeLists<List>(
    users: readonly string[],
    resolved: ResolvedFilters,
    listOf: (ranking: UserRanking) => List,
    { signal, client }: Asking,
  ): Promise<Made<List>[]> {
    this.#asked.admit(client, users.length, this.#batches.expectedWait({ client, limit: resolved.depth }))
    const subscriptions: UserSubscription[] = []
    const lists = users.map(
      user =>
        new Promise<Made<List>>((resolve, reject) => {
          const onRanking = (ranking: UserRanking) => {
            resolve({ list: listOf(ranking), ranking })
            subscription.close()
          }
          const subscription = this.#open(user, resolved, { onRanking, onError: reject, client })
          subscriptions.push(subscription)
          this.#begin(subscription)
        }),
    )
    this.#asked.add(client, users.length)
    try {
      return await unlessAborted(Promise.all(lists), signal)
    } finally {
      for (const subscription of subscriptions) subscription.close()
      this.#asked.add(client, -users.length)
    }
  }

  /** The list for `user` that all share who watch it: its turns are those of none of them. */
  #watch(user: string, filters: ResolvedFilters): WatchedList {
    const { key } = filters
    const client = `list ${key} of ${user}`
    const { watched } = this.#users.get(user)
    const isCurrent = ({ generation, ranking: { items } }: UserRanking) => filters.admits(generation, items)
    const list = new WatchedList(() => watched.delete(key), isCurrent)
    const subscription = this.#open(user, filters, {
      onRanking: ranking => list.deliver(userListOf(ranking, this.#options.nameOf()), ranking),
      onError: error => list.fail(error),
      client,
    })
    list.subscription = subscription
    watched.set(key, list)
    if (!subscription.state.isLoaded) void this.#load(subscription.state)
    return list
  }

  #open(user: string, filters: ResolvedFilters, { onRanking, onError, client }: Listening): UserSubscription {
    const subscription = new UserSubscription(
      this.#users.get(user),
      filters,
      {
        enqueue: (query, priority) => {
          if (priority === 'normal') this.#batches.push(query)
          else this.#batches.pushInBackground(query)
        },
        arrangement: this.#arrangement,
        discounts: (state, generation, now) => state.discounts(generation, now, this.#options.impressionRule),
        onRanking: ranking => this.#deliver(subscription, ranking, onRanking),
        onError: error => this.#options.guard(() => onError(error)),
      },
      client,
    )
    return subscription
  }

  /** Only this one: what the user's other subscriptions show has not changed. */
  #begin(subscription: UserSubscription): void {
    if (subscription.state.isLoaded) subscription.refresh()
    else void this.#load(subscription.state)
  }

  /** Has the lists of the state made anew, which some events turned out not to count for; `reads` the journal before. */
  #refreshOrLoad(state: UserState, reads: boolean): void {
    if (reads) {
      state.unload()
      void this.#load(state)
    } else {
      refresh(state)
    }
  }

  /**
   * Reads what the journal knows of a user, and has the lists made as by {@link refresh}; where it cannot be read, again later.
   */
  async #load(state: UserState, makeAnew = refresh): Promise<void> {
    if (state.isLoading) return
    state.isLoading = true
    try {
      for (let after = -1; !state.isLoaded || after !== this.#options.generations.after || state.isIncomplete; ) {
        state.unload()
        after = this.#options.generations.after
        state.load((await this.#options.journal?.recent(state.user, after)) ?? noHistory, this.#options.historyLimit)
      }
    } catch (error) {
      for (const subscription of [...state.subscriptions]) subscription.fail(error as Error)
      setTimeout(() => this.#loadAgain(state), loadInterval).unref()
    } finally {
      state.isLoading = false
    }
    makeAnew(state)
  }

  #loadAgain(state: UserState): void {
    if (!this.#isClosed && !state.isLoaded && state.subscriptions.size > 0) void this.#load(state)
  }

  /** Gives out the ranking, unless another follows; if its events are not on disk yet, later. */
  #deliver(subscription: UserSubscription, ranking: UserRanking, onRanking: OnUserRanking): void {
    const { generation, version, sequence } = ranking
    // A list that rests on an event that does not count, or on a model that is not served any more: another follows.
    const isOutdated = version !== subscription.state.version || generation !== this.#options.generations.current
    if (isOutdated || subscription.isClosed) return
    // It has items that were hidden while it was made.
    if (!subscription.admits(ranking)) {
      subscription.refresh(ranking.changedAt, ranking.isChange)
      return
    }
    if (sequence > (this.#options.journal?.settled ?? 0)) {
      this.#held.hold(subscription, ranking, held => this.#deliver(subscription, held, onRanking))
      return
    }
    try {
      onRanking(ranking)
    } catch (error) {
      subscription.fail(error as Error)
    }
  }

  /** Has the lists of the state made anew by another model, where the former had the events up to `before`. */
  #renew(state: UserState, before: number): void {
    if (!state.isLoaded) return
    if (
      this.#options.generations.after === before ||
      (this.#options.generations.after > before && state.dropUpTo(this.#options.generations.after))
    ) {
      renew(state)
    } else {
      state.unload()
      if (state.subscriptions.size > 0) void this.#load(state, renew)
    }
  }

  async #tagsOf(ids: Parameters<TagsOf>[0]): ReturnType<TagsOf> {
    const tags = await this.#options.catalogue?.tagsOf(ids)
    return ids.map(id => tags?.get(id) ?? [])
  }
}

/** A list and the ranking that it was made of. */
interface Made<List> {
  readonly list: List
  readonly ranking: UserRanking
}

const noHistory: ReadEvents = { events: [], changes: [], asOf: 0 }

type OnUserRanking = (ranking: UserRanking) => void

/** Who asks, and until when. */
interface Asking {
  readonly signal: AbortSignal | undefined
  readonly client: string
}

interface Listening {
  readonly onRanking: OnUserRanking
  readonly onError: (error: Error) => void
  readonly client: string
}

function refresh(state: UserState): void {
  if (!state.isLoaded) return
  for (const subscription of state.subscriptions) subscription.refresh()
}

/** The same in the background. */
function renew(state: UserState): void {
  for (const subscription of state.subscriptions) subscription.renew()
}
