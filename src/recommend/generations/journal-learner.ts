import type { Journal } from '../../events/journal.ts'
import type { StoredEvent } from '../../events/reader.ts'
import type { Generation } from './generation.ts'

/** Events that are read and learned from in one go: a few ms. */
const pageSize = 256

/** Events that may be stored while older ones are read: more are read, too. */
const mostWaiting = 10_000

/**
 * Feeds a generation every event of the journal that its model lacks, once and in order: first those that are there, but for what was
 * taken back, then each as it is stored.
 */
export class JournalLearner {
  readonly #generation: Pick<Generation, 'learn'>
  readonly #journal: Pick<Journal, 'after'>
  /** Of the last event that was learned from. */
  #position: number
  /** Stored while older ones are read; undefined once these are learned from. */
  #waiting: StoredEvent[] | undefined = []
  #isClosed = false

  /** @param after the position of the last event that the model has. */
  constructor(generation: Pick<Generation, 'learn'>, journal: Pick<Journal, 'after'>, after: number) {
    this.#generation = generation
    this.#journal = journal
    this.#position = after
  }

  /** Whether all that was stored is learned from. */
  get isCurrent(): boolean {
    return this.#waiting === undefined
  }

  /**
   * Reads what is in the journal already; meanwhile lists are by what was learned so far.
   *
   * @throws Error where it cannot be read: then it is to be called again.
   */
  async catchUp(): Promise<void> {
    while (!this.#isClosed && this.#waiting) {
      const page = await this.#journal.after(this.#position, pageSize)
      for (const event of page) this.#learn(event, event.isTakenBack)
      const waiting = this.#waiting
      this.#waiting = []
      if (page.length === pageSize || waiting.length >= mostWaiting) continue
      for (const event of waiting) this.#learn(event)
      this.#waiting = undefined
    }
  }

  /** To be called with each event once it is on disk, in order. */
  stored(event: StoredEvent): void {
    if (!this.#waiting) this.#learn(event)
    // The others are read.
    else if (this.#waiting.length < mostWaiting) this.#waiting.push(event)
  }

  close(): void {
    this.#isClosed = true
  }

  #learn(event: StoredEvent, isTakenBack = false): void {
    if (event.position <= this.#position) return
    this.#position = event.position
    if (!isTakenBack) this.#generation.learn(event)
  }
}
