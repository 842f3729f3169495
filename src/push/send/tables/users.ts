import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type DaySpan, minuteOfDay } from '../../data/local-time.ts'
import { minutesOf, type PushUser } from '../user.ts'

/** A user as the table has it: times in ms since 1970, quiet hours in minutes since midnight. */
export interface UserRow {
  readonly number: number
  readonly sender: string | null
  readonly address: string | null
  readonly gone: number | null
  readonly zone: string
  readonly quiet_from: number | null
  readonly quiet_until: number | null
  readonly opted_out: number | null
  readonly last_visit: number | null
  readonly segment: number
}

/** Segments are numbered in a byte. */
const mostSegments = 255

/** The number under which the visits of all users are counted. */
export const everybody = 0

export interface Visit extends Pick<UserRow, 'number' | 'zone'> {
  readonly time: number
}

/** Who can be sent pushes, and whether they want any. Called within transactions. */
export class UserTable {
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #changeSender: StatementSync
  readonly #cancel: StatementSync
  readonly #free: StatementSync
  readonly #giveBack: StatementSync
  readonly #removeAddress: StatementSync
  readonly #visit: StatementSync
  readonly #countVisits: StatementSync
  readonly #hours: StatementSync
  readonly #findSegment: StatementSync
  readonly #addSegment: StatementSync

