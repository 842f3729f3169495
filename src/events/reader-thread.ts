/** The thread that reads the journal, by a connection of its own: no commit waits for a long history. */
import { workerData } from 'node:worker_threads'
import { answerRequests } from './answering-thread.ts'
import { EventReader, type StandingEvent, type UserHistory } from './reader.ts'

/** A question about what one user did after a position: all that counts, or only whether there is anything; or for what all did, `limit` events at most. */
export type Read = UserRead | { readonly what: 'page'; readonly after: number; readonly limit: number }

export interface UserRead {
  readonly what: 'history' | 'existence'
  readonly user: string
  readonly after: number
}

export type ReadDone =
  | { readonly history: UserHistory }
  | { readonly exists: boolean }
  | { readonly page: readonly StandingEvent[] }
  | { readonly failure: string }

export interface ReaderData {
  readonly directory: string
  /** The newest events of a user that are read, so many at most. */
  readonly historyLimit: number
}

const { directory, historyLimit } = workerData as ReaderData

answerRequests<Read, ReadDone, undefined>(() => {
  const reader = new EventReader(directory)
  return { found: undefined, answer: read => answer(reader, read), close: () => reader.close() }
})

function answer(reader: EventReader, read: Read): ReadDone {
  try {
    if (read.what === 'page') return { page: reader.after(read.after, read.limit) }
    if (read.what === 'existence') return { exists: reader.has(read.user, read.after) }
    return { history: reader.recent(read.user, read.after, historyLimit) }
  } catch (error) {
    return { failure: (error as Error).message }
  }
}
