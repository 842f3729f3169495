import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Confirmed } from '../send.ts'
import { type SendKey, sendIdOf } from '../send-id.ts'
import type { Outgoing, SendResult } from '../senders/sender.ts'
import { nonceSource } from './reservations.ts'

/** The numbers of tests in their ids lie above those of all other sends. */
const firstTest = 2 ** 47
/** In ms: a test that could not be sent by then is not sent. */
const life = 3_600_000

export function isTest({ number }: SendKey): boolean {
  return number > firstTest
}

/** What a test shows. */
export interface TestPush {
  readonly article: string
  readonly title: string
  readonly url?: string | undefined
}

export interface TestSent {
  readonly sends: readonly { readonly id: string; readonly user: string }[]
  readonly refused: readonly { readonly user: string; readonly reason: TestRefusal }[]
}

type TestRefusal = 'unknown-user' | 'no-address' | 'no-sender'

interface TestRow extends SendKey {
  readonly id: string
  readonly address: string | null
  readonly article: string
  readonly title: string
  readonly url: string | null
  readonly reserved: number
  readonly attempts: number
}

/**
 * Pushes of an article to people who look at it first. They take no slot and count nowhere, and go out at once, also in quiet hours,
 * while pushes are paused and in a dry run. Called within transactions.
 */
export class TestSendTable {
  readonly #senders: ReadonlySet<string> | undefined
  readonly #user: StatementSync
  readonly #insert: StatementSync
  readonly #due: StatementSync
  readonly #hand: StatementSync
  readonly #handed: StatementSync
  readonly #end: StatementSync
  readonly #again: StatementSync
  readonly #expire: StatementSync
  readonly #interrupted: StatementSync
  readonly #click: StatementSync

  /** `senders`: the names of what pushes go out by, where they are known. */
  constructor(database: DatabaseSync, senders: ReadonlySet<string> | undefined) {
    this.#senders = senders
    const prepare = (sql: string) => database.prepare(sql)
    this.#user = prepare('SELECT number, sender FROM users WHERE id = ?')
    this.#insert = prepare(
      `INSERT INTO test_sends (number, nonce, article, title, url, user, sender, state, reserved, due)
       VALUES ((SELECT coalesce(max(number), ${firstTest}) + 1 FROM test_sends), ?1, ?2, ?3, ?4, ?5, ?6, 'reserved', ?7, ?7)
       RETURNING number`,
    )
    // By the sender that the user has now: it may be another than before.
    this.#due = prepare(
      `SELECT test_sends.number, nonce, id, address, article, title, url, reserved, attempts
       FROM test_sends JOIN users ON users.number = test_sends.user
       WHERE coalesce(users.sender, test_sends.sender) = ? AND state = 'reserved' AND due <= ? ORDER BY due LIMIT ?`,
    )
    this.#hand = prepare(
      `UPDATE test_sends SET state = 'handed', attempts = attempts + 1, sender = ?2 WHERE number = ?1`,
    )
    this.#handed = prepare(`SELECT reserved FROM test_sends WHERE number = ? AND nonce = ? AND state = 'handed'`)
    this.#end = prepare('UPDATE test_sends SET state = ?, reason = ? WHERE number = ?')
    this.#again = prepare(`UPDATE test_sends SET state = 'reserved', due = ?, reason = ? WHERE number = ?`)
    this.#expire = prepare(
      `UPDATE test_sends SET state = 'expired', reason = 'life-ended' WHERE state = 'reserved' AND reserved <= ?`,
    )
    this.#interrupted = prepare(
      `UPDATE test_sends SET state = 'unknown', reason = 'interrupted' WHERE state = 'handed'`,
    )
    this.#click = prepare('UPDATE test_sends SET clicked = coalesce(clicked, ?) WHERE number = ? AND nonce = ?')
  }

  /** To users with an address, whether they have opted out or not: who tests has named them. */
  send({ article, title, url }: TestPush, users: readonly string[], now: number): TestSent {
    const nonces = nonceSource(users.length)
    const sends: { id: string; user: string }[] = []
    const refused: { user: string; reason: TestRefusal }[] = []
    for (const user of new Set(users)) {
      const found = this.#user.get(user) as { number: number; sender: string | null } | undefined
      if (!found || found.sender === null) {
        refused.push({ user, reason: found ? 'no-address' : 'unknown-user' })
        continue
      }
      if (this.#senders?.has(found.sender) === false) {
        refused.push({ user, reason: 'no-sender' })
        continue
      }
      const nonce = nonces()
      const { number } = this.#insert.get(nonce, article, title, url ?? null, found.number, found.sender, now) as {
        number: number
      }
      sends.push({ id: sendIdOf({ number, nonce }), user })
    }
    return { sends, refused }
  }

  hand({ sender, most, now }: { sender: string; most: number; now: number }, outgoing: Outgoing[]): void {
    for (const row of this.#due.all(sender, now, most - outgoing.length) as unknown as TestRow[]) {
      if (row.address === null) {
        this.#end.run('failed', 'no-address', row.number)
        continue
      }
      this.#hand.run(row.number, sender)
      outgoing.push({
        id: sendIdOf(row),
        user: row.id,
        campaign: row.article,
        address: row.address,
        title: `[test] ${row.title}`,
        ...(row.url !== null && { url: row.url }),
        ends: row.reserved + life,
        attempt: row.attempts + 1,
        isTest: true,
      })
    }
  }

  confirm({ number, nonce }: SendKey, result: SendResult, now: number): keyof Confirmed {
    const found = this.#handed.get(number, nonce) as { reserved: number } | undefined
    if (!found) return 'ignored'
    if (result.outcome === 'retry' && now + result.after < found.reserved + life) {
      this.#again.run(Math.ceil(now + result.after), result.reason, number)
      return 'retried'
    }
    const state = result.outcome === 'retry' ? 'expired' : result.outcome === 'gone' ? 'failed' : result.outcome
    this.#end.run(state, 'reason' in result ? (result.reason ?? null) : null, number)
    return state
  }

  expire(now: number): void {
    this.#expire.run(now - life)
  }

  resolveHanded(): void {
    this.#interrupted.run()
  }

  /** Whether there is such a test. */
  click({ number, nonce }: SendKey, time: number): boolean {
    return this.#click.run(time, number, nonce).changes > 0
  }
}
