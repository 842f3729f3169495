import { Catalogue, type CatalogueOptions } from '../catalogue/catalogue.ts'
import type { VisibilityChange } from '../catalogue/visibility.ts'
import type { UserEvent } from '../events/event.ts'
import type { Impressions } from '../events/impressions.ts'
import { Journal, type JournalOptions, type Outcome, type ReadEvents } from '../events/journal.ts'
import { nothingRemoved, type Removed } from '../events/store.ts'
import { Pool } from '../parallel/pool.ts'
import { unlessAborted } from '../parallel/unless-aborted.ts'
import { MicroBatches } from './batches/micro-batches.ts'
import { RecommendError, unknownItem } from './errors.ts'
import { ChangeFollowers } from './generations/change-followers.ts'
import { Generation } from './generations/generation.ts'
import { Generations, type Workers } from './generations/generations.ts'
import { AskedLists } from './lists/asked-lists.ts'
import { Explanations } from './lists/explanations.ts'
import { HeldRankings } from './lists/held-rankings.ts'
import { type ListFilters, ResolvedFilters } from './lists/list-filters.ts'
import {
  batchListOf,
  type ListExplanation,
  listOf,
  type RecommendedBatch,
  type RecommendedList,
  type SimilarQuery,
  type UserList,
  type UserQuery,
  userListOf,
} from './lists/lists.ts'
import type { TagsOf } from './lists/spread-rankings.ts'
import { type UserRanking, UserSubscription } from './lists/user-subscription.ts'
import { type Watch, WatchedList } from './lists/watched-list.ts'
import { Arrangement } from './promotions/arrangement.ts'
import { PromotedRows } from './promotions/promoted-rows.ts'
import { highestPositions, sharedPosition } from './retraining/positions.ts'
import { SimilarLookups } from './similar/similar-lookups.ts'
import { type FoundSimilar, SimilarSubscriptions } from './similar/similar-subscriptions.ts'
import { Forgetting, type Forgotten } from './users/forgetting.ts'
import { type ImpressionOptions, type ImpressionRule, impressionRule } from './users/impression-discounts.ts'
import { UserCache } from './users/user-cache.ts'
import type { UserState } from './users/user-state.ts'

export interface RecommenderOptions extends JournalOptions, ImpressionOptions {
  /** Directory of the model. */
  readonly model: string
  /** Directory of the events; made if there is none. Without it no events are taken. */
  readonly state?: string | undefined
  /** Directories of datasets that have events of the state, beside those of the model. Default: none is known. */
  readonly datasets?: readonly string[] | undefined
  /** New items that lists may have between trainings. Default: 65,536. */
  readonly newItems?: number | undefined
  /** Workers that rank. Default: as many threads as the machine runs at once. */
  readonly threads?: number | undefined
  /** Called after each batch: queries, and ms that it took. */
  readonly onBatch?: (queries: number, took: number) => void
  /** Called with ms from a change to the list of a subscription that shows it. */
  readonly onList?: (took: number) => void
  /** Called with errors that no call can fail with, as those of listeners. Default: they are warnings of the process. */
  readonly onFault?: (error: unknown) => void
}

/** Which events are kept. */
export interface EventRetention {
  /** Datasets and models that must have the events that are removed. */
  readonly directories: readonly string[]
  /** In ms from its arrival: how long an event is kept. */
  readonly keep: number
  /** In ms from its arrival: how long the id of a removed event is known when it is sent again. */
  readonly keepIds: number
}

/** Events that may wait for the disk. */
const mostPending = 100_000
/** In ms: how long after the journal could not be read it is tried again, for those who wait for lists. */
const loadInterval = 1000

/**
 * From histories to lists, live: events in, lists out, under one published generation that can be swapped. An event goes
 * to the journal and, at the same time, into the lists of its user's subscriptions; a list is given out only when the
 * events that it rests on are on disk.
 */
