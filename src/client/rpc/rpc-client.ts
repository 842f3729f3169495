/// <reference lib="esnext.disposable" preserve="true" />
import { setTimeout as wait } from 'node:timers/promises'
import type { WireError } from '../../protocol/errors.ts'
import type { MethodName, ParamsInput, Results } from '../../protocol/methods.ts'
import { encodeSparseMsgpack } from '../../protocol/msgpack.ts'
import { longestTimeout, messageType, type NotificationMessage, type RequestMessage } from '../../protocol/rpc.ts'
import { parseRpcAddress, type RpcAddress } from '../../protocol/rpc-address.ts'
import { type BackoffOptions, reconnectWait } from '../backoff.ts'
import type { KeySource } from '../key-source.ts'
import { numberAfter } from '../numbers.ts'
import { ServerError } from '../server-error.ts'
import { RpcSocket } from './rpc-socket.ts'

export interface RpcClientOptions extends BackoffOptions {
  /** Calls without an answer and notifications not sent yet, at most; further ones fail. Default: 10,000. */
  readonly maxPending?: number | undefined
  /**
   * What the server knows the client by, where it expects a key or a token. One that is refused ends the client; where it is
   * a function, once it has been asked for another. Default: none.
   */
  readonly key?: KeySource | undefined
}

export interface RpcCallOptions {
  /** In ms, above 0 and below 2^31: a call that is not answered within it fails with `deadline_exceeded`, and the server abandons it. */
  readonly timeout?: number | undefined
  /** Aborting it fails the call with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** There was no connection, or it was lost; whether a call that had been sent was carried out is not known. */
export class ConnectionError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ConnectionError'
  }
}

type AnyResponse = readonly [number, number | null, WireError | null, never]

interface PendingCall {
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
  /** Ends its timer and listeners. */
  readonly end: () => void
}

/**
 * A client of the internal RPC, for Node. Calls are sent as they are made, and answered as they are ready.
 *
 * When the connection is lost all pending calls fail, and the next call connects again.
 */
export class RpcClient {
  readonly #address: RpcAddress
  readonly #text: string
  readonly #options: RpcClientOptions
  readonly #pending = new Map<number, PendingCall>()
  readonly #closed = new AbortController()
  #last = 0
  /** Notifications on their way to the system. */
  #notifications = 0
  #socket: RpcSocket | undefined
  #connecting: Promise<RpcSocket> | undefined
  /** Connections in a row that failed or were lost before anything was answered. */
  #failures = 0
  /** On the clock of `performance.now()`: no connection is tried before. */
  #tryAgainAt = 0

  /**
   * Connects to `address`: `unix:/path/to.sock`, `tcp:127.0.0.1:9000` or `9000`.
   *
   * @throws {TypeError} where it is no address. {ConnectionError} where nobody listens. {ServerError} `unauthorized` where
   *   the server refuses the key.
   */
  static async connect(address: string, options: RpcClientOptions = {}): Promise<RpcClient> {
    const client = new RpcClient(address, options)
    await client.#connect()
    return client
  }

  private constructor(address: string, options: RpcClientOptions) {
    this.#address = parseRpcAddress(address)
    this.#text = address
    this.#options = options
  }

