import { RestartingThread } from '../events/restarting-thread.ts'
import { workerModuleUrl } from '../parallel/pool.ts'
import {
  CatalogueError,
  CatalogueStorageError,
  type Item,
  type ItemInput,
  type ItemPatch,
  type UserLabels,
} from './item.ts'
import type { PinInput, Promoted } from './promotions/promotion.ts'
import { Promotions } from './promotions/promotions.ts'
import type { ItemState } from './rows.ts'
import type { SearchQuery, SearchResult } from './search.ts'
import type { CatalogueStore, Changed } from './store.ts'
import type {
  Method,
  ReadMethod,
  StoreFound,
  StoreRequest,
  StoreResponse,
  StoreResult,
  StoreThreadData,
} from './store-thread.ts'
import { bothChanges, noChange, type RowLookup, Visibility, type VisibilityChange } from './visibility.ts'

export interface CatalogueOptions {
  /** Called after a change in what lists may have, before who made the change knows that it is on disk. */
  readonly onChange?: (change: VisibilityChange) => void
  /** Called with the ids of the items that a call changed, with the same promise. */
  readonly onItems?: (ids: readonly string[]) => void
  /** Called where the catalogue could not be read when items were due to appear or to vanish. */
  readonly onFault?: (error: unknown) => void
}

/** Of a call that changed items. */
export interface ChangeSummary {
  /** Different items of the call. */
  readonly items: number
  /** Entries for the same item as a later one. */
  readonly duplicates: number
}

/** Items that are read at a time when a model is opened or gets new ones: no change waits for more. */
const pageSize = 5000
/** In ms: how long nobody looks at the clock at most, since it may be set. */
const longestPause = 1000
/** The same while no item has a time to come. */
const idlePause = 60_000

/**
 * What is known of items and users, by id: it outlives every model. What a method changed is on disk and in what lists may have
 * before it is fulfilled.
 */
export class Catalogue {
  readonly promotions = new Promotions()
  readonly #writer: StoreThread
  /** No change waits for what it reads. */
  readonly #reader: StoreThread
  readonly #options: CatalogueOptions
  readonly #visibilities = new Set<Visibility>()
  #timer: NodeJS.Timeout | undefined
  /** Until when changes by time are applied. */
  #appliedAt = Date.now()
  #isClosed = false

