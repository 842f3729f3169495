import type { Failure, List } from '../protocol/messages.ts'
import type { QueryInput } from '../protocol/values.ts'
import { retryWait } from './backoff.ts'
import type { Frame } from './codec.ts'
import type { Connection } from './connection.ts'
import { Newest } from './newest.ts'
import { numberAfter } from './numbers.ts'
import { ServerError } from './server-error.ts'

interface Subscription {
  frame: Frame
  readonly lists: Newest<List>
  /** Whether the server has confirmed it. */
  isConfirmed: boolean
  /** How often it was refused since its last list. */
  refusals: number
}

export interface OpenSubscription {
  readonly number: number
  readonly lists: Newest<List>
}

/** Subscriptions by number. They are made anew on each connection, until nobody iterates over their lists any more. */
export class Subscriptions {
  readonly #connection: Connection
  readonly #subscriptions = new Map<number, Subscription>()
  #last = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** The lists for `query`, until the iteration ends; aborting `signal` ends it with the signal's reason. */
  open(query: QueryInput, signal: AbortSignal | undefined): OpenSubscription {
    const number = numberAfter(this.#last, this.#subscriptions)
    const onAbort = () => lists.fail(signal?.reason)
    const lists = new Newest<List>(() => {
      signal?.removeEventListener('abort', onAbort)
      if (this.#subscriptions.delete(number)) {
        this.#connection.send(this.#connection.encode({ type: 'unsubscribe', subscription: number }))
      }
    })
    try {
      signal?.throwIfAborted()
      const frame = this.#connection.encode({ type: 'subscribe', subscription: number, query })
      signal?.addEventListener('abort', onAbort)
      this.#last = number
      this.#subscriptions.set(number, { frame, lists, isConfirmed: false, refusals: 0 })
      this.#connection.send(frame)
    } catch (error) {
      lists.fail(error)
    }
    return { number, lists }
  }

  /** Has another query subscribed to on the next connection: this one knows what has changed. */
  replaceQuery(number: number, query: QueryInput): void {
    const subscription = this.#subscriptions.get(number)
    if (subscription) {
      subscription.frame = this.#connection.encode({ type: 'subscribe', subscription: number, query })
    }
  }

  /** Subscribes to all again, on a new connection. */
  resend(): void {
    for (const subscription of this.#subscriptions.values()) {
      subscription.isConfirmed = false
      this.#connection.send(subscription.frame)
    }
  }

  /** Subscribes again to what the server has not confirmed on this connection. */
  resendUnconfirmed(): void {
    for (const { frame, isConfirmed } of this.#subscriptions.values()) if (!isConfirmed) this.#connection.send(frame)
  }

  confirm(number: number): void {
    const subscription = this.#subscriptions.get(number)
    if (subscription) subscription.isConfirmed = true
  }

  receive(list: List): void {
    const subscription = this.#subscriptions.get(list.subscription)
    if (!subscription) return
    subscription.refusals = 0
    subscription.lists.put(list)
  }

  /** Subscribes again later, or ends the iteration, as `failure` of subscription `number` has it. */
  refuse(number: number, failure: Failure): void {
    const subscription = this.#subscriptions.get(number)
    if (!subscription) return
    const wait = retryWait(failure, subscription.refusals++)
    if (wait !== undefined) {
      this.#connection.sendLater(subscription.frame, wait, () => this.#subscriptions.get(number) === subscription)
      return
    }
    // What the server did not confirm it does not have: there is nothing to unsubscribe from.
    if (!subscription.isConfirmed) this.#subscriptions.delete(number)
    subscription.lists.fail(new ServerError(failure))
  }

  /** Ends all iterations, with `error` if there is one. */
  close(error?: unknown): void {
    for (const { lists } of [...this.#subscriptions.values()]) {
      if (error === undefined) lists.end()
      else lists.fail(error)
    }
  }
}
