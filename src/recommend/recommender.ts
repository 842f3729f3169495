import { Catalogue, type CatalogueOptions } from '../catalogue/catalogue.ts'
import type { VisibilityChange } from '../catalogue/visibility.ts'
import type { UserEvent } from '../events/event.ts'
import type { Impressions } from '../events/impressions.ts'
import { Journal, type JournalOptions, type Outcome } from '../events/journal.ts'
import { nothingRemoved, type Removed } from '../events/store.ts'
import { Pool } from '../parallel/pool.ts'
import { unlessAborted } from '../parallel/unless-aborted.ts'
import { RecommendError, unknownItem } from './errors.ts'
import { ChangeFollowers } from './generations/change-followers.ts'
import { Generation } from './generations/generation.ts'
import { Generations, type Workers } from './generations/generations.ts'
import { Explanations } from './lists/explanations.ts'
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
import { UserLists } from './lists/user-lists.ts'
import type { UserRanking } from './lists/user-subscription.ts'
import type { Watch } from './lists/watched-list.ts'
import { highestPositions, sharedPosition } from './retraining/positions.ts'
import { SimilarLookups } from './similar/similar-lookups.ts'
import { type FoundSimilar, SimilarSubscriptions } from './similar/similar-subscriptions.ts'
import { Forgetting, type Forgotten } from './users/forgetting.ts'
import { type ImpressionOptions, type ImpressionRule, impressionRule } from './users/impression-discounts.ts'
import { type UserItem, userItems } from './users/user-items.ts'

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

/**
 * From histories to lists, live: events in, lists out, under one published generation that can be swapped. An event goes
 * to the journal and, at the same time, into the lists of its user's subscriptions; a list is given out only when the
 * events that it rests on are on disk.
 */
export class Recommender {
  readonly #options: RecommenderOptions
  readonly #workers: Workers
  readonly #journal: Journal | undefined
  readonly #lists: UserLists
  readonly #similar = new SimilarSubscriptions()
  readonly #similarLookups: SimilarLookups
  readonly #catalogue: Catalogue | undefined
  readonly #changes = new ChangeFollowers({
    refreshGone: () => this.#refreshGone(),
    renew: which => this.#renewLists(which),
  })
  readonly #listPrefix = Math.random().toString(36).slice(2, 8)
  #listsNamed = 0
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
    const { onBatch = () => {}, historyLimit = 5000 } = options
    this.#lists = new UserLists({
      generations: this.#generations,
      journal,
      catalogue,
      impressionRule: impressionRule(options),
      historyLimit,
      nameOf: () => this.#newName(),
      onBatch,
      guard: listener => this.#guard(listener),
    })
    this.#similarLookups = new SimilarLookups(background.threads)
    this.#explanations = new Explanations({
      // Others want the workers of low priority, too.
      atOnce: Math.max(1, Math.floor(background.threads / 2)),
      impressionRule: impressionRule(options),
      promotions: catalogue?.promotions,
      generation: () => this.generation,
      recommend: (query, signal, client) => this.recommend(query, signal, client),
      stateOf: user => this.#lists.stateOf(user),
    })
    this.#forgetting = new Forgetting({
      journal,
      catalogue,
      generations: this.#generations,
      pool: background,
      clear: user => this.#lists.clear(user),
    })
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
    return this.#lists.cachedUsers
  }

  /** Lists that wait for a worker. */
  get waitingQueries(): number {
    return this.#lists.waiting + this.#similarLookups.size
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
      if (outcome === 'stored') this.#generations.stored({ ...event, position })
      // What it brought counts for its user, too.
      this.#lists.settle(event.user, sequence, outcome, position, () => !wasKnown && isKnown())
      this.#guard(() => settle(outcome, isKnown()))
    })
    this.#lists.add(event, sequence)
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
      this.#lists.settleImpressions(impressions, outcome)
      this.#guard(() => settle(outcome))
    })
    this.#lists.expectImpressions(impressions.user)
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
    return this.#lists.watched(query.user, new ResolvedFilters(query)).add({
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
    const [list] = await this.#lists.lists([query.user], query, listOf, { signal, client })
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
      const lists = await this.#lists.lists(users, filters, listOf, { signal, client })
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
   * What a user has, of the training and by all events that are on disk, in no order.
   *
   * @param client who asks: clients take turns.
   * @throws as {@link recommend}.
   */
  async itemsOf(user: string, signal?: AbortSignal, client = ''): Promise<UserItem[]> {
    // Once it is made, the user's events are in memory.
    await this.recommend({ user, limit: 1 }, signal, client)
    const { generation } = this
    return generation.use(async () => userItems(this.#lists.stateOf(user), generation))
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
    if (this.#lists.hasEvents(user)) return true
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

  #renewAll(before: number): void {
    this.#lists.renewAll(before)
    this.#similar.renew()
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

  /** Calls `listener` soon after another generation is served; gives what ends that. */
  onGeneration(listener: () => void): () => void {
    return this.#generations.onChange(() => this.#guard(listener))
  }

  /** No swap begins from now on, and one that is under way waits neither for the journal nor for placing. */
  endSwaps(): void {
    this.#generations.stop()
  }

  /** Waits until all events have their outcome and no query is left. */
  async drained(): Promise<void> {
    await this.#journal?.flushed()
    await this.#lists.drained()
  }

  /** Makes durable what was recorded, and releases model and state. What is asked for afterwards fails. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#lists.close()
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

  #refreshGone(): void {
    this.#lists.refreshGone()
    this.#similar.renewIf(({ isAdmitted }) => !isAdmitted())
  }

  #renewLists(which: 'narrowed' | 'all'): void {
    const isDue = ({ filters }: { readonly filters: ResolvedFilters }) => which === 'all' || filters.isNarrowed
    this.#lists.renewIf(isDue)
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
    return `${this.#listPrefix}-${(++this.#listsNamed).toString(36)}`
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
