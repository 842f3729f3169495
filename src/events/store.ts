import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { busyTimeout, openDatabase, transact } from '../storage/sqlite.ts'
import type { UserEvent } from './event.ts'
import {
  defaultHalfLife,
  forgottenAfterHalfLives,
  type Impressions,
  noteShown,
  type Showing,
  type ShownItems,
} from './impressions.ts'
import { eventsFormat, halfLifeName, sinceName, stateOf } from './schema.ts'

/** What a group that is recorded in one transaction has. */
export type JournalEntry = UserEvent | Impressions

/** In ms: for so long from their arrival impressions are known when they are sent again. */
const keepImpressionIds = 86_400_000

/** In ms since 1970: by the clock on the wall when the process began, and from then on by one that nobody sets. */
export function steadyTime(): number {
  return Math.round(performance.timeOrigin + performance.now())
}

/** Which events may be removed, and for how long those that were are still known. */
export interface Retention {
  /** Of the last event that is part of every dataset and model in use: none after it is removed. */
  readonly upTo: number
  /** In ms: events that arrived longer ago are removed. */
  readonly keep: number
  /** In ms: for so long from its arrival the id of a removed event is known when it is sent again. */
  readonly keepIds: number
}

/** Rows that were removed. */
export interface Removed {
  readonly events: number
  /** Ids of events that had been removed before, and of impressions. */
  readonly ids: number
  /** Items that users were shown. */
  readonly shown: number
}

export const nothingRemoved: Removed = { events: 0, ids: 0, shown: 0 }

/** What both removed together. */
export function sumOf(one: Removed, other: Removed): Removed {
  return { events: one.events + other.events, ids: one.ids + other.ids, shown: one.shown + other.shown }
}

export function isNothing({ events, ids, shown }: Removed): boolean {
  return events + ids + shown === 0
}

/** Up to position ?1, but not of users who took anything back after it. */
const isRemovable = `position <= ?1 AND NOT EXISTS (
  SELECT 1 FROM events AS later WHERE later.user = events.user AND later.undo IS NOT NULL AND later.position > ?1)`

/** Rows that one transaction removes where new events may wait for it: each lies on another page of the index. */
const removedAtOnce = 250

/**
 * Writes the file of events. Users and items stand in it by id, not by row, so any model can be served on it.
 *
 * `position` grows in order of arrival and is never given twice: a reader can go on from where it stopped. `time` is when an
 * event happened, `arrived` when the server got it.
 */
export class EventStore {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #probe: StatementSync
  readonly #keepPosition: StatementSync
  readonly #shownTo: StatementSync
  readonly #putShown: StatementSync
  readonly #dropShown: StatementSync
  readonly #removeShown: StatementSync
  readonly #insertImpressions: StatementSync
  readonly #dropImpressions: StatementSync
  readonly #halfLife: number
  /** Whether anything was ever shown: events take it away. */
  #hasShown: boolean
  #position: number

