import { randomFillSync } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { assertWholeNumber } from '../../../storage/whole-number.ts'
import { type DaySpan, quietUntil } from '../local-time.ts'
import type { Candidate, Refusal, Reservation } from '../reservation.ts'
import { sendIdOf } from '../send-id.ts'
import type { CampaignRow, CampaignTable } from './campaigns.ts'
import { quietOf, type UserRow } from './users.ts'

/** The end of a slot whose push has not ended. */
const open = 8_640_000_000_000_000

interface CandidateRow
  extends Pick<UserRow, 'number' | 'sender' | 'zone' | 'quiet_from' | 'quiet_until' | 'opted_out'> {
  readonly until: number | null
  readonly held_out: number
}

/** Who is to get a push. Called within transactions. */
export class ReservationTable {
  readonly #campaigns: CampaignTable
  readonly #quiet: DaySpan
  readonly #candidate: StatementSync
  readonly #insert: StatementSync
  readonly #insertDry: StatementSync
  readonly #take: StatementSync
  readonly #holdOut: StatementSync
  readonly #last: StatementSync

  /** `quiet`: the hours of users who have none of their own. */
  constructor(database: DatabaseSync, campaigns: CampaignTable, quiet: DaySpan) {
    this.#campaigns = campaigns
    this.#quiet = quiet
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
      `INSERT INTO hold_outs SELECT ?1, number FROM users WHERE id = ?2
         AND NOT EXISTS (SELECT 1 FROM sends WHERE user = users.number AND campaign = ?1) ON CONFLICT DO NOTHING`,
    )
    this.#last = prepare('SELECT coalesce(max(number), 0) AS last FROM sends')
  }

  /** See `PushLedger.holdOut`. */
  holdOut(campaign: string, users: readonly string[]): number {
    const { number } = this.#campaigns.named(campaign)
    let count = 0
    for (const user of users) count += Number(this.#holdOut.run(number, user).changes)
    return count
  }

  /** See `PushLedger.holdOutOf`. */
  holdOutOf(campaign: string, users: readonly string[], now: number): number[] {
    const row = this.#campaigns.named(campaign)
    if (this.#refusalOfAll(row, now) !== undefined) return []
    return users.flatMap((user, at) => {
      const found = this.#candidate.get(row.number, user) as unknown as CandidateRow | undefined
      const refusal = this.#refusal(found, { row, now, at: now })?.reason
      if (refusal !== undefined && refusal !== 'held-out') return []
      this.#holdOut.run(row.number, user)
      return [at]
    })
  }

  /** See `PushLedger.reserve`. */
  reserve(campaign: string, candidates: readonly Candidate[], now: number): Reservation {
    const row = this.#campaigns.named(campaign)
    const titles = (JSON.parse(row.titles) as string[]).length
    const closed = this.#refusalOfAll(row, now)
    const nonces = nonceSource(candidates.length)
    const sends: { id: string; user: string }[] = []
    const refused: Reservation['refused'][number][] = []
    let number = (this.#last.get() as { last: number }).last
    for (const candidate of candidates) {
      const { user, title = 0, due = now } = candidate
      assertWholeNumber('title', title, 0, titles - 1)
      const found = this.#candidate.get(row.number, user) as unknown as CandidateRow | undefined
      const at = Math.max(now, due)
      const hasBudget = row.used + sends.length < row.budget
      const refusal = (closed && { reason: closed }) ?? this.#refusal(found, { row, now, at })
      if (refusal ?? !hasBudget) {
        refused.push(Object.assign({ user }, refusal ?? { reason: 'budget' as const }))
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
    { row, now, at }: { readonly row: CampaignRow; readonly now: number; readonly at: number },
  ): { readonly reason: Refusal; readonly until?: number } | undefined {
    if (!user) return { reason: 'unknown-user' }
    if (user.opted_out !== null) return { reason: 'opted-out' }
    if (user.sender === null) return { reason: 'no-address' }
    if (user.held_out === 1) return { reason: 'held-out' }
    if (user.until !== null && user.until > now) return { reason: 'in-week' }
    if (at >= row.ends) return { reason: 'over' }
    const until = quietUntil(user.zone, quietOf(user) ?? this.#quiet, at)
    return until === undefined ? undefined : { reason: 'quiet-hours', until }
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
