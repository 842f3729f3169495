/** The thread that writes the journal: SQLite blocks while the disk writes, and nothing else should wait for that. */
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { lockDirectory } from '../storage/directory-lock.ts'
import { FileIdentity } from '../storage/file-identity.ts'
import type { ThreadReady } from './answering-thread.ts'
import type { UserEvent } from './event.ts'
import { EventStore } from './store.ts'

/** Events to record in one transaction; none: only find out whether the disk takes writes. */
export interface Group {
  readonly events: readonly UserEvent[]
  /** When each arrived, in ms since 1970. */
  readonly arrived: readonly number[]
}

/** The answer to one {@link Group}. `failure` says why nothing was recorded. */
export interface GroupDone {
  /** 1 where the event is new, 0 where it was there. */
  readonly isNew: Uint8Array
  /** Duration of the transaction, in ms. */
  readonly took: number
  readonly failure?: string
}

/** What the thread finds when it opens the journal. */
export interface WriterFound {
  /** The file of events. */
  readonly file: string
  /** Events up to this position are part of the model and do not count. */
  readonly after: number
}

export interface WriterData {
  readonly directory: string
  readonly since: number
}

const { directory, since } = workerData as WriterData
const port = parentPort!

try {
  const lock = lockDirectory(directory)
  const file = join(directory, 'events.db')
  const store = new EventStore(file)
  const identity = new FileIdentity([file, lock.file])
  port.on('message', (group: Group | 'close') => {
    if (group !== 'close') return port.postMessage(work(store, identity, group))
    store.close()
    lock.close()
    port.close()
  })
  port.postMessage({ found: { file, after: store.positionBefore(since) } } satisfies ThreadReady<WriterFound>)
} catch (error) {
  port.postMessage({ failure: (error as Error).message } satisfies ThreadReady<WriterFound>)
  port.close()
}

function work(store: EventStore, identity: FileIdentity, { events, arrived }: Group): GroupDone {
  const began = performance.now()
  const took = () => performance.now() - began
  try {
    assertInPlace(identity)
    let isNew: Uint8Array = new Uint8Array()
    if (events.length > 0) isNew = store.record(events, arrived)
    else store.probe()
    // What was written to a file that is not there any more is not on disk for anybody.
    assertInPlace(identity)
    return { isNew, took: took() }
  } catch (error) {
    return { isNew: new Uint8Array(), took: took(), failure: (error as Error).message }
  }
}

/** @throws Error when the state was removed or replaced. */
function assertInPlace(identity: FileIdentity): void {
  const changed = identity.changed()
  if (changed === undefined) return
  throw new Error(
    `${changed} was removed or replaced while it was in use: put the state back, or start the server again`,
  )
}
