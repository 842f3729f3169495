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
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
}

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
      this.#pending.set(number, { frame, retries, refusals: 0, resolve: settle(resolve), reject: settle(reject) })
      this.#connection.send(frame)
    })
  }

  /** Sends all again, on a new connection. */
  resend(): void {
    for (const { frame } of this.#pending.values()) this.#connection.send(frame)
  }

  /** Fulfils request `number`, if it still waits. */
  resolve(number: number | undefined, answer: unknown): void {
    if (number !== undefined) this.#take(number)?.resolve(answer)
  }

  /** Fails the request that `failure` answers, or sends it again later. */
  refuse(failure: Failure): void {
    const { request: number } = failure
    const request = number === undefined ? undefined : this.#pending.get(number)
    if (number === undefined || !request) return
    const wait = request.retries ? retryWait(failure, request.refusals++) : undefined
    if (wait === undefined) this.#take(number)?.reject(new ServerError(failure))
    else this.#connection.sendLater(request.frame, wait, () => this.#pending.get(number) === request)
  }

  /** Fails all. */
  close(error: unknown): void {
    for (const number of [...this.#pending.keys()]) this.#take(number)?.reject(error)
  }

  #take(number: number): PendingRequest | undefined {
    const request = this.#pending.get(number)
    this.#pending.delete(number)
    return request
  }
}
