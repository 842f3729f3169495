/** The journal's own thread: SQLite blocks while the disk writes, and nobody else should. */
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { lockDirectory } from './lock.ts'
import { type EventColumns, EventStore, type RecentEvents } from './store.ts'

/** Events to record in one transaction, then users whose recent events are asked for. */
export interface Group {
  readonly events: EventColumns
  readonly reads: string[]
  /** Only find out whether the disk takes writes again. */
  readonly probe?: boolean
}

/** The answer to one {@link Group}. `failure` says why nothing was recorded. */
export interface GroupDone {
  /** 1 where the event is new, 0 where it was there. */
  readonly fresh: Uint8Array
  readonly reads: (RecentEvents | Error)[]
  /** Of the transaction, in ms. */
  readonly took: number
  readonly failure?: string
}

export interface Opened {
  readonly failure?: string
}

export interface ThreadData {
  readonly directory: string
  readonly since: number
}

const { directory, since } = workerData as ThreadData
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

function work(store: EventStore, { events, reads, probe }: Group): GroupDone {
  const began = performance.now()
  let fresh: Uint8Array = new Uint8Array(0)
  let failure: string | undefined
  try {
    if (events.ids.length > 0) fresh = store.record(events)
    else if (probe) store.probe()
  } catch (error) {
    failure = (error as Error).message
  }
  const took = performance.now() - began
  const answers = reads.map(user => {
    try {
      return store.recent(user, since)
    } catch (error) {
      return error as Error
    }
  })
  return { fresh, reads: answers, took, ...(failure !== undefined && { failure }) }
}
