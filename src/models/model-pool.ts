import { jobs, Pool } from '../parallel/pool.ts'
import type { ItemList, Ranking, RankRequest, SimilarRequest } from './algorithm.ts'
import { Artifact, type OpenArtifact } from './artifact.ts'
import type { ModelWorkerData } from './model-jobs.ts'
import { type Capability, OpenModel, prepareModel } from './open-model.ts'
import { type PackedLists, packRequests, unpackLists } from './packed.ts'

const work = jobs('./model-jobs', import.meta.url)

/** Requests that a worker takes at a time, where there are many: about what the search looks for in one pass. */
const largestChunk = 256

export interface OpenModelPool extends Pick<OpenArtifact, 'verify'> {
  /** Workers that rank. Default: as many threads as the machine runs at once. */
  readonly threads?: number | undefined
}

/** One model, open in every worker of a pool of its own: what ranks on all cores, for evaluation and for serving. */
export class ModelPool {
  readonly artifact: Artifact
  readonly capabilities: readonly Capability[]
  readonly #pool: Pool

  /** @throws Error naming the file that is missing or altered. */
  static async open(directory: string, { threads, verify = true }: OpenModelPool = {}): Promise<ModelPool> {
    const artifact = Artifact.open(directory, { verify })
    const prepared = prepareModel(artifact)
    const { capabilities } = new OpenModel(artifact, prepared)
    const data: ModelWorkerData = { directory, checksum: artifact.checksum, prepared }
    const pool = new Pool(threads === undefined ? { data } : { data, threads })
    try {
      // Each worker opens the model with its first job: better now than when somebody waits.
      await pool.phase(work, 'warm', {})
    } catch (error) {
      await pool.close()
      artifact.close()
      throw error
    }
    return new ModelPool(artifact, capabilities, pool)
  }

  private constructor(artifact: Artifact, capabilities: readonly Capability[], pool: Pool) {
    this.artifact = artifact
    this.capabilities = capabilities
    this.#pool = pool
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
    return unpackLists(await this.#pool.run<PackedLists>(work, 'rank', packRequests(requests), signal))
  }

  /** {@link OpenModel.similar} on one worker. */
  async similar(requests: readonly SimilarRequest[], signal?: AbortSignal): Promise<ItemList[]> {
    return unpackLists(await this.#pool.run<PackedLists>(work, 'similar', requests, signal))
  }

  /** Ends the workers once what they were asked is answered. */
  async close(): Promise<void> {
    await this.#pool.close()
    this.artifact.close()
  }
}
