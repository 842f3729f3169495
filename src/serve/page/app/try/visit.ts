import { element } from '../element.ts'
import { milliseconds } from '../format.ts'

/** An event that was sent from this page. */
export interface VisitEvent {
  readonly id: string
  readonly item: string
  /** Of `performance.now()`. */
  readonly sent: number
  /** In ms, once it was on the server's disk. */
  durable?: number
  /** In ms, once a list showed it. */
  listed?: number
  /** Why it was refused. */
  failure?: string
  /** Id of the event that takes it back. */
  undo?: string
  /** The model lacks the item. */
  isUnknown?: boolean
}

/** What the person did on this page, newest first, each with what became of it. */
export class Visit {
  readonly element = element('ol', { class: 'visit' })
  readonly #nameOf: (item: string) => string
  readonly #onUndo: (event: VisitEvent) => void
  /** Those whose list has not come, in their order: when they were sent. */
  readonly #unlisted = new Map<string, number>()
  #events: VisitEvent[] = []

  constructor(nameOf: (item: string) => string, onUndo: (event: VisitEvent) => void) {
    this.#nameOf = nameOf
    this.#onUndo = onUndo
  }

  add(event: VisitEvent): void {
    this.#events = [event, ...this.#events].slice(0, 50)
    this.#unlisted.set(event.id, event.sent)
    this.show()
  }

  /** The event is taken back by another of the id `undo`, which was just sent. */
  undo(event: VisitEvent, undo: string): void {
    event.undo = undo
    this.#unlisted.set(undo, performance.now())
    this.show()
  }

  /**
   * Notes that a list which came at `arrived` shows the event `after` and those before it; gives how long that took, in ms, where it
   * is the first that does.
   */
  listed(after: string | undefined, arrived: number): number | undefined {
    const sent = after === undefined ? undefined : this.#unlisted.get(after)
    if (sent === undefined) return undefined
    for (const [id, time] of this.#unlisted) {
      if (time <= sent) this.#unlisted.delete(id)
    }
    for (const event of this.#events) if (event.sent <= sent) event.listed ??= arrived - event.sent
    this.show()
    return arrived - sent
  }

  clear(): void {
    this.#events = []
    this.#unlisted.clear()
    this.show()
  }

  show(): void {
    const rows = this.#events.map(event => {
      const undo = element('button', { type: 'button', class: 'quiet', onclick: () => this.#onUndo(event) }, 'Undo')
      undo.setAttribute('aria-label', `Undo ${this.#nameOf(event.item)}`)
      const isDone = event.undo !== undefined || event.failure !== undefined
      return element(
        'li',
        { 'data-event': event.id, class: event.undo === undefined ? undefined : 'undone' },
        element('span', { class: 'title' }, this.#nameOf(event.item)),
        element('span', { class: event.failure ? 'details problem' : 'details' }, becameOf(event)),
        isDone || event.durable === undefined ? undefined : undo,
      )
    })
    this.element.replaceChildren(...rows)
  }
}

function becameOf({ durable, listed, failure, undo, isUnknown }: VisitEvent): string {
  if (failure !== undefined) return failure
  if (undo !== undefined) return 'taken back'
  if (durable === undefined) return 'on its way'
  const parts = [`on disk after ${milliseconds(durable)}`]
  if (isUnknown) parts.push('the model lacks the item: it counts from the next model on')
  else if (listed !== undefined) parts.push(`in the list after ${milliseconds(listed)}`)
  return parts.join(', ')
}
