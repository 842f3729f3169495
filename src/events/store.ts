import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** Columns of events to be recorded; all have the same length. */
export interface EventColumns {
  readonly users: string[]
  readonly ids: string[]
  readonly items: string[]
  readonly weights: number[]
  /** When each arrived, in ms since 1970. */
  readonly times: number[]
}

/** What a user did since some time, summed by item. */
export interface RecentEvents {
  readonly items: string[]
  readonly weights: number[]
  /** Id of the newest. */
  readonly after?: string
}

const applicationId = 0x6175726f // "auro"
const schemaVersion = 1

/**
 * The file of events. Users and items stand in it by id, not by index, so any model can be served on it.
 *
 * `position` grows in order of arrival, and no event is ever deleted: a reader can go on from where it stopped.
 */
export class EventStore {
  readonly #db: DatabaseSync
  readonly #insert: StatementSync
  readonly #recent: StatementSync
  readonly #newest: StatementSync
  readonly #probe: StatementSync

  /**
   * Opens `file`, or makes it.
   *
   * @throws if it is not ours, or was made by a later version.
   */
  constructor(file: string) {
    this.#db = new DatabaseSync(file)
    try {
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
      prepareSchema(this.#db, file)
    } catch (error) {
      this.#db.close()
      throw error
    }
    this.#insert = this.#db.prepare(
      'INSERT INTO events (user, id, item, weight, time) VALUES (?, ?, ?, ?, ?) ON CONFLICT (user, id) DO NOTHING',
    )
    this.#recent = this.#db.prepare(
      'SELECT item, SUM(weight) AS weight FROM events WHERE user = ? AND time >= ? GROUP BY item',
    )
    this.#newest = this.#db.prepare('SELECT id FROM events WHERE user = ? AND time >= ? ORDER BY position DESC LIMIT 1')
    this.#probe = this.#db.prepare("UPDATE state SET value = value + 1 WHERE name = 'probes'")
  }

  /**
   * Records `events` in one transaction, on disk when this returns. Gives for each 1 if it is new, 0 if its user has an
   * event of that id already.
   *
   * @throws if the disk fails or is full; then none is recorded.
   */
  record({ users, ids, items, weights, times }: EventColumns): Uint8Array {
    const fresh = new Uint8Array(ids.length)
    this.#transaction(() => {
      for (let i = 0; i < ids.length; i++) {
        fresh[i] = Number(this.#insert.run(users[i], ids[i], items[i], weights[i], times[i]).changes)
      }
    })
    return fresh
  }

  /** What `user` did at `since` (ms since 1970) or later. */
  recent(user: string, since: number): RecentEvents {
    const rows = this.#recent.all(user, since) as { item: string; weight: number }[]
    const newest = this.#newest.get(user, since) as { id: string } | undefined
    return {
      items: rows.map(row => row.item),
      weights: rows.map(row => row.weight),
      ...(newest && { after: newest.id }),
    }
  }

  /** @throws if nothing can be written. */
  probe(): void {
    this.#transaction(() => this.#probe.run())
  }

  close(): void {
    this.#db.close()
  }

  #transaction(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#db.exec('COMMIT')
    } catch (error) {
      // SQLite itself rolls back on some failures, such as a full disk; then there is nothing left to end.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

function prepareSchema(db: DatabaseSync, file: string): void {
  const pragma = (name: string): number => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0])
  const version = pragma('user_version')
  if (version === schemaVersion && pragma('application_id') === applicationId) return
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }
  if (version > 0 || tables.count > 0) {
    throw new Error(
      `${file} is not an event file of this version of Aurochs (expected format ${schemaVersion}, got ${version}): ` +
        'serve with the version that made it, or name another --state',
    )
  }
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE events (
      position INTEGER PRIMARY KEY,
      user TEXT NOT NULL,
      id TEXT NOT NULL,
      item TEXT NOT NULL,
      weight REAL NOT NULL,
      time INTEGER NOT NULL,
      UNIQUE (user, id)
    ) STRICT;
    CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
    INSERT INTO state VALUES ('probes', 0);
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${schemaVersion};
    COMMIT;
  `)
}
