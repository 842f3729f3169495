import { ServiceError } from '../../protocol/errors.ts'

/** A call that is not answered yet. */
export class PendingCall {
  /** Undefined: a notification. */
  readonly number: number | undefined
  readonly method: string
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(number: number | undefined, method: string) {
    this.number = number
    this.method = method
  }

  /** Aborted when nobody wants the answer any more. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Calls `onLate` in `timeout` ms, if it is given and the call has not ended before. */
  setDeadline(timeout: number | undefined, onLate: (error: ServiceError) => void): void {
    if (timeout === undefined) return
    this.#timer = setTimeout(() => {
      onLate(new ServiceError('deadline_exceeded', `expected an answer within ${timeout} ms, which have passed`))
    }, timeout)
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  abort(reason: Error): void {
    this.end()
    this.#controller.abort(reason)
  }
}
