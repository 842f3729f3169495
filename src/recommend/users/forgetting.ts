import type { Catalogue } from '../../catalogue/catalogue.ts'
import type { Journal } from '../../events/journal.ts'
import { inspectArtifact } from '../../models/artifact/artifact.ts'
import { type Pool, workerModuleUrl } from '../../parallel/pool.ts'
import { withLocks } from '../../storage/directory-lock.ts'
import type { Generations } from '../generations/generations.ts'

const forgetInModels = workerModuleUrl('../../models/artifact/forget', import.meta.url)

/** Where a user was to be forgotten. */
export interface Forgotten {
  /** Rows of events and ids that were removed. */
  readonly events: number
  /** Directories of models and datasets that had the user. */
  readonly directories: readonly string[]
}

export interface ForgettingOptions {
  readonly journal: Journal | undefined
  readonly catalogue: Catalogue | undefined
  readonly generations: Generations
  /** Writes models and datasets anew. */
  readonly pool: Pool
  /** Removes what is in memory of a user whose events are gone. */
  readonly clear: (user: string) => void
}

/** Removes users from all that knows them, one after the other. */
export class Forgetting {
  readonly #options: ForgettingOptions
  #running: Promise<unknown> = Promise.resolve()
  /** Whether what was learned live may hold events of a user whose events are gone. */
  #mustRelearn = false

  constructor(options: ForgettingOptions) {
    this.#options = options
  }

  /**
   * Removes what is known of `user` from the journal, the catalogue, the memory, the model that is served, and from `directories`,
   * other models and datasets; of models, from those before and after them, too.
   *
   * @throws Error when a disk failed: then it is to be done again.
   */
  forget(user: string, directories: readonly string[]): Promise<Forgotten> {
    const forgotten = this.#running.then(() => this.#forget(user, directories))
    this.#running = forgotten.catch(() => {})
    return forgotten
  }

  async #forget(user: string, directories: readonly string[]): Promise<Forgotten> {
    const { journal, catalogue, generations, pool, clear } = this.#options
    const hadToRelearn = this.#mustRelearn
    this.#mustRelearn ||= generations.current.learns
    const { events = 0 } = (await journal?.forget(user)) ?? {}
    // Nothing was learned of a user without events, unless the last try failed after they were removed.
    if (events === 0) this.#mustRelearn = hadToRelearn
    await catalogue?.forgetUser(user)
    clear(user)
    await generations.swapped
    const served = generations.current.artifact.directory
    const forgetIn = (directory: string) =>
      pool.run<readonly string[]>(forgetInModels, 'forgetEverywhere', { directory, user })
    return withLocks([served, ...directories], async () => {
      const reached: string[] = []
      try {
        reached.push(...(await forgetIn(served)))
      } finally {
        // Also where it was written anew the last time, and then something failed.
        const isOther = inspectArtifact(served).checksum !== generations.current.name
        // What was learned of the user is forgotten with what was learned of all: it is learned anew from the journal.
        if (isOther || this.#mustRelearn) await generations.swap(served)
        this.#mustRelearn = false
      }
      for (const directory of directories) reached.push(...(await forgetIn(directory)))
      return { events, directories: reached }
    })
  }
}
