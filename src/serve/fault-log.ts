import type { Logger } from 'pino'

/** In ms: how long repetitions of a fault are only counted. */
const quietPeriod = 60_000
/** Different faults that are told apart at a time; further ones count as one. */
const mostFaults = 100
const others = 'there are too many different faults to log each'

/** Logs each fault at once, and what repeats it within a minute by its number only: a client may cause one with each message. */
export class FaultLog {
  readonly #log: Logger
  /** Repetitions of each fault in its quiet period. */
  readonly #repeated = new Map<string, number>()

  readonly #level: 'error' | 'warn'

  constructor(log: Logger, level: 'error' | 'warn' = 'error') {
    this.#log = log
    this.#level = level
  }

  /** `message`: what could not be done. */
  report(error: unknown, message = 'a fault of the server'): void {
    const fault = `${message}: ${error instanceof Error ? error.message : String(error)}`.slice(0, 300)
    const known = this.#repeated.get(fault)
    if (known !== undefined) {
      this.#repeated.set(fault, known + 1)
      return
    }
    if (this.#repeated.size >= mostFaults && message !== others) {
      this.report('', others)
      return
    }
    this.#log[this.#level](error instanceof Error ? error : { failure: error }, message)
    this.#countQuietly(fault)
  }

  #countQuietly(fault: string): void {
    this.#repeated.set(fault, 0)
    const timer = setTimeout(() => {
      const count = this.#repeated.get(fault)!
      this.#repeated.delete(fault)
      if (count === 0) return
      this.#log[this.#level]({ fault, count, seconds: quietPeriod / 1000 }, 'a fault was repeated')
      this.#countQuietly(fault)
    }, quietPeriod)
    timer.unref()
  }
}
