import type { Ticket } from '../events/journal.ts'
import type { Query, Question, Ranking } from './micro-batches.ts'
import type { Person } from './user-state.ts'

/** What a list shall hold, in indices of the model. */
export type Wish = Pick<Query, 'limit' | 'seen' | 'exclude' | 'only'>

/** A ranking and the events it rests on. */
export interface Answer {
  readonly ranking: Ranking
  readonly epoch: number
  readonly ticket: Ticket
  readonly after: string | undefined
  /** When the oldest change that it answers came, on the clock of `performance.now()`. */
  readonly since: number
}

/** One who wants the list of one person, and wants it again whenever it may have changed. */
export class Watch implements Question {
  readonly person: Person
  readonly #wish: Wish
  readonly #ask: (watch: Watch) => void
  readonly #answered: (watch: Watch, answer: Answer) => void
  readonly #failed: (error: Error) => void
  /** Idle; in the engine's queue; or in a batch, and whether something changed since. */
  #state: 'idle' | 'queued' | 'running' | 'stale' = 'idle'
  #since = 0
  #asked: Omit<Answer, 'ranking'> = { epoch: 0, ticket: 0, after: undefined, since: 0 }
  #closed = false

  constructor(
    person: Person,
    wish: Wish,
    ask: (watch: Watch) => void,
    answered: (watch: Watch, answer: Answer) => void,
    failed: (error: Error) => void,
  ) {
    this.person = person
    this.#wish = wish
    this.#ask = ask
    this.#answered = answered
    this.#failed = failed
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Something changed: ask anew, once, however often this is called before the answer. */
  touch(): void {
    if (this.#state === 'running') {
      this.#state = 'stale'
      this.#since = performance.now()
    }
    if (this.#state !== 'idle') return
    this.#state = 'queued'
    this.#since = performance.now()
    this.#ask(this)
  }

  query(): Query | undefined {
    if (this.#closed || !this.person.known) {
      this.#state = 'idle'
      return undefined
    }
    this.#state = 'running'
    const { epoch, ticket, after, index, recent } = this.person
    this.#asked = { epoch, ticket, after, since: this.#since }
    return { ...this.#wish, user: index, recent }
  }

  answer(ranking: Ranking): void {
    // Asking anew may put the next batch together at once, and with it the next `asked`.
    const answer = { ...this.#asked, ranking }
    this.#settle()
    if (!this.#closed) this.#answered(this, answer)
  }

  fail(error: Error): void {
    this.#settle()
    if (!this.#closed) this.#failed(error)
  }

  close(): void {
    this.#closed = true
    this.person.watches.delete(this)
  }

  #settle(): void {
    const stale = this.#state === 'stale'
    this.#state = 'idle'
    if (stale) this.touch()
  }
}
