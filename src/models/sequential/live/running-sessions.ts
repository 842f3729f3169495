import { SessionsOfUsers } from './sessions-of-users.ts'

/** The items that users had in the sessions that run, as events come. */
export class RunningSessions {
  readonly #length: number
  /** Newest first. */
  readonly #sessions: SessionsOfUsers<number[]>

  /**
   * @param gap hours without an event that end a session; 0: none do.
   * @param length items of a session that are known, the newest.
   * @param users whose sessions are known at the most.
   */
  constructor(gap: number, length: number, users?: number) {
    this.#length = length
    this.#sessions = new SessionsOfUsers(gap, users)
  }

  /**
   * Adds an event to the running session of `user`, and gives what this had before it, newest first; nothing where the event repeats the
   * item of the one before. What comes late counts as if it came with the one before.
   */
  add(user: string | number, item: number, time: number): Uint32Array {
    const items = this.#sessions.at(user, time, () => [])
    if (items[0] === item) return nothing
    const before = Uint32Array.from(items)
    items.unshift(item)
    if (items.length > this.#length) items.pop()
    return before
  }
}

const nothing = new Uint32Array(0)
