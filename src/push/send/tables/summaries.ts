import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type {
  CampaignCounts,
  CampaignQuery,
  CampaignReport,
  CampaignStatus,
  CampaignTotals,
  ReportQuery,
} from '../campaign-summary.ts'
import { type SendRecord, type SendRow, type SendState, sendStates } from '../send.ts'
import { sendIdOf } from '../send-id.ts'
import { campaignPage } from './campaign-page.ts'
import type { CampaignRow, CampaignTable } from './campaigns.ts'

/** In ms: an opt-out so long after the last push of its user is one by that. */
const week = 7 * 86_400_000

/** Campaigns and their sends, for people and for analysis. */
export class Summaries {
  readonly #database: DatabaseSync
  readonly #campaigns: CampaignTable
  readonly #sendsOf: StatementSync
  readonly #states: StatementSync
  readonly #others: StatementSync
  readonly #ids: StatementSync
  readonly #newest: StatementSync
  readonly #byRound: StatementSync

  constructor(database: DatabaseSync, campaigns: CampaignTable) {
    this.#database = database
    this.#campaigns = campaigns
    this.#sendsOf = database.prepare(
      `SELECT sends.number, nonce, user AS user_number, users.id AS user, title, state, reserved, handed, shown, clicked, round, rank,
         usual_ctr, expected_ctr
       FROM sends JOIN users ON users.number = sends.user
       WHERE campaign = ?1 AND user > coalesce((SELECT number FROM users WHERE id = ?2), 0) ORDER BY user LIMIT ?3`,
    )
    this.#states = database.prepare(
      'SELECT state, count(*) AS count, count(clicked) AS clicked FROM sends WHERE campaign = ? GROUP BY state',
    )
    this.#others = database.prepare(
      `SELECT (SELECT count(*) FROM hold_outs WHERE campaign = ?1) AS held_out,
         (SELECT count(*) FROM dry_sends WHERE campaign = ?1) AS dry, (SELECT count(*) FROM test_sends WHERE article = (SELECT id FROM campaigns WHERE number = ?1)) AS tests`,
    )
    this.#ids = database.prepare('SELECT id FROM campaigns ORDER BY number')
    this.#byRound = database.prepare(
      `SELECT title, coalesce(round, 0) AS round, count(*) AS sends, count(clicked) AS clicks, coalesce(sum(usual_ctr), 0) AS usualClicks,
         coalesce(sum(expected_ctr), 0) AS expectedClicks,
         count(iif(slots.send = sends.number AND opted_out BETWEEN handed AND handed + ${week}, 1, NULL)) AS optOuts
       FROM sends JOIN users ON users.number = sends.user LEFT JOIN slots ON slots.user = sends.user WHERE campaign = ? AND state IN ('delivered', 'unknown')
       GROUP BY title, round ORDER BY round, title`,
    )
    this.#newest = database.prepare('SELECT * FROM campaigns WHERE number < ? ORDER BY number DESC LIMIT ?')
  }

  /** See `PushLedger.sendsOf`. */
  sendsOf(campaign: string, after: string | undefined, limit: number): SendRecord[] {
    const rows = this.#sendsOf.all(this.#campaigns.named(campaign).number, after ?? null, limit)
    return (rows as unknown as SendRow[]).map(recordOf)
  }

  ids(): string[] {
    return (this.#ids.all() as { id: string }[]).map(({ id }) => id)
  }

  countsOf(campaign: string): CampaignCounts {
    return this.#counts(this.#campaigns.named(campaign))
  }

  page(query: CampaignQuery, now: number): { readonly campaigns: CampaignStatus[] } & CampaignTotals {
    const { rows, ...totals } = campaignPage(this.#database, query, { before: this.#numberOf(query.before), now })
    const campaigns = rows.map(row => ({
      id: row.id,
      titles: JSON.parse(row.titles) as string[],
      url: row.url ?? undefined,
      starts: row.starts,
      ends: row.ends,
      target: row.target,
      paused: row.paused ?? undefined,
      stopped: row.stopped ?? undefined,
      isDry: row.dry === 1,
      counts: this.#counts(row),
    }))
    return { campaigns, ...totals }
  }

  /** The same with sends by title and round. */
  report({ article, before, limit = 20 }: ReportQuery): CampaignReport[] {
    const rows =
      article === undefined
        ? (this.#newest.all(this.#numberOf(before), limit) as unknown as CampaignRow[])
        : [this.#campaigns.named(article)]
    return rows.map(({ number, id, titles, starts, ends, target }) => ({
      article: id,
      titles: JSON.parse(titles) as string[],
      starts,
      ends,
      target,
      heldOut: (this.#others.get(number) as { held_out: number }).held_out,
      sends: this.#byRound.all(number) as unknown as CampaignReport['sends'],
    }))
  }

  #numberOf(campaign: string | undefined): number {
    return campaign === undefined ? Number.MAX_SAFE_INTEGER : this.#campaigns.named(campaign).number
  }

  #counts({ number, used, budget }: CampaignRow): CampaignCounts {
    const rows = this.#states.all(number) as { state: SendState; count: number; clicked: number }[]
    const states = Object.fromEntries(
      sendStates.map(state => [state, rows.find(row => row.state === state)?.count ?? 0]),
    ) as Record<SendState, number>
    const others = this.#others.get(number) as { held_out: number; dry: number; tests: number }
    const clicked = rows.reduce((sum, row) => sum + row.clicked, 0)
    return { ...states, used, budget, clicked, heldOut: others.held_out, dry: others.dry, tests: others.tests }
  }
}

function recordOf(row: SendRow): SendRecord {
  const { user, title, state, reserved, handed, shown, clicked } = row
  return {
    id: sendIdOf(row),
    user,
    row: row.user_number - 1,
    title,
    state,
    reserved,
    handed: handed ?? undefined,
    shown: shown === null ? undefined : Math.max(shown, handed ?? 0),
    clicked: clicked === null ? undefined : Math.max(clicked, handed ?? 0),
    round: row.round ?? undefined,
    rank: row.rank ?? undefined,
    usualCtr: row.usual_ctr ?? undefined,
    expectedCtr: row.expected_ctr ?? undefined,
  }
}
