/** The thread that reads the journal, by a connection of its own: no commit waits for a long history. */
import { parentPort, workerData } from 'node:worker_threads'
import type { UserEvent } from './event.ts'
import type { ThreadReady } from './restarting-thread.ts'
import { EventReader, type ReadRange } from './store.ts'

/** A question about one user: for the events that count, or only whether there are any. */
export interface Read {
  readonly what: 'events' | 'existence'
  readonly user: string
}

export type ReadDone =
  | { readonly events: readonly UserEvent[] }
  | { readonly exists: boolean }
  | { readonly failure: string }

export interface ReaderData extends ReadRange {
  /** The file of events. */
  readonly file: string
}

const { file, ...range } = workerData as ReaderData
const port = parentPort!

try {
  const reader = new EventReader(file, range)
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

function answer(reader: EventReader, { what, user }: Read): ReadDone {
  try {
    return what === 'events' ? { events: reader.recent(user) } : { exists: reader.has(user) }
  } catch (error) {
    return { failure: (error as Error).message }
  }
}
