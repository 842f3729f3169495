import type { DatabaseSync } from 'node:sqlite'
import type { VisitColumns, WeeklyActive } from '../input.ts'
import { batchesOf, type Range } from './sends.ts'

const day = 86_400_000
/** In ms: events of a user within one of these are one visit. */
const visit = 1_800_000

interface VisitRow {
  readonly user: number
  readonly time: number
}

/** Events of the journal, what the ledger was told of visits, and clicks, together: what lies in one half hour is one visit. */
export function* visitsOf(ledger: DatabaseSync, { from, now }: Range, hasJournal: boolean): Generator<VisitColumns> {
  const events = `SELECT number AS user, time FROM journal.events AS events JOIN users ON users.id = events.user
    WHERE undo IS NULL AND time BETWEEN ?1 AND ?2 UNION ALL`
  const rows = ledger
    .prepare(
      `SELECT user, min(time) AS time FROM (
         ${hasJournal ? events : ''}
         SELECT number AS user, last_visit AS time FROM users WHERE last_visit BETWEEN ?1 AND ?2 UNION ALL
         SELECT user, max(clicked, coalesce(handed, clicked)) AS time FROM sends WHERE clicked BETWEEN ?1 AND ?2
       ) GROUP BY user, time / ${visit}`,
    )
    .iterate(from, now) as Iterable<unknown> as Iterable<VisitRow>
  for (const batch of batchesOf(rows)) {
    yield {
      users: Uint32Array.from(batch, ({ user }) => user),
      times: Float64Array.from(batch, ({ time }) => time),
    }
  }
}

/** Users of the journal with an event in the seven days until each day before now, from the first day of the range on. */
export function weeklyActiveOf(ledger: DatabaseSync, { from, now }: Range): WeeklyActive {
  const days = Math.floor((now - from) / day)
  // Days are counted from now back; a day is the last of its week.
  const rows = ledger
    .prepare(
      `SELECT user, cast((?2 - time) / ${day} AS INTEGER) AS ago FROM journal.events WHERE undo IS NULL AND time > ?1 AND time <= ?2
       GROUP BY user, ago ORDER BY user, ago DESC`,
    )
    .iterate(now - (days + 7) * day, now) as Iterable<unknown> as Iterable<{
    readonly user: string
    readonly ago: number
  }>
  // (days + 1) By days ago: how many more users are active than a day before that.
  const changes = new Float64Array(days + 8)
  let [last, until] = ['', Number.POSITIVE_INFINITY]
  for (const { user, ago } of rows) {
    if (user !== last) [last, until] = [user, Number.POSITIVE_INFINITY]
    // Active from this day until six days later: what is new of that.
    const first = Math.min(ago, until - 1)
    const end = Math.max(0, ago - 6)
    if (first >= end) {
      changes[first]!++
      if (end > 0) changes[end - 1]!--
      until = end
    }
  }
  const times: number[] = []
  const users: number[] = []
  let active = 0
  for (let ago = changes.length - 1; ago >= 0; ago--) {
    active += changes[ago]!
    if (ago >= days) continue
    times.push(now - ago * day)
    users.push(active)
  }
  return { times, users }
}