  constructor(database: DatabaseSync) {
    const prepare = (sql: string) => database.prepare(sql)
    this.#find = prepare('SELECT * FROM users WHERE id = ?')
    this.#insert = prepare(
      // A number is never given twice, also where the last user was forgotten.
      `INSERT INTO users (number, id, sender, address, zone, quiet_from, quiet_until, opted_out, last_visit, address_since, segment)
       VALUES (1 + max(coalesce((SELECT max(number) FROM users), 0),
         coalesce((SELECT value FROM settings WHERE name = 'forgotten-user'), 0)), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       RETURNING number`,
    )
    this.#update = prepare(
      `UPDATE users SET sender = ?2, address = ?3, zone = ?4, quiet_from = ?5, quiet_until = ?6, opted_out = ?7, last_visit = ?8,
         address_since = iif(address IS ?3 AND sender IS ?2, address_since, ?9), gone = iif(?3 IS NULL, gone, NULL), segment = ?10
       WHERE number = ?1`,
    )
    const openSend = `(SELECT send FROM slots WHERE user = ?1) AND user = ?1 AND state = 'reserved'`
    // Another sender does not know the key of one whose former attempt may have reached the user: that counts as sent.
    this.#changeSender = prepare(
      `UPDATE sends SET sender = iif(uncertain = 1, sender, ?2), state = iif(uncertain = 1, 'unknown', state),
         ended = iif(uncertain = 1, ?3, ended), reason = iif(uncertain = 1, 'other-sender', reason)
       WHERE number = ${openSend} RETURNING number, state`,
    )
    // So does one that is cancelled.
    this.#cancel = prepare(
      `UPDATE sends SET state = iif(uncertain = 1, 'unknown', 'cancelled'), ended = ?2, reason = ?3
       WHERE number = ${openSend} RETURNING number, campaign, state`,
    )
    this.#free = prepare('DELETE FROM slots WHERE user = ? AND send = ?')
    this.#giveBack = prepare('UPDATE campaigns SET used = used - 1 WHERE number = ?')
    this.#removeAddress = prepare(
      'UPDATE users SET sender = NULL, address = NULL, gone = ?2 WHERE number = ?1 AND address_since <= ?3',
    )
    this.#visit = prepare('UPDATE users SET last_visit = max(coalesce(last_visit, 0), ?2) WHERE number = ?1')
    this.#countVisits = prepare(
      'INSERT INTO visit_hours VALUES (?1, ?2, ?3) ON CONFLICT (user, hour) DO UPDATE SET visits = visits + ?3',
    )
    this.#hours = prepare('SELECT hour, visits FROM visit_hours WHERE user = ?')
    this.#findSegment = prepare('SELECT number FROM segments WHERE name = ?')
    this.#addSegment = prepare(
      'INSERT INTO segments VALUES (1 + coalesce((SELECT max(number) FROM segments), 0), ?) RETURNING number',
    )
  }

  find(id: string): UserRow | undefined {
    return this.#find.get(id) as unknown as UserRow | undefined
  }

  /** The user of this id, who is added where there is none. */
  known(id: string, now: number): Pick<UserRow, 'number' | 'zone' | 'last_visit'> {
    const found = this.find(id)
    if (found) return found
    const { number } = this.#insert.get(id, null, null, 'UTC', null, null, null, null, now, 0) as { number: number }
    return { number, zone: 'UTC', last_visit: null }
  }

  /**
   * Opting out, and another sender, take effect on what is reserved; `endSlot` is called where that may have gone out. A last visit in the future
   * is taken for now.
   */
  put(user: PushUser, now: number, endSlot: (user: number, send: number) => void): void {
    const found = this.find(user.id)
    const channel = user.channel === undefined ? found && addressOf(found) : user.channel
    const quiet = user.quiet === undefined ? found && quietOf(found) : user.quiet && spanOf(user.quiet)
    const optedOut = (user.optedOut ?? (found?.opted_out ?? null) !== null) ? (found?.opted_out ?? now) : null
    const fields = [
      channel?.sender ?? null,
      channel?.address ?? null,
      user.zone ?? found?.zone ?? 'UTC',
      quiet?.from ?? null,
      quiet?.until ?? null,
      optedOut,
      Math.max(Math.min(user.lastVisit ?? 0, now), found?.last_visit ?? 0) || null,
      now,
      user.segment === undefined ? (found?.segment ?? 0) : this.#segmentOf(user.segment),
    ] as const
    if (!found) {
      this.#insert.get(user.id, ...fields)
      return
    }
    this.#update.run(found.number, ...fields)
    if (channel && channel.sender !== found.sender) {
      const open = this.#changeSender.get(found.number, channel.sender, now) as
        | { number: number; state: string }
        | undefined
      if (open?.state === 'unknown') endSlot(found.number, open.number)
    }
    if (optedOut !== null && found.opted_out === null)
      this.cancelOpen(found.number, { now, reason: 'opted-out' }, endSlot)
  }

  /** The address is dead since `now`, unless it is another one since the push was handed over. */
  removeAddress(number: number, now: number, handed: number): void {
    this.#removeAddress.run(number, now, handed)
  }

  /** Notes visits of users, each in the hour of the user's own day. */
  visit(visits: readonly Visit[]): void {
    const all = new Float64Array(24)
    for (const { number, zone, time } of visits) {
      const hour = Math.floor(minuteOfDay(zone, time) / 60)
      this.#visit.run(number, time)
      this.#countVisits.run(number, hour, 1)
      all[hour]! += 1
    }
    all.forEach((count, hour) => {
      if (count > 0) this.#countVisits.run(everybody, hour, count)
    })
  }

  /** The user was there, as part of a visit that is noted already. */
  seen(number: number, time: number): void {
    this.#visit.run(number, time)
  }

  /** Visits by hour of the day, (24), of a user or of {@link everybody}. */
  hoursOf(number: number): Float64Array {
    const counts = new Float64Array(24)
    const rows = this.#hours.all(number) as { hour: number; visits: number }[]
    for (const { hour, visits } of rows) counts[hour] = visits
    return counts
  }

  /** Cancels what is reserved for a user; `endSlot` is called where that may have gone out. */
  cancelOpen(
    user: number,
    { now, reason }: { readonly now: number; readonly reason: string },
    endSlot: (user: number, send: number) => void,
  ): void {
    const open = this.#cancel.get(user, now, reason) as { number: number; campaign: number; state: string } | undefined
    if (!open) return
    if (open.state === 'unknown') {
      endSlot(user, open.number)
      return
    }
    this.#free.run(user, open.number)
    this.#giveBack.run(open.campaign)
  }

  /** @throws RangeError where there would be too many. */
  #segmentOf(name: string): number {
    let row = this.#findSegment.get(name) as { number: number } | undefined
    row ??= this.#addSegment.get(name) as { number: number }
    if (row.number > mostSegments) {
      throw new RangeError(`expected at most ${mostSegments} different segments, got one more: ${JSON.stringify(name)}`)
    }
    return row.number
  }
}

function addressOf({ sender, address }: UserRow): { readonly sender: string; readonly address: string } | null {
  return sender === null || address === null ? null : { sender, address }
}

/** The user's own quiet hours, if there are any. */
export function quietOf({ quiet_from, quiet_until }: Pick<UserRow, 'quiet_from' | 'quiet_until'>): DaySpan | undefined {
  return quiet_from === null || quiet_until === null ? undefined : { from: quiet_from, until: quiet_until }
}

export function spanOf({ from, until }: { readonly from: string; readonly until: string }): DaySpan {
  return { from: minutesOf(from), until: minutesOf(until) }
}
