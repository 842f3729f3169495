import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { openReadOnly } from '../storage/sqlite.ts'
import type { UserEvent } from './event.ts'
import { eventsFile, eventsFormat } from './store.ts'
import { type CountingChange, countingChanges } from './undo.ts'

/** An event with its place in the order of arrival, from 1, which no other event of the journal ever has. */
export interface StoredEvent extends UserEvent {
  readonly position: number
}

/** What a user did after some position, as far as it counts. */
export interface UserHistory {
  /** The newest, in order of arrival, oldest first. */
  readonly events: readonly StoredEvent[]
  /** What these change in what stands at or before the position: what they take back there, or let count again. */
  readonly changes: readonly CountingChange[]
}

interface EventRow {
  readonly position: number
  readonly user: string
  readonly id: string
  readonly item: string | null
  readonly weight: number
  readonly time: number
  readonly kind: string | null
  readonly list: string | null
  readonly undo: string | null
}

const columns = 'position, user, id, item, weight, time, kind, list, undo'

/** Reads the file of events while another thread or process writes it. */
export class EventReader {
  /** Names the journal, as datasets and models do that have its events. */
  readonly journal: string
  readonly #database: DatabaseSync
  readonly #recent: StatementSync
  readonly #upTo: StatementSync
  readonly #exists: StatementSync
  readonly #after: StatementSync

  /** @throws Error when `directory` holds no events, or of another version. */
  constructor(directory: string) {
    this.#database = openReadOnly(join(directory, eventsFile), eventsFormat)
    const prepare = (sql: string) => this.#database.prepare(sql)
    this.#recent = prepare(
      // The index of ids holds the positions too: an index of its own for these would cost each commit a quarter more.
      `SELECT ${columns} FROM events WHERE position IN
         (SELECT position FROM events WHERE user = ? AND position > ? ORDER BY position DESC LIMIT ?)
       ORDER BY position DESC`,
    )
    this.#upTo = prepare(`SELECT ${columns} FROM events WHERE position IN
         (SELECT position FROM events WHERE user = ? AND position <= ?) ORDER BY position`)
    this.#exists = prepare('SELECT EXISTS (SELECT 1 FROM events WHERE user = ? AND position > ?) AS found')
    this.#after = prepare(`SELECT ${columns} FROM events WHERE position > ? ORDER BY position LIMIT ?`)
    this.journal = this.#state('journal') as string
  }

  /** Of the newest event; 0 where there was none. */
  get newest(): number {
    const { last } = this.#database.prepare('SELECT max(position) AS last FROM events').get() as { last: number | null }
    return Math.max(last ?? 0, this.#state('position') as number)
  }

  /** Events up to this position may have been removed. */
  get removed(): number {
    return this.#state('removed') as number
  }

  /** What `user` did after position `after`, the newest `limit` events at most. */
  recent(user: string, after: number, limit: number): UserHistory {
    const rows = this.#recent.all(user, after, limit) as unknown as EventRow[]
    const events = rows.reverse().map(eventOf)
    const ids = new Set(events.map(({ id }) => id))
    const reachesBack = after > 0 && events.some(({ undo }) => undo !== undefined && !ids.has(undo))
    return { events, changes: reachesBack ? countingChanges(this.upTo(user, after), events) : [] }
  }

  /** What `user` did up to a position, in order of arrival. */
  upTo(user: string, position: number): StoredEvent[] {
    return (this.#upTo.all(user, position) as unknown as EventRow[]).map(eventOf)
  }

  /** Whether `user` has events after position `after`. */
  has(user: string, after: number): boolean {
    return (this.#exists.get(user, after) as { found: number }).found === 1
  }

  /** The events of all users after a position, in order of arrival, at most `limit`. */
  after(position: number, limit: number): StoredEvent[] {
    return (this.#after.all(position, limit) as unknown as EventRow[]).map(eventOf)
  }

  /** The position of the last event that arrived before `time` (ms since 1970). Reads all. */
  positionBefore(time: number): number {
    const { position } = this.#database
      .prepare(`SELECT coalesce((SELECT min(position) - 1 FROM events WHERE arrived >= ?), ?) AS position`)
      .get(time, this.newest) as { position: number }
    return position
  }

  close(): void {
    this.#database.close()
  }

  #state(name: string): number | string {
    return (this.#database.prepare('SELECT value FROM state WHERE name = ?').get(name) as { value: number | string })
      .value
  }
}

function eventOf({ position, user, id, item, weight, time, kind, list, undo }: EventRow): StoredEvent {
  return {
    position,
    id,
    user,
    item: item ?? undefined,
    weight,
    time,
    kind: kind ?? undefined,
    list: list ?? undefined,
    undo: undo ?? undefined,
  }
}
