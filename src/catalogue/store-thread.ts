/**
 * The threads of the catalogue: SQLite blocks while the disk writes, and nothing else should wait for that. One writes, and reads
 * what must be in order with changes; another, with a connection of its own, does the reads that take long.
 */
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { answerRequests } from '../events/answering-thread.ts'
import { fileIdentity } from '../storage/file-identity.ts'
import { openReadOnly } from '../storage/sqlite.ts'
import { catalogueFile, catalogueFormat } from './format.ts'
import { CatalogueError } from './item.ts'
import { CatalogueReader } from './reader.ts'
import type { ItemState } from './rows.ts'
import { CatalogueStore } from './store.ts'

/** Methods of the store that a thread carries out. */
type Method = Exclude<keyof CatalogueStore, 'close' | 'distinctLabels'>

/** Those that a thread which only reads can carry out. */
export type ReadMethod = Exclude<keyof CatalogueReader, 'close'>

export interface StoreRequest<Name extends Method = Method> {
  readonly method: Name
  readonly args: Parameters<CatalogueStore[Name]>
}

export type StoreResult<Name extends Method> = ReturnType<CatalogueStore[Name]>

/** The answer to one request. */
export type StoreResponse = { readonly result: unknown } | { readonly failure: string; readonly isRefusal: boolean }

export interface StoreThreadData {
  /** Of the state; it must be locked. */
  readonly directory: string
  /** Of the file that must be there, where one was there before. */
  readonly identity?: string | undefined
  /** Whether it only reads; then the file must be there. */
  readonly readOnly: boolean
}

/** What the thread finds when it opens the catalogue. */
export interface StoreFound {
  readonly identity: string | undefined
}

export type { ItemState, Method }

const { directory, identity, readOnly } = workerData as StoreThreadData
const file = join(directory, catalogueFile)

answerRequests<StoreRequest, StoreResponse, StoreFound>(() => {
  if (identity !== undefined) assertInPlace(identity)
  const store = readOnly ? new CatalogueReader(openReadOnly(file, catalogueFormat)) : new CatalogueStore(file)
  const own = fileIdentity(file)
  return {
    found: { identity: own },
    answer: request => answer(store, own, request),
    close: () => store.close(),
  }
})

function answer(store: CatalogueReader, own: string | undefined, { method, args }: StoreRequest): StoreResponse {
  try {
    assertInPlace(own)
    const result = ((store as CatalogueStore)[method] as (...args: unknown[]) => unknown)(...args)
    // What was written to a file that is not there any more is not on disk for anybody.
    assertInPlace(own)
    return { result }
  } catch (error) {
    return { failure: (error as Error).message, isRefusal: error instanceof CatalogueError }
  }
}

/** @throws Error when the file was removed or replaced. */
function assertInPlace(known: string | undefined): void {
  if (fileIdentity(file) === known) return
  throw new Error(`${file} was removed or replaced while it was in use: put the state back, or start the server again`)
}
