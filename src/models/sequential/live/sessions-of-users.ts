import { millisecondsInHour } from '../sessions/sessions.ts'

/** What is kept of the sessions that run, one a user. Those are known whose users came last. */
export class SessionsOfUsers<Session> {
  /** In ms. */
  readonly #gap: number
  readonly #users: number
  /** By user, that who came longest ago first. */
  readonly #sessions = new Map<string | number, { readonly session: Session; readonly time: number }>()

  /** @param gap hours without an event that end a session; 0: none do. */
  constructor(gap: number, users = 100_000) {
    this.#gap = gap > 0 ? gap * millisecondsInHour : Number.POSITIVE_INFINITY
    this.#users = users
  }

  /** The session that goes on with an event of `user`, or begins. What comes late counts as if it came with the event before. */
  at(user: string | number, time: number, begin: () => Session): Session {
    const found = this.#sessions.get(user)
    const goesOn = found !== undefined && !(time - found.time >= this.#gap)
    const session = goesOn ? found.session : begin()
    this.#sessions.delete(user)
    this.#sessions.set(user, { session, time: goesOn ? Math.max(found.time, time) : time })
    if (this.#sessions.size > this.#users) this.#sessions.delete(this.#sessions.keys().next().value!)
    return session
  }
}
