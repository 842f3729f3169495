import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import type * as Threads from 'piscina'
import { assertWholeNumber } from '../storage/whole-number.ts'
import { arriveAt, type Barrier, barrierFor } from './barrier.ts'
import { errorFrom } from './portable-error.ts'
import { unlessAborted } from './unless-aborted.ts'

/** A call for a worker: the export `name` of `module` with `args`. */
export interface Job {
  /** URL of the module, made with {@link workerModuleUrl}. */
  readonly module: string
  readonly name: string
  readonly args: unknown
  /** Where the job is one of as many as there are workers, one for each. */
  readonly barrier?: Barrier
}

/** What each worker thread is given at its start. */
export interface WorkerData {
  readonly niceness: number
}

export interface PoolOptions {
  /** Worker threads, from 1 to 1024. Default: as many as the machine runs at once. */
  readonly threads?: number
  /** Scheduling priority of the threads, 0 (default) to 19, the lowest: for work that others must not wait for. */
  readonly niceness?: number
  /** Start the threads with the first job rather than now. */
  readonly isLazy?: boolean
}

/** The threads of a pool, while all of them can be had. */
interface Workers {
  readonly piscina: Threads.Piscina
  /** Rejects each job that runs or waits. */
  readonly rejections: Set<(error: Error) => void>
  isClosing: boolean
}

/**
 * Threads that run jobs. Piscina owns them; kernels never start any.
 *
 * A worker that ends is replaced; its job is rejected. Where one cannot even start, all jobs are, and the next one tries
 * again with new workers.
 *
 * Arguments are copied to the worker, but for what lives in `SharedArrayBuffer`s: those are shared.
 */
export class Pool {
  readonly threads: number
  readonly #niceness: number
  #started: Workers | undefined
  #closed: Promise<void> | undefined
  readonly #running = new Set<Promise<unknown>>()
  /** Settled when the last of {@link onEachWorker} is: of two at once each could hold a worker that the other waits for. */
  #lastOnEach: Promise<unknown> = Promise.resolve()

  constructor({ threads = availableParallelism(), niceness = 0, isLazy = false }: PoolOptions = {}) {
    assertWholeNumber('threads', threads, 1, 1024)
    assertWholeNumber('niceness', niceness, 0, 19)
    this.threads = threads
    this.#niceness = niceness
    if (!isLazy) this.#started = this.#start()
  }

