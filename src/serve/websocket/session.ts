import type { WebSocket } from 'uWebSockets.js'
import { type Codec, check } from '../../protocol/codec.ts'
import { type ErrorCode, ServiceError, wireError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import {
  type Ack,
  type ClientMessage,
  type ClientMessageType,
  clientMessages,
  type GenerationChanged,
  type List,
  type ServerMessage,
} from '../../protocol/messages.ts'
import type { Query, Recorded, StreamQuery } from '../../protocol/values.ts'
import { protocolVersions } from '../../protocol/versions.ts'
import type { Watch } from '../../recommend/watched-list.ts'
import { type Authenticator, callerOf } from '../access/authenticator.ts'
import type { Caller } from '../access/caller.ts'
import type { Client } from '../load/client.ts'
import { answerInterval, type Refusal } from '../load/rate-limiter.ts'
import type { SendMemory } from '../load/send-memory.ts'
import type { Service } from '../service.ts'
import type { FrameReader, FrameTurns } from './frame-turns.ts'
import { Outbox, type Sink } from './outbox.ts'
import { WaitingFrames } from './waiting-frames.ts'

/** What all sessions of a server share. */
export interface SessionContext {
  readonly service: Service
  readonly authenticator: Authenticator
  readonly memory: SendMemory
  readonly turns: FrameTurns
  readonly onError: (code: ErrorCode) => void
  /** Called for each list that a slow reader was spared. */
  readonly onSkippedList: () => void
  /** Called with errors that are not a client's. */
  readonly onFault: (error: unknown) => void
}

/** In ms: until a socket must have sent `hello`. */
const helloTimeout = 10_000
/** In bytes: while more than this of the answers is unsent, no further frames are read. */
const pauseAbove = 1 << 20
/** Calls without an answer; with as many no further frames are read. */
const mostCalls = 32
/** The code that a socket is closed with whose key or token is refused: 4000 more than the status of HTTP. */
const unauthorizedClose = 4401
/** Frames of a client with a rate that may wait to be read: one that sends more at once must wait itself. */
const mostWaiting = 1000
/** Messages in a row that are none, before the `hello` and after it: who sends more does not listen to the answers. */
const mostFaults = { before: 10, after: 100 } as const

/** Sockets so far. */
let sockets = 0

/** The part of a socket that only a session needs. */
type Closable = Pick<WebSocket<unknown>, 'end' | 'close'>

/** What an answer refers to. */
interface Reference {
  readonly request?: number | undefined
  readonly id?: string | undefined
  readonly subscription?: number | undefined
}

type MessageOf<Type extends ClientMessageType> = Extract<ClientMessage, { type: Type }>

interface OpenSubscription {
  readonly query: Query
  readonly watch: Watch
}

/** The conversation with one socket. */
export class Session implements FrameReader {
  readonly #codec: Codec
  readonly #context: SessionContext
  readonly #subscriptions = new Map<number, OpenSubscription>()
  readonly #abort = new AbortController()
  readonly #client: Client = { name: `socket ${++sockets}`, isLimited: true }
  /** Frames that came while they could not be read. */
  readonly #frames = new WaitingFrames()
  /** Calls without an answer. */
  #calls = 0
  /** Messages since the last that was one. */
  #faults = 0
  /** What still comes is not read. */
  #isEnding = false
  #socket: Closable | undefined
  #outbox: Outbox | undefined
  /** What the upgrade bore. */
  readonly #credential: string | undefined
  /** Undefined until it was told welcome. */
  #caller: Caller | undefined
  #forgetCaller = () => {}
  /** While the token of a `hello` is checked no further frames are read. */
  #isAuthenticating = false
  #deadline: NodeJS.Timeout | undefined
  /** Runs while messages were refused that are not answered. */
  #notice: NodeJS.Timeout | undefined
  #stopGenerations: (() => void) | undefined
  /** Name of the generation that was announced to the client last. */
  #announced = ''

  constructor(codec: Codec, context: SessionContext, credential: string | undefined) {
    this.#codec = codec
    this.#context = context
    this.#credential = credential
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  open(socket: Sink & Closable): void {
    this.#socket = socket
    this.#outbox = new Outbox(socket, this.#codec, this.#context.memory, {
      onSkip: this.#context.onSkippedList,
      onLost: subscriptions => {
        for (const subscription of subscriptions) this.#subscriptions.get(subscription)?.watch.renew()
      },
      // Without a closing frame, which it would not read either. What it did not see acknowledged it can send again.
      onOverflow: () => this.#socket?.close(),
    })
    this.#deadline = setTimeout(() => this.end(1008, 'no hello came'), helloTimeout)
  }

  /** Takes one frame. `bytes` need to live only until this returns. */
  receive(bytes: Uint8Array, isBinary: boolean): void {
    const { service, turns } = this.#context
    if (this.#isEnding) return
    const isFull = this.#frames.size >= mostWaiting
    if (this.#refuses(isFull ? service.excessRefusalOf(this.#client) : service.refusalOf(this.#client, bytes.length))) {
      return
    }
    // Of one without a caller only few are read before it has one, or is closed.
    if (this.#frames.size === 0 && this.#hasRoom && (turns.begin() || !this.#caller)) {
      this.#read(bytes, isBinary)
      turns.end()
    } else if (this.#frames.bytes + bytes.length > limits.frameBytes) {
      this.#fail(new ServiceError('rate_limited', 'expected answers to be read: no more messages are kept before'), {})
    } else {
      this.#frames.push(bytes, isBinary)
      this.#readLater()
    }
  }

  readSome(most: number): boolean {
    for (let read = 0; read < most && this.#hasRoom; read++) {
      const frame = this.#frames.shift()
      if (!frame) break
      if (!this.#refuses(this.#context.service.lateRefusalOf(this.#client))) this.#read(frame.bytes, frame.isBinary)
    }
    this.#outbox?.holdUnread(this.#frames.bytes)
    return this.#frames.size > 0 && this.#hasRoom
  }

  /** The reader has caught up, at least in part. */
  drain(): void {
    this.#outbox?.flush()
    this.#readLater()
  }

  /** Closes the socket, after all that was to be sent. Codes: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
  end(code: number, reason: string): void {
    this.#isEnding = true
    this.#outbox?.flush()
    this.#socket?.end(code, reason)
  }

  /** The caller must go: all that it has here ends, also where it does not read that. */
  #expel(error: ServiceError): void {
    this.#endWork(error)
    this.#fail(error, {})
    this.end(unauthorizedClose, 'unauthorized')
  }

  #endWork(reason: ServiceError): void {
    this.#abort.abort(reason)
    this.#stopGenerations?.()
    for (const { watch } of this.#subscriptions.values()) watch.close()
    this.#subscriptions.clear()
    this.#frames.clear()
    this.#context.turns.remove(this)
  }

  /** The socket is gone, and must not be touched any more. */
  closed(): void {
    clearTimeout(this.#deadline)
    clearTimeout(this.#notice)
    this.#forgetCaller()
    this.#endWork(new ServiceError('shutting_down', 'the connection is gone'))
    this.#socket = undefined
    this.#outbox?.close()
    this.#outbox = undefined
  }

  /** Whether a message is not read, for `refusal`, which is answered now or soon. */
  #refuses(refusal: Refusal | undefined): boolean {
    if (refusal === 'silence') {
      this.#notice ??= setTimeout(() => this.#noticeRefusals(), answerInterval)
    } else if (refusal === 'flood') {
      this.end(1008, 'rate_limited: more messages were sent than the server takes of one client')
    } else if (refusal) {
      this.#fail(refusal, {})
    }
    return refusal !== undefined
  }

  #noticeRefusals(): void {
    this.#notice = undefined
    const refusal = this.#context.service.refusalNotice(this.#client)
    if (refusal) this.#fail(refusal, {})
  }

  /** Whether the answers to what was read leave room for more. */
  get #hasRoom(): boolean {
    if (this.#isAuthenticating || this.#isEnding || this.#outbox === undefined) return false
    return this.#calls < mostCalls && this.#outbox.unsent < pauseAbove
  }

  /** Has the frames that wait read when it is the socket's turn, if they can be. */
  #readLater(): void {
    if (this.#frames.size === 0) return
    this.#outbox?.holdUnread(this.#frames.bytes)
    if (this.#hasRoom) this.#context.turns.add(this)
  }

  #read(bytes: Uint8Array, isBinary: boolean): void {
    let value: unknown
    let message: ClientMessage | undefined
    try {
      value = this.#decode(bytes, isBinary)
      message = messageOf(value)
      this.#handle(message)
    } catch (error) {
      this.#fail(error, referenceOf(value))
    }
    this.#countFaults(message !== undefined && (this.#caller !== undefined || message.type === 'hello'))
  }

  /** A client that does not speak the protocol is told so some times, and then closed. */
  #countFaults(isGood: boolean): void {
    this.#faults = isGood ? 0 : this.#faults + 1
    const most = this.#caller ? mostFaults.after : mostFaults.before
    if (this.#faults >= most) this.end(1008, `${most} messages in a row were none`)
  }

  #decode(bytes: Uint8Array, isBinary: boolean): unknown {
    if (bytes.length > limits.messageBytes) {
      throw new ServiceError(
        'too_large',
        `expected at most ${limits.messageBytes} bytes in a message, got ${bytes.length}`,
      )
    }
    if (isBinary !== this.#codec.binary) {
      const [expected, got] = this.#codec.binary ? ['a binary', 'text'] : ['a text', 'a binary one']
      throw new ServiceError('wrong_encoding', `${this.#codec.subprotocol} expects ${expected} frame, got ${got}`)
    }
    return this.#codec.decode(bytes)
  }

  #handle(message: ClientMessage): void {
    const caller = this.#caller
    if (message.type === 'hello') {
      this.#greet(message)
      return
    }
    if (!caller) {
      throw new ServiceError('hello_first', `expected hello as the first message, got ${message.type}`)
    }
    switch (message.type) {
      case 'subscribe':
        this.#subscribe(caller, message)
        break
      case 'unsubscribe':
        this.#unsubscribe(message)
        break
      case 'event':
        this.#record(caller, message)
        break
      case 'call':
        void this.#call(caller, message)
        break
      case 'ping':
        this.#send({ type: 'pong' }, message)
    }
  }

  #greet({ protocols, key, request }: MessageOf<'hello'>): void {
    const protocol = protocolVersions.find(version => protocols.includes(version))
    if (protocol === undefined) {
      throw new ServiceError(
        'unsupported_protocol',
        `expected one of the versions ${protocolVersions.join(', ')}, got ${protocols.join(', ')}`,
      )
    }
    if (this.#caller) {
      if (key !== undefined) {
        throw new ServiceError('bad_message', 'key: the socket has its caller already: connect again for another')
      }
      this.#welcome(this.#caller, protocol, request)
      return
    }
    const refuse = (error: unknown) => {
      this.#fail(error, { request })
      this.end(unauthorizedClose, 'unauthorized')
    }
    try {
      const caller = callerOf(this.#context.authenticator, key ?? this.#credential)
      if (caller instanceof Promise) {
        this.#isAuthenticating = true
        caller.then(caller => this.#admit(caller, protocol, request)).catch(refuse)
      } else this.#admit(caller, protocol, request)
    } catch (error) {
      refuse(error)
    }
  }

  /** @throws {ServiceError} `unauthorized` */
  #admit(caller: Caller, protocol: number, request: number | undefined): void {
    // It has gone meanwhile.
    if (!this.#outbox) return
    this.#welcome(caller, protocol, request)
    clearTimeout(this.#deadline)
    this.#caller = caller
    this.#forgetCaller = caller.onEnd(error => this.#expel(error))
    this.#stopGenerations = this.#context.service.onGeneration(() => this.#announce())
    this.#isAuthenticating = false
    this.#readLater()
  }

  #welcome(caller: Caller, protocol: number, request: number | undefined): void {
    const info = this.#context.service.welcome(caller)
    this.#send({ type: 'welcome', protocol, ...info }, { request })
    this.#announced = info.generation
  }

  /** Tells the client of the generation that is served now, once. */
  #announce(): void {
    const { generation, model } = this.#context.service.info
    if (generation === this.#announced) return
    this.#announced = generation
    this.#outbox?.push({ type: 'generation', generation, model })
  }

  #subscribe(caller: Caller, { subscription, query: given, request }: MessageOf<'subscribe'>): void {
    const query = withUser(given, caller)
    const former = this.#subscriptions.get(subscription)
    if (!former && this.#subscriptions.size >= limits.subscriptions) {
      throw new ServiceError('too_many_subscriptions', `expected at most ${limits.subscriptions} subscriptions`)
    }
    let sequence = 0
    const about = query.kind === 'user' ? { user: query.user } : { item: query.item }
    const watch = this.#context.service.subscribe(
      caller,
      query,
      list => {
        if (list.generation !== this.#announced) this.#announce()
        sequence++
        this.#outbox?.offerList({ type: 'list', subscription, sequence, ...about }, list)
      },
      error => this.#fail(error, { subscription }),
      this.#client,
    )
    former?.watch.close()
    this.#outbox?.dropList(subscription)
    this.#send({ type: 'subscribed', subscription }, { request })
    this.#subscriptions.set(subscription, { query, watch })
  }

  #unsubscribe({ subscription, request }: MessageOf<'unsubscribe'>): void {
    const open = this.#subscriptions.get(subscription)
    if (!open) throw new ServiceError('not_subscribed', `this socket has no subscription ${subscription}`)
    open.watch.close()
    this.#subscriptions.delete(subscription)
    this.#outbox?.dropList(subscription)
    this.#send({ type: 'unsubscribed', subscription }, { request })
  }

  #record(
    caller: Caller,
    { type: _, request, user = caller.onlyUser ?? this.#onlyUser(), ...event }: MessageOf<'event'>,
  ): void {
    const { id } = event
    this.#context.service.record(caller, { ...event, user }, result => {
      if (result instanceof ServiceError) this.#fail(result, { id, request })
      else this.#send(ackOf(result, user), { request })
    })
  }

  async #call(caller: Caller, { method, params, request }: MessageOf<'call'>): Promise<void> {
    this.#calls++
    try {
      const { signal } = this.#abort
      const client = this.#client
      const result = await this.#context.service.call(method, params, { caller, client, signal })
      this.#send({ type: 'result', method, result }, { request })
    } catch (error) {
      this.#fail(error, { request })
    }
    this.#calls--
    this.#readLater()
  }

  /** The user of all subscriptions. */
  #onlyUser(): string {
    const users = new Set<string>()
    for (const { query } of this.#subscriptions.values()) if (query.kind === 'user') users.add(query.user)
    const [only] = users
    if (only !== undefined && users.size === 1) return only
    const has = only === undefined ? 'no subscription of a user' : 'subscriptions of several users'
    throw new ServiceError('user_required', `expected a user in the event: the socket has ${has}`)
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
    this.#context.service.noteRefusal(this.#client, failure)
    this.#outbox.push({
      type: 'error',
      ...failure,
      ...(request !== undefined && { request }),
      ...(id !== undefined && { id }),
      ...(subscription !== undefined && { subscription }),
    })
  }
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

