import { Person } from './user-state.ts'

/**
 * The people in memory: all who are watched, and of the others the last to have been active.
 *
 * With millions of users, who is not here costs nothing; who comes is read from the journal by an index.
 */
export class People {
  readonly #people = new Map<string, Person>()
  readonly #indexOf: (user: string) => number
  readonly #idle: number

  /** `idle`: how many are kept whom nobody watches. */
  constructor(indexOf: (user: string) => number, idle = 10_000) {
    this.#indexOf = indexOf
    this.#idle = idle
  }

  get size(): number {
    return this.#people.size
  }

  /** Who is here already. */
  find(user: string): Person | undefined {
    return this.#people.get(user)
  }

  /** Who is here, or comes now and knows nothing of the past yet. */
  call(user: string): Person {
    let person = this.#people.get(user)
    if (person) this.#people.delete(user)
    else person = new Person(user, this.#indexOf(user))
    // The map is in order of last use, so that the first unwatched is the longest unused.
    this.#people.set(user, person)
    this.#forget()
    return person
  }

  #forget(): void {
    if (this.#people.size <= this.#idle) return
    // Looks at a few a call: enough to keep pace with who comes, and never a walk over all who are watched.
    let looks = 8
    for (const [user, person] of this.#people) {
      if (looks-- === 0) return
      this.#people.delete(user)
      if (person.watches.size > 0) this.#people.set(user, person)
    }
  }
}
