import type { UserList } from './lists.ts'
import type { UserRanking, UserSubscription } from './user-subscription.ts'

/** One who wants the list for a user, now and whenever it may have changed. */
export interface Watcher {
  readonly onList: (list: UserList, ranking: UserRanking) => void
  readonly onError: (error: Error) => void
}

/** What a watcher holds of the list that it watches. */
export interface Watch {
  close(): void
  /** Has the list made once more for this watcher, who has lost it. */
  renew(): void
}

/** Watchers who are given a list in one turn of the event loop: all others are served between two. */
const watchersAtOnce = 64

/** The list of one subscription of a user, which all share that watch it with the same filters: it is ranked and made once. */
export class WatchedList {
  /** And whether each has a list that was not lost. */
  readonly #watchers = new Map<Watcher, boolean>()
  readonly #onUnwatched: () => void
  readonly #isCurrent: (ranking: UserRanking) => boolean
  #subscription: UserSubscription | undefined
  /** What is being delivered, and the watchers who are to get it. */
  #newest: { readonly list: UserList; readonly ranking: UserRanking } | undefined
  readonly #due = new Set<Watcher>()

  /**
   * `onUnwatched` is called when the last watcher has gone. `isCurrent`: whether what was ranked may still be given out; where not,
   * another list follows for all.
   */
  constructor(onUnwatched: () => void, isCurrent: (ranking: UserRanking) => boolean = () => true) {
    this.#onUnwatched = onUnwatched
    this.#isCurrent = isCurrent
  }

  /** The subscription whose rankings and errors come here. */
  set subscription(subscription: UserSubscription) {
    this.#subscription = subscription
  }

  /** What is made after this is given to `watcher`, too; it is made now if the user is loaded. */
  add(watcher: Watcher): Watch {
    const renew = () => {
      if (!this.#watchers.has(watcher)) return
      this.#watchers.set(watcher, false)
      if (this.#subscription?.state.isLoaded) this.#subscription.refresh(performance.now(), false)
    }
    this.#watchers.set(watcher, false)
    renew()
    return {
      renew,
      close: () => {
        if (!this.#watchers.delete(watcher) || this.#watchers.size > 0) return
        this.#subscription?.close()
        this.#onUnwatched()
      },
    }
  }

  /** Gives `list` to all, or only to those without one where nothing has changed. */
  deliver(list: UserList, ranking: UserRanking): void {
    this.#newest = { list, ranking }
    const isBusy = this.#due.size > 0
    for (const [watcher, hasList] of this.#watchers) if (!hasList || ranking.isChange) this.#due.add(watcher)
    if (!isBusy) this.#deliverSome()
  }

  /** Where a newer list comes before all have the one before it, the others get only the newer one. */
  #deliverSome(): void {
    const { list, ranking } = this.#newest!
    if (!this.#isCurrent(ranking)) this.#due.clear()
    let left = watchersAtOnce
    for (const watcher of this.#due) {
      if (left-- === 0) break
      this.#due.delete(watcher)
      // Those before it may have closed it.
      if (!this.#watchers.has(watcher)) continue
      this.#watchers.set(watcher, true)
      try {
        watcher.onList(list, ranking)
      } catch (error) {
        watcher.onError(error as Error)
      }
    }
    if (this.#due.size > 0) setImmediate(() => this.#deliverSome())
    else this.#newest = undefined
  }

  fail(error: Error): void {
    for (const { onError } of [...this.#watchers.keys()]) onError(error)
  }
}
