import { type EventMemory, UserState } from './user-state.ts'

/** Users that are looked at when room is made. */
const looksAtOnce = 32

/**
 * The users in memory: all that have subscriptions, and of the others those that were used last. The millions that are
 * not in memory cost nothing: they are read from the journal by an index.
 */
export class UserCache {
  /** In order of last use. */
  readonly #states = new Map<string, UserState>()
  readonly #capacity: number
  readonly #mostEvents: number
  readonly #memory: EventMemory = { events: 0 }

  /**
   * @param capacity how many users are kept, unless more than that have subscriptions.
   * @param mostEvents how many events of all of them together, of about 280 bytes each, with the same exception.
   */
  constructor(capacity = 10_000, mostEvents = 1_000_000) {
    this.#capacity = capacity
    this.#mostEvents = mostEvents
  }

  get size(): number {
    return this.#states.size
  }

  [Symbol.iterator](): IterableIterator<UserState> {
    return this.#states.values()
  }

  /** The state of `user`, if it is in memory. */
  find(user: string): UserState | undefined {
    return this.#states.get(user)
  }

  /** The state of `user`; a new one has yet to be loaded. */
  get(user: string): UserState {
    const state = this.#states.get(user) ?? new UserState(user, this.#memory)
    this.#states.delete(user)
    this.#makeRoom()
    this.#states.set(user, state)
    return state
  }

  #makeRoom(): void {
    if (this.#hasRoom) return
    // Some at once, since beginning to iterate over a map costs a walk over the entries that were deleted from it; and never a
    // walk over all subscribed users.
    let looks = looksAtOnce
    const enough = this.#capacity - Math.min(looksAtOnce, this.#capacity >> 4)
    for (const [user, state] of this.#states) {
      if (looks-- === 0 || (this.#hasRoom && this.#states.size < enough)) return
      this.#states.delete(user)
      if (state.subscriptions.size > 0) this.#states.set(user, state)
      else state.detach()
    }
  }

  get #hasRoom(): boolean {
    return this.#states.size < this.#capacity && this.#memory.events < this.#mostEvents
  }
}
