import type { Ticket } from '../events/journal.ts'
import type { RecentEvents } from '../events/store.ts'
import type { Watch } from './subscription.ts'

/** An event in indices of the model. */
interface Deed {
  readonly item: number
  readonly weight: number
  readonly id: string
  readonly ticket: Ticket
}

/**
 * What one user did since the model was trained, kept in memory while someone watches or the user is active.
 *
 * Events count as soon as they arrive, before they are on disk: lists that rest on them wait for the disk. If one turns
 * out not to count (it was a duplicate, the disk failed), what is here is dropped and read again, under another `epoch`.
 */
export class Person {
  readonly user: string
  /** Of the model; -1 if the user is new. */
  readonly index: number
  readonly watches = new Set<Watch>()
  /** Whether the journal is being asked for what the user did. */
  reading = false
  /** Changes when what was known turned out to be wrong. */
  epoch = 0
  /** Of the newest event that counts. */
  ticket: Ticket = 0
  /** Id of the newest event that counts. */
  after: string | undefined
  /** Weight by item; undefined while it is being read. */
  #weights: Map<number, number> | undefined
  /** The read took all events up to this one into account. */
  #asOf: Ticket = 0
  /** Events that came while their past was being read. */
  #waiting: Deed[] = []

  constructor(user: string, index: number) {
    this.user = user
    this.index = index
  }

  get known(): boolean {
    return this.#weights !== undefined
  }

  /** Sorted nohow; each item once. */
  get recent(): { indices: Uint32Array; weights: Float32Array } {
    const weights = this.#weights ?? new Map<number, number>()
    return { indices: Uint32Array.from(weights.keys()), weights: Float32Array.from(weights.values()) }
  }

  /** Counts an event. */
  add(deed: Deed): void {
    if (!this.#weights) {
      this.#waiting.push(deed)
      return
    }
    this.#weights.set(deed.item, (this.#weights.get(deed.item) ?? 0) + deed.weight)
    this.after = deed.id
    this.ticket = deed.ticket
  }

  /** Takes what the journal knows; items that the model does not know (`indexOf` gives -1) count for nothing. */
  learn(recent: RecentEvents & { readonly asOf: Ticket }, indexOf: (item: string) => number): void {
    const weights = new Map<number, number>()
    recent.items.forEach((item, i) => {
      const index = indexOf(item)
      if (index >= 0) weights.set(index, recent.weights[i])
    })
    this.#weights = weights
    this.after = recent.after
    this.ticket = recent.asOf
    this.#asOf = recent.asOf
    for (const deed of this.#waiting.splice(0)) if (deed.ticket > recent.asOf) this.add(deed)
  }

  /** The event of this `ticket` does not count. Gives whether it had been counted here, so that all must be read again. */
  retract(ticket: Ticket): boolean {
    this.#waiting = this.#waiting.filter(deed => deed.ticket !== ticket)
    if (!this.#weights || ticket <= this.#asOf) return false
    this.#weights = undefined
    this.epoch++
    return true
  }
}
