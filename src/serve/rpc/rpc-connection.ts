import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { check } from '../../protocol/codec.ts'
import { type ErrorCode, ServiceError, wireError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { encodeMsgpack } from '../../protocol/msgpack.ts'
import {
  AuthenticateSchema,
  callArguments,
  messageType,
  type ResponseMessage,
  requestNumber,
} from '../../protocol/rpc.ts'
import { RefusedMessage, RpcReader } from '../../protocol/rpc-reader.ts'
import type { Authenticator } from '../access/authenticator.ts'
import type { Caller } from '../access/caller.ts'
import type { LoadAccount } from '../load/account.ts'
import type { HeldBytes, SendMemory } from '../load/send-memory.ts'
import type { Service } from '../service.ts'
import { PendingCall } from './pending-call.ts'

const expectedMessage = 'expected [0, number, method, params], the number whole and in 32 bits, or [2, method, params]'

export interface RpcConnectionOptions {
  readonly authenticator: Authenticator
  /** Whether the rate of the server is a limit to clients. */
  readonly isLimited: boolean
  readonly log: Logger
  /** Bounds what all connections together have unsent. */
  readonly memory: SendMemory
  /** Called with the code of each error that a call or a notification met. */
  readonly onError?: ((code: ErrorCode) => void) | undefined
  /** Called with errors that are not a caller's. Default: they are logged. */
  readonly onFault?: ((error: unknown) => void) | undefined
}

/** In bytes: while more than this of the answers is unsent, since the client does not read them, none of its calls is read. */
const pauseAbove = 1 << 20
/** In ms: a client that reads nothing of what is unsent for so long is disconnected. */
const stallTimeout = 60_000
/** Connections so far. */
let connections = 0
/** In ms: until a client must have shown a key, where one is expected. */
const keyTimeout = 10_000
/** In ms: for how long calls are read in one go; all other connections are served between two. */
const turnTime = 2
/** Calls between two looks at the clock. */
const callsPerLook = 16
/** In ms: until the client must have ended its side after the server has ended its own. */
const endTimeout = 1000

/**
 * One client of the internal RPC. Its calls are read as long as few enough of them are unanswered and it reads the
 * answers; what is not read waits in the socket, and then with the client.
 */
export class RpcConnection {
  /** Fulfilled when the connection has ended, and what it had called is abandoned. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #service: Pick<Service, 'call'>
  readonly #options: RpcConnectionOptions
  readonly #reader = new RpcReader(limits)
  readonly #pending = new Set<PendingCall>()
  readonly #account: LoadAccount
  readonly #held: HeldBytes
  /** Encoded answers that leave together, and their bytes. */
  #answers: Uint8Array[] = []
  #answerBytes = 0
  #isPaused = false
  #caller: Caller
  /** Runs until it is known who calls. */
  #keyDeadline: NodeJS.Timeout | undefined
  /** Has the end of the caller end nothing. */
  #forgetCaller = () => {}
  /** What comes is not read until it is known whose it is. */
  #isAuthenticating = false
  /** Further calls are refused, and the connection ends once none is pending. */
  #isClosing = false
  /** Nothing more is read: what still comes is thrown away. */
  #isEnding = false
  #hasLoggedNotification = false

  constructor(socket: Socket, service: Pick<Service, 'call'>, options: RpcConnectionOptions) {
    this.#socket = socket
    this.#service = service
    this.#options = options
    this.#account = { name: `rpc ${++connections}`, isLimited: options.isLimited }
    this.#held = options.memory.join({ dropLists: () => {}, close: () => this.#dropSlowReader() })
    this.#caller = options.authenticator.anonymous()
    this.#setCaller(this.#caller)
    socket.setNoDelay()
    socket.setKeepAlive(true, stallTimeout)
    socket.setTimeout(stallTimeout, () => {
      if (socket.writableLength > 0) this.#dropSlowReader()
    })
    socket.on('data', chunk => {
      if (this.#isEnding) return
      this.#reader.push(chunk)
      this.#read()
    })
    socket.on('drain', () => {
      this.#held.set(socket.writableLength)
      this.#resume()
    })
    socket.on('error', error => options.log.debug({ error: error.message }, 'an RPC connection failed'))
    this.closed = new Promise(resolve => {
      socket.on('close', () => {
        this.#isEnding = true
        clearTimeout(this.#keyDeadline)
        this.#forgetCaller()
        this.#held.leave()
        for (const call of this.#pending) call.abort(new Error('the caller has disconnected'))
        this.#pending.clear()
        resolve()
      })
    })
  }

  /** Refuses further calls, and ends the connection once those that have begun are answered. */
  close(): void {
    this.#isClosing = true
    this.#endWhenAnswered()
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Carries out the calls that have come, until one must wait. What they give at once leaves in one piece. */
  #read(): void {
    const turnEnd = performance.now() + turnTime
    for (let calls = 1; !this.#isEnding; calls++) {
      if (!this.#hasRoom) this.#flush()
      const isTurnOver = calls % callsPerLook === 0 && performance.now() >= turnEnd
      if (!this.#hasRoom || isTurnOver) {
        this.#isPaused = true
        this.#socket.pause()
        if (isTurnOver) setImmediate(() => this.#resume())
        break
      }
      const message = this.#reader.next()
      if (message === undefined) break
      this.#receive(message)
    }
    this.#flush()
  }

  /** Whether another call may begin. */
  get #hasRoom(): boolean {
    if (this.#isAuthenticating) return false
    return this.#pending.size < limits.pipelined && this.#answerBytes + this.#socket.writableLength < pauseAbove
  }

  #resume(): void {
    if (!this.#isPaused || !this.#hasRoom) return
    this.#isPaused = false
    this.#read()
    if (!this.#isPaused) this.#socket.resume()
  }

  #receive(message: unknown): void {
    if (message instanceof RefusedMessage) {
      this.#sendError(message.number ?? null, message.error)
      if (message.isLast || message.number === undefined) this.#stopReading()
      return
    }
    const parts: readonly unknown[] = Array.isArray(message) ? message : []
    if (parts[0] === messageType.notification) {
      this.#call(undefined, parts.slice(1))
      return
    }
    const number = parts[0] === messageType.request ? requestNumber(parts[1]) : undefined
    if (number !== undefined) {
      this.#call(number, parts.slice(2))
      return
    }
    this.#sendError(null, new ServiceError('bad_message', expectedMessage))
    this.#stopReading()
  }

  /** `number` is undefined for a notification, here and below. */
  #call(number: number | undefined, [method, params, ...more]: readonly unknown[]): void {
    try {
      if (this.#isClosing) throw new ServiceError('shutting_down', 'the server is about to end: call again later')
      if (typeof method !== 'string') throw new ServiceError('bad_message', 'expected the name of a method, a string')
      if (more.length > 0) throw new ServiceError('bad_message', expectedMessage)
      const { parameters, timeout } = callArguments(params)
      if (method === 'authenticate') {
        void this.#authenticate(number, parameters)
        return
      }
      const call = new PendingCall(number, method)
      const result = this.#service.call(method, parameters, {
        caller: this.#caller,
        account: this.#account,
        signal: call.signal,
      })
      if (result instanceof Promise) this.#expect(call, result, timeout)
      else this.#answer(number, result)
    } catch (error) {
      this.#refuse(number, method, error)
      // A stranger is told once.
      if (!this.#caller.isKnown) this.#stopReading()
    }
  }

  async #authenticate(number: number | undefined, parameters: unknown): Promise<void> {
    this.#isAuthenticating = true
    try {
      const { key } = check(AuthenticateSchema, parameters)
      this.#setCaller(await this.#options.authenticator.authenticate(key))
      this.#answer(number, {})
    } catch (error) {
      this.#refuse(number, 'authenticate', error)
      this.#stopReading()
    }
    this.#isAuthenticating = false
    this.#resume()
  }

  #setCaller(caller: Caller): void {
    this.#forgetCaller()
    clearTimeout(this.#keyDeadline)
    this.#caller = caller
    if (!caller.isKnown) {
      const error = new ServiceError('unauthorized', 'the server expects a key or a token, got none')
      this.#keyDeadline = setTimeout(() => this.#expel(error), keyTimeout)
    }
    if (!this.#isEnding) this.#forgetCaller = caller.onEnd(error => this.#expel(error))
  }

  /** The caller must go: what it waits for is refused, and the connection ends. */
  #expel(error: ServiceError): void {
    this.#isEnding = true
    for (const call of this.#pending) {
      call.abort(error)
      this.#refuse(call.number, call.method, error)
    }
    this.#pending.clear()
    this.#sendError(null, error)
    this.#stopReading()
  }

  #expect(call: PendingCall, result: Promise<unknown>, timeout: number | undefined): void {
    this.#pending.add(call)
    const refuse = (error: unknown) => this.#settle(call, () => this.#refuse(call.number, call.method, error))
    result.then(value => this.#settle(call, () => this.#answer(call.number, value)), refuse)
    call.setDeadline(timeout, late => {
      refuse(late)
      call.abort(late)
    })
  }

  /** Does `answer` unless the call was answered before, or the caller has disconnected. */
  #settle(call: PendingCall, answer: () => void): void {
    if (!this.#pending.delete(call)) return
    call.end()
    answer()
    this.#resume()
    this.#endWhenAnswered()
  }

  #answer(number: number | undefined, result: unknown): void {
    if (number === undefined) return
    try {
      this.#send([messageType.response, number, null, result])
    } catch (error) {
      // A result that MessagePack does not have.
      this.#sendError(number, error)
    }
  }

  #refuse(number: number | undefined, method: unknown, error: unknown): void {
    if (number !== undefined) {
      this.#sendError(number, error)
      return
    }
    const { code, message } = this.#wireError(error)
    if (this.#hasLoggedNotification) return
    this.#hasLoggedNotification = true
    this.#options.log.warn(
      { method, code, message },
      'a notification failed; further ones of the connection are only counted',
    )
  }

  #sendError(number: number | null, error: unknown): void {
    this.#send([messageType.response, number, this.#wireError(error), null])
  }

  #wireError(error: unknown) {
    const { log, onFault = fault => log.error(fault, 'a fault of the server') } = this.#options
    if (!(error instanceof ServiceError)) onFault(error)
    const refusal = wireError(error)
    this.#options.onError?.(refusal.code)
    return refusal
  }

  #send(message: ResponseMessage): void {
    const bytes = encodeMsgpack(message)
    // What else is answered in this turn of the event loop leaves with it.
    if (this.#answers.length === 0) process.nextTick(() => this.#flush())
    this.#answers.push(bytes)
    this.#answerBytes += bytes.length
  }

  #flush(): void {
    const answers = this.#answers
    if (answers.length === 0) return
    this.#answers = []
    this.#answerBytes = 0
    if (!this.#socket.writable) return
    this.#socket.write(answers.length === 1 ? answers[0] : Buffer.concat(answers))
    this.#held.set(this.#socket.writableLength)
  }

  #dropSlowReader(): void {
    const { remoteAddress, writableLength: unread } = this.#socket
    this.#options.log.warn({ remoteAddress, unread }, 'an RPC client does not read its answers: it is disconnected')
    this.#socket.destroy()
  }

  /** Takes no more calls: what still comes is thrown away. */
  #stopReading(): void {
    this.#isEnding = true
    this.#socket.resume()
    this.#endWhenAnswered()
  }

  #endWhenAnswered(): void {
    if (!(this.#isClosing || this.#isEnding) || this.#pending.size > 0 || !this.#socket.writable) return
    this.#isEnding = true
    this.#flush()
    // Ending while the client still sends would reset the connection, and the last answers with it: they are read first.
    this.#socket.resume()
    this.#socket.end()
    const timer = setTimeout(() => this.#socket.destroy(), endTimeout)
    this.#socket.once('close', () => clearTimeout(timer))
  }
}
