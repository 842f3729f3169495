import { RestartingThread } from '../../../events/restarting-thread.ts'
import { workerModuleUrl } from '../../../parallel/pool.ts'
import type { LedgerFound, LedgerMethods, LedgerRequest, LedgerResponse, LedgerThreadData } from './ledger-thread.ts'

export interface PushLedgerThreadOptions extends Omit<LedgerThreadData, 'identity'> {
  /** Called when the thread has ended, with why; what was asked of it has failed. It is started again. */
  readonly onEnd?: (failure: string) => void
  /** Called when it has been started again: what it noted of changes is lost. */
  readonly onRestart?: () => void
}

type Method = keyof LedgerMethods

/** The disk failed, or the ledger is not in its place: what was asked for is not known to be done. */
export class PushStorageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PushStorageError'
  }
}

/** The push ledger behind a thread of its own, with the senders. */
export class PushLedgerThread {
  readonly #thread: RestartingThread<LedgerRequest, LedgerResponse, LedgerFound>

  /** @throws Error when the ledger cannot be opened, a sender is wrong, or another process sends. */
  static async open({ onEnd, onRestart, ...data }: PushLedgerThreadOptions): Promise<PushLedgerThread> {
    const { thread } = await RestartingThread.start<LedgerRequest, LedgerResponse, LedgerFound>({
      module: workerModuleUrl('./ledger-thread', import.meta.url),
      of: 'the push ledger',
      data: found => ({ ...data, identity: found?.identity }) satisfies LedgerThreadData,
      ...(onEnd && { onEnd }),
      ...(onRestart && { onRestart }),
    })
    return new PushLedgerThread(thread)
  }

  private constructor(thread: RestartingThread<LedgerRequest, LedgerResponse, LedgerFound>) {
    this.#thread = thread
  }

  /** What the ledger's method gives; calls are carried out in their order. @throws what it throws, and {@link PushStorageError}. */
  call<Name extends Method>(
    method: Name,
    ...args: Parameters<LedgerMethods[Name]>
  ): Promise<ReturnType<LedgerMethods[Name]>> {
    return new Promise((resolve, reject) => {
      this.#thread.request({ method, args }, response => {
        if (response instanceof Error) return reject(new PushStorageError(response.message))
        if ('result' in response) return resolve(response.result as ReturnType<LedgerMethods[Name]>)
        reject(new errors[response.kind](response.failure))
      })
    })
  }

  /** Hands over no more, waits for the answers of senders, and closes the ledger. */
  close(): Promise<void> {
    return this.#thread.close('the push ledger is closed')
  }
}

const errors = { TypeError, RangeError, Error: PushStorageError }
