import { Pool, workerModuleUrl } from '../../parallel/pool.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type {
  ItemList,
  ItemSource,
  LearnedEvent,
  Learner,
  LiveLearning,
  LiveMemory,
  Ranking,
  RankRequest,
  SimilarMeasure,
  SimilarRequest,
} from '../algorithm.ts'
import { Artifact, type OpenArtifact } from '../artifact/artifact.ts'
import { type PackedLists, packRequests, unpackLists } from '../artifact/packed.ts'
import { needsEvents, weightingIn } from '../weighting/options.ts'
import { assertMeasure, type Capability, UnsupportedError } from './capabilities.ts'
import type { Explanation } from './explain.ts'
import type { Abilities, ItemVectors, ModelReference } from './model-jobs.ts'
import { liveLearningOf } from './open-model.ts'
import type { PlacedItems } from './placed/placed-items.ts'

const work = workerModuleUrl('./model-jobs', import.meta.url)

/** The last `ModelReference.id` of this process. */
let lastId = 0

/** Requests that a worker takes at a time, where there are many: about what the search looks for in one pass. */
const largestChunk = 256

export interface OpenModelPool extends Pick<OpenArtifact, 'verify'> {
  /** Workers that rank; they may have another model open meanwhile, and are not closed with this one. Default: own ones. */
  readonly pool?: Pool | undefined
  /** Number of own workers. Default: as many threads as the machine runs at once. */
  readonly threads?: number | undefined
  /**
   * Workers of low priority: they verify the model, rank what takes long or nobody must wait for, and find similar items.
   * Default: `pool`.
   */
  readonly background?: Pool | undefined
  /**
   * New items that the model may learn of from events ({@link ModelPool.learn}), where its algorithm can, or that are placed
   * ({@link ModelPool.place}). Absent: there are none.
   */
  readonly newItems?: number | undefined
}

interface Workers {
  readonly pool: Pool
  readonly background: Pool
  readonly isOwnPool: boolean
  readonly newItems: number | undefined
}

function memoryOf(learning: LiveLearning, rows: number): LiveMemory {
  return { words: sharedArray(Uint32Array, learning.words(rows)), rows }
}

/** One model, open in every worker of a pool: what ranks on all cores, for evaluation and for serving. */
export class ModelPool {
  readonly artifact: Artifact
  #abilities: Abilities = { capabilities: [], similarBy: [], sources: [] }
  #reference: ModelReference
  readonly #items: number
  readonly #learner: Learner | undefined
  readonly #pool: Pool
  readonly #background: Pool
  readonly #isOwnPool: boolean
  /** Those whose workers may have it open. */
  readonly #holders = new Set<Pool>()

  /** Whether events count by their kind or age. */
  get weighsEvents(): boolean {
    const weighting = weightingIn(this.artifact.manifest.options)
    return weighting !== undefined && needsEvents(weighting)
  }

  /** @throws Error naming the file that is missing or altered. */
  static async open(directory: string, options: OpenModelPool = {}): Promise<ModelPool> {
    const { threads, verify = true } = options
    const pool = options.pool ?? new Pool(threads === undefined ? {} : { threads })
    const background = options.background ?? pool
    const isOwnPool = options.pool === undefined
    let models: ModelPool | undefined
    try {
      const checksum = verify ? await background.run<string>(work, 'verify', { directory }) : undefined
      const artifact = Artifact.open(directory, { verify: false, ...(checksum !== undefined && { checksum }) })
      models = new ModelPool(artifact, { pool, background, isOwnPool, newItems: options.newItems })
      await models.#warm()
      return models
    } catch (error) {
      if (models) await models.close().catch(() => {})
      else if (isOwnPool) await pool.close()
      throw error
    }
  }

