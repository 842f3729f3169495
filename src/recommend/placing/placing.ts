import { type Pool, workerModuleUrl } from '../../parallel/pool.ts'
import type { Generation } from '../generation.ts'
import type { Placement } from './placer.ts'
import type { PlacingJob } from './placing-jobs.ts'

const work = workerModuleUrl('./placing-jobs', import.meta.url)

/** In ms: changes of the catalogue that come together are one job. */
const pause = 50
/** In ms: after a failure. */
const pauseAfterFailure = 1000
/** Of changed items that wait, a job takes as many. */
const mostChanged = 1000

export interface PlacingOptions {
  /** Of one worker, which keeps what it learned. */
  readonly pool: Pool
  readonly state: string
  /** Called once lists may have what was placed. */
  readonly onPlaced: () => void
  readonly onFault: (error: unknown) => void
}

/** Has the lists of a generation hold items that its model does not know, by what the catalogue says of them; never two jobs at once. */
export class Placing {
  readonly #generation: Generation
  readonly #options: PlacingOptions
  readonly #changed = new Set<string>()
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #hasBegun = false
  #isClosed = false

  constructor(generation: Generation, options: PlacingOptions) {
    this.#generation = generation
    this.#options = options
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Places all items of the catalogue. Never rejected: where it fails, it is tried again later. */
  begin(): Promise<void> {
    clearTimeout(this.#timer)
    this.#hasBegun = true
    this.#running ??= this.#place().then(isDone => {
      this.#running = undefined
      if (!isDone) this.#plan(pauseAfterFailure)
      else if (this.#changed.size > 0) this.#plan(pause)
    })
    return this.#running
  }

  /** The catalogue says something else of these items, or nothing any more. */
  changed(ids: readonly string[]): void {
    for (const id of ids) this.#changed.add(id)
    if (!this.#running && this.#changed.size > 0) this.#plan(pause)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #plan(wait: number): void {
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.begin(), wait)
    this.#timer.unref()
  }

  /** Gives whether that could be done. */
  async #place(): Promise<boolean> {
    const { artifact } = this.#generation
    const changed = [...this.#changed].slice(0, mostChanged)
    for (const id of changed) this.#changed.delete(id)
    try {
      const { directory, checksum } = artifact
      const job: PlacingJob = { state: this.#options.state, model: { directory, checksum }, changed }
      const placement = await this.#options.pool.run<Placement>(work, 'place', job)
      if (this.#isClosed) return true
      const { ids, similar, bySimilar, figures } = placement
      this.#generation.placing = figures
      if (ids.length === 0 && !this.#generation.hasPlaced) return true
      this.#generation.place(ids, { similar, bySimilar })
      await this.#generation.admitted
      this.#options.onPlaced()
      return true
    } catch (error) {
      if (this.#isClosed) return true
      for (const id of changed) this.#changed.add(id)
      this.#options.onFault(error)
      return false
    }
  }
}
