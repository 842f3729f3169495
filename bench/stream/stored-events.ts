import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** An event in the state of a server. */
export interface StoredEvent {
  readonly id: string
  readonly user: string
  readonly item: string
  readonly weight: number
  readonly time: number
}

/** The number of events in a state, read after the server has ended. */
export function countEvents(state: string): number {
  return withEvents(state, database => {
    const { count } = database.prepare('SELECT count(*) AS count FROM events').get() as { count: number }
    return count
  })
}

/** The events of each user in a state, in order of arrival, read after the server has ended. */
export function eventsByUser(state: string): Map<string, StoredEvent[]> {
  return withEvents(state, database => {
    const rows = database.prepare('SELECT id, user, item, weight, time FROM events ORDER BY position').iterate()
    const events = new Map<string, StoredEvent[]>()
    for (const row of rows as Iterable<unknown> as Iterable<StoredEvent>) {
      const ofUser = events.get(row.user)
      if (ofUser) ofUser.push(row)
      else events.set(row.user, [row])
    }
    return events
  })
}

function withEvents<Result>(state: string, read: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(join(state, 'events.db'), { readOnly: true })
  try {
    return read(database)
  } finally {
    database.close()
  }
}
