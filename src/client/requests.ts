import type { ClientMessageInput, Failure } from '../protocol/messages.ts'
import { retryWait } from './backoff.ts'
import type { Frame } from './codec.ts'
import type { Connection } from './connection.ts'
import { numberAfter } from './numbers.ts'
import { ServerError } from './server-error.ts'

export interface RequestOptions {
  /** Whether it is sent again after a refusal that the same request may not get later; otherwise it fails. */
  readonly retries: boolean
  /** Aborting it fails the request with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

interface PendingRequest {
  readonly frame: Frame
  readonly retries: boolean
  /** How often it was refused. */
  refusals: number
  /** Whether it was sent on this connection. */
  isSent: boolean
  /** Connections that it was sent on. */
  connections: number
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * Requests that are sent and not answered, at most: further ones wait, so that not all are sent again at once. Half as many
 * each time the server refuses to take so many, down to the least, and one more with each answer.
 */
const [leastWindow, largestWindow] = [8, 512]
/** A call that was sent on so many connections, all of which were lost before its answer, fails. */
const mostLosses = 5

/**
 * Requests that wait for their answers, by number. They are sent again on each connection until they are answered: the
 * server counts an event once, and all that `call` offers may be called twice.
 */
export class Requests {
  readonly #connection: Connection
  readonly #most: number
  /** In the order they were sent. */
  readonly #pending = new Map<number, PendingRequest>()
  #last = 0
  /** Of the pending ones: those that were sent; and how many may be. */
  #sent = 0
  #window: number = largestWindow
  /** How often in a row the server has refused to take so many. */
  #rateRefusals = 0
  /** Whether nothing is sent now: it has refused. */
  #isHeld = false

  /** `most`: requests that wait at once. */
  constructor(connection: Connection, most: number) {
    this.#connection = connection
    this.#most = most
  }

  /**
   * Sends `message` under a number of its own; fulfilled with the answer.
   *
   * @throws {ServerError} if the server refuses it.
   * @throws {RangeError} if too many wait already, or `message` is beyond the protocol's limits.
   */
  send(message: ClientMessageInput, { retries, signal }: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      if (this.#pending.size >= this.#most) {
        throw new RangeError(`expected at most ${this.#most} requests without an answer: wait for some`)
      }
      const number = numberAfter(this.#last, this.#pending)
      const frame = this.#connection.encode({ ...message, request: number })
      const onAbort = () => this.#take(number)?.reject(signal?.reason)
      const settle = <Value>(settled: (value: Value) => void) => {
        return (value: Value) => {
          signal?.removeEventListener('abort', onAbort)
          settled(value)
        }
      }
      signal?.addEventListener('abort', onAbort)
      this.#last = number
      const request = {
        frame,
        retries,
        refusals: 0,
        isSent: false,
        connections: 0,
        resolve: settle(resolve),
        reject: settle(reject),
      }
      this.#pending.set(number, request)
      if (this.#connection.isOpen) this.#transmit(request)
    })
  }

  /** Sends all again, on a new connection. */
  resend(): void {
    this.#isHeld = false
    this.#sent = 0
    for (const [number, request] of this.#pending) {
      request.isSent = false
      if (!request.retries && request.connections >= mostLosses) {
        this.#take(number)?.reject(new Error(`the connection was lost ${mostLosses} times before the answer came`))
      }
    }
    this.#sendWaiting()
  }

  /** Fulfils request `number`, if it still waits. */
  resolve(number: number | undefined, answer: unknown): void {
    if (number === undefined) return
    this.#rateRefusals = 0
    this.#window = Math.min(largestWindow, this.#window + 1)
    this.#take(number)?.resolve(answer)
    this.#sendWaiting()
  }

  /**
   * The server has refused some of what was sent, and perhaps not said which: after a wait all is sent again that has no
   * answer, and `then` is called.
   */
  hold(failure: Failure, then: () => void): void {
    if (this.#isHeld) return
    this.#isHeld = true
    this.#window = Math.max(leastWindow, this.#window >> 1)
    const wait = retryWait(failure, this.#rateRefusals++) ?? 0
    this.#connection.later(wait, () => {
      this.#isHeld = false
      this.#sent = 0
      for (const request of this.#pending.values()) {
        // It is the same connection.
        if (request.isSent) request.connections--
        request.isSent = false
      }
      then()
      this.#sendWaiting()
    })
  }

  /** Fails the request that `failure` answers, or sends it again later. */
  refuse(failure: Failure): void {
    const { request: number } = failure
    const request = number === undefined ? undefined : this.#pending.get(number)
    if (number === undefined || !request) return
    const wait = request.retries ? retryWait(failure, request.refusals++) : undefined
    if (wait === undefined) this.#take(number)?.reject(new ServerError(failure))
    else this.#connection.sendLater(request.frame, wait, () => this.#pending.get(number) === request)
    this.#sendWaiting()
  }

  /** Fails all. */
  close(error: unknown): void {
    for (const number of [...this.#pending.keys()]) this.#take(number)?.reject(error)
  }

  #take(number: number): PendingRequest | undefined {
    const request = this.#pending.get(number)
    this.#pending.delete(number)
    if (request?.isSent) this.#sent--
    return request
  }

  /** Sends those that were not sent, as many as may be without an answer, in their order. */
  #sendWaiting(): void {
    if (this.#isHeld || this.#sent === this.#pending.size) return
    for (const request of this.#pending.values()) {
      if (this.#sent >= this.#window) return
      if (!request.isSent) this.#transmit(request)
    }
  }

  #transmit(request: PendingRequest): void {
    if (this.#isHeld || this.#sent >= this.#window) return
    this.#sent++
    request.isSent = true
    request.connections++
    this.#connection.send(request.frame)
  }
}
