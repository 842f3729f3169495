import type { Generation } from './generation.ts'
import type { RecommendedList } from './lists.ts'

/** Looked up at once when another model is served: the lists of events must not wait for all. */
const atOnce = 16

interface Subscription {
  /** Never rejected. */
  refresh(): Promise<void>
  close(): void
}

/** Those who want the items similar to one, now and whenever another model is served. */
export class SimilarSubscriptions {
  readonly #current: () => Generation
  readonly #open = new Set<Subscription>()

  /** `current`: what is served now. */
  constructor(current: () => Generation) {
    this.#current = current
  }

  /** Calls `onList` with what `find` gives, unless it is of a model that is not served any more; neither listener may throw. */
  add(
    find: () => Promise<RecommendedList>,
    onList: (list: RecommendedList) => void,
    onError: (error: Error) => void,
  ): { close(): void } {
    const subscription: Subscription = {
      refresh: () =>
        find().then(
          list => {
            if (this.#open.has(subscription) && list.generation === this.#current().name) onList(list)
          },
          error => {
            if (this.#open.has(subscription)) onError(error)
          },
        ),
      close: () => this.#open.delete(subscription),
    }
    this.#open.add(subscription)
    void subscription.refresh()
    return subscription
  }

  /** Looks all up anew, few at a time, until yet another model is served. */
  async renew(): Promise<void> {
    const generation = this.#current()
    const subscriptions = [...this.#open]
    for (let first = 0; first < subscriptions.length && generation === this.#current(); first += atOnce) {
      const some = subscriptions.slice(first, first + atOnce).filter(one => this.#open.has(one))
      await Promise.all(some.map(subscription => subscription.refresh()))
    }
  }
}