/** @throws {ServiceError} `user_required` */
function withUser(query: StreamQuery, { onlyUser }: Caller): Query {
  if (query.kind !== 'user') return query
  const user = query.user ?? onlyUser
  if (user !== undefined) return { ...query, user }
  throw new ServiceError('user_required', 'query.user: expected the id of a user, since the socket is not bound to one')
}

/** @throws {ServiceError} `unknown_type`, `bad_message` */
function messageOf(value: unknown): ClientMessage {
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  if (typeof type !== 'string') throw new ServiceError('bad_message', 'expected a map with a type')
  if (!Object.hasOwn(clientMessages, type)) {
    const known = Object.keys(clientMessages).join(', ')
    throw new ServiceError('unknown_type', `expected a message of type ${known}, got ${type.slice(0, 40)}`)
  }
  return check(clientMessages[type as ClientMessageType], value)
}

/** What a message that is refused names, so that its sender knows which one it was. */
function referenceOf(value: unknown): Reference {
  if (typeof value !== 'object' || value === null) return {}
  const { type, request, id, subscription } = value as Record<string, unknown>
  return {
    request: isNumber(request) ? request : undefined,
    id: type === 'event' && typeof id === 'string' && id.length <= limits.idLength ? id : undefined,
    subscription: isNumber(subscription) ? subscription : undefined,
  }
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}
