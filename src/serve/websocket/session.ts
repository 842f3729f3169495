import type { WebSocket } from 'uWebSockets.js'
import type { Codec } from '../../protocol/codec.ts'
import { type ErrorCode, ServiceError, wireError } from '../../protocol/errors.ts'
import type { Ack, ClientMessage, GenerationChanged, List, ServerMessage } from '../../protocol/messages.ts'
import type { Query, Recorded } from '../../protocol/values.ts'
import type { Authenticator } from '../access/authenticator.ts'
import type { Caller } from '../access/caller.ts'
import type { Turns } from '../load/turns.ts'
import type { CallContext, Sender, Service } from '../service.ts'
import { decodeFrame, type MessageOf, messageOf, type Reference, referenceOf } from './client-message.ts'
import { Greeting } from './greeting.ts'
import { IncomingFrames } from './incoming-frames.ts'
import { Outbox, type OutboxShare, type Sink } from './outbox.ts'
import { Subscriptions } from './subscriptions.ts'

/** What all sessions of a server share. */
export interface SessionContext extends OutboxShare {
  readonly service: Service
  readonly authenticator: Authenticator
  /** Whether the rate of the server is a limit to clients. */
  readonly isLimited: boolean
  readonly readTurns: Turns
  readonly onError: (code: ErrorCode) => void
  /** Called for each list that a slow reader was spared. */
  readonly onSkippedList: () => void
  /** Called with errors that are not a client's. */
  readonly onFault: (error: unknown) => void
}

/** In bytes: while more than this of the answers is unsent, no further frames are read. */
const pauseAbove = 1 << 20
/** Calls without an answer; with as many no further frames are read. */
const mostCalls = 32
/** The code that a socket is closed with whose key or token is refused: 4000 more than the status of HTTP. */
const unauthorizedClose = 4401

/** Sockets so far. */
let sockets = 0

/** The part of a socket that only a session needs. */
type Closable = Pick<WebSocket<unknown>, 'end' | 'close'>

/** The conversation with one socket. */
export class Session {
  readonly #codec: Codec
  readonly #context: SessionContext
  readonly #greeting: Greeting
  readonly #frames: IncomingFrames
  readonly #subscriptions = new Subscriptions()
  readonly #abort = new AbortController()
  #sender: Sender
  /** The sender once it has a caller, which is when it was told welcome. */
  #callContext: CallContext | undefined
  /** Calls without an answer. */
  #calls = 0
  /** What still comes is not read. */
  #isEnding = false
  #socket: Closable | undefined
  #outbox: Outbox | undefined
  #stopGenerations: (() => void) | undefined
  /** Name of the generation that was announced to the client last. */
  #announced = ''

