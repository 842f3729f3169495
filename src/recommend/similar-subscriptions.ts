import type { RecommendedList } from './lists.ts'
import type { Watch } from './watched-list.ts'

/** Those who want the items similar to one, now and whenever another model is served. */
export class SimilarSubscriptions {
  readonly #open = new Set<Watch>()

  /** Calls `onList` with what `find` gives, unless it is to be found anew or was closed; neither listener may throw. */
  add(
    find: (signal: AbortSignal) => Promise<RecommendedList>,
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
          list => {
            if (!signal.aborted) onList(list)
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
    this.#open.add(subscription)
    subscription.renew()
    return subscription
  }

  /** Looks all up anew: another model is served. */
  renew(): void {
    for (const subscription of this.#open) subscription.renew()
  }
}