  private constructor(artifact: Artifact, { pool, background, isOwnPool, newItems }: Workers) {
    this.artifact = artifact
    this.#items = artifact.manifest.dataset.items + (newItems ?? 0)
    const learning = newItems === undefined ? undefined : liveLearningOf(artifact)
    const live = learning && memoryOf(learning, this.#items)
    this.#learner = live && learning.learner(live)
    this.#reference = { id: ++lastId, directory: artifact.directory, checksum: artifact.checksum, live }
    this.#pool = pool
    this.#background = background
    this.#isOwnPool = isOwnPool
  }

  /** What the model can do beside ranking. */
  get capabilities(): readonly Capability[] {
    return this.#abilities.capabilities
  }

  /** What lists rest on. */
  get sources(): readonly ItemSource[] {
    return this.#abilities.sources
  }

  /** The measures by which the model finds similar items, that of requests that name none first. */
  get similarBy(): readonly SimilarMeasure[] {
    return this.#abilities.similarBy
  }

  /** Number of items that it chooses from: with those that it may learn of, or that may be placed. */
  get items(): number {
    return this.#items
  }

  /** The next lists have these items, too, in place of those before. */
  place(placed: PlacedItems): void {
    this.#reference = { ...this.#reference, placed }
  }

  /** Whether {@link learn} changes anything. */
  get learns(): boolean {
    return this.#learner !== undefined
  }

  /** Learns from an event whose item is below {@link items}, where the model can: the next lists know of it. */
  learn(event: LearnedEvent): void {
    this.#learner?.learn(event)
  }

  get threads(): number {
    return this.#pool.threads
  }

  /** Workers of low priority. */
  get backgroundThreads(): number {
    return this.#background.threads
  }

  /** {@link OpenModel.rank} on all workers. The lists are the same for any number of workers. */
  async rank(requests: readonly RankRequest[], signal?: AbortSignal): Promise<Ranking[]> {
    const size = Math.min(largestChunk, Math.ceil(requests.length / this.threads))
    const chunks: Promise<Ranking[]>[] = []
    for (let first = 0; first < requests.length; first += size) {
      chunks.push(this.rankOnOne(requests.slice(first, first + size), signal))
    }
    return (await Promise.all(chunks)).flat()
  }

  /** {@link OpenModel.rank} on one worker. */
  async rankOnOne(requests: readonly RankRequest[], signal?: AbortSignal): Promise<Ranking[]> {
    return unpackLists(await this.#run('rank', packRequests(requests), signal))
  }

  /** {@link OpenModel.rank} on one worker of low priority. */
  async rankInBackground(requests: readonly RankRequest[]): Promise<Ranking[]> {
    return unpackLists(await this.#run('rank', packRequests(requests), undefined, this.#background))
  }

  /**
   * {@link OpenModel.similar} on one worker of low priority.
   *
   * @throws {UnsupportedError} when the algorithm cannot find similar items, or not by the measure.
   */
  async similar(requests: readonly SimilarRequest[], signal?: AbortSignal): Promise<ItemList[]> {
    // Found here: an error that comes from a worker has lost its class.
    const { algorithm } = this.artifact.manifest
    if (!this.capabilities.includes('similar')) throw new UnsupportedError(algorithm, 'similar')
    for (const { measure } of requests) assertMeasure(algorithm, this.similarBy, measure)
    const lists = unpackLists(await this.#run('similar', requests, signal, this.#background))
    return lists.map(({ items, scores }) => ({ items, scores }))
  }

  /** {@link OpenModel.explain} on one worker of low priority. */
  async explain(request: RankRequest, signal?: AbortSignal): Promise<Explanation> {
    const requests = packRequests([request])
    const job = { model: this.#reference, requests }
    const [explanation] = await this.#background.run<Explanation[]>(work, 'explain', job, signal)
    return explanation
  }

  /** The vectors of items by their rows, in their order. @throws {UnsupportedError} when the algorithm has none. */
  itemVectors(items: Uint32Array): Promise<ItemVectors> {
    if (!this.capabilities.includes('vectors')) {
      throw new UnsupportedError(this.artifact.manifest.algorithm, 'vectors')
    }
    return this.#pool.run<ItemVectors>(work, 'itemVectors', { model: this.#reference, requests: items.slice() })
  }

  /** Runs a job on one worker, which opens the model first if it has not: as one does that took the place of another. */
  #run(
    name: 'rank' | 'similar',
    requests: unknown,
    signal: AbortSignal | undefined,
    pool = this.#pool,
  ): Promise<PackedLists> {
    return pool.run<PackedLists>(work, name, { model: this.#reference, requests }, signal)
  }

  /**
   * Has the workers close the model once their last query is answered, and ends own ones.
   *
   * @throws Error when a worker ended before it could; what it had open is closed with it.
   */
  async close(): Promise<void> {
    this.artifact.close()
    const failures: unknown[] = []
    const holders = [...this.#holders]
    this.#holders.clear()
    // In the order of opening, the background first: who closes the files last unmaps them, and holds up all threads when it has to wait.
    for (const pool of holders) {
      await pool.onEachWorker(work, 'release', this.#reference).catch(error => failures.push(error))
    }
    if (this.#isOwnPool) await this.#pool.close()
    if (failures.length > 0) throw failures[0]
  }

  /**
   * Has every worker open the model, as each would with its first job: better now than when a query waits, or when the files
   * are replaced. In the background first: what one thread has read is mapped for all.
   */
  async #warm(): Promise<void> {
    for (const pool of [this.#background, this.#pool]) {
      if (this.#holders.has(pool)) continue
      this.#holders.add(pool)
      const [abilities] = await pool.onEachWorker<Abilities>(work, 'warm', { model: this.#reference })
      this.#abilities = abilities!
    }
  }
}
