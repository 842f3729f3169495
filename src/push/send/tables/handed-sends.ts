import type { DatabaseSync } from 'node:sqlite'

/** A send, and when something became of it, in ms since 1970. */
export interface SendMark {
  /** A row of `PushUsers`. */
  readonly user: number
  readonly article: string
  readonly time: number
}

/** What became of sends, each in one of the two or, while it waits, in none; in order of time. */
export interface HandedSends {
  /** Those that went out or may have, by the last time that they were handed over. */
  readonly handed: readonly SendMark[]
  /** Those that ended as failed, expired or cancelled, by their ends. */
  readonly unsent: readonly SendMark[]
}

/** Of the sends of campaigns that end after `time`. */
export function handedSince(database: DatabaseSync, time: number): HandedSends {
  const marks = (column: string, states: string) => {
    const rows = database
      .prepare(
        `SELECT user - 1 AS user, id AS article, ${column} AS time FROM campaigns JOIN sends ON sends.campaign = campaigns.number
         WHERE campaigns.ends > ? AND ${column} IS NOT NULL AND state ${states} ('failed', 'expired', 'cancelled') ORDER BY time, sends.number`,
      )
      .all(time) as unknown as SendMark[]
    return rows.map(({ user, article, time }) => ({ user, article, time }))
  }
  return { handed: marks('handed', 'NOT IN'), unsent: marks('ended', 'IN') }
}
