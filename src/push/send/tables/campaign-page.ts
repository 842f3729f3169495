import type { DatabaseSync } from 'node:sqlite'
import type { CampaignQuery, CampaignTotals, SendsByReason } from '../campaign-summary.ts'
import type { CampaignRow } from './campaigns.ts'

/** Counts of sends by sender, state and reason that are given, the most frequent first. */
const mostReasons = 100

/** Pushes that were sent by other means have campaigns without a budget. */
const isImported = `(budget = 0 AND EXISTS (SELECT 1 FROM sends WHERE campaign = campaigns.number AND sender = 'imported'))`

/** Conditions at the time ?2. */
const inState = {
  open: 'stopped IS NULL AND ends > ?2',
  paused: 'paused IS NOT NULL AND stopped IS NULL AND ends > ?2',
  stopped: 'stopped IS NOT NULL',
  over: 'ends <= ?2',
  dry: 'dry = 1',
} as const satisfies Record<NonNullable<CampaignQuery['state']>, string>

/** Campaigns that a query asks for, newest first, before the number `before`. */
export function campaignPage(
  database: DatabaseSync,
  { text, state, imported = false, limit = 20 }: CampaignQuery,
  { before, now }: { readonly before: number; readonly now: number },
): { readonly rows: CampaignRow[] } & CampaignTotals {
  // ?1: the text.
  const own = `?2 = ?2 AND ${imported ? 'true' : `NOT ${isImported}`}`
  const asked = `${own} AND (?1 IS NULL OR instr(lower(id || ' ' || titles), lower(?1)) > 0) AND ${state ? inState[state] : 'true'}`
  const sought = text ?? null
  const count = (where: string) =>
    (
      database.prepare(`SELECT ?1 AS text, count(*) AS count FROM campaigns WHERE ${where}`).get(sought, now) as {
        count: number
      }
    ).count
  const rows = database
    .prepare(`SELECT * FROM campaigns WHERE number < ?3 AND ${asked} ORDER BY number DESC LIMIT ?4`)
    .all(sought, now, before, limit) as unknown as CampaignRow[]
  return { rows, total: count(asked), all: count(own), open: count(`${own} AND ${inState.open}`) }
}

/** What became of the sends of campaigns that end after `since`, by sender, state and reason. */
export function sendsByReason(database: DatabaseSync, since: number): SendsByReason[] {
  const rows = database
    .prepare(
      `SELECT sender, state, reason, count(*) AS sends, max(coalesce(ended, handed, reserved)) AS last
       FROM campaigns JOIN sends ON campaign = campaigns.number WHERE ends > ? AND sender <> 'imported'
       GROUP BY sender, state, reason ORDER BY sends DESC LIMIT ${mostReasons}`,
    )
    .all(since) as unknown as (Omit<SendsByReason, 'reason'> & { readonly reason: string | null })[]
  return rows.map(({ reason, ...row }) => ({ ...row, reason: reason ?? undefined }))
}
