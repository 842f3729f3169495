import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { parseSendId, type SendKey, sendIdOf } from '../send-id.ts'
import type { UserRow } from './users.ts'

/** A click on a push, or that one was seen, at `time` (ms since 1970). */
export interface Response {
  /** Of the send. */
  readonly id: string
  readonly time: number
}

/** A click on the push that a user had of an article, where its id is not known. */
export interface ArticleClick {
  readonly user: string
  readonly article: string
  readonly time: number
}

/**
 * `test`: of a push that was sent as a test: it does not count. `duplicate`: there was one before, of which the earlier time is kept. `not-sent`: kept, though the push was not handed over
 * as far as the ledger knows. `unknown-send`: nothing is kept.
 */
export type ResponseResult = 'recorded' | 'test' | 'duplicate' | 'not-sent' | 'unknown-send'

interface Found extends Pick<UserRow, 'zone'> {
  readonly user: number
  readonly time: number | null
  readonly handed: number | null
  /** 1: `pushes` of the user has it. */
  readonly counted: number
}

/** What users did with their pushes. Called within transactions. */
export class ResponseTable {
  readonly #find: Readonly<Record<'clicked' | 'shown', StatementSync>>
  readonly #keep: Readonly<Record<'clicked' | 'shown', StatementSync>>
  readonly #countLate: StatementSync
  readonly #sendOf: StatementSync
  readonly #userOf: StatementSync

  constructor(database: DatabaseSync) {
    const find = (name: string) =>
      database.prepare(
        `SELECT ${name} AS time, handed, user, zone, counted FROM sends JOIN users ON users.number = user
         WHERE sends.number = ? AND nonce = ?`,
      )
    const keep = (name: string) => database.prepare(`UPDATE sends SET ${name} = ? WHERE number = ?`)
    this.#find = { clicked: find('clicked'), shown: find('shown') }
    this.#keep = { clicked: keep('clicked'), shown: keep('shown') }
    this.#countLate = database.prepare('UPDATE users SET clicks = min(clicks + 1, pushes) WHERE number = ?')
    this.#sendOf = database.prepare(
      `SELECT sends.number, nonce FROM sends WHERE campaign = (SELECT number FROM campaigns WHERE id = ?)
         AND user = (SELECT number FROM users WHERE id = ?)`,
    )
    this.#userOf = database.prepare(
      'SELECT users.id FROM sends JOIN users ON users.number = user WHERE sends.number = ? AND nonce = ?',
    )
  }

  /** The id of the push that `user` had of `article`, if there is one. */
  sendOf({ user, article }: Pick<ArticleClick, 'user' | 'article'>): string | undefined {
    const found = this.#sendOf.get(article, user) as unknown as SendKey | undefined
    return found && sendIdOf(found)
  }

  /** Whose push it is. */
  userOf(id: string): string | undefined {
    const key = parseSendId(id)
    return key && (this.#userOf.get(key.number, key.nonce) as { id: string } | undefined)?.id
  }

  /** Calls `onFirst` with whose it was, where it is the first of its send. */
  record(
    what: 'clicked' | 'shown',
    { id, time }: Response,
    onFirst: (user: Pick<UserRow, 'number' | 'zone'>) => void = () => {},
  ): ResponseResult {
    const key = parseSendId(id)
    const found = key && (this.#find[what].get(key.number, key.nonce) as unknown as Found | undefined)
    if (!found) return 'unknown-send'
    if (found.time === null || time < found.time) this.#keep[what].run(time, key.number)
    if (found.time !== null) return 'duplicate'
    if (what === 'clicked' && found.counted === 1) this.#countLate.run(found.user)
    onFirst({ number: found.user, zone: found.zone })
    return found.handed === null ? 'not-sent' : 'recorded'
  }
}
