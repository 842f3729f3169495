/** The thread that reads the journal, by a connection of its own: no commit waits for a long history. */
import { parentPort, workerData } from 'node:worker_threads'
import { EventReader, type UserHistory } from './reader.ts'
import type { ThreadReady } from './restarting-thread.ts'

/** A question about what one user did after a position: all that counts, or only whether there is anything. */
export interface Read {
  readonly what: 'history' | 'existence'
  readonly user: string
  readonly after: number
}

export type ReadDone = { readonly history: UserHistory } | { readonly exists: boolean } | { readonly failure: string }

export interface ReaderData {
  readonly directory: string
  /** The newest events of a user that are read, so many at most. */
  readonly historyLimit: number
}

const { directory, historyLimit } = workerData as ReaderData
const port = parentPort!

try {
  const reader = new EventReader(directory)
  port.on('message', (read: Read | 'close') => {
    if (read !== 'close') return port.postMessage(answer(reader, read))
    reader.close()
    port.close()
  })
  port.postMessage({ found: undefined } satisfies ThreadReady<undefined>)
} catch (error) {
  port.postMessage({ failure: (error as Error).message } satisfies ThreadReady<undefined>)
  port.close()
}

function answer(reader: EventReader, { what, user, after }: Read): ReadDone {
  try {
    if (what === 'existence') return { exists: reader.has(user, after) }
    return { history: reader.recent(user, after, historyLimit) }
  } catch (error) {
    return { failure: (error as Error).message }
  }
}
