/** The journal's own thread: SQLite blocks while the disk writes, and nothing else should wait for that. */
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { lockDirectory } from '../storage/directory-lock.ts'
import type { UserEvent } from './event.ts'
import { EventStore } from './store.ts'

/** Events to record in one transaction, then users whose events are read. */
export interface Group {
  readonly events: readonly UserEvent[]
  /** When each arrived, in ms since 1970. */
  readonly arrived: readonly number[]
  /** Users. */
  readonly reads: readonly string[]
  /** Only find out whether the disk takes writes again. */
  readonly probe?: boolean
}

/** The answer to one {@link Group}. `failure` says why nothing was recorded. */
export interface GroupDone {
  /** 1 where the event is new, 0 where it was there. */
  readonly isNew: Uint8Array
  /** The newest events of each user, in order of arrival. */
  readonly reads: readonly (readonly UserEvent[] | Error)[]
  /** Duration of the transaction, in ms. */
  readonly took: number
  readonly failure?: string
}

export interface Opened {
  readonly failure?: string
}

export interface ThreadData {
  readonly directory: string
  readonly since: number
  readonly historyLimit: number
}

const { directory, since, historyLimit } = workerData as ThreadData
const port = parentPort!

try {
  const lock = lockDirectory(directory)
  const store = new EventStore(join(directory, 'events.db'))
  port.on('message', (group: Group | 'close') => {
    if (group !== 'close') return port.postMessage(work(store, group))
    store.close()
    lock.close()
    port.close()
  })
  port.postMessage({} satisfies Opened)
} catch (error) {
  port.postMessage({ failure: (error as Error).message } satisfies Opened)
  port.close()
}

function work(store: EventStore, { events, arrived, reads, probe }: Group): GroupDone {
  const began = performance.now()
  let isNew: Uint8Array = new Uint8Array(0)
  let failure: string | undefined
  try {
    if (events.length > 0) isNew = store.record(events, arrived)
    else if (probe) store.probe()
  } catch (error) {
    failure = (error as Error).message
  }
  const took = performance.now() - began
  const answers = reads.map(user => {
    try {
      return store.recent(user, since, historyLimit)
    } catch (error) {
      return error as Error
    }
  })
  return failure === undefined ? { isNew, reads: answers, took } : { isNew, reads: answers, took, failure }
}