  /**
   * `halfLife`: of showings, in ms. Default: what it was the last time, at first a day.
   *
   * @throws Error when `file` is not a file of events, or of another version.
   */
  constructor(file: string, halfLife?: number) {
    this.#database = openDatabase(file, eventsFormat)
    // What is removed, or moved to another page, is overwritten where it was.
    this.#database.exec('PRAGMA secure_delete = ON')
    this.#insert = this.#database.prepare(
      `INSERT INTO events (position, user, id, item, weight, time, arrived, kind, list, undo)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE NOT EXISTS (SELECT 1 FROM removed WHERE user = ?2 AND id = ?3)
       ON CONFLICT (user, id) DO NOTHING`,
    )
    this.#probe = this.#database.prepare("UPDATE state SET value = value + 1 WHERE name = 'probes'")
    this.#keepPosition = this.#database.prepare("UPDATE state SET value = ? WHERE name = 'position'")
    const prepare = (sql: string) => this.#database.prepare(sql)
    this.#shownTo = prepare('SELECT item, count, time FROM shown WHERE user = ?')
    this.#putShown = prepare('INSERT OR REPLACE INTO shown VALUES (?, ?, ?, ?)')
    this.#dropShown = prepare('DELETE FROM shown WHERE user = ? AND item = ?')
    this.#removeShown = prepare(
      'DELETE FROM shown WHERE (user, item) IN (SELECT user, item FROM shown WHERE time < ? LIMIT ?)',
    )
    this.#insertImpressions = prepare('INSERT OR IGNORE INTO impressions VALUES (?, ?, ?)')
    this.#dropImpressions = prepare(
      'DELETE FROM impressions WHERE (user, id) IN (SELECT user, id FROM impressions WHERE arrived <= ? LIMIT 2)',
    )
    this.#hasShown = prepare('SELECT EXISTS (SELECT 1 FROM shown) AS found').get()!.found === 1
    this.#halfLife = halfLife === undefined ? this.#lastHalfLife : this.#keepHalfLife(halfLife)
    const newest = this.#database.prepare('SELECT max(position) AS position FROM events').get()
    this.#position = Math.max(
      (newest as { position: number | null }).position ?? 0,
      stateOf(this.#database, 'position') as number,
    )
  }

  /** Of the newest event. */
  get position(): number {
    return this.#position
  }

  /** New events come after `position`, which a model has: a journal that was put back from a copy may lack its last events. */
  goOnAfter(position: number): void {
    this.#position = Math.max(this.#position, position)
  }

  /** Names the journal, as datasets and models do that have its events. */
  get journal(): string {
    return stateOf(this.#database, 'journal') as string
  }

  /**
   * Records `entries`, which arrived at the same places of `arrived` (ms since 1970), in one transaction, on disk when
   * this returns. Gives the position of each, -1 for impressions, which have none, or 0 where its user has an event, or impressions, of
   * that id already.
   *
   * @throws Error when the disk fails or is full; then none is recorded.
   */
  record(entries: readonly JournalEntry[], arrived: readonly number[]): Float64Array {
    const positions = new Float64Array(entries.length)
    let position = this.#position
    transact(this.#database, () => {
      entries.forEach((event, at) => {
        if ('items' in event) {
          positions[at] = this.#recordImpressions(event, arrived[at]!) ? -1 : 0
          return
        }
        const { user, id, item = null, weight, time, kind = null, list = null, undo = null } = event
        const { changes } = this.#insert.run(position + 1, user, id, item, weight, time, arrived[at]!, kind, list, undo)
        if (changes === 0) return
        positions[at] = ++position
        if (this.#hasShown && item !== null) this.#dropShown.run(user, item)
      })
    })
    this.#position = position
    return positions
  }

  get #lastHalfLife(): number {
    const found = this.#database.prepare('SELECT value FROM state WHERE name = ?').get(halfLifeName)
    return (found?.value as number | undefined) ?? defaultHalfLife
  }

  #keepHalfLife(halfLife: number): number {
    if (halfLife === this.#lastHalfLife) return halfLife
    this.#database.prepare('INSERT OR REPLACE INTO state VALUES (?, ?)').run(halfLifeName, halfLife)
    return halfLife
  }

  /** Removes some of the items that were shown so long before `now` that it counts nothing. Gives how many. */
  #removeShownBefore(now: number, most: number): number {
    return Number(this.#removeShown.run(now - forgottenAfterHalfLives * this.#halfLife, most).changes)
  }

  /** Gives whether they were not there before. */
  #recordImpressions({ user, id, items, time }: Impressions, arrived: number): boolean {
    this.#dropImpressions.run(arrived - keepImpressionIds)
    if (this.#insertImpressions.run(user, id, arrived).changes === 0) return false
    // More than come, so that none stays for long.
    this.#removeShownBefore(arrived, 2 * items.length)
    const shown = shownItems(this.#shownTo.all(user))
    for (const item of noteShown(shown, { items, time }, this.#halfLife)) {
      const showing = shown.get(item)
      if (showing) this.#putShown.run(user, item, showing.count, showing.time)
      else this.#dropShown.run(user, item)
    }
    this.#hasShown = true
    return true
  }

  /**
   * Where in the order of arrival `since` (ms since 1970) lies: the position of the last event before it. Decided when it
   * is first asked for, and kept: all that arrives later comes after it, whatever the clock says by then.
   */
  positionBefore(since: number): number {
    if (since <= 0) return 0
    const name = sinceName(since)
    transact(this.#database, () => {
      this.#database
        .prepare(
          `INSERT INTO state SELECT ?, coalesce((SELECT min(position) - 1 FROM events WHERE arrived >= ?),
             (SELECT max(position) FROM events), 0) WHERE true ON CONFLICT DO NOTHING`,
        )
        .run(name, since)
    })
    return stateOf(this.#database, name) as number
  }

  /**
   * Removes some of the events, and of the ids of removed ones, that `retention` does not keep, and of the items that were shown long ago; gives
   * how many. None: all are removed. Oldest first. What a user did who took anything back after that is kept: it may be that. Ages are by {@link steadyTime}.
   */
  removeSome({ upTo, keep, keepIds }: Retention, most = removedAtOnce): Removed {
    const now = steadyTime()
    const [keepSince, keepIdsSince] = [now - keep, now - keepIds]
    let removed = nothingRemoved
    transact(this.#database, () => {
      const oldest = this.#database
        .prepare(`SELECT position, user, id, arrived FROM events WHERE ${isRemovable} ORDER BY position LIMIT ?2`)
        .all(upTo, most) as { position: number; user: string; id: string; arrived: number }[]
      // Where the clock was wrong once, some that look younger may stand before older ones.
      const gone = oldest.filter(({ arrived }) => arrived <= keepSince)
      const keepId = this.#database.prepare('INSERT OR IGNORE INTO removed VALUES (?, ?, ?)')
      for (const { user, id, arrived } of gone) if (arrived > keepIdsSince) keepId.run(user, id, arrived)
      const last = gone.at(-1)?.position
      if (last !== undefined) this.#removeUpTo(last, upTo, keepSince)
      const ids = `DELETE FROM removed WHERE (user, id) IN (SELECT user, id FROM removed WHERE arrived <= ? LIMIT ?)`
      const { changes } = this.#database.prepare(ids).run(keepIdsSince, most)
      removed = { events: gone.length, ids: Number(changes), shown: this.#removeShownBefore(now, most) }
    })
    return removed
  }

  /**
   * Removes some of what is known of `user`; gives how much. Nothing: nothing is left of it, in the files neither.
   *
   * @throws Error while another process reads the events, as for a copy, and so keeps the log from being emptied.
   */
  forgetSome(user: string): Removed {
    let removed = nothingRemoved
    transact(this.#database, () => {
      this.#keepPosition.run(this.#position)
      const events = 'DELETE FROM events WHERE position IN (SELECT position FROM events WHERE user = ? LIMIT ?)'
      const { changes } = this.#database.prepare(events).run(user, removedAtOnce)
      const idsOf = (table: string) => {
        const some = `SELECT id FROM ${table} WHERE user = ?1 LIMIT ?2`
        const found = this.#database.prepare(`DELETE FROM ${table} WHERE user = ?1 AND id IN (${some})`)
        return Number(found.run(user, removedAtOnce).changes)
      }
      const shown = this.#database.prepare('DELETE FROM shown WHERE user = ?').run(user)
      const ids = idsOf('removed') + idsOf('impressions')
      removed = { events: Number(changes), ids, shown: Number(shown.changes) }
    })
    if (isNothing(removed)) this.#emptyLog()
    return removed
  }

  /** Gives the room of what was removed back to the disk: rewrites the file, which must not be in use. */
  vacuum(): void {
    this.#database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** @throws Error when nothing can be written. */
  probe(): void {
    transact(this.#database, () => this.#probe.run())
  }

  close(): void {
    this.#database.close()
  }

  /** The log has pages as they were. It is not waited for those who read it: no event could be written meanwhile. */
  #emptyLog(): void {
    this.#database.exec('PRAGMA busy_timeout = 0')
    const { busy } = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
    this.#database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    if (busy === 0) return
    throw new Error(
      'another process reads the events, so the log has them still: do it again when its copy or export is done',
    )
  }

  #removeUpTo(position: number, upTo: number, keepSince: number): void {
    this.#keepPosition.run(this.#position)
    const gone = `DELETE FROM events WHERE ${isRemovable} AND position <= ?2 AND arrived <= ?3`
    this.#database.prepare(gone).run(upTo, position, keepSince)
    this.#database.prepare("UPDATE state SET value = ? WHERE name = 'removed'").run(position)
  }
}

/** Rows of the table `shown` of one user. */
export function shownItems(rows: readonly Record<string, unknown>[]): ShownItems {
  const entries = rows as unknown as readonly (Showing & { readonly item: string })[]
  return new Map(entries.map(({ item, count, time }) => [item, { count, time }]))
}
