/** The thread that writes the journal: SQLite blocks while the disk writes, and nothing else should wait for that. */
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { lockDirectory } from '../storage/directory-lock.ts'
import { fileIdentity } from '../storage/file-identity.ts'
import type { UserEvent } from './event.ts'
import type { ThreadReady } from './restarting-thread.ts'
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
  /** The file of events, and which one it is. */
  readonly file: string
  readonly identity: string | undefined
  /** Events up to this position are part of the model and do not count. */
  readonly after: number
}

export interface WriterData {
  readonly directory: string
  readonly since: number
  /** Of the file of events that must be there, where one was there before. */
  readonly identity?: string | undefined
}

const { directory, since, identity } = workerData as WriterData
const port = parentPort!

try {
  const file = join(directory, 'events.db')
  if (identity !== undefined) assertInPlace([{ path: file, identity }])
  const lock = lockDirectory(directory)
  const store = new EventStore(file)
  // The log, where the newest events are until SQLite moves them, is made by the first write.
  const files = [file, lock.file, `${file}-wal`].map(path => ({ path, identity: fileIdentity(path) }))
  port.on('message', (group: Group | 'close') => {
    if (group !== 'close') return port.postMessage(work(store, files, group))
    store.close()
    lock.close()
    port.close()
  })
  port.postMessage({
    found: { file, identity: files[0]!.identity, after: store.positionBefore(since) },
  } satisfies ThreadReady<WriterFound>)
} catch (error) {
  port.postMessage({ failure: (error as Error).message } satisfies ThreadReady<WriterFound>)
  port.close()
}

function work(store: EventStore, files: readonly KnownFile[], { events, arrived }: Group): GroupDone {
  const began = performance.now()
  const took = () => performance.now() - began
  try {
    assertInPlace(files)
    const isNew = write(store, { events, arrived })
    // What was written to a file that is not there any more is not on disk for anybody.
    assertInPlace(files)
    for (const known of files) known.identity ??= fileIdentity(known.path)
    return { isNew, took: took() }
  } catch (error) {
    return { isNew: new Uint8Array(), took: took(), failure: (error as Error).message }
  }
}

function write(store: EventStore, { events, arrived }: Group): Uint8Array {
  try {
    if (events.length > 0) return store.record(events, arrived)
    store.probe()
    return new Uint8Array()
  } catch (cause) {
    const { message } = cause as Error
    throw new Error(`nothing can be written to ${directory}: ${message}; look at its disk and the room on it`, {
      cause,
    })
  }
}

interface KnownFile {
  readonly path: string
  /** Undefined until there is one. */
  identity: string | undefined
}

/** @throws Error when one was removed or replaced. */
function assertInPlace(files: readonly KnownFile[]): void {
  const changed = files.find(({ path, identity }) => identity !== undefined && fileIdentity(path) !== identity)
  if (!changed) return
  throw new Error(
    `${changed.path} was removed or replaced while it was in use: put the state back, or start the server again`,
  )
}
