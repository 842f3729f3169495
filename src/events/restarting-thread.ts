import { Worker } from 'node:worker_threads'

/** The first message of such a thread: that it is ready, with what it found, or why it cannot work. */
export type ThreadReady<Found> = { readonly found: Found } | { readonly failure: string }

/** In ms: how soon a thread that ended is started again. */
const restartInterval = 1000

export interface RestartingThreadOptions<Found> {
  /** URL of its module, made with `workerModuleUrl`. */
  readonly module: string
  /** What it is part of, for people. Default: the journal. */
  readonly of?: string
  /** Its `workerData`; when it is started again, with what it found at first. */
  readonly data: (found?: Found) => unknown
  /** Called when it has ended, after what was requested has failed, and whenever it could not be started again. */
  readonly onEnd?: (failure: string) => void
  /** Called when it has been started again. */
  readonly onRestart?: () => void
}

/** Called with the response, or with why there is none. */
export type OnResponse<Response> = (response: Response | Error) => void

/**
 * A thread that answers each request by one message, in order. When it ends, whatever the reason, all that it has not
 * answered fails, and it is started again.
 */
export class RestartingThread<Request, Response, Found = void> {
  readonly #options: RestartingThreadOptions<Found>
  /** What waits for responses, oldest first. */
  #pending: OnResponse<Response>[] = []
  #worker: Worker | undefined
  /** What it found when it was first started. */
  #found: Found | undefined
  #failure = new Error('the thread is not started')
  #timer: NodeJS.Timeout | undefined
  /** Fulfilled once it has been started again, or could not be. */
  #restarting: Promise<void> = Promise.resolve()
  #isClosed = false

  /** @throws Error when it cannot work, as it says itself. */
  static async start<Request, Response, Found>(
    options: RestartingThreadOptions<Found>,
  ): Promise<{ readonly thread: RestartingThread<Request, Response, Found>; readonly found: Found }> {
    const thread = new RestartingThread<Request, Response, Found>(options)
    const found = await thread.#start()
    thread.#found = found
    return { thread, found }
  }

  private constructor(options: RestartingThreadOptions<Found>) {
    this.#options = options
  }

  /** `onResponse` is called later, never at once. */
  request(request: Request, onResponse: OnResponse<Response>): void {
    if (!this.#worker) {
      queueMicrotask(() => onResponse(this.#failure))
      return
    }
    // First: what cannot be sent has no response.
    this.#worker.postMessage(request)
    this.#pending.push(onResponse)
  }

  /** Ends it after what was requested is answered. What is requested later fails with `reason`. */
  async close(reason: string): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#restarting
    this.#failure = new Error(reason)
    const worker = this.#worker
    if (!worker) return
    const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    worker.postMessage('close')
    this.#worker = undefined
    await ended
  }

  async #start(): Promise<Found> {
    const { module, data, of = 'the journal' } = this.#options
    const worker = new Worker(new URL(module), {
      workerData: data(this.#found),
    })
    let fault = 'it ended by itself'
    worker.on('error', error => {
      fault = error.message
    })
    const ended = new Promise<never>((_, reject) => {
      worker.once('exit', () => reject(new Error(`a thread of ${of} ended: ${fault}`)))
    })
    // Not `events.once`, which resolves some microtasks later: one that refuses ends at once, and what it says would come second.
    const first = new Promise<ThreadReady<Found>>(resolve => worker.once('message', resolve))
    const ready = await Promise.race([first, ended])
    if ('failure' in ready) {
      ended.catch(() => {})
      throw new Error(ready.failure)
    }
    worker.on('message', (response: Response) => this.#pending.shift()?.(response))
    ended.catch((error: Error) => this.#end(error))
    this.#worker = worker
    return ready.found
  }

  #end(error: Error): void {
    if (!this.#isClosed) this.#failure = error
    this.#worker = undefined
    for (const onResponse of this.#pending.splice(0)) onResponse(this.#failure)
    if (this.#isClosed) return
    this.#options.onEnd?.(this.#failure.message)
    this.#startLater()
  }

  #startLater(): void {
    this.#timer = setTimeout(() => {
      this.#restarting = this.#startAgain()
    }, restartInterval)
  }

  async #startAgain(): Promise<void> {
    try {
      await this.#start()
      if (!this.#isClosed) this.#options.onRestart?.()
    } catch (error) {
      if (this.#isClosed) return
      this.#failure = error as Error
      this.#options.onEnd?.(this.#failure.message)
      this.#startLater()
    }
  }
}
