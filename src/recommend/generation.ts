import type { Artifact } from '../models/artifact.ts'
import { ModelPool } from '../models/model-pool.ts'
import type { Pool } from '../parallel/pool.ts'
import { plainId } from '../storage/ids.ts'

/** A power of 2: ids of items that are kept, since most lists hold the same popular ones. */
const keptIds = 65_536

/**
 * One published model: its files mapped, open in the workers. Each use of it is counted, and a retired
 * generation is closed when its last use has ended.
 */
export class Generation {
  /** Names the model: another model has another name. */
  readonly name: string
  readonly models: ModelPool
  /** Ids of items, each where the lower bits of its row say, and those rows. */
  readonly #keptRows = new Int32Array(keptIds).fill(-1)
  readonly #keptIds: (string | number)[] = Array(keptIds).fill('')
  #uses = 0
  #whenUnused: (() => void) | undefined

  /** @throws Error naming the file that is missing or altered. */
  static async open(directory: string, options: { readonly pool: Pool; readonly background?: Pool }) {
    return new Generation(await ModelPool.open(directory, options))
  }

  private constructor(models: ModelPool) {
    this.name = models.artifact.checksum
    this.models = models
  }

  get artifact(): Artifact {
    return this.models.artifact
  }

  /** The id of the item in a row of the model, as it is given out. */
  itemAt(row: number): string | number {
    const place = row & (keptIds - 1)
    if (this.#keptRows[place] !== row) {
      this.#keptIds[place] = plainId(this.artifact.items.at(row))
      this.#keptRows[place] = row
    }
    return this.#keptIds[place]!
  }

  /** Keeps the generation open until what `work` promises is settled. */
  async use<Result>(work: (models: ModelPool) => Promise<Result>): Promise<Result> {
    this.#uses++
    try {
      return await work(this.models)
    } finally {
      if (--this.#uses === 0) this.#whenUnused?.()
    }
  }

  /** Closes it once nobody uses it. */
  async retire(): Promise<void> {
    if (this.#uses > 0) {
      await new Promise<void>(resolve => {
        this.#whenUnused = resolve
      })
    }
    await this.models.close()
  }
}
