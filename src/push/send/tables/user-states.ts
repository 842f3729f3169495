import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { zoneOffset } from '../../data/local-time.ts'
import type { PushUsers } from '../../data/users.ts'
import { never } from '../../data/users.ts'

/** What `PushUsers` has of users, in columns as they pass between threads; each user's row is its number − 1. */
export interface UserStates {
  readonly rows: Uint32Array
  readonly lastVisit: Float64Array
  readonly busyUntil: Float64Array
  readonly reachable: Uint8Array
  readonly segments: Uint8Array
  /** Minutes ahead of UTC, as of now. */
  readonly zones: Int16Array
  readonly pushes: Uint32Array
  readonly clicks: Uint32Array
}

interface SendChange {
  readonly user: number
  readonly article: string
  readonly time: number
}

/** What has happened since it was last asked for. Users are rows of `PushUsers`. */
export interface LedgerChanges {
  readonly states: UserStates
  /** Pushes that have arrived, or may have: since when. */
  readonly deliveries: readonly SendChange[]
  /** Pushes that never go out. */
  readonly unsent: readonly SendChange[]
  readonly clicks: readonly SendChange[]
  readonly optOuts: readonly { readonly user: number; readonly isOut: boolean }[]
  /** Whether another process has changed the file: then anything may have changed. */
  readonly byOthers: boolean
}

interface StateRow {
  readonly number: number
  readonly last_visit: number | null
  readonly opted_out: number | null
  readonly reachable: number
  readonly sender: string | null
  readonly segment: number
  readonly zone: string
  readonly pushes: number
  readonly clicks: number
  readonly until: number | null
}

const columns = `users.number, last_visit, opted_out, (address IS NOT NULL AND opted_out IS NULL) AS reachable, sender, segment, zone,
  pushes,
  min(clicks, pushes) AS clicks, until
  FROM users LEFT JOIN slots ON slots.user = users.number`

/** Notes what changes, by triggers of this connection: what a transaction takes back is not noted. */
const notes = `
  CREATE TEMP TABLE changed_users (number INTEGER PRIMARY KEY) STRICT;
  CREATE TEMP TABLE new_clicks (send INTEGER PRIMARY KEY) STRICT;
  CREATE TEMP TABLE ended_sends (send INTEGER PRIMARY KEY) STRICT;
  CREATE TEMP TABLE new_opt_outs (number INTEGER PRIMARY KEY, is_out INTEGER NOT NULL) STRICT;
  CREATE TEMP TRIGGER user_added AFTER INSERT ON main.users
  BEGIN INSERT OR IGNORE INTO changed_users VALUES (NEW.number); END;
  CREATE TEMP TRIGGER user_changed AFTER UPDATE ON main.users
  BEGIN INSERT OR IGNORE INTO changed_users VALUES (NEW.number); END;
  CREATE TEMP TRIGGER user_forgotten AFTER DELETE ON main.users
  BEGIN INSERT OR IGNORE INTO changed_users VALUES (OLD.number); END;
  CREATE TEMP TRIGGER slot_added AFTER INSERT ON main.slots
  BEGIN INSERT OR IGNORE INTO changed_users VALUES (NEW.user); END;
  CREATE TEMP TRIGGER slot_changed AFTER UPDATE ON main.slots
  BEGIN INSERT OR IGNORE INTO changed_users VALUES (NEW.user); END;
  CREATE TEMP TRIGGER slot_freed AFTER DELETE ON main.slots
  BEGIN INSERT OR IGNORE INTO changed_users VALUES (OLD.user); END;
  CREATE TEMP TRIGGER first_click AFTER UPDATE OF clicked ON main.sends WHEN OLD.clicked IS NULL AND NEW.clicked IS NOT NULL
  BEGIN INSERT OR IGNORE INTO new_clicks VALUES (NEW.number); END;
  CREATE TEMP TRIGGER send_ended AFTER UPDATE OF state ON main.sends
  WHEN NEW.state <> OLD.state AND NEW.state NOT IN ('reserved', 'handed')
  BEGIN INSERT OR IGNORE INTO ended_sends VALUES (NEW.number); END;
  CREATE TEMP TRIGGER opted_out AFTER UPDATE OF opted_out ON main.users WHEN (OLD.opted_out IS NULL) <> (NEW.opted_out IS NULL)
  BEGIN INSERT OR REPLACE INTO new_opt_outs VALUES (NEW.number, NEW.opted_out IS NOT NULL); END;
`

const noteTables = ['changed_users', 'new_clicks', 'ended_sends', 'new_opt_outs'] as const
const ofSend = 'main.sends ON sends.number = send JOIN main.campaigns ON campaigns.number = campaign'

/** What is known of users for `PushUsers`, and what of it has changed. */
export class UserStateTable {
  readonly #database: DatabaseSync
  readonly #page: StatementSync
  readonly #one: StatementSync
  readonly #senders: ReadonlySet<string> | undefined
  readonly #unknownSenders = new Set<string>()
  #untold: string[] = []
  #version: number | undefined

