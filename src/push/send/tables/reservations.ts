import { randomFillSync } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { assertWholeNumber } from '../../../storage/whole-number.ts'
import { type DaySpan, quietUntil } from '../../data/local-time.ts'
import { bestDue, hourCurve, leastVisits } from '../best-hour.ts'
import type { Candidate, HeldOut, HoldOutCandidate, Refusal, Reservation } from '../reservation.ts'
import { sendIdOf } from '../send-id.ts'
import type { CampaignRow, CampaignTable } from './campaigns.ts'
import { everybody, quietOf, type UserRow, type UserTable } from './users.ts'

/** The end of a slot whose push has not ended. */
const open = 8_640_000_000_000_000

interface CandidateRow
  extends Pick<UserRow, 'number' | 'sender' | 'zone' | 'quiet_from' | 'quiet_until' | 'opted_out'> {
  readonly until: number | null
  readonly held_out: number
}

export interface ReservationOptions {
  readonly users: UserTable
  readonly campaigns: CampaignTable
  /** The hours of users who have none of their own. */
  readonly quiet: DaySpan
  /** The names of what pushes go out by, where they are known. */
  readonly senders: ReadonlySet<string> | undefined
  /** Whether a push for which nothing else is said is due at its user's best hour, where that is known. */
  readonly bestHours: boolean
}

/** Why a user gets none; `until`: when that ends, where it is known. */
interface Refused {
  readonly reason: Refusal
  readonly until?: number
}

/** Who is to get a push. Called within transactions. */
export class ReservationTable {
  readonly #users: UserTable
  readonly #campaigns: CampaignTable
  readonly #quiet: DaySpan
  readonly #senders: ReadonlySet<string> | undefined
  readonly #bestHours: boolean
  readonly #candidate: StatementSync
  readonly #insert: StatementSync
  readonly #insertDry: StatementSync
  readonly #take: StatementSync
  readonly #holdOut: StatementSync
  readonly #heldOut: StatementSync
  readonly #last: StatementSync

