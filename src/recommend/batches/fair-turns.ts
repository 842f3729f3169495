import { FairQueue } from './fair-queue.ts'

interface Waiting {
  readonly begin: () => void
  readonly signal: AbortSignal | undefined
  readonly reject: (error: unknown) => void
}

/** Who asks for work, and until when. */
export interface TurnOptions {
  readonly client: string
  readonly signal?: AbortSignal | undefined
}

/** Does work of several clients, some at once: clients take turns. What nobody waits for any more is not begun. */
export class FairTurns {
  readonly #atOnce: number
  readonly #mostWaiting: number
  readonly #overloaded: () => Error
  readonly #queue = new FairQueue<Waiting>()
  #running = 0

  /** `overloaded` makes the error for those who find `mostWaiting` before them, and ask for their share of these themselves. */
  constructor(atOnce: number, mostWaiting: number, overloaded: () => Error) {
    this.#atOnce = atOnce
    this.#mostWaiting = mostWaiting
    this.#overloaded = overloaded
  }

  /**
   * Does `work` when its turn comes.
   *
   * @throws what `work` throws; `overloaded`; the signal's reason when it is aborted before the turn comes.
   */
  run<Result>(work: () => Promise<Result>, { client, signal }: TurnOptions): Promise<Result> {
    return new Promise((resolve, reject) => {
      const queue = this.#queue
      if (queue.size >= this.#mostWaiting && queue.waitingOf(client) >= this.#mostWaiting / queue.clients) {
        throw this.#overloaded()
      }
      const begin = () => {
        this.#running++
        const ended = () => {
          this.#running--
          this.#next()
        }
        void work().then(resolve, reject).finally(ended)
      }
      queue.push(client, { begin, signal, reject })
      this.#next()
    })
  }

  #next(): void {
    while (this.#running < this.#atOnce) {
      const waiting = this.#queue.shift()
      if (!waiting) return
      if (waiting.signal?.aborted) waiting.reject(waiting.signal.reason)
      else waiting.begin()
    }
  }
}
