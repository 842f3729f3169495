import { setTimeout } from 'node:timers/promises'

/** Called at once, or more if these make too many batches. */
const atOnce = 16
const mostBatches = 100
/** In ms: from one batch of listeners to the next. */
const interval = 20

/** Those who want to know when another generation is served. */
export class Announcements {
  readonly #listeners = new Set<() => void>()
  /** The number of the newest: those that are not announced to all yet, are not any more. */
  #newest = 0

  /** Gives what ends it. */
  add(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Calls few listeners at a time: to send to a thousand clients at once would keep all others waiting. Most clients get
   * their list of the new generation before, and the announcement with it.
   */
  async announce(): Promise<void> {
    const number = ++this.#newest
    const listeners = [...this.#listeners]
    const size = Math.max(atOnce, Math.ceil(listeners.length / mostBatches))
    for (let first = 0; first < listeners.length; first += size) {
      if (first > 0) await setTimeout(interval, undefined, { ref: false })
      if (number !== this.#newest) return
      for (const listener of listeners.slice(first, first + size)) if (this.#listeners.has(listener)) listener()
    }
  }
}
