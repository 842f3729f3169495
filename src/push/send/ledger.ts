import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { z } from 'zod'
import { steadyTime } from '../../events/store.ts'
import { makeStateDirectory } from '../../storage/directory-lock.ts'
import { faultIn } from '../../storage/expectation.ts'
import { openDatabase, transact } from '../../storage/sqlite.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { bestDue, hourCurve } from './best-hour.ts'
import { type Campaign, campaign as campaignSchema } from './campaign.ts'
import { type CampaignRow, CampaignTable } from './campaign-table.ts'
import { type DaySpan, quietUntil } from './local-time.ts'
import type { Candidate, Refusal, Reservation } from './reservation.ts'
import { type Response, type ResponseResult, ResponseTable } from './responses.ts'
import { pushFile, pushFormat } from './schema.ts'
import {
  type CandidateRow,
  type Confirmed,
  type DueRow,
  type HandedRow,
  type OpenSend,
  type SendRecord,
  type SendRow,
  type SendState,
  sendStates,
} from './send.ts'
import { parseSendId, sendIdOf } from './send-id.ts'
import type { Outgoing, SendResult } from './senders/sender.ts'
import { type PushUser, pushUser } from './user.ts'
import { everybody, quietOf, spanOf, type UserRow, UserTable, type Visit } from './user-table.ts'
import { type Explanation, explain } from './why.ts'

export interface PushLedgerOptions {
  /** In ms: from one push to a user to the next at least. Holds for pushes from now on. Default: 7 days. */
  readonly interval?: number
  /** The quiet hours of users who have none of their own. Default: 22:00 to 08:00. */
  readonly quiet?: { readonly from: string; readonly until: string }
}

export interface BestHourOptions {
  readonly now?: number
  /** In ms: after so long an article is worth half. Default: 2 hours. */
  readonly halfLife?: number
}

/** The end of a slot whose push has not ended. */
const open = 8_640_000_000_000_000
/** Sends that one transaction ends. */
const endedAtOnce = 10_000

/**
 * Who gets which push: reserved, handed to a sender, confirmed, each step on disk when the method returns. All times are ms
 * since 1970; `now` is by default a clock that nobody sets while the process runs.
 *
 * A user has at most one push that is open, or that went out, or may have, less than an interval ago. That is a key and
 * triggers of the database (`schema.ts`), so it holds for several processes and for faults of this code. A clock that is put back
 * makes users wait longer, never shorter.
 */
export class PushLedger {
  /** Of the state. */
  readonly directory: string
  readonly #database: DatabaseSync
  readonly #users: UserTable
  readonly #campaigns: CampaignTable
  readonly #responses: ResponseTable
  readonly #interval: number
  readonly #quiet: DaySpan
  readonly #candidate: StatementSync
  readonly #insert: StatementSync
  readonly #take: StatementSync
  readonly #holdOut: StatementSync
  readonly #due: StatementSync
  readonly #hand: StatementSync
  readonly #postpone: StatementSync
  readonly #handed: StatementSync
  readonly #end: StatementSync
  readonly #endSlot: StatementSync
  readonly #freeSlot: StatementSync
  readonly #again: StatementSync
  readonly #nextDue: StatementSync
  readonly #sendsOf: StatementSync

  /**
   * The ledger of the state in the directory `state`; both are made if there are none.
   *
   * @throws Error when the directory cannot hold a state, or the file is not a ledger, or of another version.
   */
  static open(state: string, options: PushLedgerOptions = {}): PushLedger {
    makeStateDirectory(state)
    return new PushLedger(state, options)
  }

