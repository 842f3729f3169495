import type { DatabaseSync } from 'node:sqlite'
import { nonceSource } from './reservations.ts'
import type { UserTable } from './users.ts'

/** A push of the past, sent by other means. Times in ms since 1970. */
export interface PastPush {
  readonly user: string
  readonly article: string
  readonly title?: string | undefined
  readonly sent: number
  readonly clicked?: number | undefined
}

export interface PastPushesKept {
  readonly pushes: number
  /** Of which the ledger has one of the same user and article. */
  readonly duplicates: number
}

interface PastOptions {
  readonly now: number
  /** In ms: from one push to a user to the next. */
  readonly interval: number
  /** Called where a push that is cancelled may have gone out. */
  endSlot(user: number, send: number): void
}

/** What the campaign of past pushes has as its title where they have none. */
const nameless = '(no title)'

/**
 * Keeps pushes of the past as sends that were delivered: they count for usual CTRs, and the latest keeps the slot of its user for what is left
 * of `interval`; what is reserved for that user is cancelled. Users who are not known are added. Within a transaction.
 */
export function keepPastPushes(
  database: DatabaseSync,
  users: UserTable,
  pushes: readonly PastPush[],
  { now, interval, endSlot }: PastOptions,
): PastPushesKept {
  const put = database.prepare(
    `INSERT INTO campaigns (id, titles, starts, ends, budget, used, target, closed) VALUES (?1, ?2, ?3, ?3 + 1, 0, 0, 2.4, 1)
     ON CONFLICT (id) DO UPDATE SET starts = iif(budget = 0, min(starts, ?3), starts), ends = iif(budget = 0, max(ends, ?3 + 1), ends)
     RETURNING number, counted`,
  )
  const insert = database.prepare(
    `INSERT INTO sends (number, nonce, campaign, user, title, sender, state, reserved, due, handed, ended, attempts, clicked, counted)
     VALUES ((SELECT coalesce(max(number), 0) + 1 FROM sends), ?1, ?2, ?3, 0, 'imported', 'delivered', ?4, ?4, ?4, ?4, 1, ?5, ?6)
     ON CONFLICT (campaign, user) DO NOTHING RETURNING number`,
  )
  const count = database.prepare('UPDATE users SET pushes = pushes + 1, clicks = clicks + ?2 WHERE number = ?1')
  const slot = database.prepare(
    `INSERT INTO slots VALUES (?1, ?2, ?3, ?4) ON CONFLICT (user) DO UPDATE
       SET send = iif(until <= ?3, ?2, send), taken = iif(until <= ?3, ?3, taken), until = max(until, ?4)`,
  )
  // What is handed over cannot be cancelled: however it ends the week is kept, and it is not sent again.
  const handed = `(SELECT number FROM sends WHERE number = (SELECT send FROM slots WHERE user = ?1) AND user = ?1 AND state = 'handed')`
  const keepHanded = database.prepare(`UPDATE sends SET uncertain = 1 WHERE number = ${handed} RETURNING handed`)
  const takeAgain = database.prepare('UPDATE slots SET taken = max(?2, ?3 + 1) WHERE user = ?1')
  const nonces = nonceSource(pushes.length)
  let kept = 0
  for (const { user, article, title, sent, clicked } of pushes) {
    const time = Math.min(sent, now)
    const { number } = users.known(user, now)
    const campaign = put.get(article, JSON.stringify([title ?? nameless]), time) as { number: number; counted: number }
    const click = clicked === undefined ? null : Math.min(Math.max(clicked, time), now)
    const added = insert.get(nonces(), campaign.number, number, time, click, campaign.counted) as
      | { number: number }
      | undefined
    if (!added) continue
    kept++
    if (campaign.counted === 1) count.run(number, Number(click !== null))
    if (time + interval <= now) continue
    users.cancelOpen(number, { now, reason: 'in-week' }, endSlot)
    const open = keepHanded.get(number) as { handed: number } | undefined
    if (open) takeAgain.run(number, now, open.handed)
    slot.run(number, added.number, time, time + interval)
  }
  return { pushes: kept, duplicates: pushes.length - kept }
}
