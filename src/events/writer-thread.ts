/** The thread that writes the journal: SQLite blocks while the disk writes, and nothing else should wait for that. */
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { lockDirectory } from '../storage/directory-lock.ts'
import { fileIdentity } from '../storage/file-identity.ts'
import type { Positions } from '../storage/positions.ts'
import { answerRequests } from './answering-thread.ts'
import { eventsFile } from './schema.ts'
import { EventStore, type JournalEntry, nothingRemoved, type Removed, type Retention } from './store.ts'

/** Events and impressions to record in one transaction; none: only find out whether the disk takes writes. */
export interface Group {
  readonly what: 'record'
  readonly entries: readonly JournalEntry[]
  /** When each arrived, in ms since 1970. */
  readonly arrived: readonly number[]
}

/** A part of a removal, after which new events have their turn. */
export type Removal =
  | { readonly what: 'remove'; readonly retention: Retention }
  | { readonly what: 'forget'; readonly user: string }

export type Write = Group | Removal

/** The answer to one {@link Write}. `failure` says why nothing was written. */
export interface WriteDone {
  /** Of a group: the position of each event, -1 of impressions; 0 where it was there before. */
  readonly positions: Float64Array
  /** Of a removal. Nothing: there is no more. */
  readonly removed: Removed
  /** Duration of the transaction, in ms. */
  readonly took: number
  readonly failure?: string
}

/** What the thread finds when it opens the journal. */
export interface WriterFound {
  /** The file of events, and which one it is. */
  readonly file: string
  readonly identity: string | undefined
  /** Names the journal, as datasets and models do that have its events. */
  readonly journal: string
  /** The position of the last event that arrived before {@link WriterData.since}. */
  readonly before: number
  /** Of the newest event. */
  readonly position: number
}

export interface WriterData {
  readonly directory: string
  readonly since: number
  /** The last positions that datasets and models have, by journal: those of new events come after them. */
  readonly positions?: Positions | undefined
  /** In ms: after so long a showing counts half. */
  readonly halfLife: number
  /** Of the file of events that must be there, where one was there before. */
  readonly identity?: string | undefined
}

const { directory, since, positions = {}, halfLife, identity } = workerData as WriterData

answerRequests<Write, WriteDone, WriterFound>(() => {
  const file = join(directory, eventsFile)
  if (identity !== undefined) assertInPlace([{ path: file, identity }])
  const lock = lockDirectory(directory)
  const store = new EventStore(file, halfLife)
  store.goOnAfter(positions[store.journal] ?? 0)
  // The log, where the newest events are until SQLite moves them, is made by the first write.
  const files = [file, lock.file, `${file}-wal`].map(path => ({ path, identity: fileIdentity(path) }))
  const found = {
    file,
    identity: files[0]!.identity,
    journal: store.journal,
    before: store.positionBefore(since),
    position: store.position,
  }
  const close = () => {
    store.close()
    lock.close()
  }
  return { found, answer: write => work(store, files, write), close }
})

function work(store: EventStore, files: readonly KnownFile[], write: Write): WriteDone {
  const began = performance.now()
  const took = () => performance.now() - began
  try {
    assertInPlace(files)
    const done = carryOut(store, write)
    // What was written to a file that is not there any more is not on disk for anybody.
    assertInPlace(files)
    for (const known of files) known.identity ??= fileIdentity(known.path)
    return { ...done, took: took() }
  } catch (error) {
    return { ...nothing, took: took(), failure: (error as Error).message }
  }
}

function carryOut(store: EventStore, write: Write): Pick<WriteDone, 'positions' | 'removed'> {
  try {
    if (write.what === 'remove') return { ...nothing, removed: store.removeSome(write.retention) }
    if (write.what === 'forget') return { ...nothing, removed: store.forgetSome(write.user) }
    if (write.entries.length > 0) return { ...nothing, positions: store.record(write.entries, write.arrived) }
    store.probe()
    return nothing
  } catch (cause) {
    const { message } = cause as Error
    throw new Error(`nothing can be written to ${directory}: ${message}; look at its disk and the room on it`, {
      cause,
    })
  }
}

const nothing = { positions: new Float64Array(), removed: nothingRemoved }

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
