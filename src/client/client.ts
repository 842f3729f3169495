import type { ErrorCode } from '../protocol/errors.ts'
import type { Ack, Failure, FiltersInput, Id, List, ServerMessage } from '../protocol/messages.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { Newest } from './newest.ts'

export interface ClientOptions extends ConnectionOptions {
  /** Closes the client. */
  readonly signal?: AbortSignal
  /** Events sent and not yet acknowledged, at most; `send` fails beyond. Default: 10,000. */
  readonly maxUnacknowledged?: number
  /** Hears of each loss of the connection; the client is on its way back already. */
  readonly onLost?: (reason: string, wait: number) => void
}

export interface ListOptions {
  /** Items in a list, 1 to 1000. Default: 10. */
  readonly limit?: number
  readonly filters?: FiltersInput
  /** Ends the iteration, which then throws the signal's reason. */
  readonly signal?: AbortSignal
}

/** An interaction that just happened. */
export interface Interaction {
  readonly user: Id
  readonly item: Id
  /** Greater than 0. Default: 1. */
  readonly weight?: number
  /** Unique to the user. Default: one is made. The same id sent twice counts once. */
  readonly id?: string
}

/** The server's refusal. Codes are stable; see the protocol. */
export class ServerError extends Error {
  readonly code: ErrorCode

  constructor({ code, message }: Failure) {
    super(message)
    this.name = 'ServerError'
    this.code = code
  }
}

interface Unacknowledged {
  readonly event: Required<Interaction>
  readonly resolve: (ack: Ack) => void
  readonly reject: (error: unknown) => void
}

interface Subscribed {
  readonly user: Id
  readonly options: ListOptions
  readonly lists: Newest<List>
}

/** Refusals that time may cure: the event is sent again. */
const passing: ReadonlySet<ErrorCode> = new Set(['storage_failed', 'overloaded', 'shutting_down', 'internal'])
/** In ms. */
const sendAgainAfter = 1000

/**
 * A connection to an Aurochs server that mends itself: when it is lost it comes back, subscribes again, and sends again
 * what was not acknowledged; since events have ids, none counts twice.
 */
export class Client {
  readonly #connection: Connection
  readonly #options: ClientOptions
  readonly #subscriptions = new Map<number, Subscribed>()
  /** In the order they were sent. */
  readonly #unacknowledged = new Map<string, Unacknowledged>()
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  readonly #name = randomName()
  #count = 0
  #closed = false

