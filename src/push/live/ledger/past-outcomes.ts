/** What came of pushes, for what is learned of articles and titles. */
import type { DatabaseSync } from 'node:sqlite'

export interface TitleOutcomes {
  readonly title: string
  readonly sends: number
  readonly clicks: number
  /** By the usual CTRs of the same users. */
  readonly expectedClicks: number
}

/** Sends, the newest first. */
export interface PastPushPage {
  /** Rows of users. */
  readonly users: Uint32Array
  readonly times: Float64Array
  readonly campaigns: Uint32Array
  /** Articles by campaign. */
  readonly articles: readonly (readonly [number, string])[]
  /** Where the next page begins; undefined at the end. */
  readonly before: number | undefined
}

/** Articles whose campaigns ended before `until`, of those that began at `since` or later; the newest first, `limit` at most. */
export function endedCampaigns(
  database: DatabaseSync,
  { since, until, limit }: { readonly since: number; readonly until: number; readonly limit: number },
): string[] {
  const rows = database
    .prepare(
      `SELECT id FROM campaigns WHERE ends <= ? AND starts >= ? AND budget > 0 AND dry = 0 ORDER BY number DESC LIMIT ?`,
    )
    .all(until, since, limit) as { id: string }[]
  return rows.map(({ id }) => id)
}

/** Of the titles of an article that were sent, those that arrived; none where nobody was told the usual CTRs. */
export function outcomesOf(database: DatabaseSync, article: string): TitleOutcomes[] {
  const rows = database
    .prepare(
      `SELECT titles, title, count(*) AS sends, count(clicked) AS clicks, sum(usual_ctr) AS expected
       FROM campaigns JOIN sends ON campaign = campaigns.number
       WHERE campaigns.id = ? AND state IN ('delivered', 'unknown') AND usual_ctr > 0 GROUP BY title`,
    )
    .all(article) as { titles: string; title: number; sends: number; clicks: number; expected: number }[]
  return rows.map(({ titles, title, sends, clicks, expected }) => {
    return { title: (JSON.parse(titles) as string[])[title]!, sends, clicks, expectedClicks: expected }
  })
}

/** Pushes that went out, or may have, since a time, of those before the number `before`. */
export function pastPushes(
  database: DatabaseSync,
  { since, before, limit }: { readonly since: number; readonly before: number; readonly limit: number },
): PastPushPage {
  const rows = database
    .prepare(
      `SELECT sends.number, sends.user - 1 AS user, campaign, coalesce(handed, reserved) AS time, state, sender
       FROM sends WHERE number < ? ORDER BY number DESC LIMIT ?`,
    )
    .all(before, limit) as {
    number: number
    user: number
    campaign: number
    time: number
    state: string
    sender: string
  }[]
  const recent = rows.filter(({ time }) => time >= since)
  const sent = recent.filter(({ state }) => !['failed', 'expired', 'cancelled'].includes(state))
  const name = database.prepare('SELECT id FROM campaigns WHERE number = ?')
  const campaigns = [...new Set(sent.map(({ campaign }) => campaign))]
  return {
    users: Uint32Array.from(sent, ({ user }) => user),
    times: Float64Array.from(sent, ({ time }) => time),
    campaigns: Uint32Array.from(sent, ({ campaign }) => campaign),
    articles: campaigns.map(number => [number, (name.get(number) as { id: string } | undefined)?.id ?? ''] as const),
    // Imported pushes may be older than those before them.
    before:
      rows.length < limit || (recent.length === 0 && rows.every(({ sender }) => sender !== 'imported'))
        ? undefined
        : rows.at(-1)!.number,
  }
}