  /**
   * Runs one job on one worker.
   *
   * @throws the job's error, with its name, message and code, if not its class; Error in words when the worker ended or
   *   none could start; the signal's reason as soon as it is aborted. A job that is under way ends all the same, and its result is
   *   dropped: Piscina would end the worker, and then the process when the result comes too late.
   */
  async run<Result>(module: string, name: string, args: unknown, signal?: AbortSignal): Promise<Result> {
    signal?.throwIfAborted()
    this.#assertOpen()
    const job: Job = { module, name, args }
    return unlessAborted<Result>(this.#run<Result>(job), signal)
  }

  /**
   * Runs as many jobs as there are workers, each with the same `args` and `next`, a shared counter that starts at 0: a
   * kernel takes its next chunk of rows from it until there is none. Which worker runs how many is left open. What a phase
   * writes must not be read before the promise is fulfilled; if one job fails, the phase still waits for the others and
   * then fails.
   *
   * @param next a counter of the caller's, to watch how far the phase has come
   */
  phase<Result>(module: string, name: string, args: object, next: Int32Array = sharedCounter()): Promise<Result[]> {
    return settledAll(Array.from({ length: this.threads }, () => this.run<Result>(module, name, { ...args, next })))
  }

  /**
   * Runs the same job on every worker, exactly once on each, as soon as all have ended what came before: for what a worker
   * keeps. If one job fails, the others run all the same.
   *
   * @throws Error when they are not all ready within five minutes.
   */
  async onEachWorker<Result>(module: string, name: string, args: unknown): Promise<Result[]> {
    this.#assertOpen()
    const results = this.#lastOnEach.then(() => this.#runOnEach<Result>(module, name, args))
    this.#lastOnEach = results.catch(() => {})
    return results
  }

  /** Ends the workers once all jobs are done; further ones are refused. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error('the pool is closed: make another')
  }

  async #close(): Promise<void> {
    await this.#lastOnEach
    // Piscina would end workers in the midst of a job when others are done, or after 30 s.
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
    if (!this.#started) return
    this.#started.isClosing = true
    await this.#started.piscina.close()
  }

  #start(): Workers {
    // Not imported: workers, which start no pool, load this file with the modules of their jobs.
    const { Piscina } = createRequire(import.meta.url)('piscina') as typeof Threads
    const piscina = new Piscina({
      filename: workerModuleUrl('./worker', import.meta.url),
      // Not fewer where they are lazy: Piscina replaces only those below the minimum when they end.
      minThreads: this.threads,
      maxThreads: this.threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // Else whenever a worker takes a job the next one is put behind all others.
      stricterFIFO: true,
      // A worker that blocks between tasks cannot pass on messages of its own, and none of ours sends any.
      atomics: 'sync',
      // Workers make little garbage: what is large lives outside their heaps. A small nursery saves some 10 MiB each.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
      workerData: { niceness: this.#niceness } satisfies WorkerData,
    })
    const workers: Workers = { piscina, rejections: new Set(), isClosing: false }
    let reason: unknown
    // Of a worker that ends without a job. Piscina's event would end the process if nobody listened.
    piscina.on('error', error => {
      reason = error
    })
    // Piscina replaces a worker that ended at once, but none once one ended before it was ready: jobs would wait for ever.
    piscina.on('workerDestroy', () =>
      setImmediate(() => {
        if (!workers.isClosing && piscina.threads.length < this.threads) this.#abandon(workers, reason)
      }),
    )
    return workers
  }

  /** Rejects all jobs of these workers, and leaves the next one to others. */
  #abandon(workers: Workers, reason: unknown): void {
    workers.isClosing = true
    if (this.#started === workers) this.#started = undefined
    const words = (errorFrom(reason) ?? (reason as Error | undefined))?.message || 'it ended before it was ready'
    const error = new Error(`a worker thread could not start: ${words}`, { cause: reason })
    for (const reject of workers.rejections) reject(error)
    void workers.piscina.destroy()
  }

  async #run<Result>(job: Job): Promise<Result> {
    this.#started ??= this.#start()
    const { piscina, rejections } = this.#started
    let abandon: (error: Error) => void = () => {}
    const result = new Promise<Result>((resolve, reject) => {
      abandon = reject
      piscina.run(job).then(resolve, error => reject(errorOf(job, error)))
    })
    rejections.add(abandon)
    this.#running.add(result)
    try {
      return await result
    } finally {
      rejections.delete(abandon)
      this.#running.delete(result)
    }
  }

  #runOnEach<Result>(module: string, name: string, args: unknown): Promise<Result[]> {
    const calls = barrierFor(this.threads).map(async barrier => {
      try {
        return await this.#run<Result>({ module, name, args, barrier })
      } catch (error) {
        // A worker that ended before it came would keep the others waiting.
        arriveAt(barrier)
        throw error
      }
    })
    return settledAll(calls)
  }
}

/** What a job was rejected with: by its worker, or by the end of that. */
function errorOf({ module, name }: Job, error: unknown): Error {
  const own = errorFrom(error)
  if (own) return own
  const { name: kind, message } = error as Error
  const what = kind === 'DataCloneError' ? 'cannot be sent to a worker' : 'failed, as its worker ended'
  return new Error(`the job ${name} of ${module} ${what}: ${message}`, { cause: error })
}

/** A counter at 0 that threads share, as for the chunks of a phase. */
export function sharedCounter(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}

/** What all promise, once all are settled. @throws the reason of the first one that was rejected. */
async function settledAll<Result>(promises: readonly Promise<Result>[]): Promise<Result[]> {
  const settled = await Promise.allSettled(promises)
  return settled.map(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

/** URL of the module `path` beside the caller's, whether it runs as source or compiled. */
export function workerModuleUrl(path: string, callerUrl: string): string {
  return new URL(path + (callerUrl.endsWith('.ts') ? '.ts' : '.js'), callerUrl).href
}
