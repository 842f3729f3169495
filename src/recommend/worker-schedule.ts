/** Work of one kind that waits for workers. */
export interface WorkSource {
  /** Whether it keeps a worker for so long that other work would notice. */
  readonly isLong: boolean
  /** Pieces of work that wait. */
  readonly waiting: number
  /**
   * Begins a batch, of which `free` workers there are share what waits; `done` must be called once, when the worker is free
   * again. Gives false where nothing that waited was wanted any more.
   */
  begin(free: number, done: () => void): boolean
}

/** In ms: after short work has come, long work keeps to its half for so long, since more is likely to come. */
const shortWorkExpected = 100

/**
 * Which work the workers do next. Long work takes at most half of the workers where there is short work, too; on a single
 * worker they take turns.
 */
export class WorkerSchedule {
  readonly #threads: () => number
  readonly #sources: WorkSource[] = []
  #running = 0
  #long = 0
  /** Whether the last batch that began was long; which source of long work it was of. */
  #wasLong = false
  #lastLong: WorkSource | undefined
  /** On the clock of `performance.now()`: when short work began last. */
  #shortAt = Number.NEGATIVE_INFINITY

  /** `threads` gives the number of workers. */
  constructor(threads: () => number) {
    this.#threads = threads
  }

  add(source: WorkSource): void {
    this.#sources.push(source)
  }

  /** Gives work to the workers that are free: to be called when some was added. */
  next(): void {
    const threads = this.#threads()
    while (this.#running < threads) {
      const source = this.#choose(threads)
      if (!source) return
      // Counted before it begins: what it answers at once may lead to more work.
      this.#running++
      this.#long += Number(source.isLong)
      const done = () => {
        this.#running--
        this.#long -= Number(source.isLong)
      }
      const hasBegun = source.begin(threads - this.#running + 1, () => {
        done()
        this.next()
      })
      if (!hasBegun) {
        done()
        continue
      }
      this.#wasLong = source.isLong
      if (source.isLong) this.#lastLong = source
    }
  }

  #choose(threads: number): WorkSource | undefined {
    const waiting = this.#sources.filter(source => source.waiting > 0)
    const short = waiting.find(source => !source.isLong)
    const now = performance.now()
    if (short) this.#shortAt = now
    const longs = waiting.filter(source => source.isLong)
    const long = longs.find(source => source !== this.#lastLong) ?? longs[0]
    if (!long || this.#mayBeginLong(threads, short !== undefined, now)) return long ?? short
    return short
  }

  #mayBeginLong(threads: number, isShortWaiting: boolean, now: number): boolean {
    if (threads === 1) return !(isShortWaiting && this.#wasLong)
    return this.#long < Math.floor(threads / 2) || now - this.#shortAt > shortWorkExpected
  }
}
