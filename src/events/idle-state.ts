/** Changes of a state that no server uses. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { lockDirectory } from '../storage/directory-lock.ts'
import { EventStore, eventsFile, type Retention } from './store.ts'

/**
 * Removes what `retention` does not keep from the events in `directory`, and gives the room back to the disk. Gives how many rows
 * of events and ids were removed.
 *
 * @throws Error when a server uses the state, it is no state, or the disk failed.
 */
export function removeEvents(directory: string, retention: Omit<Retention, 'upTo'>, upTo: UpTo): number {
  return withStore(directory, store => {
    const position = upTo(store.journal)
    const removed = untilNothingIsLeft(() => store.removeSome({ ...retention, upTo: position }, removedAtOnce))
    if (removed > 0) store.vacuum()
    return removed
  })
}

/** Nobody waits. */
const removedAtOnce = 20_000

/** The last position that may be removed from a journal. */
export type UpTo = (journal: string) => number

/** Removes all that the state in `directory` has of `user`; gives how many rows. @throws as {@link removeEvents}. */
export function forgetEvents(directory: string, user: string): number {
  return withStore(directory, store => untilNothingIsLeft(() => store.forgetSome(user)))
}

function untilNothingIsLeft(removeSome: () => number): number {
  let sum = 0
  for (let count = removeSome(); count > 0; count = removeSome()) sum += count
  return sum
}

function withStore<Result>(directory: string, work: (store: EventStore) => Result): Result {
  const file = join(directory, eventsFile)
  if (!existsSync(file))
    throw new Error(`there is no ${file}: expected a directory that \`aurochs serve\` was given as --state`)
  const lock = lockDirectory(directory)
  try {
    const store = new EventStore(file)
    try {
      return work(store)
    } finally {
      store.close()
    }
  } finally {
    lock.close()
  }
}
