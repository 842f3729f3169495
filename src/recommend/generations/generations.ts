import type { Catalogue } from '../../catalogue/catalogue.ts'
import type { Journal } from '../../events/journal.ts'
import type { StoredEvent } from '../../events/reader.ts'
import { inspectArtifact } from '../../models/artifact/artifact.ts'
import { Pool } from '../../parallel/pool.ts'
import { RecommendError } from '../errors.ts'
import { Placing } from '../placing/placing.ts'
import { Announcements } from './announcements.ts'
import { Generation } from './generation.ts'
import { LiveLearners } from './live-learners.ts'

export interface Workers {
  /** Those that rank. */
  readonly pool: Pool
  /** Others, of low priority: they verify the next generation, make the lists anew that it changes, and do what takes long. */
  readonly background: Pool
}

export interface GenerationsOptions extends Workers {
  /** Directory of the state; with it there are both of the next two. */
  readonly state: string | undefined
  readonly journal: Journal | undefined
  readonly catalogue: Catalogue | undefined
  /** New items that lists may have between trainings. */
  readonly newItems: number | undefined
  /** Called in the step in which another generation is served; the former had the events up to position `before`. */
  readonly onSwap: (before: number) => void
  /** Called once lists may have other items that the model does not know. */
  readonly onPlaced: () => void
  readonly onFault: (error: unknown) => void
}

/** The generation that is served, and how another takes its place. */
export class Generations {
  readonly #options: GenerationsOptions
  readonly #learners: LiveLearners
  readonly #announcements = new Announcements()
  readonly #placingPool = new Pool({ threads: 1, niceness: 10, isLazy: true })
  #current: Generation
  /** Of the generation that is served, or of the next while that is opened; where there is a state. */
  #placing: Placing | undefined
  /** Swaps come one after the other. */
  #swapped: Promise<unknown> = Promise.resolve()
  /** Of the last generation that was replaced: fulfilled when it is closed. */
  #retired: Promise<void> = Promise.resolve()
  #isClosed = false

  /** @param first is served at once, and learns from the journal meanwhile. */
  constructor(first: Generation, options: GenerationsOptions) {
    this.#options = options
    this.#current = first
    this.#learners = new LiveLearners(options.journal, options.onFault)
    if (options.state !== undefined) this.#placing = this.#placingOf(first)
    void this.#learners.begin(first, this.after)
  }

  /** What is served now. */
  get current(): Generation {
    return this.#current
  }

  /** Events up to this position of the journal are part of the model that is served. */
  get after(): number {
    return this.#afterOf(this.#current)
  }

  /** Whether what is served has learned from all that is stored, if it can. */
  get isCurrent(): boolean {
    return this.#learners.isCurrent(this.#current)
  }

  /** Fulfilled once no swap is under way. */
  get swapped(): Promise<unknown> {
    return this.#swapped
  }

  /** To be called with each event once it is on disk, in order. */
  stored(event: StoredEvent): void {
    this.#learners.stored(event)
  }

  /** Has lists hold what the catalogue has beside the items of the model. */
  beginPlacing(): void {
    void this.#placing?.begin()
  }

  /** To be called with the ids of items of which the catalogue says something else. */
  itemsChanged(ids: readonly string[]): void {
    this.#placing?.changed(ids)
  }

  /** Calls `listener` soon after another generation is served; gives what ends that. */
  onChange(listener: () => void): () => void {
    return this.#announcements.add(listener)
  }