  /** `senders`: the names of what pushes go out by, where they are known; users of others cannot be reached. */
  constructor(database: DatabaseSync, senders: ReadonlySet<string> | undefined) {
    this.#database = database
    this.#senders = senders
    this.#page = database.prepare(`SELECT ${columns} WHERE users.number > ? ORDER BY users.number LIMIT ?`)
    this.#one = database.prepare(`SELECT ${columns} WHERE users.number = ?`)
  }

  /** From now on changes are noted. */
  watch(): void {
    if (this.#version === undefined) this.#database.exec(notes)
    this.#version = this.#dataVersion
  }

  /** Of up to `limit` users after row `after`; -1: from the first. */
  page(after: number, limit: number): UserStates {
    return this.#statesOf(this.#page.all(after + 1, limit) as unknown as StateRow[])
  }

  /** What has changed since {@link watch}, or the last call. Within a transaction. */
  takeChanges(): LedgerChanges {
    const numbers = this.#database.prepare('SELECT number FROM temp.changed_users ORDER BY number').all() as {
      number: number
    }[]
    const rows = numbers.map(({ number }) => {
      return (this.#one.get(number) as unknown as StateRow | undefined) ?? forgotten(number)
    })
    const changed = (table: string, time: string, where: string) =>
      this.#database
        .prepare(
          `SELECT user - 1 AS user, id AS article, ${time} AS time FROM temp.${table}
           JOIN ${ofSend} WHERE ${where} ORDER BY time`,
        )
        .all()
        .map(row => Object.assign({}, row)) as unknown as SendChange[]
    const clicks = changed('new_clicks', 'max(clicked, coalesce(handed, clicked))', 'true')
    const deliveries = changed(
      'ended_sends',
      'max(coalesce(handed, reserved), reserved)',
      "state IN ('delivered', 'unknown')",
    )
    const unsent = changed('ended_sends', 'coalesce(ended, reserved)', "state NOT IN ('delivered', 'unknown')")
    const optOuts = this.#database.prepare('SELECT number - 1 AS user, is_out FROM temp.new_opt_outs').all() as {
      user: number
      is_out: number
    }[]
    for (const table of noteTables) this.#database.exec(`DELETE FROM temp.${table}`)
    const before = this.#version
    this.#version = this.#dataVersion
    return {
      states: this.#statesOf(rows),
      deliveries,
      unsent,
      clicks,
      optOuts: optOuts.map(({ user, is_out }) => ({ user, isOut: is_out === 1 })),
      byOthers: before !== this.#version,
    }
  }

  /** Senders of users that are not among the known ones, each once. */
  takeUnknownSenders(): string[] {
    const untold = this.#untold
    this.#untold = []
    return untold
  }

  #statesOf(rows: readonly StateRow[]): UserStates {
    const states = statesOf(rows)
    if (!this.#senders) return states
    rows.forEach(({ sender }, at) => {
      if (sender === null || this.#senders!.has(sender)) return
      states.reachable[at] = 0
      if (this.#unknownSenders.has(sender)) return
      this.#unknownSenders.add(sender)
      this.#untold.push(sender)
    })
    return states
  }

  /** Changes whenever another connection has changed the file. */
  get #dataVersion(): number {
    return this.#database.prepare('PRAGMA data_version').get()!.data_version as number
  }
}

/** Writes what is known of users to their rows, which are added where they are new. */
export function applyStates(users: PushUsers, states: UserStates): void {
  const { rows, lastVisit, busyUntil, reachable, segments, zones, pushes, clicks } = states
  if (rows.length > 0) users.grow(rows.reduce((most, row) => Math.max(most, row), 0) + 1)
  rows.forEach((row, at) => {
    users.lastVisit[row] = lastVisit[at]!
    users.busyUntil[row] = busyUntil[at]!
    users.reachable[row] = reachable[at]!
    users.segments[row] = segments[at]!
    users.zones[row] = zones[at]!
    users.pushes[row] = pushes[at]!
    users.clicks[row] = clicks[at]!
  })
}

function forgotten(number: number): StateRow {
  const counts = { reachable: 0, segment: 0, pushes: 0, clicks: 0 }
  return Object.assign({ number, last_visit: null, opted_out: null, sender: null, zone: 'UTC', until: null }, counts)
}

function statesOf(rows: readonly StateRow[]): UserStates {
  const now = Date.now()
  return {
    rows: Uint32Array.from(rows, ({ number }) => number - 1),
    lastVisit: Float64Array.from(rows, ({ last_visit }) => last_visit ?? never),
    busyUntil: Float64Array.from(rows, ({ until }) => until ?? never),
    reachable: Uint8Array.from(rows, ({ reachable }) => reachable),
    segments: Uint8Array.from(rows, ({ segment }) => segment),
    zones: Int16Array.from(rows, ({ zone }) => zoneOffset(zone, now)),
    pushes: Uint32Array.from(rows, ({ pushes }) => pushes),
    clicks: Uint32Array.from(rows, ({ clicks }) => clicks),
  }
}
