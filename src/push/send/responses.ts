import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { parseSendId } from './send-id.ts'
import type { UserRow } from './user-table.ts'

/** A click on a push, or that one was seen, at `time` (ms since 1970). */
export interface Response {
  /** Of the send. */
  readonly id: string
  readonly time: number
}

/**
 * `duplicate`: there was one before, of which the earlier time is kept. `not-sent`: kept, though the push was not handed over
 * as far as the ledger knows. `unknown-send`: nothing is kept.
 */
export type ResponseResult = 'recorded' | 'duplicate' | 'not-sent' | 'unknown-send'

interface Found extends Pick<UserRow, 'zone'> {
  readonly user: number
  readonly time: number | null
  readonly handed: number | null
}

/** What users did with their pushes. Called within transactions. */
export class ResponseTable {
  readonly #find: Readonly<Record<'clicked' | 'shown', StatementSync>>
  readonly #keep: Readonly<Record<'clicked' | 'shown', StatementSync>>

  constructor(database: DatabaseSync) {
    const find = (name: string) =>
      database.prepare(
        `SELECT ${name} AS time, handed, user, zone FROM sends JOIN users ON users.number = user
         WHERE sends.number = ? AND nonce = ?`,
      )
    const keep = (name: string) => database.prepare(`UPDATE sends SET ${name} = ? WHERE number = ?`)
    this.#find = { clicked: find('clicked'), shown: find('shown') }
    this.#keep = { clicked: keep('clicked'), shown: keep('shown') }
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
    onFirst({ number: found.user, zone: found.zone })
    return found.handed === null ? 'not-sent' : 'recorded'
  }
}
