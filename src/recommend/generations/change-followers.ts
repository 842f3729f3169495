import { bothChanges, noChange, type VisibilityChange } from '../../catalogue/visibility.ts'

/** In ms: lists that may have new items are made anew no more often than this. */
const interval = 1000

/** What follows a change in what lists may have. */
export interface Followers {
  /** Has the lists made anew that have what they may not have any more. */
  readonly refreshGone: () => void
  /** Has all lists made anew, or all that are narrowed, in the background. */
  readonly renew: (which: 'narrowed' | 'all') => void
}

/** Follows changes of the catalogue: what vanishes does so at once, what appears may wait for others that do. */
export class ChangeFollowers {
  readonly #followers: Followers
  #renewed = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #change = noChange

  constructor(followers: Followers) {
    this.#followers = followers
  }

  note(change: VisibilityChange): void {
    if (change.removed) this.#followers.refreshGone()
    this.#change = bothChanges(this.#change, change)
    if (change.added === 'none' || this.#timer) return
    const wait = Math.max(0, this.#renewed + interval - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#renewed = performance.now()
      const { added } = this.#change
      this.#change = noChange
      if (added !== 'none') this.#followers.renew(added)
    }, wait)
    this.#timer.unref()
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}
