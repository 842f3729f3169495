import type { WebSocket } from 'uWebSockets.js'
import { type Codec, check } from '../../protocol/codec.ts'
import { type ErrorCode, WireError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { ClientMessage, protocolVersion, type Subscribe, type Welcome } from '../../protocol/messages.ts'
import type { Feed } from '../../recommend/recommender.ts'
import type { Watch } from '../../recommend/subscription.ts'
import { Outbox, type Sink } from './outbox.ts'

/** What all sessions of a server share. */
export interface House {
  readonly feed: Feed
  readonly welcome: Welcome
  /** Whether the server is about to end, and takes no events any more. */
  readonly closing: () => boolean
  /** Why nothing can be recorded now, if so. */
  readonly storageFailure: () => string | undefined
  readonly onEvent: (outcome: 'stored' | 'duplicate' | 'failed') => void
  readonly onError: (code: ErrorCode) => void
  readonly onSkippedList: () => void
  /** Hears of faults that are ours. */
  readonly onFault: (error: unknown) => void
}

/** In ms. */
const helloWithin = 10_000

/** The part of a socket that only a session needs. */
type Closable = Pick<WebSocket<unknown>, 'end' | 'close'>

/** One socket's side of the conversation. */
export class Session {
  readonly #codec: Codec
  readonly #house: House
  readonly #watches = new Map<number, Watch>()
  #socket: Closable | undefined
  #outbox: Outbox | undefined
  #greeted = false
  #deadline: NodeJS.Timeout | undefined

  constructor(codec: Codec, house: House) {
    this.#codec = codec
    this.#house = house
  }

  get subscriptions(): number {
    return this.#watches.size
  }

  open(socket: Sink & Closable): void {
    this.#socket = socket
    this.#outbox = new Outbox(socket, this.#codec, {
      onSkip: this.#house.onSkippedList,
      // Without a goodbye, which it would not read either. What it did not see acknowledged it can send again.
      onDeaf: () => this.#socket?.close(),
    })
    this.#deadline = setTimeout(() => this.end(1008, 'no hello came'), helloWithin)
  }

  /** Takes one frame. `bytes` need to live only until this returns. */
  receive(bytes: Uint8Array, isBinary: boolean): void {
    let value: unknown
    try {
      value = this.#decode(bytes, isBinary)
      this.#handle(check(ClientMessage, value))
    } catch (error) {
      this.#fail(error, mentioned(value))
    }
  }

  /** The reader has caught up, at least in part. */
  drain(): void {
    this.#outbox?.flush()
  }

  /** Says goodbye, after all that was to be said. Codes: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
  end(code: number, reason: string): void {
    this.#outbox?.flush()
    this.#socket?.end(code, reason)
  }

  /** The socket is gone, and must not be touched any more. */
  closed(): void {
    clearTimeout(this.#deadline)
    this.#socket = undefined
    this.#outbox?.close()
    this.#outbox = undefined
    for (const watch of this.#watches.values()) watch.close()
    this.#watches.clear()
  }

  #decode(bytes: Uint8Array, isBinary: boolean): unknown {
    if (bytes.length > limits.messageBytes) {
      throw new WireError(
        'too_large',
        `expected at most ${limits.messageBytes} bytes in a message, got ${bytes.length}`,
      )
    }
    if (isBinary !== this.#codec.binary) {
      const [expected, got] = this.#codec.binary ? ['a binary', 'text'] : ['a text', 'a binary one']
      throw new WireError('wrong_encoding', `${this.#codec.subprotocol} expects ${expected} frame, got ${got}`)
    }
    return this.#codec.decode(bytes)
  }

  #handle(message: ClientMessage): void {
    if (!this.#greeted && message.type !== 'hello') {
      throw new WireError('hello_first', `expected hello as the first message, got ${message.type}`)
    }
    switch (message.type) {
      case 'hello':
        this.#greet(message.protocol)
        break
      case 'subscribe':
        this.#subscribe(message)
        break
      case 'unsubscribe':
        this.#unsubscribe(message.subscription)
        break
      case 'event':
        this.#record(message)
        break
      case 'ping':
        this.#outbox?.push({ type: 'pong', ...(message.id !== undefined && { id: message.id }) })
    }
  }

  #greet(protocol: number): void {
    if (protocol !== protocolVersion) {
      throw new WireError('unsupported_protocol', `expected protocol ${protocolVersion}, got ${protocol}`)
    }
    this.#greeted = true
    clearTimeout(this.#deadline)
    this.#outbox?.push(this.#house.welcome)
  }

  #subscribe({ subscription, ...wanted }: Subscribe): void {
    const former = this.#watches.get(subscription)
    if (!former && this.#watches.size >= limits.subscriptions) {
      throw new WireError('too_many_subscriptions', `expected at most ${limits.subscriptions} subscriptions`)
    }
    former?.close()
    this.#outbox?.forget(subscription)
    let sequence = 0
    const watch = this.#house.feed.watch(
      wanted,
      list => {
        sequence++
        this.#outbox?.offer(subscription, { type: 'list', subscription, user: wanted.user, sequence, ...list })
      },
      error => this.#fail(error, { subscription }),
    )
    this.#watches.set(subscription, watch)
  }

  #unsubscribe(subscription: number): void {
    const watch = this.#watches.get(subscription)
    if (!watch) throw new WireError('not_subscribed', `this socket has no subscription ${subscription}`)
    watch.close()
    this.#watches.delete(subscription)
    this.#outbox?.forget(subscription)
    this.#outbox?.push({ type: 'unsubscribed', subscription })
  }

  #record({ type: _, user, ...event }: Extract<ClientMessage, { type: 'event' }>): void {
    if (this.#house.closing()) throw new WireError('shutting_down', 'the server is about to end: send again elsewhere')
    const { id } = event
    this.#house.feed.record({ ...event, user: user ?? this.#onlyUser() }, outcome => {
      this.#house.onEvent(outcome)
      if (outcome === 'failed') {
        const reason = this.#house.storageFailure() ?? 'the disk failed'
        this.#fail(new WireError('storage_failed', `the event is not recorded: ${reason}`), { id })
      } else {
        this.#outbox?.push({ type: 'ack', id, ...(outcome === 'duplicate' && { duplicate: true }) })
      }
    })
  }

  #onlyUser(): string {
    let only: string | undefined
    for (const { person } of this.#watches.values()) {
      if (only !== undefined && only !== person.user) {
        throw new WireError('user_required', 'expected a user in the event: the socket has subscriptions of several')
      }
      only = person.user
    }
    if (only === undefined) {
      throw new WireError('user_required', 'expected a user in the event: the socket has no subscription')
    }
    return only
  }

  #fail(error: unknown, about: { id?: string; subscription?: number }): void {
    if (!(error instanceof WireError)) this.#house.onFault(error)
    const { code, message } = error instanceof WireError ? error : new WireError('internal', 'a fault of the server')
    this.#house.onError(code)
    this.#outbox?.push({ type: 'error', code, message, ...about })
  }
}

/** What a message that is refused names, so that its sender knows which one it was. */
function mentioned(value: unknown): { id?: string; subscription?: number } {
  if (typeof value !== 'object' || value === null) return {}
  const { type, id, subscription } = value as Record<string, unknown>
  return {
    ...(type === 'event' && typeof id === 'string' && id.length <= limits.idLength && { id }),
    ...(typeof subscription === 'number' && { subscription }),
  }
}
