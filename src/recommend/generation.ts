import type { Catalogue } from '../catalogue/catalogue.ts'
import { Visibility } from '../catalogue/visibility.ts'
import type { Artifact } from '../models/artifact.ts'
import { ModelPool } from '../models/model-pool.ts'
import type { Pool } from '../parallel/pool.ts'
import { KeptIds } from './kept-ids.ts'

/**
 * One published model: its files mapped, open in the workers. Each use of it is counted, and a retired
 * generation is closed when its last use has ended.
 */
export class Generation {
  /** Names the model: another model has another name. */
  readonly name: string
  readonly models: ModelPool
  /** Ids of the model's items, by their rows in it. */
  readonly itemIds: KeptIds
  /** Which of the items lists may have: all, until a catalogue is attached. */
  #visibility: Visibility
  #catalogue: Catalogue | undefined
  #uses = 0
  #whenUnused: (() => void) | undefined

  /** @throws Error naming the file that is missing or altered. */
  static async open(directory: string, options: { readonly pool: Pool; readonly background?: Pool }) {
    return new Generation(await ModelPool.open(directory, options))
  }

  private constructor(models: ModelPool) {
    this.name = models.artifact.checksum
    this.models = models
    this.itemIds = new KeptIds(models.artifact.items)
    this.#visibility = new Visibility(models.artifact.items, () => Promise.resolve(new Uint32Array(0)))
  }

  /** Lists have what `catalogue` says that they may have, from now until the generation is retired. @throws Error when it cannot be read. */
  async attach(catalogue: Catalogue): Promise<void> {
    this.#visibility = await catalogue.attach(this.artifact.items)
    this.#catalogue = catalogue
  }

  get visibility(): Visibility {
    return this.#visibility
  }

  get artifact(): Artifact {
    return this.models.artifact
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
    this.#catalogue?.detach(this.#visibility)
    await this.models.close()
  }
}
