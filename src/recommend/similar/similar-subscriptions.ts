import type { ResolvedFilters } from '../lists/list-filters.ts'
import type { RecommendedList } from '../lists/lists.ts'
import type { Watch } from '../lists/watched-list.ts'

/** A list, and whether it may still have all that it has. */
export interface FoundSimilar {
  readonly list: RecommendedList
  readonly isAdmitted: () => boolean
  readonly filters: ResolvedFilters
}

/** Those who want the items similar to one, now and whenever another model is served. */
export class SimilarSubscriptions {
  /** And what each was given last. */
  readonly #open = new Map<Watch, FoundSimilar | undefined>()

  /** Calls `onList` with what `find` gives, unless it is to be found anew or was closed; neither listener may throw. */
  add(
    find: (signal: AbortSignal) => Promise<FoundSimilar>,
    onList: (list: RecommendedList) => void,
    onError: (error: Error) => void,
  ): Watch {
    let lookup = new AbortController()
    const subscription: Watch = {
      renew: () => {
        lookup.abort()
        lookup = new AbortController()
        const { signal } = lookup
        find(signal).then(
          found => {
            if (signal.aborted) return
            if (!found.isAdmitted()) return subscription.renew()
            this.#open.set(subscription, found)
            onList(found.list)
          },
          error => {
            if (!signal.aborted) onError(error)
          },
        )
      },
      close: () => {
        lookup.abort()
        this.#open.delete(subscription)
      },
    }
    this.#open.set(subscription, undefined)
    subscription.renew()
    return subscription
  }

  /** Looks all up anew: another model is served. */
  renew(): void {
    for (const subscription of [...this.#open.keys()]) subscription.renew()
  }

  /** Looks up anew what has a list for which `isDue` holds. */
  renewIf(isDue: (found: FoundSimilar) => boolean): void {
    for (const [subscription, found] of [...this.#open]) if (found && isDue(found)) subscription.renew()
  }
}
