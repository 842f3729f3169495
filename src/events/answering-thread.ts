import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** The first message of such a thread: that it is ready, with what it found, or why it cannot work. */
export type ThreadReady<Found> = { readonly found: Found } | { readonly failure: string }

/** In ms: how soon a thread that ended is started again. */
const restartInterval = 1000

export interface AnsweringThreadOptions {
  /** URL of its module, made with `workerModuleUrl`. */
  readonly module: string
  /** Its `workerData`. */
  readonly data: unknown
  /** Called when it has ended, after what was asked has failed, and whenever it could not be started again. */
  readonly onEnd?: (failure: string) => void
  /** Called when it has been started again. */
  readonly onRestart?: () => void
}

/** Called with the answer, or with why there is none. */
export type OnAnswer<Answer> = (answer: Answer | Error) => void

/**
 * A thread that answers each question by one message, in order. When it ends, whatever the reason, all that it has not
 * answered fails, and it is started again.
 */
export class AnsweringThread<Question, Answer, Found = void> {
  readonly #options: AnsweringThreadOptions
  /** What waits for answers, oldest first. */
  #asked: OnAnswer<Answer>[] = []
  #worker: Worker | undefined
  #failure = new Error('the thread is not started')
  #restart: NodeJS.Timeout | undefined
  #isClosed = false

  /** @throws Error when it cannot work, as it says itself. */
  static async start<Question, Answer, Found>(
    options: AnsweringThreadOptions,
  ): Promise<{ readonly thread: AnsweringThread<Question, Answer, Found>; readonly found: Found }> {
    const thread = new AnsweringThread<Question, Answer, Found>(options)
    return { thread, found: await thread.#start() }
  }

  private constructor(options: AnsweringThreadOptions) {
    this.#options = options
  }

  /** Asks; `onAnswer` is called later, never at once. */
  ask(question: Question, onAnswer: OnAnswer<Answer>): void {
    if (!this.#worker) {
      queueMicrotask(() => onAnswer(this.#failure))
      return
    }
    this.#asked.push(onAnswer)
    this.#worker.postMessage(question)
  }

  /** Ends it after what was asked is answered. What is asked later fails with `reason`. */
  async close(reason: string): Promise<void> {
    this.#isClosed = true
    this.#failure = new Error(reason)
    clearTimeout(this.#restart)
    const worker = this.#worker
    if (!worker) return
    const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    worker.postMessage('close')
    this.#worker = undefined
    await ended
  }

  async #start(): Promise<Found> {
    const { module, data } = this.#options
    const worker = new Worker(new URL(module), {
      workerData: data,
      // node:sqlite warns that it is experimental: that was our decision, and is no news for an operator.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    let fault = 'it ended by itself'
    worker.on('error', error => {
      fault = error.message
    })
    const ended = new Promise<never>((_, reject) => {
      worker.once('exit', () => reject(new Error(`a thread of the journal ended: ${fault}`)))
    })
    const [ready] = await Promise.race([once(worker, 'message') as Promise<[ThreadReady<Found>]>, ended])
    if ('failure' in ready) {
      ended.catch(() => {})
      throw new Error(ready.failure)
    }
    worker.on('message', (answer: Answer) => this.#asked.shift()?.(answer))
    ended.catch((error: Error) => this.#end(error))
    if (this.#isClosed) worker.postMessage('close')
    else this.#worker = worker
    return ready.found
  }

  #end(error: Error): void {
    if (!this.#isClosed) this.#failure = error
    this.#worker = undefined
    for (const onAnswer of this.#asked.splice(0)) onAnswer(this.#failure)
    if (this.#isClosed) return
    this.#options.onEnd?.(this.#failure.message)
    this.#startLater()
  }

  #startLater(): void {
    this.#restart = setTimeout(async () => {
      try {
        await this.#start()
        if (!this.#isClosed) this.#options.onRestart?.()
      } catch (error) {
        if (this.#isClosed) return
        this.#failure = error as Error
        this.#options.onEnd?.(this.#failure.message)
        this.#startLater()
      }
    }, restartInterval)
  }
}
