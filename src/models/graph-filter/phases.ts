import { type Pool, sharedCounter } from '../../parallel/pool.ts'
import type { TrainProgress } from '../algorithm.ts'

/** A training as a list of phases: what is done of it, and its end where the signal is aborted. */
export class Phases {
  readonly #pool: Pool
  readonly #signal: AbortSignal | undefined
  readonly #report: () => void
  readonly #ticking: ReturnType<typeof setInterval> | undefined
  readonly #abort = () => this.#stop()
  #done = 0
  #running: { readonly next: Int32Array; readonly chunks: number } | undefined

  /** `products` are counted; what is done between them takes less, and is not. `rows` are those of both sides. */
  constructor(
    pool: Pool,
    {
      products,
      rows,
      signal,
      onProgress,
    }: {
      readonly products: number
      readonly rows: number
      readonly signal?: AbortSignal | undefined
      readonly onProgress?: ((progress: TrainProgress) => void) | undefined
    },
  ) {
    this.#pool = pool
    this.#signal = signal
    const begun = performance.now()
    this.#report = () => {
      const done = Math.min(1, (this.#done + this.#fraction) / products)
      const seconds = Math.max((performance.now() - begun) / 1000, 1e-9)
      onProgress?.({
        done,
        rowsPerSecond: (done * products * rows) / 2 / seconds,
        secondsLeft: done > 0 ? (seconds / done) * (1 - done) : Number.POSITIVE_INFINITY,
      })
    }
    this.#ticking = onProgress && setInterval(this.#report, 200)
    signal?.addEventListener('abort', this.#abort)
  }

  /** Runs a product of `chunks`, which counts. @throws the signal's reason when it is aborted. */
  async product(module: string, name: string, args: object, chunks: number): Promise<void> {
    const next = sharedCounter()
    this.#running = { next, chunks }
    if (this.#signal?.aborted) this.#stop()
    await this.#pool.phase(module, name, args, next)
    this.#running = undefined
    this.#signal?.throwIfAborted()
    this.#done++
    this.#report()
  }

  /** Runs what does not count. @throws the signal's reason when it is aborted. */
  async between(module: string, name: string, args: object): Promise<void> {
    await this.#pool.phase(module, name, args)
    this.#signal?.throwIfAborted()
  }

  close(): void {
    clearInterval(this.#ticking)
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  /** Beyond the last chunk the workers find none and return. */
  #stop(): void {
    if (this.#running) Atomics.store(this.#running.next, 0, this.#running.chunks)
  }

  get #fraction(): number {
    if (!this.#running) return 0
    return Math.min(1, Atomics.load(this.#running.next, 0) / Math.max(1, this.#running.chunks))
  }
}
