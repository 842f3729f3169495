import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { openReadOnly } from '../storage/sqlite.ts'
import type { UserEvent } from './event.ts'
import type { ShownItems } from './impressions.ts'
import { eventsFile, eventsFormat, sinceName, stateOf } from './schema.ts'
import { shownItems } from './store.ts'
import { type CountingChange, countingChanges, takenBack } from './undo.ts'

/** An event with its place in the order of arrival, from 1, which no other event of the journal ever has. */
export interface StoredEvent extends UserEvent {
  readonly position: number
}

/** An event, and whether others, which may have come before it, take it back. */
export interface StandingEvent extends StoredEvent {
  readonly isTakenBack: boolean
}

/** What a user did after some position, as far as it counts. */
export interface UserHistory {
  /** The newest, in order of arrival, oldest first. Before them the user's undos up to the position: what they take back may come later. */
  readonly events: readonly StoredEvent[]
  /** What these change in what stands at or before the position: what they take back there, or let count again. */
  readonly changes: readonly CountingChange[]
  /** What was shown since the last event on it. Absent: nothing. */
  readonly shown?: ShownItems | undefined
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
  readonly #undos: StatementSync
  readonly #undosOf: StatementSync
  readonly #exists: StatementSync
  readonly #after: StatementSync
  readonly #shown: StatementSync

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
    this.#undos = prepare(
      `SELECT ${columns} FROM events WHERE user = ? AND position <= ? AND undo IS NOT NULL ORDER BY position DESC LIMIT ?`,
    )
    this.#undosOf = prepare(`SELECT ${columns} FROM events WHERE user = ? AND undo = ?`)
    this.#exists = prepare('SELECT EXISTS (SELECT 1 FROM events WHERE user = ? AND position > ?) AS found')
    this.#after = prepare(`SELECT ${columns} FROM events WHERE position > ? ORDER BY position LIMIT ?`)
    this.#shown = prepare('SELECT item, count, time FROM shown WHERE user = ?')
    this.journal = stateOf(this.#database, 'journal') as string
  }

  /** Of the newest event; 0 where there was none. */
  get newest(): number {
    const { last } = this.#database.prepare('SELECT max(position) AS last FROM events').get() as { last: number | null }
    return Math.max(last ?? 0, stateOf(this.#database, 'position') as number)
  }

  /** Events up to this position may have been removed. */
  get removed(): number {
    return stateOf(this.#database, 'removed') as number
  }

  /**
   * The position before the first event that arrived at `time` (ms since 1970) or later, found by halving: where a clock was put back, some
   * events after it may have arrived before.
   */
  positionAt(time: number): number {
    const at = this.#database.prepare(
      'SELECT position, arrived FROM events WHERE position > ? ORDER BY position LIMIT 1',
    )
    let [before, after] = [0, this.newest]
    while (before < after) {
      const middle = Math.floor((before + after) / 2)
      const found = at.get(middle) as { position: number; arrived: number } | undefined
      if (!found || found.arrived >= time) after = middle
      else before = found.position
    }
    return before
  }

  /** What `user` did after position `after`, the newest `limit` events at most. */
  recent(user: string, after: number, limit: number): UserHistory {
    const rows = this.#recent.all(user, after, limit) as unknown as EventRow[]
    const events = rows.reverse().map(eventOf)
    const found = this.#shown.all(user)
    const shown = found.length > 0 ? shownItems(found) : undefined
    if (after === 0) return { events, changes: [], shown }
    const ids = new Set(events.map(({ id }) => id))
    const reachesBack = events.some(({ undo }) => undo !== undefined && !ids.has(undo))
    const changes = reachesBack ? countingChanges(this.upTo(user, after), events) : []
    const undos = (this.#undos.all(user, after, limit) as unknown as EventRow[]).reverse().map(eventOf)
    return { events: [...undos, ...events], changes, shown }
  }

  /** What `user` did up to a position, in order of arrival. */
  upTo(user: string, position: number): StoredEvent[] {
    return (this.#upTo.all(user, position) as unknown as EventRow[]).map(eventOf)
  }

  /** Users who took back anything up to a position: what they took back may come later. */
  undoingUpTo(position: number): ReadonlySet<string> {
    const rows = this.#database
      .prepare('SELECT DISTINCT user FROM events WHERE undo IS NOT NULL AND position <= ?')
      .all(position) as { user: string }[]
    return new Set(rows.map(({ user }) => user))
  }

  /** Whether `user` has events after position `after`. */
  has(user: string, after: number): boolean {
    return (this.#exists.get(user, after) as { found: number }).found === 1
  }

  /** The events of all users after a position, in order of arrival, at most `limit`, with what all events by now say of them. */
  after(position: number, limit: number): StandingEvent[] {
    const page = (this.#after.all(position, limit) as unknown as EventRow[]).map(eventOf)
    return page.map(event => ({ ...event, isTakenBack: event.item !== undefined && this.#isTakenBack(event) }))
  }

  /** By the undos that name it, those that name these, and so on. Each undo is of one event: all events together read each undo once. */
  #isTakenBack({ user, id }: StoredEvent): boolean {
    const undos = new Map<number, EventRow>()
    const named = [id]
    for (let target = named.pop(); target !== undefined; target = named.pop()) {
      for (const undo of this.#undosOf.all(user, target) as unknown as EventRow[]) {
        // They may name each other.
        if (undos.has(undo.position)) continue
        undos.set(undo.position, undo)
        named.push(undo.id)
      }
    }
    if (undos.size === 0) return false
    const inOrder = [...undos.values()].sort((a, b) => a.position - b.position)
    return takenBack(inOrder.map(eventOf)).has(id)
  }

  /** The position of the last event that arrived before `time` (ms since 1970): as a server decided it, or else by reading all. */
  positionBefore(time: number): number {
    const decided = this.#database.prepare('SELECT value FROM state WHERE name = ?').get(sinceName(time))
    if (decided) return (decided as { value: number }).value
    const { position } = this.#database
      .prepare(`SELECT coalesce((SELECT min(position) - 1 FROM events WHERE arrived >= ?), ?) AS position`)
      .get(time, this.newest) as { position: number }
    return position
  }

  close(): void {
    this.#database.close()
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
