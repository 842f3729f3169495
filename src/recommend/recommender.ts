import type { Journal, Outcome } from '../events/journal.ts'
import type { Model } from '../models/model.ts'
import { WireError } from '../protocol/errors.ts'
import type { Event, Filters, Recommendations } from '../protocol/messages.ts'
import type { Engine } from './micro-batches.ts'
import { type Answer, Watch, type Wish } from './subscription.ts'
import { People } from './user-cache.ts'
import type { Person } from './user-state.ts'

export interface FeedParts {
  readonly generation: string
  readonly model: Pick<Model, 'users' | 'items'>
  readonly engine: Engine
  readonly journal: Journal
  /** Hears how long it took, in ms, from a change to the list that shows it. */
  readonly onList?: (took: number) => void
}

/** What a list is wanted for. */
export interface Wanted {
  readonly user: string
  readonly limit: number
  readonly filters: Filters
}

/** Events that may wait for the disk. */
const mostPending = 100_000

/**
 * Events in, lists out: each event goes to the journal and, at the same time, into the lists of who watches its user; a
 * list leaves only when the events it rests on are on disk.
 */
export class Feed {
  readonly #parts: FeedParts
  readonly #people: People
  /** Lists that wait for the disk; the newest of each watch. */
  readonly #parked = new Map<Watch, Answer>()
  readonly #deliver = new WeakMap<Watch, (list: Recommendations) => void>()

  constructor(parts: FeedParts) {
    this.#parts = parts
    this.#people = new People(user => parts.model.users.indexOf(user))
    parts.journal.onSettled(() => this.#release())
  }

  /** Users whose events are in memory. */
  get people(): number {
    return this.#people.size
  }

  /**
   * Records `event`, and tells what became of it once that is known.
   *
   * @throws {WireError} `unknown_item`, `overloaded`; then it is not recorded.
   */
  record(event: Event, settle: (outcome: Outcome) => void): void {
    const item = this.#parts.model.items.indexOf(event.item)
    if (item < 0) throw new WireError('unknown_item', `the model has no item ${JSON.stringify(event.item)}`)
    if (this.#parts.journal.pending >= mostPending) {
      throw new WireError('overloaded', `${mostPending} events wait for the disk: send again later`)
    }
    const ticket = this.#parts.journal.append(event, outcome => {
      if (outcome !== 'stored') this.#retract(event.user, ticket)
      settle(outcome)
    })
    const person = this.#people.find(event.user)
    if (!person) return
    person.add({ item, weight: event.weight, id: event.id, ticket })
    if (person.known) touch(person)
    else this.#read(person)
  }

  /** Calls `deliver` with the list that is `wanted`, now and whenever it may have changed, until the watch is closed. */
  watch(wanted: Wanted, deliver: (list: Recommendations) => void, failed: (error: Error) => void): Watch {
    const person = this.#people.call(wanted.user)
    const watch = new Watch(
      person,
      this.#wish(wanted),
      asking => this.#parts.engine.ask(asking),
      (answering, answer) => this.#arrive(answering, answer),
      failed,
    )
    person.watches.add(watch)
    this.#deliver.set(watch, deliver)
    if (person.known) watch.touch()
    else this.#read(person)
    return watch
  }

  /** The list that is `wanted`, once. */
  once(wanted: Wanted): Promise<Recommendations> {
    return new Promise((resolve, reject) => {
      const watch = this.watch(
        wanted,
        list => {
          watch.close()
          resolve(list)
        },
        error => {
          watch.close()
          reject(error)
        },
      )
    })
  }

  /** Whether the model or the journal knows `user`. */
  async knows(user: string): Promise<boolean> {
    if (this.#parts.model.users.indexOf(user) >= 0) return true
    return (await this.#parts.journal.recent(user)).after !== undefined
  }

  /** Begins to read what the journal knows of `person`, and then asks for the lists of who watches. */
  async #read(person: Person): Promise<void> {
    if (person.reading) return
    person.reading = true
    try {
      const recent = await this.#parts.journal.recent(person.user)
      person.learn(recent, item => this.#parts.model.items.indexOf(item))
    } catch (error) {
      for (const watch of person.watches) watch.fail(error as Error)
    } finally {
      person.reading = false
    }
    touch(person)
  }

  #retract(user: string, ticket: number): void {
    const person = this.#people.find(user)
    if (person?.retract(ticket)) this.#read(person)
  }

  #arrive(watch: Watch, answer: Answer): void {
    if (answer.epoch !== watch.person.epoch) return
    if (answer.ticket > this.#parts.journal.settled) this.#parked.set(watch, answer)
    else this.#send(watch, answer)
  }

  /** Lets the lists go whose events are on disk now. */
  #release(): void {
    for (const [watch, answer] of this.#parked) {
      if (answer.ticket > this.#parts.journal.settled) continue
      this.#parked.delete(watch)
      if (!watch.closed && answer.epoch === watch.person.epoch) this.#send(watch, answer)
    }
  }

  #send(watch: Watch, { ranking, after, since }: Answer): void {
    this.#parked.delete(watch)
    const { items, scores, basis } = ranking
    this.#parts.onList?.(performance.now() - since)
    this.#deliver.get(watch)?.({
      generation: this.#parts.generation,
      basis,
      ...(after !== undefined && { after }),
      items: Array.from(items, (index, i) => ({ item: written(this.#parts.model.items.at(index)), score: scores[i] })),
    })
  }

  /** Filters in indices. Ids that the model does not know can neither come nor be kept out. */
  #wish({ limit, filters }: Wanted): Wish {
    const indices = (ids: readonly string[]): Uint32Array =>
      Uint32Array.from(new Set(ids.map(id => this.#parts.model.items.indexOf(id)).filter(index => index >= 0))).sort()
    return {
      limit,
      seen: filters.seen,
      exclude: indices(filters.exclude),
      only: filters.only && indices(filters.only),
    }
  }
}

function touch(person: Person): void {
  if (!person.known) return
  for (const watch of person.watches) watch.touch()
}

/** An id as it goes over the wire: whole numbers that not every reader could hold exactly go as strings. */
export function written(id: string | number | bigint): string | number {
  if (typeof id !== 'bigint') return id
  const number = Number(id)
  return Number.isSafeInteger(number) ? number : String(id)
}