  /** `credential`: what the upgrade bore. */
  constructor(codec: Codec, context: SessionContext, credential: string | undefined) {
    const { service, authenticator, readTurns, isLimited } = context
    this.#codec = codec
    this.#context = context
    this.#sender = { account: { name: `socket ${++sockets}`, isLimited } }
    this.#greeting = new Greeting(authenticator, credential, {
      welcome: (caller, protocol, request) => this.#welcome(caller, protocol, request),
      onCaller: caller => this.#begin(caller),
      onCallerEnd: error => this.#expel(error),
      onRefused: (error, request) => this.#turnAway(error, { request }),
      onLate: () => this.end(1008, 'no hello came'),
    })
    this.#frames = new IncomingFrames(service, readTurns, {
      sender: () => this.#sender,
      hasRoom: () => this.#hasRoom,
      isEnding: () => this.#isEnding,
      read: (bytes, isBinary) => this.#read(bytes, isBinary),
      refuse: error => this.#fail(error, {}),
      end: (code, reason) => this.end(code, reason),
      holdUnread: bytes => this.#outbox?.holdUnread(bytes),
    })
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  open(socket: Sink & Closable): void {
    this.#socket = socket
    this.#outbox = new Outbox(socket, this.#codec, this.#context, {
      onSkip: this.#context.onSkippedList,
      onAnswered: () => this.#frames.readLater(),
      onLost: subscriptions => this.#subscriptions.renew(subscriptions),
      // Without a closing frame, which it would not read either. What it did not see acknowledged it can send again.
      onOverflow: () => this.#socket?.close(),
    })
    this.#greeting.open()
  }

  /** Takes one frame. `bytes` need to live only until this returns. */
  receive(bytes: Uint8Array, isBinary: boolean): void {
    this.#frames.receive(bytes, isBinary)
  }

  /** The reader has caught up, at least in part. */
  drain(): void {
    this.#outbox?.flush()
    this.#frames.readLater()
  }

  /** Closes the socket, after all that was to be sent. Codes: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
  end(code: number, reason: string): void {
    this.#isEnding = true
    this.#outbox?.finish()
    this.#socket?.end(code, reason)
  }

  /** The socket is gone, and must not be touched any more. */
  closed(): void {
    this.#greeting.close()
    this.#frames.close()
    this.#endWork(new ServiceError('shutting_down', 'the connection is gone'))
    this.#socket = undefined
    this.#outbox?.close()
    this.#outbox = undefined
  }

  /** The caller must go: all that it has here ends, also where it does not read that. */
  #expel(error: ServiceError): void {
    this.#endWork(error)
    this.#turnAway(error, {})
  }

  #turnAway(error: unknown, reference: Reference): void {
    this.#fail(error, reference)
    this.end(unauthorizedClose, 'unauthorized')
  }

  #endWork(reason: ServiceError): void {
    this.#abort.abort(reason)
    this.#stopGenerations?.()
    this.#subscriptions.closeAll()
    this.#frames.clear()
  }

  /** Whether the answers to what was read leave room for more. */
  get #hasRoom(): boolean {
    if (this.#greeting.isAuthenticating || this.#isEnding || this.#outbox === undefined) return false
    return this.#calls < mostCalls && this.#outbox.unsent < pauseAbove
  }

  #read(bytes: Uint8Array, isBinary: boolean): boolean {
    let value: unknown
    let message: ClientMessage | undefined
    try {
      value = decodeFrame(this.#codec, bytes, isBinary)
      message = messageOf(value)
      this.#handle(message)
    } catch (error) {
      this.#fail(error, referenceOf(value))
    }
    return message !== undefined && (this.#callContext !== undefined || message.type === 'hello')
  }

  #handle(message: ClientMessage): void {
    if (message.type === 'hello') {
      this.#greeting.greet(message)
      return
    }
    const context = this.#callContext
    if (!context) {
      throw new ServiceError('hello_first', `expected hello as the first message, got ${message.type}`)
    }
    switch (message.type) {
      case 'subscribe':
        this.#subscribe(context, message)
        break
      case 'unsubscribe':
        this.#unsubscribe(message)
        break
      case 'feedback':
        this.#feedback(context, message)
        break
      case 'event':
        this.#record(context, message)
        break
      case 'call':
        void this.#call(context, message)
        break
      case 'ping':
        this.#send({ type: 'pong' }, message)
    }
  }

  /** @throws {ServiceError} `unauthorized` */
  #welcome(caller: Caller, protocol: number, request: number | undefined): void {
    const info = this.#context.service.welcome(caller)
    this.#send({ type: 'welcome', protocol, ...info }, { request })
    this.#announced = info.generation
  }

  #begin(caller: Caller): void {
    const { account } = this.#sender
    this.#callContext = { account, caller, isCounted: true, signal: this.#abort.signal }
    this.#sender = this.#callContext
    this.#stopGenerations = this.#context.service.onGeneration(() => this.#announce())
    this.#frames.readLater()
  }

  /** Tells the client of the generation that is served now, once. */
  #announce(): void {
    const { generation, model } = this.#context.service.info
    if (generation === this.#announced) return
    this.#announced = generation
    this.#outbox?.push({ type: 'generation', generation, model })
  }

  #subscribe(context: CallContext, { subscription, query: given, request }: MessageOf<'subscribe'>): void {
    let sequence = 0
    this.#subscriptions.replace(subscription, () => {
      const opened = this.#context.service.subscribe(context, given, {
        onList: list => {
          if (list.generation !== this.#announced) this.#announce()
          sequence++
          this.#outbox?.offerList({ type: 'list', subscription, sequence, ...about }, list)
        },
        onError: error => this.#fail(error, { subscription }),
      })
      const { query } = opened
      const about = aboutOf(query)
      return opened
    })
    this.#outbox?.dropList(subscription)
    this.#send({ type: 'subscribed', subscription }, { request })
  }

  #unsubscribe({ subscription, request }: MessageOf<'unsubscribe'>): void {
    this.#subscriptions.close(subscription)
    this.#outbox?.dropList(subscription)
    this.#send({ type: 'unsubscribed', subscription }, { request })
  }

  #feedback(context: CallContext, { subscription, song, outcome, request }: MessageOf<'feedback'>): void {
    const mix = this.#subscriptions.mix(subscription)
    this.#context.service.feedback(context, mix, { song, outcome }).then(
      () => this.#send({ type: 'noted', subscription, song }, { request }),
      // Not of the subscription, which goes on.
      error => this.#fail(error, { request }),
    )
  }

  #record(context: CallContext, { type: _, request, ...event }: MessageOf<'event'>): void {
    // Where the caller is bound to a user, no subscription is of another.
    const { id, user = this.#subscriptions.onlyUser } = event
    this.#context.service.record(context, { ...event, user }, (result, user) => {
      if (result instanceof ServiceError) this.#fail(result, { id, request })
      else {
        this.#send(ackOf(result, user), { request })
        if (result.status === 'stored') this.#noteOfMix(context, event)
      }
    })
  }

  /** An event that follows from a list of a mix says what became of its song. */
  #noteOfMix(
    context: CallContext,
    { list, item, kind, weight }: Pick<MessageOf<'event'>, 'list' | 'item' | 'kind' | 'weight'>,
  ): void {
    if (list === undefined || item === undefined) return
    const outcome = kind === 'skip' || weight < 0 ? 'skipped' : 'accepted'
    for (const mix of this.#subscriptions.mixesWith(list)) {
      this.#context.service.feedback(context, mix, { song: item, outcome }).catch(error => this.#fail(error, {}))
    }
  }

  async #call(context: CallContext, { method, params, request }: MessageOf<'call'>): Promise<void> {
    this.#calls++
    try {
      const result = await this.#context.service.call(method, params, context)
      this.#send({ type: 'result', method, result }, { request })
    } catch (error) {
      this.#fail(error, { request })
    }
    this.#calls--
    this.#frames.readLater()
  }

  #send(message: Exclude<ServerMessage, GenerationChanged | List>, { request }: Reference): void {
    this.#outbox?.push(request === undefined ? message : { ...message, request })
  }

  #fail(error: unknown, { request, id, subscription }: Reference): void {
    if (!(error instanceof ServiceError)) this.#context.onFault(error)
    // The client has gone.
    if (!this.#outbox) return
    const failure = wireError(error)
    this.#context.onError(failure.code)
    this.#context.service.noteError(this.#sender, failure)
    this.#outbox.push({
      type: 'error',
      ...failure,
      ...(request !== undefined && { request }),
      ...(id !== undefined && { id }),
      ...(subscription !== undefined && { subscription }),
    })
  }
}

/** What the lists of a subscription are about. */
function aboutOf(query: Query): { readonly user?: string; readonly item?: string } {
  if (query.kind === 'user') return { user: query.user }
  return query.kind === 'similar' ? { item: query.item } : {}
}

function ackOf({ id, status, known }: Recorded, user: string): Ack {
  return {
    type: 'ack',
    id,
    user,
    ...(status === 'duplicate' && { duplicate: true }),
    ...(known === false && { known }),
  }
}