  /** `url`: of the server, `http(s)://…` or `ws(s)://…`; its path is added if there is none. */
  constructor(url: string | URL, options: ClientOptions = {}) {
    this.#options = options
    this.#connection = new Connection(
      streamUrl(url),
      {
        onWelcome: () => this.#restore(),
        onMessage: message => this.#receive(message),
        onLost: (reason, wait) => options.onLost?.(reason, wait),
      },
      options,
    )
    if (options.signal?.aborted) this.close()
    options.signal?.addEventListener('abort', () => this.close(), { once: true })
  }

  /** Whether the server has said welcome on a connection that still stands. */
  get connected(): boolean {
    return this.#connection.open
  }

  /**
   * The list for `user`, now and after each change, for as long as it is iterated. Who is slow gets the newest list, not
   * all of them. Lost connections are not noticed, but for a list that may come twice.
   *
   * @throws {ServerError} if the server refuses the subscription.
   */
  recommendations(user: Id, options: ListOptions = {}): AsyncIterableIterator<List, undefined> {
    const number = ++this.#count
    const onAbort = () => lists.fail(options.signal?.reason)
    const lists = new Newest<List>(() => {
      options.signal?.removeEventListener('abort', onAbort)
      if (this.#subscriptions.delete(number)) this.#connection.send({ type: 'unsubscribe', subscription: number })
    })
    if (this.#closed) {
      lists.end()
    } else if (options.signal?.aborted) {
      onAbort()
    } else {
      options.signal?.addEventListener('abort', onAbort, { once: true })
      this.#subscriptions.set(number, { user, options, lists })
      this.#subscribe(number)
    }
    return lists
  }

  /**
   * Sends an event; fulfilled once the server has it on disk, however many connections that takes.
   *
   * @throws {ServerError} if the server refuses the event for good.
   * @throws {Error} if the client is closed before the event is acknowledged.
   */
  send({ user, item, weight = 1, id = `${this.#name}-${++this.#count}` }: Interaction): Promise<Ack> {
    const { maxUnacknowledged = 10_000 } = this.#options
    if (this.#closed) return Promise.reject(new Error('the client is closed'))
    if (this.#unacknowledged.has(id)) return Promise.reject(new Error(`event ${id} is already on its way`))
    if (this.#unacknowledged.size >= maxUnacknowledged) {
      return Promise.reject(
        new RangeError(`expected at most ${maxUnacknowledged} unacknowledged events: wait for some`),
      )
    }
    return new Promise((resolve, reject) => {
      const event = { user, item, weight, id }
      this.#unacknowledged.set(id, { event, resolve, reject })
      this.#connection.send({ type: 'event', ...event })
    })
  }

  /** Ends all iterations, fails what is unacknowledged, and lets go of the connection. */
  close(): void {
    this.#end()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #end(error?: ServerError): void {
    if (this.#closed) return
    this.#closed = true
    for (const { lists } of [...this.#subscriptions.values()]) error ? lists.fail(error) : lists.end()
    for (const { reject } of this.#unacknowledged.values()) reject(error ?? new Error('the client was closed'))
    this.#unacknowledged.clear()
    for (const timer of this.#timers) clearTimeout(timer)
    this.#connection.close()
  }

  #restore(): void {
    for (const number of this.#subscriptions.keys()) this.#subscribe(number)
    for (const { event } of this.#unacknowledged.values()) this.#connection.send({ type: 'event', ...event })
  }

  #subscribe(number: number): void {
    const subscribed = this.#subscriptions.get(number)
    if (!subscribed) return
    const { user, options } = subscribed
    const { limit, filters } = options
    this.#connection.send({
      ...{ type: 'subscribe', subscription: number, user },
      ...(limit !== undefined && { limit }),
      ...(filters && { filters }),
    })
  }

  #receive(message: ServerMessage): void {
    if (message.type === 'list') {
      this.#subscriptions.get(message.subscription)?.lists.put(message)
    } else if (message.type === 'ack') {
      this.#unacknowledged.get(message.id)?.resolve(message)
      this.#unacknowledged.delete(message.id)
    } else if (message.type === 'error') {
      this.#refused(message)
    }
  }

  #refused(failure: Failure): void {
    const { id, subscription, code } = failure
    if (id !== undefined) {
      const unacknowledged = this.#unacknowledged.get(id)
      if (unacknowledged && passing.has(code)) {
        this.#sendAgain(unacknowledged)
        return
      }
      unacknowledged?.reject(new ServerError(failure))
      this.#unacknowledged.delete(id)
    } else if (subscription !== undefined && !passing.has(code)) {
      const subscribed = this.#subscriptions.get(subscription)
      this.#subscriptions.delete(subscription)
      subscribed?.lists.fail(new ServerError(failure))
    } else if (code === 'unsupported_protocol') {
      this.#end(new ServerError(failure))
    }
  }

  #sendAgain({ event }: Unacknowledged): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (this.#unacknowledged.has(event.id)) this.#connection.send({ type: 'event', ...event })
    }, sendAgainAfter)
    this.#timers.add(timer)
  }
}

function streamUrl(url: string | URL): string {
  const stream = new URL(url)
  stream.protocol = stream.protocol.replace(/^http/, 'ws')
  if (stream.pathname === '/') stream.pathname = '/v1/stream'
  return stream.href
}

/** So that no two clients give events the same ids. `crypto.randomUUID` is not for every page: it needs https. */
function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), byte => byte.toString(36).padStart(2, '0')).join('')
}
