/** Changes of a state that no server uses. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { lockDirectory } from '../storage/directory-lock.ts'
import { eventsFile } from './schema.ts'
import { EventStore, isNothing, nothingRemoved, type Removed, type Retention, sumOf } from './store.ts'

/**
 * Removes what `retention` does not keep from the events in `directory`, and gives the room back to the disk. Gives what was removed, and
 * up to which position that may be.
 *
 * @throws Error when a server uses the state, it is no state, or the disk failed.
 */
export function removeEvents(directory: string, retention: Omit<Retention, 'upTo'>, upTo: UpTo): RemovedUpTo {
  return withStore(directory, store => {
    const position = upTo(store.journal)
    const removed = untilNothingIsLeft(() => store.removeSome({ ...retention, upTo: position }, removedAtOnce))
    if (!isNothing(removed)) store.vacuum()
    return { ...removed, upTo: position, newest: store.position }
  })
}

export interface RemovedUpTo extends Removed {
  /** Positions: of the last event that every dataset and model has, and of the newest. */
  readonly upTo: number
  readonly newest: number
}

/** Nobody waits. */
const removedAtOnce = 20_000

/** The last position that may be removed from a journal. */
export type UpTo = (journal: string) => number

/** Removes all that the state in `directory` has of `user`; gives how much. @throws as {@link removeEvents}. */
export function forgetEvents(directory: string, user: string): Removed {
  return withStore(directory, store => untilNothingIsLeft(() => store.forgetSome(user)))
}

function untilNothingIsLeft(removeSome: () => Removed): Removed {
  let sum = nothingRemoved
  for (;;) {
    const removed = removeSome()
    if (isNothing(removed)) return sum
    sum = sumOf(sum, removed)
  }
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
