import { type Pool, workerModuleUrl } from '../../parallel/pool.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type { Generation } from '../generations/generation.ts'
import type { Placement } from './placer.ts'
import type { PlacementVersion, PlacingJob, PlacingResult } from './placing-jobs.ts'

const work = workerModuleUrl('./placing-jobs', import.meta.url)

/** In ms: changes of the catalogue that come together are one job. */
const pause = 50
/** In ms: after a failure. */
const pauseAfterFailure = 1000
/** Of all new rows: fewer than items are placed in, so that there are some for those that come in place of others. */
const shareOfPlaced = 3 / 8

export interface PlacingOptions {
  /** Of one worker, which keeps what it learned. */
  readonly pool: Pool
  readonly state: string
  /** Called once lists may have what was placed. */
  readonly onPlaced: () => void
  /** Called when the generation has no rows any more for what is to be placed. */
  readonly onLackOfRows: () => void
  readonly onFault: (error: unknown) => void
}

/** Has the lists of a generation hold items that its model does not know, by what the catalogue says of them; never two jobs at once. */
export class Placing {
  readonly #generation: Generation
  readonly #options: PlacingOptions
  readonly #changed = new Set<string>()
  /** Of the job that is under way. */
  #taken: readonly string[] = []
  #version: PlacementVersion | undefined
  readonly #cancelled = sharedArray(Int32Array, 1)
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

  /** Ends what is under way. Gives the items that were not placed anew. */
  close(): readonly string[] {
    this.#isClosed = true
    Atomics.store(this.#cancelled, 0, 1)
    clearTimeout(this.#timer)
    return [...new Set([...this.#taken, ...this.#changed])]
  }

  #plan(wait: number): void {
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.begin(), wait)
    this.#timer.unref()
  }

  /** Gives whether that could be done. */
  async #place(): Promise<boolean> {
    this.#taken = [...this.#changed]
    this.#changed.clear()
    try {
      const result = await this.#options.pool.run<PlacingResult>(work, 'place', this.#job(this.#taken))
      if (this.#isClosed) return true
      this.#taken = []
      this.#version = result.version
      if (result.placement) await this.#take(result.placement)
      return true
    } catch (error) {
      if (this.#isClosed) return true
      for (const id of this.#taken) this.#changed.add(id)
      this.#taken = []
      this.#options.onFault(error)
      return false
    }
  }

  #job(changed: readonly string[]): PlacingJob {
    const { artifact, newItems } = this.#generation
    const { directory, checksum } = artifact
    return {
      state: this.#options.state,
      model: { directory, checksum },
      changed,
      mostPlaced: Math.floor(newItems * shareOfPlaced),
      since: this.#version,
      cancelled: this.#cancelled,
    }
  }

  async #take({ ids, similar, bySimilar, figures }: Placement): Promise<void> {
    const generation = this.#generation
    generation.placing = figures
    if (ids?.length === 0 && !generation.hasPlaced) return
    generation.place(ids, { similar, bySimilar })
    await generation.admitted
    this.#options.onPlaced()
    if (generation.lacksRows) this.#options.onLackOfRows()
  }
}