  /**
   * Opens the model at `directory` beside the one that is served, has it learn what that learned, and replaces that in one step; the
   * old one is closed when its last query has ended. One swap at a time.
   *
   * @throws {RecommendError} `bad_model` when it cannot be opened: the old one goes on being served; `shutting_down` where it had not
   *   begun when {@link stop} was called. The signal's reason where it was aborted before it began.
   */
  swap(directory: string, signal?: AbortSignal): Promise<Generation> {
    const swapped = this.#swapped.then(async () => {
      signal?.throwIfAborted()
      if (this.#isClosed) throw new RecommendError('shutting_down', 'no other model is served any more')
      const next = await this.#opened(directory)
      const [old, before] = [this.#current, this.after]
      this.#current = next
      void this.#announcements.announce()
      this.#options.onSwap(before)
      this.#learners.end(old)
      // Where it fails, as when a worker ended, the next swap must be possible all the same.
      this.#retired = old.retire().catch(() => {})
      return next
    })
    this.#swapped = swapped.then(
      () => this.#retired,
      () => undefined,
    )
    return swapped
  }

  /** No swap begins any more, and nothing is learned or placed: the swap that is under way waits for neither. */
  stop(): void {
    this.#isClosed = true
    this.#placing?.close()
    this.#learners.close()
  }

  /** Fulfilled once no swap is under way, nor begins. */
  async close(): Promise<void> {
    this.stop()
    await this.#swapped
  }

  /** To be called after {@link close}, when nobody asks for lists any more. */
  async retire(): Promise<void> {
    // Where it fails, as when a worker ended, the end of the workers closes what they still have open.
    await this.#current.retire().catch(() => {})
    await this.#placingPool.close()
  }

  /** A generation that can be served. */
  async #opened(directory: string): Promise<Generation> {
    const { pool, background, newItems, catalogue } = this.#options
    const next = await Generation.open(directory, { pool, background, newItems }).catch(error => {
      throw new RecommendError('bad_model', (error as Error).message, { cause: error })
    })
    try {
      this.#assertHasEventsOf(next)
      if (catalogue) await next.attach(catalogue)
      await this.#placeIn(next)
      await this.#learners.begin(next, this.#afterOf(next))
      return next
    } catch (error) {
      this.#learners.end(next)
      await next.retire()
      throw error
    }
  }

  /** @throws {RecommendError} `bad_model` where the model has events of the journal that this has not. */
  #assertHasEventsOf({ artifact }: Generation): void {
    const { journal } = this.#options
    const position = journal && artifact.manifest.dataset.journals?.[journal.name]
    if (position === undefined || position <= journal!.position) return
    throw new RecommendError(
      'bad_model',
      `the model ${artifact.directory} has the events up to position ${position}, and the state only up to ` +
        `${journal!.position}, as where an older copy was put back: start the server again with this model`,
    )
  }

  #afterOf({ artifact }: Generation): number {
    const { journal } = this.#options
    if (!journal) return 0
    return Math.max(journal.before, artifact.manifest.dataset.journals?.[journal.name] ?? 0)
  }

  /** Has the lists of the next generation hold items that its model does not know, once this is fulfilled, and no more of them those of the former. */
  async #placeIn(next: Generation): Promise<void> {
    if (!this.#placing || this.#isClosed) return
    const { hasBegun } = this.#placing
    const unplaced = this.#placing.close()
    this.#placing = this.#placingOf(next)
    this.#placing.changed(unplaced)
    if (hasBegun || unplaced.length > 0) await this.#placing.begin()
  }

  #placingOf(generation: Generation): Placing {
    const { state, onPlaced, onFault } = this.#options
    return new Placing(generation, {
      pool: this.#placingPool,
      state: state!,
      onPlaced: () => {
        if (generation === this.#current) onPlaced()
      },
      onLackOfRows: () => this.#renewRows(generation),
      onFault,
    })
  }

  /** Serves the same model anew, which gives its rows back to items that are to be placed, unless another is to be served already. */
  #renewRows(generation: Generation): void {
    const { onFault } = this.#options
    const { directory } = generation.artifact
    try {
      if (generation !== this.#current || inspectArtifact(directory).checksum !== generation.name) return
    } catch (error) {
      onFault(error)
      return
    }
    this.swap(directory).catch(onFault)
  }
}
