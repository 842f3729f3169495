import { identityOf } from '../../storage/directory.ts'

export interface ModelWatchOptions {
  /** Directory that a model is in, or will be. */
  readonly directory: string
  /** Called when there is a model, soon after the start too, or another than before. */
  readonly onChange: () => Promise<unknown>
  /** Called with why a model could not be served: it is tried again when another takes its place. */
  readonly onFailure: (error: unknown) => void
}

/** In ms: how often it is looked. A directory that is replaced whole tells no watcher of the system. */
const interval = 1000

/** Notices when another model takes the place of the one in a directory. */
export class ModelWatch {
  readonly #timer: NodeJS.Timeout
  #identity = ''
  #isChanging = false

  constructor({ directory, onChange, onFailure }: ModelWatchOptions) {
    this.#timer = setInterval(async () => {
      const identity = identityOf(directory)
      if (this.#isChanging || identity === this.#identity || identity === '') return
      this.#identity = identity
      this.#isChanging = true
      try {
        await onChange()
      } catch (error) {
        onFailure(error)
      } finally {
        this.#isChanging = false
      }
    }, interval)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
