import type { Sequence } from '../../events/journal.ts'
import type { UserRanking, UserSubscription } from './user-subscription.ts'

export type Deliver = (ranking: UserRanking) => void

/** The oldest is not replaced by newer ones: under a steady flow of events no list would ever leave. */
interface Held {
  readonly oldest: UserRanking
  newest: UserRanking | undefined
  readonly deliver: Deliver
}

/** Rankings that rest on events which are not on disk yet. */
export class HeldRankings {
  readonly #held = new Map<UserSubscription, Held>()

  hold(subscription: UserSubscription, ranking: UserRanking, deliver: Deliver): void {
    const held = this.#held.get(subscription)
    // One that is left out may have been for all, and the one that follows it is not.
    if (held) held.newest = { ...ranking, isChange: ranking.isChange || held.newest?.isChange === true }
    else this.#held.set(subscription, { oldest: ranking, newest: undefined, deliver })
  }

  /** Delivers them as far as they rest on events up to `settled`. */
  release(settled: Sequence): void {
    for (const [subscription, { oldest, newest, deliver }] of [...this.#held]) {
      if (oldest.sequence > settled) continue
      this.#held.delete(subscription)
      if (!newest || newest.sequence > settled) deliver(oldest)
      // Which may be held again.
      if (newest) deliver(newest)
    }
  }

  /** Drops them, as of another model than is served, and has the lists made anew: as of the oldest change that they answer. */
  renew(): void {
    const dropped = [...this.#held]
    this.#held.clear()
    for (const [subscription, { oldest }] of dropped) subscription.refresh(oldest.changedAt)
  }
}
