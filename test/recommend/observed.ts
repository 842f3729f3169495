import type { UserEvent } from '../../src/events/event.ts'
import type { Outcome } from '../../src/events/journal.ts'
import type { RecommendedList, UserList, UserQuery } from '../../src/recommend/lists/lists.ts'
import type { Watch } from '../../src/recommend/lists/watched-list.ts'
import type { Recommender } from '../../src/recommend/recommender.ts'

let events = 0

/** An event of a new id that weighs 1, but for what is given. */
export function eventOf(user: string, item: string | undefined, given: Partial<UserEvent> = {}): UserEvent {
  return { id: `event-${++events}`, user, item, weight: 1, time: 1_700_000_000_000 + events, ...given }
}

export function queryOf(user: string, given: Partial<UserQuery> = {}): UserQuery {
  return { user, limit: 10, seen: 'exclude', exclude: [], ...given }
}

/** Records an event, and gives what became of it. */
export function recorded(recommender: Recommender, event: UserEvent): Promise<Outcome> {
  return new Promise(settle => recommender.record(event, settle))
}

export const itemsOf = ({ items }: Pick<RecommendedList, 'items'>) => items.map(({ item }) => item)

/** A subscription whose lists and errors are kept in order, and can be waited for. */
export class Observed {
  readonly lists: UserList[] = []
  readonly errors: Error[] = []
  readonly #subscription: Watch
  #taken = 0
  #wake: () => void = () => {}

  constructor(recommender: Recommender, query: UserQuery) {
    const arrived = () => this.#wake()
    this.#subscription = recommender.subscribe(
      query,
      list => {
        this.lists.push(list)
        arrived()
      },
      error => {
        this.errors.push(error)
        arrived()
      },
    )
  }

  /** The next list that was not taken yet. @throws the next error, if one comes before. */
  async next(): Promise<UserList> {
    const failed = this.errors.length
    while (this.lists.length === this.#taken) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
      if (this.errors.length > failed) throw this.errors[failed]
    }
    return this.lists[this.#taken++]!
  }

  /** The first list that was not taken yet and is as it should be; those before it are dropped. */
  async until(isWanted: (list: UserList) => boolean): Promise<UserList> {
    for (;;) {
      const list = await this.next()
      if (isWanted(list)) return list
    }
  }

  /** Has the list made once more. */
  renew(): void {
    this.#subscription.renew()
  }

  close(): void {
    this.#subscription.close()
  }
}
