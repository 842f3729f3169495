import type { VisibilityChange } from '../catalogue/visibility.ts'

/** In ms: lists that may have new items are made anew no more often than this. */
const interval = 1000

/** What follows a change in what lists may have. */
export interface Followers {
  /** Has the lists made anew that have what they may not have any more. */
  readonly refreshGone: () => void
  /** Has all lists made anew, in the background. */
  readonly renewAll: () => void
}

/** Follows changes of the catalogue: what vanishes does so at once, what appears may wait for others that do. */
export class ChangeFollowers {
  readonly #followers: Followers
  #renewed = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(followers: Followers) {
    this.#followers = followers
  }

  note({ removed, added }: VisibilityChange): void {
    if (removed) this.#followers.refreshGone()
    if (!added || this.#timer) return
    const wait = Math.max(0, this.#renewed + interval - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#renewed = performance.now()
      this.#followers.renewAll()
    }, wait)
    this.#timer.unref()
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}
