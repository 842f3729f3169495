import type { DatabaseSync } from 'node:sqlite'

/** Sends that one transaction removes. */
const removedAtOnce = 5000

/**
 * Removes some of the sends that have ended and were reserved before `time`, and the campaigns, decisions and hold-outs that old; gives how
 * many sends. None: all are removed. The slots stay, and the newest send, so that no number is given twice.
 */
export function removeEnded(database: DatabaseSync, time: number): number {
  const { last } = database.prepare('SELECT max(number) AS last FROM sends').get() as { last: number | null }
  const remove = database.prepare('DELETE FROM sends WHERE number = ?')
  // By campaign: numbers of pushes of the past are in the order in which they were imported.
  const gone = database
    .prepare(
      `SELECT sends.number FROM campaigns CROSS JOIN sends ON sends.campaign = campaigns.number
       WHERE starts < ?1 AND reserved < ?1 AND state NOT IN ('reserved', 'handed') AND sends.number <> ?2 LIMIT ${removedAtOnce}`,
    )
    .all(time, last) as { number: number }[]
  for (const { number } of gone) remove.run(number)
  if (gone.length > 0) return gone.length
  const old = database
    .prepare(
      `SELECT number FROM campaigns WHERE ends < ? AND counted = 1 AND NOT EXISTS (SELECT 1 FROM sends WHERE campaign = campaigns.number)`,
    )
    .all(time) as { number: number }[]
  for (const { number } of old) {
    for (const table of ['hold_outs', 'dry_sends']) {
      database.prepare(`DELETE FROM ${table} WHERE campaign = ?`).run(number)
    }
    database.prepare('DELETE FROM campaigns WHERE number = ?').run(number)
  }
  database.prepare('DELETE FROM test_sends WHERE reserved < ?').run(time)
  database.prepare('DELETE FROM decisions WHERE time < ?').run(time)
  database.prepare('DELETE FROM articles WHERE created < ?').run(time)
  return 0
}

/**
 * Counts the pushes and clicks of one campaign that ended before `time` for its users, whose clicks are all in by then, each send once. Gives
 * the campaign's id, if there was one.
 */
export function countOne(database: DatabaseSync, time: number): string | undefined {
  const found = database
    .prepare('SELECT number, id FROM campaigns WHERE counted = 0 AND ends < ? ORDER BY ends LIMIT 1')
    .get(time) as { number: number; id: string } | undefined
  if (!found) return undefined
  const isNew = `state IN ('delivered', 'unknown') AND counted = 0`
  database
    .prepare(
      `UPDATE users SET pushes = pushes + 1, clicks = clicks + (of.clicked IS NOT NULL)
       FROM (SELECT user, clicked FROM sends WHERE campaign = ? AND ${isNew}) AS of WHERE of.user = users.number`,
    )
    .run(found.number)
  database.prepare(`UPDATE sends SET counted = 1 WHERE campaign = ? AND ${isNew}`).run(found.number)
  database.prepare('UPDATE campaigns SET counted = 1 WHERE number = ?').run(found.number)
  return found.id
}

/** Removes all that is known of a user; gives how many sends. */
export function forgetUser(database: DatabaseSync, id: string): number {
  const user = database.prepare('SELECT number, segment FROM users WHERE id = ?').get(id) as
    | { number: number; segment: number }
    | undefined
  if (!user) return 0
  const { number } = user
  const reserved = database
    .prepare(`SELECT campaign FROM sends WHERE state = 'reserved' AND number = (SELECT send FROM slots WHERE user = ?)`)
    .get(number) as { campaign: number } | undefined
  if (reserved) database.prepare('UPDATE campaigns SET used = used - 1 WHERE number = ?').run(reserved.campaign)
  // By the key of campaign and user: an index by user alone would cost each reservation.
  const { changes } = database
    .prepare('DELETE FROM sends WHERE (campaign, user) IN (SELECT number, ?1 FROM campaigns)')
    .run(number)
  for (const table of ['slots', 'visit_hours', 'hold_outs', 'dry_sends', 'test_sends']) {
    const where =
      table === 'hold_outs' || table === 'dry_sends'
        ? '(campaign, user) IN (SELECT number, ?1 FROM campaigns)'
        : 'user = ?1'
    database.prepare(`DELETE FROM ${table} WHERE ${where}`).run(number)
  }
  database.prepare('DELETE FROM users WHERE number = ?').run(number)
  // The last of a segment takes its name along.
  database
    .prepare('DELETE FROM segments WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM users WHERE segment = ?1)')
    .run(user.segment)
  database
    .prepare(
      `INSERT INTO settings VALUES ('forgotten-user', ?1) ON CONFLICT (name) DO UPDATE SET value = max(value, ?1)`,
    )
    .run(number)
  return Number(changes)
}
