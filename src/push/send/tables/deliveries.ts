import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type DaySpan, quietUntil } from '../../data/local-time.ts'
import type { Confirmed, DueRow, HandedRow, OpenSend, SendState } from '../send.ts'
import { type SendKey, sendIdOf } from '../send-id.ts'
import type { Outgoing, SendResult } from '../senders/sender.ts'
import type { CampaignRow, CampaignTable } from './campaigns.ts'
import { quietOf, type UserTable } from './users.ts'

/** Sends that one transaction ends. */
export const endedAtOnce = 10_000

export interface DeliveryOptions {
  readonly users: UserTable
  readonly campaigns: CampaignTable
  /** In ms: from one push to a user to the next. */
  readonly interval: number
  /** The hours of users who have none of their own. */
  readonly quiet: DaySpan
}

interface HandOptions {
  readonly sender: string
  readonly most: number
  readonly now: number
}

interface Again {
  readonly due: number
  readonly isUncertain: boolean
  readonly reason: string
}

const handedColumns = `sends.number, campaign, user, sends.sender, users.sender AS user_sender, uncertain, handed, ends, opted_out,
  (SELECT taken FROM slots WHERE slots.user = sends.user AND send = sends.number) AS taken
  FROM sends JOIN users ON users.number = sends.user JOIN campaigns ON campaigns.number = sends.campaign`

/** Sends on their way: handed over, confirmed, sent again, expired. Called within transactions. */
export class DeliveryTable {
  readonly #users: UserTable
  readonly #campaigns: CampaignTable
  readonly #interval: number
  readonly #quiet: DaySpan
  readonly #due: StatementSync
  readonly #hand: StatementSync
  readonly #postpone: StatementSync
  readonly #handed: StatementSync
  readonly #allHanded: StatementSync
  readonly #reserved: StatementSync
  readonly #end: StatementSync
  readonly #endSlot: StatementSync
  readonly #freeSlot: StatementSync
  readonly #again: StatementSync
  readonly #nextDue: StatementSync

  constructor(database: DatabaseSync, { users, campaigns, interval, quiet }: DeliveryOptions) {
    this.#users = users
    this.#campaigns = campaigns
    this.#interval = interval
    this.#quiet = quiet
    const prepare = (sql: string) => database.prepare(sql)
    this.#due = prepare(
      `SELECT sends.number, nonce, title, attempts, uncertain, user, users.id AS id, address, zone, quiet_from, quiet_until
       FROM sends JOIN users ON users.number = sends.user
       WHERE campaign = ? AND sends.sender = ? AND state = 'reserved' AND due <= ? ORDER BY due LIMIT ?`,
    )
    this.#hand = prepare(`UPDATE sends SET state = 'handed', handed = ?, attempts = attempts + 1 WHERE number = ?`)
    this.#postpone = prepare('UPDATE sends SET due = ? WHERE number = ?')
    this.#handed = prepare(`SELECT ${handedColumns} WHERE sends.number = ? AND nonce = ? AND state = 'handed'`)
    this.#allHanded = prepare(`SELECT ${handedColumns} WHERE state = 'handed'`)
    this.#reserved = prepare(
      `SELECT number, user, uncertain FROM sends WHERE campaign = ? AND state = 'reserved' LIMIT ${endedAtOnce}`,
    )
    this.#end = prepare('UPDATE sends SET state = ?, ended = ?, reason = ? WHERE number = ?')
    // By a clock that was put back it would end too soon.
    this.#endSlot = prepare('UPDATE slots SET until = max(?1, taken) + ?2 WHERE user = ?3 AND send = ?4')
    this.#freeSlot = prepare('DELETE FROM slots WHERE user = ? AND send = ?')
    this.#again = prepare(
      `UPDATE sends SET state = 'reserved', due = ?, uncertain = ?, reason = ?, sender = coalesce(?, sender) WHERE number = ?`,
    )
    this.#nextDue = prepare(
      `SELECT min((SELECT min(due) FROM sends WHERE campaign = campaigns.number AND sender = ?1 AND state = 'reserved')) AS next
       FROM campaigns WHERE closed = 0 AND paused IS NULL AND ends > ?2`,
    )
  }

  /** Adds what is due of `campaign` to `outgoing`, until that has `most`. */
  hand(campaign: CampaignRow, { sender, most, now }: HandOptions, outgoing: Outgoing[]): void {
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

  /** The end of a slot whose push ends now. */
  endSlot(user: number, send: number, now: number): void {
    this.#endSlot.run(now, this.#interval, user, send)
  }

  /** What became of a send; where the budget is given back, the caller does so by `onGivenBack`. */
  confirm(
    { number, nonce }: SendKey,
    result: SendResult,
    now: number,
    onGivenBack: (campaign: number) => void,
  ): keyof Confirmed {
    const row = this.#handed.get(number, nonce) as unknown as HandedRow | undefined
    if (!row) return 'ignored'
    const ended = this.#confirm(row, result, now)
    if (ended !== 'retried' && ended !== 'delivered' && ended !== 'unknown') onGivenBack(row.campaign)
    return ended
  }

  /** See `PushLedger.resolveHanded`. */
  resolveHanded(
    isIdempotent: (sender: string) => boolean,
    now: number,
  ): { readonly again: number; readonly unknown: number } {
    let [again, unknown] = [0, 0]
    const rows = this.#allHanded.all() as unknown as HandedRow[]
    for (const row of rows) {
      const ended = isIdempotent(row.sender)
        ? this.#retry(row, { due: now, isUncertain: true, reason: 'interrupted' }, now)
        : this.#markUnknown(row, 'interrupted', now)
      if (ended === 'retried') again++
      else unknown++
    }
    return { again, unknown }
  }

  nextDue(sender: string, now: number): number | undefined {
    return (this.#nextDue.get(sender, now) as { next: number | null }).next ?? undefined
  }

  /** Ends some of what is reserved of a campaign whose life is over; gives how many. Less than {@link endedAtOnce}: all. */
  expireSome(campaign: number, now: number): number {
    const rows = this.#reserved.all(campaign) as { number: number; user: number; uncertain: number }[]
    let freed = 0
    for (const row of rows)
      if (this.#endUnsent({ ...row, campaign }, 'expired', 'life-ended', now) === 'expired') freed++
    this.#campaigns.use(campaign, -freed)
    this.#campaigns.close(campaign)
    return rows.length
  }

  #confirm(row: HandedRow, result: SendResult, now: number): Exclude<keyof Confirmed, 'ignored'> {
    switch (result.outcome) {
      case 'delivered':
        this.#end.run('delivered', now, null, row.number)
        this.endSlot(row.user, row.number, now)
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
    { due, isUncertain, reason }: Again,
    now: number,
  ): 'retried' | 'unknown' | 'expired' | 'cancelled' {
    const uncertain = isUncertain || row.uncertain === 1
    const hasOtherSender = row.user_sender !== null && row.user_sender !== row.sender
    const hasOtherPush = row.taken !== null && row.taken > row.handed
    // Another sender does not know its key.
    if (hasOtherPush || (uncertain && hasOtherSender)) return this.#markUnknown(row, reason, now)
    if (row.opted_out === null && now < row.ends) {
      this.#again.run(Math.ceil(due), Number(uncertain), reason, row.user_sender, row.number)
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
    this.endSlot(row.user, row.number, now)
    return 'unknown'
  }
}
