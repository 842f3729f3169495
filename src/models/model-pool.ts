import { jobs, Pool } from '../parallel/pool.ts'
import type { ItemList, Ranking, RankRequest, SimilarRequest } from './algorithm.ts'
import { Artifact, type OpenArtifact } from './artifact.ts'
import type { ModelReference } from './model-jobs.ts'
import { type Capability, OpenModel, UnsupportedError } from './open-model.ts'
import { type PackedLists, packRequests, unpackLists } from './packed.ts'

const work = jobs('./model-jobs', import.meta.url)

/** Requests that a worker takes at a time, where there are many: about what the search looks for in one pass. */
const largestChunk = 256

export interface OpenModelPool extends Pick<OpenArtifact, 'verify'> {
  /** Workers that rank; they may have another model open meanwhile, and are not closed with this one. Default: own ones. */
  readonly pool?: Pool | undefined
  /** Number of own workers. Default: as many threads as the machine runs at once. */
  readonly threads?: number | undefined
  /** Verify the model on a thread of low priority, while the workers of `pool` go on with their work. */
  readonly inBackground?: boolean | undefined
}

/** Niceness of the thread that verifies a model in the background. */
const backgroundNiceness = 10

/** One model, open in every worker of a pool: what ranks on all cores, for evaluation and for serving. */
export class ModelPool {
  readonly artifact: Artifact
  readonly capabilities: readonly Capability[]
  readonly #reference: ModelReference
  readonly #pool: Pool
  readonly #isOwnPool: boolean

  /** @throws Error naming the file that is missing or altered. */
  static async open(directory: string, options: OpenModelPool = {}): Promise<ModelPool> {
    const { threads, verify = true, inBackground = false } = options
    const pool = options.pool ?? new Pool(threads === undefined ? {} : { threads })
    const isOwnPool = options.pool === undefined
    try {
      const checksum = verify ? await verified(directory, inBackground ? undefined : pool) : undefined
      const artifact = Artifact.open(directory, { verify: false, ...(checksum !== undefined && { checksum }) })
      const reference: ModelReference = { directory, checksum: artifact.checksum }
      const { capabilities } = new OpenModel(artifact)
      // A worker opens the model with its first job: better now than when a query waits, or when the files are replaced.
      await pool.phase(work, 'warm', { model: reference })
      return new ModelPool(artifact, capabilities, reference, pool, isOwnPool)
    } catch (error) {
      if (isOwnPool) await pool.close()
      throw error
    }
  }

  private constructor(
    artifact: Artifact,
    capabilities: readonly Capability[],
    reference: ModelReference,
    pool: Pool,
    isOwnPool: boolean,
  ) {
    this.artifact = artifact
    this.capabilities = capabilities
    this.#reference = reference
    this.#pool = pool
    this.#isOwnPool = isOwnPool
  }

  /** Number of items that it chooses from. */
  get items(): number {
    return this.artifact.items.size
  }

  get threads(): number {
    return this.#pool.threads
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

  /**
   * {@link OpenModel.similar} on one worker.
   *
   * @throws {UnsupportedError} when the algorithm cannot find similar items.
   */
  async similar(requests: readonly SimilarRequest[], signal?: AbortSignal): Promise<ItemList[]> {
    // Found here: an error that comes from a worker has lost its class.
    if (!this.capabilities.includes('similar')) {
      throw new UnsupportedError(this.artifact.manifest.algorithm, 'similar')
    }
    return unpackLists(await this.#run('similar', requests, signal))
  }

  /** Runs a job on one worker, which opens the model first if it has not: as one does that took the place of another. */
  #run(name: 'rank' | 'similar', requests: unknown, signal: AbortSignal | undefined): Promise<PackedLists> {
    return this.#pool.run<PackedLists>(work, name, { model: this.#reference, requests }, signal)
  }

  /** Ends own workers once their last query is answered; others let go of the model. */
  async close(): Promise<void> {
    if (this.#isOwnPool) await this.#pool.close()
    else await this.#pool.phase(work, 'release', { checksum: this.artifact.checksum })
    this.artifact.close()
  }
}

/** Reads all of a model on a worker of `pool`, by default one of its own of low priority; gives the checksum. */
async function verified(directory: string, pool: Pool | undefined): Promise<string> {
  const verifying = pool ?? new Pool({ threads: 1, niceness: backgroundNiceness })
  try {
    return await verifying.run<string>(work, 'verify', { directory })
  } finally {
    if (!pool) await verifying.close()
  }
}