  private constructor(
    state: string,
    { interval = 7 * 86_400_000, quiet = { from: '22:00', until: '08:00' } }: PushLedgerOptions,
  ) {
    assertWholeNumber('interval', interval, 1)
    assertParsed(pushUser.shape.quiet, quiet)
    this.directory = state
    this.#interval = interval
    this.#quiet = spanOf(quiet)
    this.#database = openDatabase(join(state, pushFile), pushFormat)
    // A group of users touches pages all over the tables: the log is folded in once for many groups, not after each.
    this.#database.exec('PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384')
    this.#users = new UserTable(this.#database)
    this.#campaigns = new CampaignTable(this.#database)
    this.#responses = new ResponseTable(this.#database)
    const prepare = (sql: string) => this.#database.prepare(sql)
    this.#candidate = prepare(
      `SELECT number, sender, zone, quiet_from, quiet_until, opted_out, until,
         EXISTS (SELECT 1 FROM hold_outs WHERE campaign = ?1 AND user = users.number) AS held_out
       FROM users LEFT JOIN slots ON slots.user = users.number WHERE users.id = ?2`,
    )
    this.#insert = prepare(
      `INSERT INTO sends (number, nonce, campaign, user, title, sender, state, reserved, due)
       VALUES (?, ?, ?, ?, ?, ?, 'reserved', ?, ?) ON CONFLICT (campaign, user) DO NOTHING`,
    )
    this.#take = prepare(
      `INSERT INTO slots VALUES (?1, ?2, ?3, ${open})
       ON CONFLICT (user) DO UPDATE SET send = ?2, taken = ?3, until = ${open}`,
    )
    this.#holdOut = prepare(
      `INSERT INTO hold_outs SELECT ?1, number FROM users WHERE id = ?2
         AND NOT EXISTS (SELECT 1 FROM sends WHERE user = users.number AND campaign = ?1) ON CONFLICT DO NOTHING`,
    )
    this.#due = prepare(
      `SELECT sends.number, nonce, title, attempts, uncertain, user, users.id AS id, address, zone, quiet_from, quiet_until
       FROM sends JOIN users ON users.number = sends.user
       WHERE campaign = ? AND sends.sender = ? AND state = 'reserved' AND due <= ? ORDER BY due LIMIT ?`,
    )
    this.#hand = prepare(`UPDATE sends SET state = 'handed', handed = ?, attempts = attempts + 1 WHERE number = ?`)
    this.#postpone = prepare('UPDATE sends SET due = ? WHERE number = ?')
    this.#handed = prepare(
      `SELECT sends.number, campaign, user, uncertain, handed, ends, opted_out
       FROM sends JOIN users ON users.number = sends.user JOIN campaigns ON campaigns.number = sends.campaign
       WHERE sends.number = ? AND nonce = ? AND state = 'handed'`,
    )
    this.#end = prepare('UPDATE sends SET state = ?, ended = ?, reason = ? WHERE number = ?')
    this.#endSlot = prepare('UPDATE slots SET until = ? WHERE user = ? AND send = ?')
    this.#freeSlot = prepare('DELETE FROM slots WHERE user = ? AND send = ?')
    this.#again = prepare(`UPDATE sends SET state = 'reserved', due = ?, uncertain = ?, reason = ? WHERE number = ?`)
    this.#nextDue = prepare(
      `SELECT min((SELECT min(due) FROM sends WHERE campaign = campaigns.number AND sender = ?1 AND state = 'reserved')) AS next
       FROM campaigns WHERE closed = 0 AND paused IS NULL AND ends > ?2`,
    )
    this.#sendsOf = prepare(
      `SELECT sends.number, nonce, users.id AS user, title, state, handed, shown, clicked
       FROM sends JOIN users ON users.number = sends.user
       WHERE campaign = ?1 AND user > coalesce((SELECT number FROM users WHERE id = ?2), 0) ORDER BY user LIMIT ?3`,
    )
  }

  /** Keeps what is told of users. @throws TypeError naming what is wrong; then none is kept. */
  putUsers(users: readonly PushUser[], now = steadyTime()): void {
    const parsed = users.map(user => assertParsed(pushUser, user))
    transact(this.#database, () => {
      const endSlot = (user: number, send: number) => this.#endSlot.run(now + this.#interval, user, send)
      for (const user of parsed) this.#users.put(user, now, endSlot)
    })
  }

  /** Opts users out, or in again; those who are not known are kept as opted out. Takes effect on what is reserved, too. */
  optOut(users: readonly string[], isOut = true, now = steadyTime()): void {
    this.putUsers(
      users.map(id => ({ id, optedOut: isOut })),
      now,
    )
  }

  /** Keeps a campaign, or changes it. @throws TypeError naming what is wrong. */
  putCampaign(campaign: Campaign): void {
    const parsed = assertParsed(campaignSchema, campaign)
    if (parsed.starts >= parsed.ends) {
      throw new TypeError(
        `ends must be after starts, ${parsed.starts}, got ${parsed.ends}: give the end of the article's life`,
      )
    }
    transact(this.#database, () => this.#campaigns.put(parsed))
  }

  /** Nothing of the campaign is handed over until it goes on. @throws RangeError where there is no such campaign. */
  pause(campaign: string, isPaused = true, now = steadyTime()): void {
    transact(this.#database, () => this.#campaigns.pause(campaign, isPaused ? now : null))
  }

  /** The same of all campaigns. */
  pauseAll(isPaused = true, now = steadyTime()): void {
    transact(this.#database, () => this.#campaigns.pauseAll(isPaused ? now : null))
  }

  /** These users get no push of the campaign, to compare with. Gives how many are new in it; who has a push of it cannot be. */
  holdOut(campaign: string, users: readonly string[]): number {
    let count = 0
    transact(this.#database, () => {
      const { number } = this.#campaigns.named(campaign)
      for (const user of users) count += Number(this.#holdOut.run(number, user).changes)
    })
    return count
  }

  /**
   * Reserves a push of the campaign for each of `candidates` who may have one, in their order while the budget lasts.
   *
   * @throws RangeError where there is no such campaign, or a candidate's title is none of it.
   */
  reserve(campaign: string, candidates: readonly Candidate[], now = steadyTime()): Reservation {
    const sends: { id: string; user: string }[] = []
    const refused: { user: string; reason: Refusal }[] = []
    const nonces = nonceSource(candidates.length)
    transact(this.#database, () => {
      const row = this.#campaigns.named(campaign)
      const titles = (JSON.parse(row.titles) as string[]).length
      const closed = this.#refusalOfAll(row, now)
      let number = this.#lastNumber()
      for (const { user, title = 0, due = now } of candidates) {
        assertWholeNumber('title', title, 0, titles - 1)
        const found = this.#candidate.get(row.number, user) as unknown as CandidateRow | undefined
        const at = Math.max(now, due)
        const hasBudget = row.used + sends.length < row.budget
        const reason = closed ?? this.#refusal(found, { row, now, at }) ?? (hasBudget ? undefined : 'budget')
        if (reason !== undefined) {
          refused.push({ user, reason })
          continue
        }
        const key = { number: number + 1, nonce: nonces() }
        const { changes } = this.#insert.run(
          key.number,
          key.nonce,
          row.number,
          found!.number,
          title,
          found!.sender,
          now,
          at,
        )
        if (changes === 0) {
          refused.push({ user, reason: 'in-campaign' })
          continue
        }
        number++
        this.#take.run(found!.number, key.number, now)
        sends.push({ id: sendIdOf(key), user })
      }
      this.#campaigns.use(row.number, sends.length)
    })
    return { sends, refused }
  }

  /**
   * Up to `most` pushes that are due at `sender`: from now on they may have gone out. Of campaigns that end first comes first.
   * Those of users whose quiet hours it is by now wait for their end.
   */
  hand(sender: string, most: number, now = steadyTime()): Outgoing[] {
    const outgoing: Outgoing[] = []
    transact(this.#database, () => {
      if (this.#campaigns.allPaused !== undefined) return
      for (const campaign of this.#campaigns.open(now)) this.#handOf(campaign, { sender, most, now }, outgoing)
    })
    return outgoing
  }

  /** Keeps what senders answered. Again and again has no effect: a send that has ended stays as it is. */
  confirm(results: readonly SendResult[], now = steadyTime()): Confirmed {
    const counts = { delivered: 0, unknown: 0, failed: 0, expired: 0, cancelled: 0, retried: 0, ignored: 0 }
    const givenBack = new Map<number, number>()
    transact(this.#database, () => {
      for (const result of results) {
        const key = parseSendId(result.id)
        const row = key && (this.#handed.get(key.number, key.nonce) as unknown as HandedRow | undefined)
        if (!row) {
          counts.ignored++
          continue
        }
        const ended = this.#confirm(row, result, now)
        counts[ended]++
        if (ended === 'retried' || ended === 'delivered' || ended === 'unknown') continue
        givenBack.set(row.campaign, (givenBack.get(row.campaign) ?? 0) + 1)
      }
      for (const [campaign, count] of givenBack) this.#campaigns.use(campaign, -count)
    })
    return counts
  }

  /** Ends what is reserved of campaigns whose life is over, and frees the weeks of its users. Gives how many pushes. */
  expire(now = steadyTime()): number {
    let count = 0
    for (const { number } of this.#campaigns.over(now)) {
      for (;;) {
        const ended = this.#expireSome(number, now)
        count += ended
        if (ended < endedAtOnce) break
      }
    }
    return count
  }

  /**
   * After a crash of who handed pushes over, what was not confirmed is sent again under the same key where `isIdempotent` says
   * that its sender knows keys again, and else counts as sent. Only while nobody else has any in hand.
   */
  resolveHanded(
    isIdempotent: (sender: string) => boolean,
    now = steadyTime(),
  ): { readonly again: number; readonly unknown: number } {
    let [again, unknown] = [0, 0]
    transact(this.#database, () => {
      const rows = this.#database
        .prepare(
          `SELECT sends.number, campaign, user, sends.sender, uncertain, handed, ends, opted_out
           FROM sends JOIN users ON users.number = sends.user JOIN campaigns ON campaigns.number = sends.campaign
           WHERE state = 'handed'`,
        )
        .all() as unknown as (HandedRow & { readonly sender: string })[]
      for (const row of rows) {
        const ended = isIdempotent(row.sender)
          ? this.#retry(row, { due: now, isUncertain: true, reason: 'interrupted' }, now)
          : this.#markUnknown(row, 'interrupted', now)
        if (ended === 'retried') again++
        else unknown++
      }
    })
    return { again, unknown }
  }

  /** When the next push is due at `sender`, if one waits. It may be in the past. */
  nextDue(sender: string, now = steadyTime()): number | undefined {
    if (this.#campaigns.allPaused !== undefined) return undefined
    return (this.#nextDue.get(sender, now) as { next: number | null }).next ?? undefined
  }

  /** As {@link recordClicks}, of one. */
  recordClick(id: string, time: number, now = steadyTime()): ResponseResult {
    return this.recordClicks([{ id, time }], now)[0]!
  }

  /** Keeps clicks on pushes, the earliest of each; a time in the future is taken for now. The first is a visit, too. */
  recordClicks(clicks: readonly Response[], now = steadyTime()): ResponseResult[] {
    return this.#record('clicked', clicks, now)
  }

  /** The same of pushes that were seen. */
  recordImpressions(impressions: readonly Response[], now = steadyTime()): ResponseResult[] {
    return this.#record('shown', impressions, now)
  }

  /** Notes visits, by which the best hour of a user is learned, as by clicks. Gives how many were of users who are known. */
  recordVisits(visits: readonly { readonly user: string; readonly time: number }[], now = steadyTime()): number {
    const known: Visit[] = []
    transact(this.#database, () => {
      for (const { user, time } of visits) {
        const found = this.#users.find(user)
        if (found) known.push({ ...found, time: Math.min(time, now) })
      }
      this.#users.visit(known)
    })
    return known.length
  }

  /**
   * Candidates for the campaign, each due when it is best within what is left of its life (`best-hour.ts`). Who is not known, or whose
   * quiet hours last until its end, is due at once, which a reservation then refuses.
   */
  atBestHours(
    campaign: string,
    users: readonly string[],
    { now = steadyTime(), halfLife }: BestHourOptions = {},
  ): Candidate[] {
    const { starts, ends } = this.#campaigns.named(campaign)
    const population = this.#users.hoursOf(everybody)
    const from = Math.max(now, starts)
    return users.map(user => {
      const found = this.#users.find(user)
      if (!found) return { user }
      const curve = hourCurve(this.#users.hoursOf(found.number), population)
      const quiet = quietOf(found) ?? this.#quiet
      const due = bestDue({
        curve,
        zone: found.zone,
        quiet,
        from,
        until: ends,
        ...(halfLife !== undefined && { halfLife }),
      })
      return due === undefined ? { user } : { user, due }
    })
  }

  /** Why `user` got, gets or did not get a push of `campaign`. */
  why(user: string, campaign: string, now = steadyTime()): Explanation {
    return explain(this.#database, { user, campaign, now, quiet: this.#quiet })
  }

  /** The sends of a campaign, up to `limit` of them after that of the user `after`, for lift and analysis. */
  sendsOf(
    campaign: string,
    { after, limit = 10_000 }: { readonly after?: string; readonly limit?: number } = {},
  ): SendRecord[] {
    const rows = this.#sendsOf.all(this.#campaigns.named(campaign).number, after ?? null, limit) as unknown as SendRow[]
    return rows.map(({ number, nonce, user, title, state, handed, shown, clicked }) => ({
      id: sendIdOf({ number, nonce }),
      user,
      title,
      state,
      handed: handed ?? undefined,
      shown: shown === null ? undefined : Math.max(shown, handed ?? 0),
      clicked: clicked === null ? undefined : Math.max(clicked, handed ?? 0),
    }))
  }

  /** The ids of all campaigns, oldest first. */
  campaigns(): string[] {
    const rows = this.#database.prepare('SELECT id FROM campaigns ORDER BY number').all() as { id: string }[]
    return rows.map(({ id }) => id)
  }

  /** How many sends of a campaign are in each state, and how much of its budget is used. */
  countsOf(campaign: string): Readonly<Record<SendState | 'used' | 'budget' | 'clicked' | 'heldOut', number>> {
    const { number, used, budget } = this.#campaigns.named(campaign)
    const rows = this.#database
      .prepare(
        'SELECT state, count(*) AS count, count(clicked) AS clicked FROM sends WHERE campaign = ? GROUP BY state',
      )
      .all(number) as { state: SendState; count: number; clicked: number }[]
    const heldOut = this.#database.prepare('SELECT count(*) AS count FROM hold_outs WHERE campaign = ?').get(number)!
    const states = Object.fromEntries(
      sendStates.map(state => [state, rows.find(row => row.state === state)?.count ?? 0]),
    ) as Record<SendState, number>
    const clicked = rows.reduce((sum, row) => sum + row.clicked, 0)
    return { ...states, used, budget, clicked, heldOut: heldOut.count as number }
  }

  close(): void {
    this.#database.close()
  }

  #record(what: 'clicked' | 'shown', responses: readonly Response[], now: number): ResponseResult[] {
    const results: ResponseResult[] = []
    transact(this.#database, () => {
      const visits: Visit[] = []
      for (const { id, time } of responses) {
        const response = { id, time: Math.min(time, now) }
        const onFirst = (user: Pick<UserRow, 'number' | 'zone'>) => visits.push({ ...user, time: response.time })
        results.push(this.#responses.record(what, response, onFirst))
      }
      if (what === 'clicked') this.#users.visit(visits)
    })
    return results
  }

  #lastNumber(): number {
    return (this.#database.prepare('SELECT coalesce(max(number), 0) AS last FROM sends').get() as { last: number }).last
  }

  /** Why nobody gets a push of `campaign` now. */
  #refusalOfAll({ paused, starts, ends }: CampaignRow, now: number): Refusal | undefined {
    if (this.#campaigns.allPaused !== undefined) return 'all-paused'
    if (paused !== null) return 'paused'
    if (now < starts) return 'not-started'
    return now >= ends ? 'over' : undefined
  }

  #refusal(
    user: CandidateRow | undefined,
    { row, now, at }: { readonly row: CampaignRow; readonly now: number; readonly at: number },
  ): Refusal | undefined {
    if (!user) return 'unknown-user'
    if (user.opted_out !== null) return 'opted-out'
    if (user.sender === null) return 'no-address'
    if (user.held_out === 1) return 'held-out'
    if (user.until !== null && user.until > now) return 'in-week'
    if (at >= row.ends) return 'over'
    return quietUntil(user.zone, quietOf(user) ?? this.#quiet, at) === undefined ? undefined : 'quiet-hours'
  }

  #handOf(
    campaign: CampaignRow,
    { sender, most, now }: { readonly sender: string; readonly most: number; readonly now: number },
    outgoing: Outgoing[],
  ): void {
    const titles = JSON.parse(campaign.titles) as string[]
    while (outgoing.length < most) {
      const rows = this.#due.all(campaign.number, sender, now, most - outgoing.length) as unknown as DueRow[]
      if (rows.length === 0) return
      for (const row of rows) {
        const { number, address } = row
        if (address === null) {
          this.#endWithoutAddress({ ...row, campaign: campaign.number }, now)
          continue
        }
        const quietEnd = quietUntil(row.zone, quietOf(row) ?? this.#quiet, now)
        if (quietEnd !== undefined) {
          this.#postpone.run(quietEnd, number)
          continue
        }
        this.#hand.run(now, number)
        outgoing.push({
          id: sendIdOf(row),
          user: row.id,
          campaign: campaign.id,
          address,
          title: titles[row.title] ?? titles[0]!,
          ...(campaign.url !== null && { url: campaign.url }),
          ends: campaign.ends,
          attempt: row.attempts + 1,
        })
      }
    }
  }

  #confirm(row: HandedRow, result: SendResult, now: number): Exclude<keyof Confirmed, 'ignored'> {
    switch (result.outcome) {
      case 'delivered':
        this.#end.run('delivered', now, null, row.number)
        this.#endSlot.run(now + this.#interval, row.user, row.number)
        return 'delivered'
      case 'unknown':
        return this.#markUnknown(row, result.reason, now)
      case 'gone':
        this.#users.removeAddress(row.user, now, row.handed)
        return this.#endUnsent(row, 'failed', result.reason ?? 'gone', now)
      case 'failed':
        return this.#endUnsent(row, 'failed', result.reason, now)
      case 'retry': {
        const { after, isUncertain = false, reason } = result
        return this.#retry(row, { due: now + after, isUncertain, reason }, now)
      }
    }
  }

  #retry(
    row: HandedRow,
    { due, isUncertain, reason }: { readonly due: number; readonly isUncertain: boolean; readonly reason: string },
    now: number,
  ): 'retried' | 'unknown' | 'expired' | 'cancelled' {
    const uncertain = isUncertain || row.uncertain === 1
    if (row.opted_out === null && now < row.ends) {
      this.#again.run(Math.ceil(due), Number(uncertain), reason, row.number)
      return 'retried'
    }
    return this.#endUnsent(
      { ...row, uncertain: Number(uncertain) },
      row.opted_out === null ? 'expired' : 'cancelled',
      reason,
      now,
    )
  }

  /** It did not go out this time; if it may have before, it counts as sent. */
  #endUnsent<State extends 'failed' | 'expired' | 'cancelled'>(
    row: OpenSend,
    state: State,
    reason: string,
    now: number,
  ): State | 'unknown' {
    if (row.uncertain === 1) return this.#markUnknown(row, reason, now)
    this.#endFreed(row, state, reason, now)
    return state
  }

  #endWithoutAddress(row: OpenSend, now: number): void {
    if (this.#endUnsent(row, 'failed', 'no-address', now) === 'failed') this.#campaigns.use(row.campaign, -1)
  }

  #endFreed(row: OpenSend, state: SendState, reason: string, now: number): void {
    this.#end.run(state, now, reason, row.number)
    this.#freeSlot.run(row.user, row.number)
  }

  #markUnknown(row: OpenSend, reason: string, now: number): 'unknown' {
    this.#end.run('unknown', now, reason, row.number)
    this.#endSlot.run(now + this.#interval, row.user, row.number)
    return 'unknown'
  }

  #expireSome(campaign: number, now: number): number {
    let count = 0
    transact(this.#database, () => {
      const rows = this.#database
        .prepare(
          `SELECT number, user, uncertain FROM sends WHERE campaign = ? AND state = 'reserved' LIMIT ${endedAtOnce}`,
        )
        .all(campaign) as { number: number; user: number; uncertain: number }[]
      let freed = 0
      for (const row of rows)
        if (this.#endUnsent({ ...row, campaign }, 'expired', 'life-ended', now) === 'expired') freed++
      this.#campaigns.use(campaign, -freed)
      this.#campaigns.close(campaign)
      count = rows.length
    })
    return count
  }
}

/** @throws TypeError naming what `schema` refuses. */
function assertParsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new TypeError(faultIn(schema, value) ?? parsed.error.message)
}

/** Random numbers below 2^48, made for `count` at once. */
function nonceSource(count: number): () => number {
  const bytes = randomFillSync(Buffer.alloc(6 * count))
  let at = 0
  return () => {
    const nonce = bytes.readUIntBE(at, 6)
    at += 6
    return nonce
  }
}
