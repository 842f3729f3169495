import { sharedCounter } from '../../parallel/pool.ts'
import type { TrainContext } from '../algorithm.ts'

/** A phase: the function of the jobs that it calls, the chunks that workers take from its counter, and its part of the total work. */
interface Phase {
  readonly name: string
  readonly chunks: number
  readonly work: number
}

/** The phases of one training, run one after the other: tells how far it has come, and ends it when the signal is aborted. */
export class Phases {
  /** The work of all phases, in the unit of theirs. */
  total = Number.POSITIVE_INFINITY
  readonly #context: TrainContext
  readonly #jobs: string
  readonly #rows: number
  readonly #begun = performance.now()
  readonly #ticking: NodeJS.Timeout | undefined
  #done = 0
  #running: { readonly next: Int32Array; readonly phase: Phase } | undefined

  /** `jobs` is the module whose functions the workers call; `rows`, how many are reported as processed when all is done. */
  constructor(context: TrainContext, { jobs, rows }: { readonly jobs: string; readonly rows: number }) {
    this.#context = context
    this.#jobs = jobs
    this.#rows = rows
    this.#ticking = context.onProgress && setInterval(() => this.#report(), 200)
  }

  /** @throws the signal's reason when it is aborted, as soon as the workers have ended the chunks that they had begun. */
  async run<Result>(phase: Phase, args: object): Promise<Result[]> {
    const { pool, signal } = this.#context
    signal?.throwIfAborted()
    const next = sharedCounter()
    // Beyond the last chunk the workers find none and return.
    const abort = () => Atomics.store(next, 0, phase.chunks)
    signal?.addEventListener('abort', abort)
    this.#running = { next, phase }
    try {
      const results = await pool.phase<Result>(this.#jobs, phase.name, args, next)
      signal?.throwIfAborted()
      this.#done += phase.work
      this.#running = undefined
      this.#report()
      return results
    } finally {
      this.#running = undefined
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Runs a phase that is no part of the work: it takes little. @throws the signal's reason when it is aborted. */
  async uncounted(name: string, args: object): Promise<void> {
    const { pool, signal } = this.#context
    await pool.phase(this.#jobs, name, args)
    signal?.throwIfAborted()
  }

  /** Runs one job on one worker, which is no part of the work. */
  async one<Result>(name: string, args: object): Promise<Result> {
    const { pool, signal } = this.#context
    signal?.throwIfAborted()
    return pool.run<Result>(this.#jobs, name, args)
  }

  /** Reports that all is done. */
  complete(): void {
    this.#done = this.total
    this.#report()
  }

  /** Reports nothing any more. */
  close(): void {
    clearInterval(this.#ticking)
  }

  #report(): void {
    const part = this.#done === this.total ? 1 : (this.#done + this.#workOfRunning()) / this.total
    const done = Math.min(1, part)
    const seconds = Math.max((performance.now() - this.#begun) / 1000, 1e-9)
    this.#context.onProgress?.({
      done,
      rowsPerSecond: (this.#rows * done) / seconds,
      secondsLeft: done > 0 ? (seconds / done) * (1 - done) : Number.POSITIVE_INFINITY,
    })
  }

  #workOfRunning(): number {
    if (!this.#running) return 0
    const { next, phase } = this.#running
    return phase.work * Math.min(1, Atomics.load(next, 0) / Math.max(1, phase.chunks))
  }
}