  /**
   * Opens the catalogue in the state `directory`, which must be locked, and makes an empty one where there is none.
   *
   * @throws Error when it cannot be read.
   */
  static async open(directory: string, options: CatalogueOptions = {}): Promise<Catalogue> {
    const threads = [await startThread(directory, false)]
    try {
      threads.push(await startThread(directory, true))
      const [writer, reader] = threads
      const catalogue = new Catalogue(writer!, reader!, options)
      catalogue.promotions.apply(await catalogue.#change('promoted'))
      return catalogue
    } catch (error) {
      await Promise.all(threads.map(thread => thread.close('the catalogue is closed')))
      throw error
    }
  }

  private constructor(writer: StoreThread, reader: StoreThread, options: CatalogueOptions) {
    this.#writer = writer
    this.#reader = reader
    this.#options = options
  }

  /** What lists of a model with these items may have, kept up to date until it is detached. @throws Error when the catalogue cannot be read. */
  async attach(items: RowLookup): Promise<Visibility> {
    const visibility = new Visibility(items, (kind, name) => this.#read('itemsWith', kind, name))
    // From now on changes are applied to it, so that what is read below is never older than what it has.
    this.#visibilities.add(visibility)
    try {
      for (let after = 0; ; ) {
        const states = await this.#change('statesAfter', after, pageSize)
        visibility.apply(states, Date.now())
        const last = states.at(-1)
        if (!last || states.length < pageSize) break
        after = last.number
      }
      await this.#lookAtClock()
      return visibility
    } catch (error) {
      this.detach(visibility)
      throw error
    }
  }

  /** The tags of items, of those that it has. */
  async tagsOf(ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    return new Map((await this.#read('statesOf', ids)).map(({ id, tags }) => [id, tags]))
  }

  /** Lets lists have what they may of items that got rows since. Gives false where the catalogue cannot be read: then not all of them. */
  async admit(visibility: Visibility, ids: readonly string[]): Promise<boolean> {
    try {
      for (let first = 0; first < ids.length; first += pageSize) {
        const page = ids.slice(first, first + pageSize)
        const states = await this.#change('statesOf', page)
        const known = new Set(states.map(({ id }) => id))
        visibility.apply(states, Date.now())
        for (const row of visibility.rowsOf(page.filter(id => !known.has(id)))) visibility.admit(row)
      }
      return true
    } catch (error) {
      if (!this.#isClosed) this.#options.onFault?.(error)
      return false
    }
  }

  detach(visibility: Visibility): void {
    visibility.isClosed = true
    this.#visibilities.delete(visibility)
  }

  /** Keeps `items` in place of what was known of them; of one id, the last. @throws {CatalogueError} when one is refused: then none is kept. */
  async put(items: readonly ItemInput[]): Promise<ChangeSummary> {
    return summaryOf(await this.#change('put', items))
  }

  /** Changes the fields that are given; an item that the catalogue lacks is made. @throws as {@link put}. */
  async patch(patches: readonly ItemPatch[]): Promise<ChangeSummary> {
    return summaryOf(await this.#change('patch', patches))
  }

  /** Removes what is known of items, promotions too; no list has them until they are put again. */
  async delete(ids: readonly string[]): Promise<ChangeSummary> {
    return summaryOf(await this.#change('delete', ids))
  }

  /** Divides the places of items in lists of users by `factor`, as far as lists are ranked; 1 takes boosts away. @throws as {@link put}. */
  boost(ids: readonly string[], factor: number): Promise<void> {
    return this.#promote(this.#change('boost', ids, factor))
  }

  /** Has items stand at a place of lists of users that may have them, in place of their former pins. @throws as {@link put}. */
  pin(pins: readonly PinInput[]): Promise<void> {
    return this.#promote(this.#change('pin', pins))
  }

  unpin(ids: readonly string[]): Promise<void> {
    return this.#promote(this.#change('unpin', ids))
  }

  /**
   * In the order of `ids`; undefined where nothing is known of one, a promotion neither. `publicAt`, in ms since 1970: only what lists may have then, without
   * vectors and promotions.
   */
  get(ids: readonly string[], publicAt?: number): Promise<(Item | undefined)[]> {
    return this.#read('get', ids, publicAt)
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#read('search', { limit: 1 })).items.length === 0
  }

  search(query: SearchQuery): Promise<SearchResult> {
    return this.#read('search', query)
  }

  /** @throws {CatalogueError} when one is refused: then none is kept. */
  putUsers(users: readonly UserLabels[]): Promise<void> {
    return this.#change('putUsers', users)
  }

  getUsers(ids: readonly string[]): Promise<UserLabels[]> {
    return this.#read('getUsers', ids)
  }

  /** Removes what is known of a user. */
  forgetUser(id: string): Promise<void> {
    return this.#change('forgetUser', id)
  }

  /** Waits until what was asked for is done. What is asked for afterwards fails. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#reader.close('the catalogue is closed')
    await this.#writer.close('the catalogue is closed')
  }

  /** Responses come in the order of requests, and changes are applied in that order. */
  #change<Name extends Method>(method: Name, ...args: Parameters<CatalogueStore[Name]>): Promise<StoreResult<Name>> {
    return call(this.#writer, method, args, result => {
      if (!changes.has(method)) return
      const { items, promoted = [] } = result as Changed
      if (promoted.length > 0) this.promotions.apply(promoted)
      this.#apply(items)
      this.#options.onItems?.(items.map(({ id }) => id))
    })
  }

  /** What was changed by a call that is fulfilled is read as it is since. */
  #read<Name extends ReadMethod>(method: Name, ...args: Parameters<CatalogueStore[Name]>): Promise<StoreResult<Name>> {
    return call(this.#reader, method, args)
  }

  async #promote(promoted: Promise<Promoted>): Promise<void> {
    this.promotions.apply(await promoted)
    this.#options.onChange?.(promotionChange)
    this.#plan(0)
  }

  #apply(states: readonly ItemState[]): void {
    const now = Date.now()
    let change = noChange
    for (const visibility of this.#visibilities) change = bothChanges(change, visibility.apply(states, now))
    if (change.removed || change.added !== 'none') this.#options.onChange?.(change)
    if (states.some(({ from, until }) => from !== undefined || until !== undefined)) this.#plan(0)
  }

  #plan(wait: number): void {
    clearTimeout(this.#timer)
    if (this.#isClosed || this.#visibilities.size === 0) return
    this.#timer = setTimeout(() => {
      this.#lookAtClock().catch(error => {
        if (this.#isClosed) return
        this.#options.onFault?.(error)
        this.#plan(longestPause)
      })
    }, wait)
    this.#timer.unref()
  }

  /** Applies what time has changed since the last look, whichever way the clock went, and plans the next look. */
  async #lookAtClock(): Promise<void> {
    const now = Date.now()
    const before = this.#appliedAt
    const states = await this.#change('changingBetween', before, now)
    this.#appliedAt = now
    if (this.promotions.endsBetween(before, now)) this.#options.onChange?.(promotionChange)
    if (states.length > 0) this.#apply(states)
    const times = [await this.#change('nextChange', now), this.promotions.nextEnd(now)]
    const next = Math.min(...times.map(time => time ?? Number.POSITIVE_INFINITY))
    this.#plan(next === Number.POSITIVE_INFINITY ? idlePause : Math.max(1, Math.min(longestPause, next - Date.now())))
  }
}

function summaryOf({ items, duplicates }: Changed): ChangeSummary {
  return { items: items.length, duplicates }
}

/** Methods whose result has the items that they changed. */
const changes: ReadonlySet<Method> = new Set(['put', 'patch', 'delete'])

/** Any list of a user may be another. */
const promotionChange: VisibilityChange = { removed: false, added: 'all' }

type StoreThread = RestartingThread<StoreRequest, StoreResponse, StoreFound>

async function startThread(directory: string, readOnly: boolean): Promise<StoreThread> {
  const { thread } = await RestartingThread.start<StoreRequest, StoreResponse, StoreFound>({
    module: workerModuleUrl('./store-thread', import.meta.url),
    of: 'the catalogue',
    data: found => ({ directory, identity: found?.identity, readOnly }) satisfies StoreThreadData,
  })
  return thread
}

/** `onResult` is called before whoever waits for the result has it. */
function call<Name extends Method>(
  thread: StoreThread,
  method: Name,
  args: Parameters<CatalogueStore[Name]>,
  onResult: (result: StoreResult<Name>) => void = () => {},
): Promise<StoreResult<Name>> {
  return new Promise((resolve, reject) => {
    thread.request({ method, args } as StoreRequest, response => {
      if (response instanceof Error) return reject(new CatalogueStorageError(response.message))
      if ('failure' in response) {
        return reject(
          response.isRefusal ? new CatalogueError(response.failure) : new CatalogueStorageError(response.failure),
        )
      }
      const result = response.result as StoreResult<Name>
      onResult(result)
      resolve(result)
    })
  })
}
