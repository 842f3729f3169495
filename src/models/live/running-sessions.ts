import { millisecondsInHour } from '../sessions/sessions.ts'

interface RunningSession {
  /** Newest first. */
  readonly items: number[]
  time: number
}

/** What users do in the sessions that run, as events come. Those are known whose users came last. */
export class RunningSessions {
  /** In ms. */
  readonly #gap: number
  readonly #length: number
  readonly #users: number
  /** By user, that who came longest ago first. */
  readonly #sessions = new Map<string | number, RunningSession>()

  /**
   * @param gap hours without an event that end a session; 0: none do.
   * @param length items of a session that are known, the newest.
   */
  constructor(gap: number, length: number, users = 100_000) {
    this.#gap = gap > 0 ? gap * millisecondsInHour : Number.POSITIVE_INFINITY
    this.#length = length
    this.#users = users
  }

  /** Whether the running session of `user` has the item, of what is known of it. */
  has(user: string | number, item: number, time: number): boolean {
    const found = this.#sessions.get(user)
    return found !== undefined && time - found.time < this.#gap && found.items.includes(item)
  }

  /**
   * Adds an event to the running session of `user`, and gives what this had before it, newest first; nothing where the event repeats the
   * item of the one before. What comes late counts as if it came with the one before.
   */
  add(user: string | number, item: number, time: number): Uint32Array {
    const found = this.#sessions.get(user)
    const isOver = found !== undefined && time - found.time >= this.#gap
    const session = found === undefined || isOver ? { items: [], time } : found
    this.#sessions.delete(user)
    this.#sessions.set(user, session)
    if (this.#sessions.size > this.#users) this.#sessions.delete(this.#sessions.keys().next().value!)
    session.time = Math.max(session.time, time)
    if (session.items[0] === item) return nothing
    const before = Uint32Array.from(session.items)
    session.items.unshift(item)
    if (session.items.length > this.#length) session.items.pop()
    return before
  }
}

const nothing = new Uint32Array(0)