export class Recommender {
  readonly #options: RecommenderOptions
  readonly #impressionRule: ImpressionRule
  readonly #workers: Workers
  readonly #journal: Journal | undefined
  readonly #users = new UserCache()
  readonly #similar = new SimilarSubscriptions()
  readonly #similarLookups: SimilarLookups
  readonly #catalogue: Catalogue | undefined
  readonly #changes = new ChangeFollowers({
    refreshGone: () => this.#refreshGone(),
    renew: which => this.#renewLists(which),
  })
  readonly #arrangement: Arrangement
  readonly #batches: MicroBatches
  readonly #held = new HeldRankings()
  readonly #listPrefix = Math.random().toString(36).slice(2, 8)
  #lists = 0
  /** Lists that {@link recommend} and {@link recommendBatch} have not given yet. */
  readonly #asked = new AskedLists()
  readonly #explanations: Explanations
  readonly #forgetting: Forgetting
  readonly #generations: Generations
  #closed: Promise<void> | undefined

  /**
   * Opens the model and the state.
   *
   * @throws Error when the model is missing or altered, or the state is in use.
   */
  static async open(options: RecommenderOptions): Promise<Recommender> {
    const { model, state, threads } = options
    impressionRule(options)
    const pool = new Pool(threads === undefined ? {} : { threads })
    const background = new Pool({ threads: Math.max(1, pool.threads - 1), niceness: 10 })
    let generation: Generation | undefined
    let stores: Stores | undefined
    let recommender: Recommender | undefined
    try {
      generation = await Generation.open(model, { pool, background, newItems: options.newItems })
      const positions = highestPositions([model, ...(options.datasets ?? [])])
      // Nothing changes before whoever could change it has the recommender.
      const catalogueOptions = {
        onChange: (change: VisibilityChange) => {
          if (recommender) recommender.#changes.note(change)
        },
        onItems: (ids: readonly string[]) => {
          if (recommender) recommender.#generations.itemsChanged(ids)
        },
        onFault: options.onFault ?? warn,
      }
      if (state !== undefined) stores = await openStores(state, journalOptions(options, positions), catalogueOptions)
      if (stores) await generation.attach(stores.catalogue)
      recommender = new Recommender(options, generation, { pool, background }, stores)
      if (stores && !(await stores.catalogue.isEmpty())) recommender.#generations.beginPlacing()
      return recommender
    } catch (error) {
      await Promise.all([stores?.journal.close(), stores?.catalogue.close()])
      await generation?.retire().catch(() => {})
      await Promise.all([pool.close(), background.close()])
      throw error
    }
  }

  private constructor(
    options: RecommenderOptions,
    generation: Generation,
    workers: Workers,
    stores: Partial<Stores> = {},
  ) {
    const { journal, catalogue } = stores
    const { background } = workers
    this.#options = options
    this.#impressionRule = impressionRule(options)
    this.#workers = workers
    this.#journal = journal
    this.#catalogue = catalogue
    this.#generations = new Generations(generation, {
      ...workers,
      journal,
      catalogue,
      state: options.state,
      newItems: options.newItems,
      onSwap: before => this.#renewAll(before),
      onPlaced: () => this.#changes.note({ removed: false, added: 'all' }),
      onFault: error => this.#report(error),
    })
    this.#arrangement = new Arrangement(
      catalogue && new PromotedRows(catalogue.promotions),
      () => this.generation,
      ids => this.#tagsOf(ids),
    )
    const { onBatch = () => {} } = options
    this.#batches = new MicroBatches(() => this.generation, {
      onBatch: (queries, took) => this.#guard(() => onBatch(queries, took)),
    })
    this.#similarLookups = new SimilarLookups(background.threads)
    this.#explanations = new Explanations({
      // Others want the workers of low priority, too.
      atOnce: Math.max(1, Math.floor(background.threads / 2)),
      impressionRule: this.#impressionRule,
      promotions: catalogue?.promotions,
      generation: () => this.generation,
      recommend: (query, signal, client) => this.recommend(query, signal, client),
      stateOf: user => this.#users.get(user),
    })
    this.#forgetting = new Forgetting({
      journal,
      catalogue,
      generations: this.#generations,
      pool: background,
      clear: user => this.#clear(user),
    })
    journal?.onSettled(() => this.#held.release(journal.settled))
  }

  /** What is served now. */
  get generation(): Generation {
    return this.#generations.current
  }

  /** What is known of items and users beside events. @throws {RecommendError} `storage_failed` where there is no state. */
  get catalogue(): Catalogue {
    if (this.#catalogue) return this.#catalogue
    throw new RecommendError('storage_failed', 'there is no state to keep a catalogue in: open it with one')
  }

  /** Users whose events are in memory. */
  get cachedUsers(): number {
    return this.#users.size
  }

  /** Lists that wait for a worker. */
  get waitingQueries(): number {
    return this.#batches.waiting + this.#similarLookups.size
  }

  /** Events that wait for the disk. */
  get pendingEvents(): number {
    return this.#journal?.pending ?? 0
  }

  /** Whether lists are by all that was recorded: not while a model that was just opened learns from its journal. */
  get isCurrent(): boolean {
    return this.#generations.isCurrent
  }

  /** Why events cannot be made durable now, if they cannot. */
  get storageFailure(): string | undefined {
    return this.#journal?.failure
  }

  /**
   * Records `event`: calls `settle` once it is known what became of it, `stored` after an fsync, and whether the model has
   * its item: if not, it counts from the next model on that was trained with it.
   *
   * @param given may be changed once this has returned.
   * @throws {RecommendError} `overloaded`, `storage_failed` where there is no state; then it is not recorded.
   * @throws TypeError where the event cannot be recorded as it is.
   */
  record(given: UserEvent, settle: (outcome: Outcome, isKnown: boolean) => void): void {
    // A clock that is ahead must not age what others did, now or in the next training.
    const event = { ...given, time: Math.min(given.time, Date.now()) }
    const journal = this.#openJournal
    const isKnown = () => event.item === undefined || this.generation.countsEventsOf(event.item)
    const wasKnown = isKnown()
    const sequence = journal.append(event, (outcome, position) => {
      const state = this.#users.find(event.user)
      if (outcome === 'stored') {
        state?.settle(sequence, position)
        this.#generations.stored({ ...event, position })
        // What it brought counts for its user, too.
        if (!wasKnown && isKnown() && state?.isLoaded) {
          state.lookUpAgain()
          refresh(state)
        }
      }
      // One that failed may be on disk all the same, where the journal could not say so any more.
      else if (state?.remove(sequence)) this.#refreshOrLoad(state, outcome === 'failed' || state.lacksEvents)
      this.#guard(() => settle(outcome, isKnown()))
    })
    const state = this.#users.find(event.user)
    if (!state) return
    state.add(event, sequence)
    state.trim(this.#historyLimit)
    this.#refreshOrLoad(state, state.isIncomplete)
  }

  /**
   * Records what a user was shown: calls `settle` once it is known what became of that. From then on these items sink in the user's lists, until
   * an event on them is recorded ({@link ImpressionRule}); lists that were given out are not made anew for it, since who shows them would have to
   * tell that again.
   *
   * @throws as {@link record}.
   */
  recordImpressions(given: Impressions, settle: (outcome: Outcome) => void): void {
    // A clock that is ahead must not have them count for longer.
    const impressions = { ...given, items: [...given.items], time: Math.min(given.time, Date.now()) }
    this.#openJournal.appendImpressions(impressions, outcome => {
      const state = this.#users.find(impressions.user)
      if (outcome === 'stored') state?.noteShown(impressions, this.#impressionRule.halfLife)
      // They may be on disk all the same.
      else if (outcome === 'failed' && state?.isLoaded) this.#refreshOrLoad(state, true)
      this.#guard(() => settle(outcome))
    })
    this.#users.find(impressions.user)?.expectImpressions()
  }

  /** @throws {RecommendError} `overloaded`; `storage_failed` where there is no state. */
  get #openJournal(): Journal {
    const journal = this.#journal
    if (!journal) throw new RecommendError('storage_failed', 'there is no state to record events in: open it with one')
    if (journal.pending >= mostPending) {
      throw new RecommendError('overloaded', `${mostPending} events wait for the disk: send it again later`)
    }
    return journal
  }

  /**
   * Calls `onList` with the list for a user, now and whenever it may have changed, until the watch is closed. Who watches
   * the same user with the same filters gets the same object.
   */
  subscribe(query: UserQuery, onList: (list: UserList) => void, onError: (error: Error) => void): Watch {
    const filters = new ResolvedFilters(query)
    const { watched } = this.#users.get(query.user)
    const { key } = filters
    const list = watched.get(key) ?? this.#watch(query.user, filters)
    return list.add({
      onList: (list, { changedAt }) => {
        this.#options.onList?.(performance.now() - changedAt)
        onList(list)
      },
      onError: error => this.#guard(() => onError(error)),
    })
  }

  /** Calls `onList` with the items most similar to one, now and whenever another model is served. */
  subscribeSimilar(
    query: SimilarQuery,
    onList: (list: RecommendedList) => void,
    onError: (error: Error) => void,
    client = '',
  ): Watch {
    return this.#similar.add(
      signal => this.#findSimilar(query, signal, client),
      list => this.#guard(() => onList(list)),
      error => this.#guard(() => onError(error)),
    )
  }

  /**
   * The list for a user, once.
   *
   * @throws the signal's reason when it is aborted before; the query is then not ranked any more.
   * @param client who asks: clients take turns.
   * @throws {RecommendError} `overloaded` while 100,000 lists are asked for, by clients who ask for their share of these; or
   *   where it would take 10 s.
   */
  async recommend(query: UserQuery, signal?: AbortSignal, client = ''): Promise<UserList> {
    const listOf = (ranking: UserRanking) => userListOf(ranking, this.#newName())
    const [list] = await this.#listsOf([query.user], query, listOf, { signal, client })
    return list!
  }

  /**
   * The list for each of `users`, once; they are ranked together, and once more where another model takes over meanwhile.
   *
   * @throws as {@link recommend}.
   */
  async recommendBatch(
    users: readonly string[],
    filters: ListFilters,
    signal?: AbortSignal,
    client = '',
  ): Promise<RecommendedBatch> {
    for (;;) {
      const generations = new Set<string>()
      const listOf = (ranking: UserRanking) => {
        generations.add(ranking.generation.name)
        return batchListOf(ranking)
      }
      const lists = await this.#listsOf(users, filters, listOf, { signal, client })
      const [generation = this.generation.name, ...others] = generations
      if (others.length === 0) return { list: this.#newName(), generation, lists }
    }
  }

  /**
   * Why `items` would be recommended to a user as they would be now: those that lists may have and the model has an opinion of, best first.
   *
   * @param client who asks: clients take turns.
   * @throws as {@link recommend}; {@link RecommendError} `overloaded` while 1000 wait, for clients who have their share of these.
   */
  async explain(user: string, items: readonly string[], signal?: AbortSignal, client = ''): Promise<ListExplanation> {
    return this.#explanations.explain(user, items, signal, client)
  }

  /**
   * The items most similar to one, without itself.
   *
   * @throws {RecommendError} `unknown_item`; `overloaded` while 100,000 such lists wait. UnsupportedError when the
   *   algorithm cannot find similar items, or not by the measure. The signal's reason when it is aborted before.
   */
  async similar(query: SimilarQuery, signal?: AbortSignal, client = ''): Promise<RecommendedList> {
    return (await this.#findSimilar(query, signal, client)).list
  }

  async #findSimilar(query: SimilarQuery, signal: AbortSignal | undefined, client: string): Promise<FoundSimilar> {
    signal?.throwIfAborted()
    const { item, measure } = query
    const filters = new ResolvedFilters(query)
    const generation = this.generation
    const found = generation.use(async models => {
      const row = generation.rowOfDescribed(item)
      if (row < 0) throw unknownItem(item, models.artifact.items)
      for (;;) {
        await filters.prepare(generation)
        const request = { item: row, limit: filters.limit, measure, allowed: filters.allowedIn(generation) }
        const found = await this.#similarLookups.find(models, request, { signal, client })
        const isAdmitted = () => filters.admits(generation, found.items)
        if (isAdmitted()) return { list: listOf(found, generation, this.#newName()), isAdmitted, filters }
      }
    })
    return unlessAborted(found, signal)
  }

  /** Whether the model or the journal knows `user`. */
  async knows(user: string): Promise<boolean> {
    if (this.generation.artifact.users.indexOf(user) >= 0) return true
    if (this.#users.find(user)?.hasEvents) return true
    return (await this.#journal?.knows(user, this.#generations.after)) ?? false
  }

  /**
   * Opens the model at `directory` beside the one that is served, verifies it on a thread of low priority, and replaces
   * the old one in one step: later batches are ranked by the new one, subscribers get new lists, those of users made on
   * that thread, and the old one is closed when its last query has ended. One swap at a time.
   *
   * @throws {RecommendError} `bad_model` when it cannot be opened: the old one goes on being served; `shutting_down` where it
   *   had not begun when {@link close} was called. The signal's reason where it was aborted before it began.
   */
  swap(directory: string, signal?: AbortSignal): Promise<Generation> {
    return this.#generations.swap(directory, signal)
  }

  /** Has all lists made anew by another model, where the former had the events up to `before`. */
  #renewAll(before: number): void {
    this.#held.renew()
    for (const state of this.#users) this.#renew(state, before)
    this.#similar.renew()
  }

  /** Has the lists of the state made anew by another model, where the former had the events up to `before`. */
  #renew(state: UserState, before: number): void {
    if (!state.isLoaded) return
    if (
      this.#generations.after === before ||
      (this.#generations.after > before && state.dropUpTo(this.#generations.after))
    ) {
      renew(state)
    } else {
      state.unload()
      if (state.subscriptions.size > 0) void this.#load(state, renew)
    }
  }

  /**
   * Removes events that `keep` and `keepIds` (ms from their arrival) do not keep, as far as all of `directories`, datasets and
   * models, have them, and the model that is served. Gives how many rows of events and ids.
   *
   * @throws Error when a directory is none of ours, or the disk failed.
   */
  async removeEvents({ directories, keep, keepIds }: EventRetention): Promise<Removed> {
    const journal = this.#journal
    if (!journal) return nothingRemoved
    const upTo = Math.min(sharedPosition(directories, journal.name), this.#generations.after)
    return journal.remove({ upTo, keep, keepIds })
  }

  /**
   * Removes what is known of `user` from the journal, the memory, the model that is served, and from
   * `directories`, other models and datasets; of models, from those before and after them, too. Gives how many rows of events and ids there were, and which directories had the user.
   *
   * @throws Error when a disk failed: then it is to be done again.
   */
  async forget(user: string, directories: readonly string[] = []): Promise<Forgotten> {
    return this.#forgetting.forget(user, directories)
  }

  /** Removes what is in memory of a user. */
  #clear(user: string): void {
    const state = this.#users.find(user)
    if (!state) return
    state.clear()
    this.#refreshOrLoad(state, true)
  }

  /** Calls `listener` soon after another generation is served; gives what ends that. */
  onGeneration(listener: () => void): () => void {
    return this.#generations.onChange(() => this.#guard(listener))
  }

  /** No other model is served from now on, but for one that is nearly so. */
  endSwaps(): void {
    this.#generations.stop()
  }

  /** Waits until all events have their outcome and no query is left. */
  async drained(): Promise<void> {
    await this.#journal?.flushed()
    await this.#batches.drained()
  }

  /** Makes durable what was recorded, and releases model and state. What is asked for afterwards fails. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#generations.close()
    this.#changes.close()
    try {
      // The journal last, which has the state locked.
      await this.#catalogue?.close()
      await this.#journal?.close()
    } finally {
      await this.#generations.retire()
      await Promise.all([this.#workers.pool.close(), this.#workers.background.close()])
    }
  }

  /** The list for each of `users`, once, made by `listOf` as soon as the user is ranked. */
  async #listsOf<List>(
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
      onRanking: ranking => list.deliver(userListOf(ranking, this.#newName()), ranking),
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
        discounts: (state, generation, now) => state.discounts(generation, now, this.#impressionRule),
        onRanking: ranking => this.#deliver(subscription, ranking, onRanking),
        onError: error => this.#guard(() => onError(error)),
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

  get #historyLimit(): number {
    return this.#options.historyLimit ?? 5000
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
      for (let after = -1; !state.isLoaded || after !== this.#generations.after || state.isIncomplete; ) {
        state.unload()
        after = this.#generations.after
        state.load((await this.#journal?.recent(state.user, after)) ?? noHistory, this.#historyLimit)
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
    if (!this.#closed && !state.isLoaded && state.subscriptions.size > 0) void this.#load(state)
  }

  /** Gives out the ranking, unless another follows; if its events are not on disk yet, later. */
  #deliver(subscription: UserSubscription, ranking: UserRanking, onRanking: OnUserRanking): void {
    const { generation, version, sequence } = ranking
    // A list that rests on an event that does not count, or on a model that is not served any more: another follows.
    const isOutdated = version !== subscription.state.version || generation !== this.generation
    if (isOutdated || subscription.isClosed) return
    // It has items that were hidden while it was made.
    if (!subscription.admits(ranking)) {
      subscription.refresh(ranking.changedAt, ranking.isChange)
      return
    }
    if (sequence > (this.#journal?.settled ?? 0)) {
      this.#held.hold(subscription, ranking, held => this.#deliver(subscription, held, onRanking))
      return
    }
    try {
      onRanking(ranking)
    } catch (error) {
      subscription.fail(error as Error)
    }
  }

  async #tagsOf(ids: Parameters<TagsOf>[0]): ReturnType<TagsOf> {
    const tags = await this.#catalogue?.tagsOf(ids)
    return ids.map(id => tags?.get(id) ?? [])
  }

  #refreshGone(): void {
    for (const { subscriptions } of this.#users) for (const subscription of subscriptions) subscription.refreshIfGone()
    this.#similar.renewIf(({ isAdmitted }) => !isAdmitted())
  }

  #renewLists(which: 'narrowed' | 'all'): void {
    const isDue = ({ filters }: { readonly filters: ResolvedFilters }) => which === 'all' || filters.isNarrowed
    for (const { subscriptions, isLoaded } of this.#users) {
      for (const subscription of subscriptions) if (isLoaded && isDue(subscription)) subscription.renew()
    }
    this.#similar.renewIf(isDue)
  }

  /** Calls a listener of the caller's: what it throws is reported, and ends nothing else. */
  #guard(listener: () => void): void {
    guard(listener, this.#options.onFault)
  }

  #report(error: unknown): void {
    ;(this.#options.onFault ?? warn)(error)
  }

  #newName(): string {
    return `${this.#listPrefix}-${(++this.#lists).toString(36)}`
  }
}

/** What lies in the state. */
interface Stores {
  readonly journal: Journal
  readonly catalogue: Catalogue
}

/** The journal first, which locks the state. */
async function openStores(state: string, options: JournalOptions, catalogueOptions: CatalogueOptions): Promise<Stores> {
  const journal = await Journal.open(state, options)
  try {
    return { journal, catalogue: await Catalogue.open(state, catalogueOptions) }
  } catch (error) {
    await journal.close()
    throw error
  }
}

/** A list and the ranking that it was made of. */
interface Made<List> {
  readonly list: List
  readonly ranking: UserRanking
}

const noHistory: ReadEvents = { events: [], changes: [], asOf: 0 }

function journalOptions(
  { since, historyLimit, impressionHalfLife, onCommit, onFault }: RecommenderOptions,
  positions: JournalOptions['positions'],
): JournalOptions {
  return {
    since,
    positions,
    historyLimit,
    impressionHalfLife,
    onCommit: (...commit) => guard(() => onCommit?.(...commit), onFault),
  }
}

function guard(listener: () => void, onFault = warn): void {
  try {
    listener()
  } catch (error) {
    onFault(error)
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}

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
