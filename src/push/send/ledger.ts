import { steadyTime } from '../../events/store.ts'
import { makeStateDirectory } from '../../storage/directory-lock.ts'
import { transact } from '../../storage/sqlite.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { bestDue, hourCurve } from './best-hour.ts'
import { LedgerRecords, type PushLedgerOptions } from './records.ts'
import type { Candidate, Reservation } from './reservation.ts'
import type { Confirmed } from './send.ts'
import { parseSendId } from './send-id.ts'
import type { Outgoing, SendResult } from './senders/sender.ts'
import { endedAtOnce } from './tables/deliveries.ts'
import { ReservationTable } from './tables/reservations.ts'
import { isTest, type TestSent } from './tables/test-sends.ts'
import { everybody, quietOf } from './tables/users.ts'

export type { PushLedgerOptions }

export interface BestHourOptions {
  readonly now?: number
  /** In ms: after so long an article is worth half. Default: 2 hours. */
  readonly halfLife?: number
}

/**
 * Who gets which push: reserved, handed to a sender, confirmed, each step on disk when the method returns. All times are ms
 * since 1970; `now` is by default a clock that nobody sets while the process runs.
 *
 * A user has at most one push that is open, or that went out, or may have, less than an interval ago. That is a key and
 * triggers of the database (`schema.ts`), so it holds for several processes and for faults of this code. A clock that is put back
 * makes users wait longer, never shorter.
 */
export class PushLedger extends LedgerRecords {
  readonly #reservations: ReservationTable

  /**
   * The ledger of the state in the directory `state`; both are made if there are none.
   *
   * @throws Error when the directory cannot hold a state, or the file is not a ledger, or of another version.
   */
  static open(state: string, options: PushLedgerOptions = {}): PushLedger {
    makeStateDirectory(state)
    return new PushLedger(state, options)
  }

  protected constructor(state: string, options: PushLedgerOptions) {
    super(state, options)
    this.#reservations = new ReservationTable(this.database, this.campaignTable, this.quiet)
  }

  /** These users get no push of the campaign, to compare with. Gives how many are new in it; who has a push of it cannot be. */
  holdOut(campaign: string, users: readonly string[]): number {
    let count = 0
    transact(this.database, () => {
      count = this.#reservations.holdOut(campaign, users)
    })
    return count
  }

  /** Holds those of the users out of the campaign who could have a push of it now, and gives their places. */
  holdOutOf(campaign: string, users: readonly string[], now = steadyTime()): number[] {
    let places: number[] = []
    transact(this.database, () => {
      places = this.#reservations.holdOutOf(campaign, users, now)
    })
    return places
  }

  /**
   * Reserves a push of the campaign for each of `candidates` who may have one, in their order while the budget lasts.
   *
   * @throws RangeError where there is no such campaign, or a candidate's title is none of it.
   */
  reserve(campaign: string, candidates: readonly Candidate[], now = steadyTime()): Reservation {
    let reservation: Reservation = { sends: [], refused: [] }
    transact(this.database, () => {
      reservation = this.#reservations.reserve(campaign, candidates, now)
    })
    return reservation
  }

  /**
   * Sends a push of the campaign to `users` at once, marked as a test: it takes no slot, counts nowhere, and goes out whether pushes are
   * paused or not.
   *
   * @throws RangeError where there is no such campaign, or it has no such title.
   */
  sendTest(campaign: string, users: readonly string[], title = 0, now = steadyTime()): TestSent {
    let sent: TestSent = { sends: [], refused: [] }
    transact(this.database, () => {
      const titles = JSON.parse(this.campaignTable.named(campaign).titles) as string[]
      assertWholeNumber('title', title, 0, titles.length - 1)
      sent = this.tests.send(campaign, users, { title, now })
    })
    return sent
  }

  /**
   * Up to `most` pushes that are due at `sender`: from now on they may have gone out. Tests come first, then campaigns that end first.
   * Those of users whose quiet hours it is by now wait for their end.
   */
  hand(sender: string, most: number, now = steadyTime()): Outgoing[] {
    const outgoing: Outgoing[] = []
    transact(this.database, () => {
      this.tests.hand({ sender, most, now }, outgoing)
      if (this.campaignTable.allPaused !== undefined || this.campaignTable.isDryRun) return
      for (const campaign of this.campaignTable.open(now)) {
        this.deliveries.hand(campaign, { sender, most, now }, outgoing)
      }
    })
    return outgoing
  }

  /** Keeps what senders answered. Again and again has no effect: a send that has ended stays as it is. */
  confirm(results: readonly SendResult[], now = steadyTime()): Confirmed {
    const counts = { delivered: 0, unknown: 0, failed: 0, expired: 0, cancelled: 0, retried: 0, ignored: 0 }
    const givenBack = new Map<number, number>()
    const onGivenBack = (campaign: number) => givenBack.set(campaign, (givenBack.get(campaign) ?? 0) + 1)
    transact(this.database, () => {
      for (const result of results) {
        const key = parseSendId(result.id)
        if (!key) counts.ignored++
        else if (isTest(key)) counts[this.tests.confirm(key, result, now)]++
        else counts[this.deliveries.confirm(key, result, now, onGivenBack)]++
      }
      for (const [campaign, count] of givenBack) this.campaignTable.use(campaign, -count)
    })
    return counts
  }

  /** Ends what is reserved of campaigns whose life is over, and frees the weeks of its users. Gives how many pushes. */
  expire(now = steadyTime()): number {
    let count = 0
    for (const { number } of this.campaignTable.over(now)) {
      for (;;) {
        let ended = 0
        transact(this.database, () => {
          ended = this.deliveries.expireSome(number, now)
        })
        count += ended
        if (ended < endedAtOnce) break
      }
    }
    this.tests.expire(now)
    return count
  }

  /**
   * After a crash of who handed pushes over, what was not confirmed is sent again under the same key where `isIdempotent` says
   * that its sender knows keys again, and else counts as sent. Only while nobody else has any in hand.
   */
  resolveHanded(
    isIdempotent: (sender: string) => boolean,
    now = steadyTime(),
  ): { readonly again: number; readonly unknown: number } {
    let resolved = { again: 0, unknown: 0 }
    transact(this.database, () => {
      resolved = this.deliveries.resolveHanded(isIdempotent, now)
      this.tests.resolveHanded()
    })
    return resolved
  }

  /** When the next push is due at `sender`, if one waits. It may be in the past. */
  nextDue(sender: string, now = steadyTime()): number | undefined {
    if (this.campaignTable.allPaused !== undefined || this.campaignTable.isDryRun) return undefined
    return this.deliveries.nextDue(sender, now)
  }

  /**
   * Candidates for the campaign, each due when it is best within what is left of its life (`best-hour.ts`). Who is not known, or whose
   * quiet hours last until its end, is due at once, which a reservation then refuses.
   */
  atBestHours(
    campaign: string,
    users: readonly string[],
    { now = steadyTime(), halfLife }: BestHourOptions = {},
  ): Candidate[] {
    const { starts, ends } = this.campaignTable.named(campaign)
    const population = this.users.hoursOf(everybody)
    const from = Math.max(now, starts)
    return users.map(user => {
      const found = this.users.find(user)
      if (!found) return { user }
      const curve = hourCurve(this.users.hoursOf(found.number), population)
      const quiet = quietOf(found) ?? this.quiet
      const due = bestDue({
        curve,
        zone: found.zone,
        quiet,
        from,
        until: ends,
        ...(halfLife !== undefined && { halfLife }),
      })
      return due === undefined ? { user } : { user, due }
    })
  }

  close(): void {
    this.database.close()
  }
}
