import { Model } from '../models/model.ts'
import { jobs, Pool } from '../parallel/pool.ts'
import { TopKIndex } from '../search/topk.ts'
import type { RankData } from './opened.ts'
import type { SimilarArgs, SimilarItems } from './similar.ts'

const opened = jobs('./opened', import.meta.url)
const likeness = jobs('./similar', import.meta.url)

/** One published model, ready to answer: its files mapped, its index built, workers of its own warm. */
export class Generation {
  readonly name: string
  readonly model: Model
  readonly pool: Pool

  /** @throws Error naming the file that is missing or altered. */
  static async open(directory: string, threads: number | undefined): Promise<Generation> {
    const model = Model.open(directory)
    const data: RankData = { directory, index: TopKIndex.build(model.itemFactors, model.rank).shared }
    const pool = new Pool({ data, ...(threads !== undefined && { threads }) })
    try {
      // Each worker opens the model with its first job: better now than when somebody waits.
      await pool.phase(opened, 'warm', {})
      return new Generation(model, pool)
    } catch (error) {
      await pool.close()
      throw error
    }
  }

  private constructor(model: Model, pool: Pool) {
    this.name = model.checksum
    this.model = model
    this.pool = pool
  }

  /** The `limit` items most like `item`, best first, by the cosine of their factors; not the item itself. */
  similar(item: number, limit: number): Promise<SimilarItems> {
    const args: SimilarArgs = { item, limit }
    return this.pool.run(likeness, 'similar', args)
  }

  async close(): Promise<void> {
    await this.pool.close()
    this.model.close()
  }
}
