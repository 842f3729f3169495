import { RestartingThread } from '../../events/restarting-thread.ts'
import { workerModuleUrl } from '../../parallel/pool.ts'
import { unlessAborted } from '../../parallel/unless-aborted.ts'
import { FairTurns } from '../../recommend/batches/fair-turns.ts'
import { RecommendError } from '../../recommend/errors.ts'
import { checksumOf, openDirectory } from '../../storage/directory.ts'
import { MixError } from '../mix/ingredients/ingredients.ts'
import type { Library } from './library.ts'
import type { LibraryAnswer, LibraryCall, LibraryData } from './library-thread.ts'

/** Calls that may wait. */
const mostWaiting = 500

export interface LibraryCaller {
  /** Who asks: clients take turns. */
  readonly client: string
  readonly signal?: AbortSignal | undefined
}

export interface ServedLibraryOptions {
  /** Of the song space. */
  readonly directory: string
  /** Whether sound files of the songs can be played. */
  readonly audio: boolean
  /** Called with errors that no call can fail with. */
  readonly onFault: (error: unknown) => void
  /** Called once another space is asked. */
  readonly onChange?: (() => void) | undefined
}

type Thread = RestartingThread<LibraryCall, LibraryAnswer, string>

/** A song space in a thread of its own, which another can take the place of. */
export class ServedLibrary {
  readonly #options: ServedLibraryOptions
  readonly #turns = new FairTurns(1, mostWaiting, tooMany)
  #thread: Thread
  #name: string
  #isClosed = false

  /** @throws Error naming the file that is missing, damaged, or of another format. */
  static async open(options: ServedLibraryOptions): Promise<ServedLibrary> {
    const { thread, found } = await start(options)
    return new ServedLibrary(options, thread, found)
  }

  private constructor(options: ServedLibraryOptions, thread: Thread, name: string) {
    this.#options = options
    this.#thread = thread
    this.#name = name
  }

  get directory(): string {
    return this.#options.directory
  }

  /**
   * Calls a method of the {@link Library}; gives the name of the space with what it gave.
   *
   * @throws {MixError} what it refuses. {@link RecommendError} `overloaded` while many calls wait. The signal's reason.
   */
  call<Name extends keyof Library>(
    { client, signal }: LibraryCaller,
    name: Name,
    ...args: Parameters<Library[Name]>
  ): Promise<{ readonly space: string; readonly result: ReturnType<Library[Name]> }> {
    const work = async () => {
      const answer = await this.#ask({ name, args } as unknown as LibraryCall)
      if ('refusal' in answer) throw new MixError(answer.refusal, answer.message)
      if ('failure' in answer) throw new Error(answer.failure)
      return answer as { space: string; result: ReturnType<Library[Name]> }
    }
    return unlessAborted(this.#turns.run(work, { client, signal }), signal)
  }

  /**
   * Opens the space anew where another has taken its place in the directory; until it is open, calls are answered by the former.
   *
   * @throws Error as {@link open}: the former goes on being asked.
   */
  async reload(): Promise<void> {
    const { directory } = this.#options
    if (checksumOf(openDirectory(directory, 'aurochs-song-space')) === this.#name) return
    const { thread, found } = await start(this.#options)
    // Opening takes seconds, and nobody would end the thread of one that was closed meanwhile.
    if (this.#isClosed) return thread.close('the server is about to end')
    const former = this.#thread
    this.#thread = thread
    this.#name = found
    this.#options.onChange?.()
    await former.close('another song space is served')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#thread.close('the server is about to end')
  }

  #ask(call: LibraryCall): Promise<LibraryAnswer> {
    return new Promise((resolve, reject) => {
      this.#thread.request(call, answer => (answer instanceof Error ? reject(answer) : resolve(answer)))
    })
  }
}

function start({ directory, audio, onFault }: ServedLibraryOptions) {
  return RestartingThread.start<LibraryCall, LibraryAnswer, string>({
    module: workerModuleUrl('./library-thread', import.meta.url),
    of: 'the song space',
    data: () => ({ directory, audio }) satisfies LibraryData,
    onEnd: failure => onFault(new Error(failure)),
  })
}

function tooMany(): RecommendError {
  return new RecommendError('overloaded', `${mostWaiting} calls of music wait already: ask again later`)
}
