import type { Journal } from '../../events/journal.ts'
import type { StoredEvent } from '../../events/reader.ts'
import type { Generation } from './generation.ts'
import { JournalLearner } from './journal-learner.ts'

/** In ms: how long after the journal could not be read it is tried again. */
const readInterval = 1000

/** Feeds the journal to those of the generations that can learn from it: the one that is served, and the next while it is opened. */
export class LiveLearners {
  readonly #journal: Pick<Journal, 'after'> | undefined
  readonly #onFault: (error: unknown) => void
  readonly #learners = new Map<Generation, JournalLearner>()
  #isClosed = false

  constructor(journal: Pick<Journal, 'after'> | undefined, onFault: (error: unknown) => void) {
    this.#journal = journal
    this.#onFault = onFault
  }

  /**
   * Has `generation` learn from the events after position `after`, and from those to come. Fulfilled once it has learned from the
   * former, and lists may have their new items; or once the journal could not be read: then it is tried again.
   */
  async begin(generation: Generation, after: number): Promise<void> {
    if (!this.#journal || !generation.learns || this.#isClosed) return
    const learner = new JournalLearner(generation, this.#journal, after)
    this.#learners.set(generation, learner)
    await this.#catchUp(learner)
    await generation.admitted
  }

  /** To be called with each event once it is on disk, in order. */
  stored(event: StoredEvent): void {
    for (const learner of this.#learners.values()) {
      try {
        learner.stored(event)
      } catch (error) {
        this.#onFault(error)
      }
    }
  }

  /** Whether a generation has learned from all that was stored, if it can. */
  isCurrent(generation: Generation): boolean {
    return this.#learners.get(generation)?.isCurrent ?? true
  }

  end(generation: Generation): void {
    this.#learners.get(generation)?.close()
    this.#learners.delete(generation)
  }

  close(): void {
    this.#isClosed = true
    for (const generation of [...this.#learners.keys()]) this.end(generation)
  }

  async #catchUp(learner: JournalLearner, isFirst = true): Promise<void> {
    try {
      await learner.catchUp()
    } catch (error) {
      if (isFirst) this.#onFault(error)
      setTimeout(() => void this.#catchUp(learner, false), readInterval).unref()
    }
  }
}
