import type { DatabaseSync } from 'node:sqlite'
import type { DryRun } from '../analysis.ts'
import type { Range } from './sends.ts'

/** Users that are named of each article. */
const mostUsers = 5

/** What was decided in a dry run of the range; undefined where there was none. */
export function dryRunOf(ledger: DatabaseSync, { from, now }: Range): DryRun | undefined {
  const campaigns = ledger
    .prepare(
      `SELECT campaigns.number, id, titles, starts, count(user) AS sends, coalesce(max(round), 0) + 1 AS rounds
       FROM campaigns JOIN dry_sends ON campaign = campaigns.number WHERE ends > ? AND starts <= ?
       GROUP BY campaigns.number ORDER BY campaigns.number DESC`,
    )
    .all(from, now) as { number: number; id: string; titles: string; starts: number; sends: number; rounds: number }[]
  if (campaigns.length === 0) return undefined
  const byTitle = ledger.prepare('SELECT title, count(*) AS sends FROM dry_sends WHERE campaign = ? GROUP BY title')
  const best = ledger.prepare(
    'SELECT id FROM dry_sends JOIN users ON users.number = user WHERE campaign = ? ORDER BY round, rank LIMIT ?',
  )
  return {
    sends: campaigns.reduce((sum, { sends }) => sum + sends, 0),
    articles: campaigns.map(({ number, id, titles, starts, sends, rounds }) => {
      const names = JSON.parse(titles) as string[]
      const counts = byTitle.all(number) as { title: number; sends: number }[]
      return {
        id,
        titles: counts.map(({ title, sends }) => ({ title: names[title] ?? `title ${title}`, sends })),
        sends,
        rounds,
        starts,
        users: (best.all(number, mostUsers) as { id: string }[]).map(({ id }) => id),
      }
    }),
  }
}
