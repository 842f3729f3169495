import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { busyTimeout, openDatabase, transact } from '../storage/sqlite.ts'
import type { UserEvent } from './event.ts'

const format = {
  applicationId: 'auro',
  version: 2,
  title: 'events',
  remedy: 'serve with the version that made it, or name another --state, which `aurochs serve` makes anew',
  schema: `
    CREATE TABLE events (
      position INTEGER PRIMARY KEY,
      user TEXT NOT NULL,
      id TEXT NOT NULL,
      item TEXT,
      weight REAL NOT NULL,
      time INTEGER NOT NULL,
      arrived INTEGER NOT NULL,
      kind TEXT,
      list TEXT,
      undo TEXT,
      UNIQUE (user, id),
      CHECK ((item IS NULL) <> (undo IS NULL))
    ) STRICT;
    CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
    INSERT INTO state VALUES ('probes', 0);
  `,
}

interface EventRow {
  readonly id: string
  readonly item: string | null
  readonly weight: number
  readonly time: number
  readonly kind: string | null
  readonly list: string | null
  readonly undo: string | null
}

/**
 * The file of events. Users and items stand in it by id, not by row, so any model can be served on it.
 *
 * `position` grows in order of arrival, and no event is ever deleted: a reader can go on from where it stopped. `time` is
 * when an event happened, `arrived` when the server got it.
 */
export class EventStore {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #probe: StatementSync

  /** @throws Error when `file` is not a file of events, or of another version. */
  constructor(file: string) {
    this.#database = openDatabase(file, format)
    this.#insert = this.#database.prepare(
      `INSERT INTO events (user, id, item, weight, time, arrived, kind, list, undo) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (user, id) DO NOTHING`,
    )
    this.#probe = this.#database.prepare("UPDATE state SET value = value + 1 WHERE name = 'probes'")
  }

  /**
   * Records `events`, which arrived at the same places of `arrived` (ms since 1970), in one transaction, on disk when
   * this returns. Gives for each 1 if it is new, 0 if its user has an event of that id already.
   *
   * @throws Error when the disk fails or is full; then none is recorded.
   */
  record(events: readonly UserEvent[], arrived: readonly number[]): Uint8Array {
    const isNew = new Uint8Array(events.length)
    transact(this.#database, () => {
      events.forEach((event, at) => {
        const { user, id, item = null, weight, time, kind = null, list = null, undo = null } = event
        const { changes } = this.#insert.run(user, id, item, weight, time, arrived[at], kind, list, undo)
        isNew[at] = Number(changes)
      })
    })
    return isNew
  }

  /**
   * Where in the order of arrival `since` (ms since 1970) lies: the position of the last event before it. Decided when it
   * is first asked for, and kept: all that arrives later comes after it, whatever the clock says by then.
   */
  positionBefore(since: number): number {
    if (since <= 0) return 0
    const name = `since ${since}`
    transact(this.#database, () => {
      this.#database
        .prepare(
          `INSERT INTO state SELECT ?, coalesce((SELECT min(position) - 1 FROM events WHERE arrived >= ?),
             (SELECT max(position) FROM events), 0) WHERE true ON CONFLICT DO NOTHING`,
        )
        .run(name, since)
    })
    const { value } = this.#database.prepare('SELECT value FROM state WHERE name = ?').get(name) as { value: number }
    return value
  }

  /** @throws Error when nothing can be written. */
  probe(): void {
    transact(this.#database, () => this.#probe.run())
  }

  close(): void {
    this.#database.close()
  }
}

/** Which events of a user count. */
export interface ReadRange {
  /** Those after this position. */
  readonly after: number
  /** The newest of them, so many at most. */
  readonly historyLimit: number
}

/** Reads the file of events while another thread writes it. */
export class EventReader {
  readonly #database: DatabaseSync
  readonly #range: ReadRange
  readonly #recent: StatementSync
  readonly #exists: StatementSync

  /** `file` must have been opened as an {@link EventStore} before. */
  constructor(file: string, range: ReadRange) {
    this.#database = new DatabaseSync(file, { readOnly: true })
    this.#database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    this.#range = range
    this.#recent = this.#database.prepare(
      // The index of ids holds the positions too: an index of its own for these would cost each commit a quarter more.
      `SELECT id, item, weight, time, kind, list, undo FROM events WHERE position IN
         (SELECT position FROM events WHERE user = ? AND position > ? ORDER BY position DESC LIMIT ?)
       ORDER BY position DESC`,
    )
    this.#exists = this.#database.prepare(
      'SELECT EXISTS (SELECT 1 FROM events WHERE user = ? AND position > ?) AS found',
    )
  }

  /** The newest events of `user` that count, in order of arrival, oldest first. */
  recent(user: string): UserEvent[] {
    const { after, historyLimit } = this.#range
    const rows = this.#recent.all(user, after, historyLimit) as unknown as EventRow[]
    return rows.reverse().map(row => eventOf(user, row))
  }

  /** Whether `user` has events that count. */
  has(user: string): boolean {
    return (this.#exists.get(user, this.#range.after) as { found: number }).found === 1
  }

  close(): void {
    this.#database.close()
  }
}

function eventOf(user: string, { id, item, weight, time, kind, list, undo }: EventRow): UserEvent {
  return {
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