  constructor(database: DatabaseSync, { users, campaigns, quiet, senders, bestHours }: ReservationOptions) {
    this.#users = users
    this.#campaigns = campaigns
    this.#quiet = quiet
    this.#senders = senders
    this.#bestHours = bestHours
    const prepare = (sql: string) => database.prepare(sql)
    this.#candidate = prepare(
      `SELECT number, sender, zone, quiet_from, quiet_until, opted_out, until,
         EXISTS (SELECT 1 FROM hold_outs WHERE campaign = ?1 AND user = users.number) AS held_out
       FROM users LEFT JOIN slots ON slots.user = users.number WHERE users.id = ?2`,
    )
    this.#insert = prepare(
      `INSERT INTO sends (number, nonce, campaign, user, title, sender, state, reserved, due, round, rank, usual_ctr, expected_ctr)
       VALUES (?, ?, ?, ?, ?, ?, 'reserved', ?, ?, ?, ?, ?, ?) ON CONFLICT (campaign, user) DO NOTHING`,
    )
    this.#insertDry = prepare(
      `INSERT INTO dry_sends (campaign, user, title, reserved, round, rank, usual_ctr, expected_ctr)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    )
    this.#take = prepare(
      `INSERT INTO slots VALUES (?1, ?2, ?3, ${open})
       ON CONFLICT (user) DO UPDATE SET send = ?2, taken = ?3, until = ${open}`,
    )
    this.#holdOut = prepare(
      `INSERT INTO hold_outs (campaign, user, rank, held) SELECT ?1, number, ?3, ?4 FROM users WHERE id = ?2
         AND NOT EXISTS (SELECT 1 FROM sends WHERE user = users.number AND campaign = ?1) ON CONFLICT DO NOTHING`,
    )
    this.#heldOut = prepare(
      `SELECT user - 1 AS user, id AS article, rank, coalesce(held, starts) AS held
       FROM campaigns JOIN hold_outs ON campaign = campaigns.number WHERE ends > ? ORDER BY held, rank`,
    )
    this.#last = prepare('SELECT coalesce(max(number), 0) AS last FROM sends')
  }

  /** See `PushLedger.holdOut`. */
  holdOut(campaign: string, users: readonly HoldOutCandidate[], now: number): number[] {
    const row = this.#campaigns.named(campaign)
    if (this.#refusalOfAll(row, now) !== undefined) return []
    return users.flatMap(({ user, rank }, at) => {
      const found = this.#candidate.get(row.number, user) as unknown as CandidateRow | undefined
      const reason = this.#refusal(found, { ends: row.ends, left: 1, now, at: now })?.reason
      if (reason !== undefined && reason !== 'held-out') return []
      this.#holdOut.run(row.number, user, rank ?? null, now)
      return [at]
    })
  }

  /** See `PushLedger.holdOutsSince`. */
  heldOutSince(time: number): HeldOut[] {
    const rows = this.#heldOut.all(time) as { user: number; article: string; rank: number | null; held: number }[]
    return rows.map(({ user, article, rank, held }) => ({ user, article, rank: rank ?? undefined, held }))
  }

  /** See `PushLedger.reserve`. */
  reserve(campaign: string, candidates: readonly Candidate[], now: number): Reservation {
    const row = this.#campaigns.named(campaign)
    const titles = (JSON.parse(row.titles) as string[]).length
    const closed = this.#refusalOfAll(row, now)
    const nonces = nonceSource(candidates.length)
    const sends: { id: string; user: string }[] = []
    const refused: { user: string; reason: Refusal; until?: number }[] = []
    const bestDueOf = this.#bestHours && closed === undefined ? this.#bestDues(row, now) : () => undefined
    let number = (this.#last.get() as { last: number }).last
    for (const candidate of candidates) {
      const { user, title = 0 } = candidate
      assertWholeNumber('title', title, 0, titles - 1)
      const found = this.#candidate.get(row.number, user) as unknown as CandidateRow | undefined
      const at = Math.max(now, candidate.due ?? bestDueOf(found) ?? now)
      const left = row.budget - row.used - sends.length
      const refusal =
        closed === undefined ? this.#refusal(found, { ends: row.ends, left, now, at }) : { reason: closed }
      if (refusal !== undefined) {
        refused.push(Object.assign({ user }, refusal))
        continue
      }
      const key = { number: number + 1, nonce: nonces() }
      const planned = plannedOf(candidate)
      const { changes } =
        row.dry === 1
          ? this.#insertDry.run(row.number, found!.number, title, now, ...planned)
          : this.#insert.run(
              key.number,
              key.nonce,
              row.number,
              found!.number,
              title,
              found!.sender,
              now,
              at,
              ...planned,
            )
      if (changes === 0) {
        refused.push({ user, reason: 'in-campaign' })
        continue
      }
      sends.push({ id: sendIdOf(key), user })
      number++
      if (row.dry === 0) this.#take.run(found!.number, key.number, now)
    }
    this.#campaigns.use(row.number, sends.length)
    return { sends, refused }
  }

  /** Why nobody gets a push of `campaign` now. */
  #refusalOfAll({ paused, starts, ends, stopped, dry }: CampaignRow, now: number): Refusal | undefined {
    if (this.#campaigns.allPaused !== undefined) return 'all-paused'
    if (paused !== null) return 'paused'
    if (stopped !== null) return 'stopped'
    if (this.#campaigns.isDryRun && dry === 0) return 'dry-run'
    if (now < starts) return 'not-started'
    return now >= ends ? 'over' : undefined
  }

  #refusal(
    user: CandidateRow | undefined,
    {
      ends,
      left,
      now,
      at,
    }: { readonly ends: number; readonly left: number; readonly now: number; readonly at: number },
  ): Refused | undefined {
    if (!user) return { reason: 'unknown-user' }
    if (user.opted_out !== null) return { reason: 'opted-out' }
    if (user.sender === null) return { reason: 'no-address' }
    if (this.#senders?.has(user.sender) === false) return { reason: 'no-sender' }
    if (user.held_out === 1) return { reason: 'held-out' }
    if (user.until !== null && user.until > now) return { reason: 'in-week' }
    if (at >= ends) return { reason: 'over' }
    const until = quietUntil(user.zone, quietOf(user) ?? this.#quiet, at)
    if (until !== undefined) return { reason: 'quiet-hours', until }
    return left > 0 ? undefined : { reason: 'budget' }
  }

  /** Gives when a push of the campaign to a user is best; undefined where that is not known, or never. */
  #bestDues({ ends }: CampaignRow, now: number): (user: CandidateRow | undefined) => number | undefined {
    const population = this.#users.hoursOf(everybody)
    return user => {
      if (!user) return undefined
      const visits = this.#users.hoursOf(user.number)
      if (visits.reduce((sum, count) => sum + count, 0) < leastVisits) return undefined
      const { zone } = user
      const curve = hourCurve(visits, population)
      return bestDue({ curve, zone, quiet: quietOf(user) ?? this.#quiet, from: now, until: ends })
    }
  }
}

function plannedOf({ round, rank, usualCtr, expectedCtr }: Candidate) {
  return [round ?? null, rank ?? null, usualCtr ?? null, expectedCtr ?? null] as const
}

/** Random numbers below 2^48, made for `count` at once. */
export function nonceSource(count: number): () => number {
  const bytes = randomFillSync(Buffer.alloc(6 * count))
  let at = 0
  return () => {
    const nonce = bytes.readUIntBE(at, 6)
    at += 6
    return nonce
  }
}