  /**
   * Calls a method of the service: see protocol/methods.ts.
   *
   * @throws {ServerError} if the server refuses it, or does not answer within the timeout.
   * @throws {ConnectionError} if there is no connection, or it is lost before the answer.
   * @throws {RangeError} if too many calls wait already, or the timeout is out of its range. Error if the client is closed.
   */
  call<Name extends MethodName>(
    method: Name,
    params: ParamsInput<Name>,
    { timeout, signal }: RpcCallOptions = {},
  ): Promise<Results[Name]> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      if (timeout !== undefined && !(timeout > 0 && timeout <= longestTimeout)) {
        throw new RangeError(`timeout must be above 0 ms and at most ${longestTimeout}, got ${timeout}`)
      }
      this.#checkRoom()
      const number = numberAfter(this.#last, this.#pending)
      const message: RequestMessage = [
        messageType.request,
        number,
        method,
        timeout === undefined ? [params] : [params, { timeout }],
      ]
      const bytes = encodeSparseMsgpack(message)
      const onAbort = () => this.#take(number)?.reject(signal?.reason)
      signal?.addEventListener('abort', onAbort)
      const timer = timeout === undefined ? undefined : setTimeout(() => this.#expire(number, timeout), timeout)
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      this.#last = number
      this.#pending.set(number, { resolve, reject, end })
      if (this.#socket) {
        this.#socket.send(bytes)
        return
      }
      this.#connect().then(
        socket => {
          if (this.#pending.has(number)) socket.send(bytes)
        },
        error => this.#take(number)?.reject(error),
      )
    })
  }

  /**
   * Has a method carried out without an answer; fulfilled when the system has sent it, which says nothing of what became
   * of it.
   *
   * @throws as {@link call}, but for what the server says.
   */
  async notify<Name extends MethodName>(method: Name, params: ParamsInput<Name>): Promise<void> {
    this.#checkRoom()
    const message: NotificationMessage = [messageType.notification, method, [params]]
    const bytes = encodeSparseMsgpack(message)
    this.#notifications++
    try {
      const socket = this.#socket ?? (await this.#connect())
      await socket.sendNow(bytes).catch(error => {
        throw this.#lost(error.message)
      })
    } finally {
      this.#notifications--
    }
  }

  /** Fails all pending calls, and ends the connection. */
  close(): void {
    this.#end(new Error('the client was closed'))
  }

  #end(error: Error): void {
    if (this.#closed.signal.aborted) return
    this.#closed.abort(error)
    this.#failAll(error)
    this.#socket?.close()
    this.#socket = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #checkRoom(): void {
    this.#closed.signal.throwIfAborted()
    const { maxPending = 10_000 } = this.#options
    if (this.#pending.size + this.#notifications >= maxPending) {
      throw new RangeError(`expected at most ${maxPending} calls without an answer: wait for some`)
    }
  }

  /** Shared by all who need the connection. */
  #connect(): Promise<RpcSocket> {
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #open(): Promise<RpcSocket> {
    const { signal } = this.#closed
    try {
      const pause = this.#tryAgainAt - performance.now()
      if (pause > 0) await wait(pause, undefined, { signal })
      const { key } = this.#options
      if (typeof key !== 'function') return await this.#openWith(key)
      try {
        return await this.#openWith(await key())
      } catch (error) {
        if (!isUnauthorized(error)) throw error
        return await this.#openWith(await key())
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (isUnauthorized(error)) {
        this.#end(error)
        throw error
      }
      this.#backOff()
      throw new ConnectionError(`cannot connect to ${this.#text}: ${reasonOf(error as NodeJS.ErrnoException)}`, error)
    }
  }

  async #openWith(key: string | undefined): Promise<RpcSocket> {
    const { signal } = this.#closed
    signal.throwIfAborted()
    let authentication: number | undefined
    const socket = await RpcSocket.connect(this.#address, {
      onMessage: message => this.#receive(message),
      onEnd: reason => {
        if (this.#socket === socket) {
          this.#socket = undefined
          this.#backOff()
          this.#failAll(this.#lost(reason))
        } else if (authentication !== undefined) this.#take(authentication)?.reject(this.#lost(reason))
      },
    })
    if (key !== undefined && !signal.aborted) {
      const number = numberAfter(this.#last, this.#pending)
      authentication = number
      this.#last = number
      await new Promise<void>((resolve, reject) => {
        this.#pending.set(number, { resolve: () => resolve(), reject, end: () => {} })
        socket.send(encodeSparseMsgpack([messageType.request, number, 'authenticate', [{ key }]]))
      }).catch(error => {
        socket.close()
        throw error
      })
    }
    if (signal.aborted) socket.close()
    signal.throwIfAborted()
    this.#socket = socket
    return socket
  }

  #backOff(): void {
    this.#failures++
    this.#tryAgainAt = performance.now() + reconnectWait(this.#failures, this.#options)
  }

  #lost(reason: string): ConnectionError {
    return new ConnectionError(`the connection to ${this.#text} was lost: ${reason}`)
  }

  #receive(message: unknown): void {
    if (!Array.isArray(message) || message[0] !== messageType.response) {
      this.#socket?.destroy('expected answers of MessagePack-RPC, got something else')
      return
    }
    const [, number, error, result] = message as unknown as AnyResponse
    if (number === null) {
      if (error?.code === 'unauthorized' && typeof this.#options.key !== 'function') this.#end(new ServerError(error))
      // The server could not read what was sent, or the key is no longer good, and it ends the connection.
      this.#socket?.destroy(error?.message ?? 'the server ended it')
      return
    }
    this.#failures = 0
    const call = this.#take(number)
    if (error) call?.reject(new ServerError(error))
    else call?.resolve(result)
  }

  #expire(number: number, timeout: number): void {
    const message = `expected an answer within ${timeout} ms, which have passed`
    this.#take(number)?.reject(new ServerError({ code: 'deadline_exceeded', message, retryAfter: 1000 }))
  }

  #failAll(error: Error): void {
    for (const number of [...this.#pending.keys()]) this.#take(number)?.reject(error)
  }

  #take(number: number): PendingCall | undefined {
    const call = this.#pending.get(number)
    this.#pending.delete(number)
    call?.end()
    return call
  }
}

function isUnauthorized(error: unknown): error is ServerError {
  return error instanceof ServerError && error.code === 'unauthorized'
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return code === 'ENOENT' || code === 'ECONNREFUSED'
    ? 'no server listens there; `aurochs serve` does with --rpc and this address'
    : message
}
