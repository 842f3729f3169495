import { steadyTime } from '../../events/store.ts'
import { makeStateDirectory } from '../../storage/directory-lock.ts'
import { transact } from '../../storage/sqlite.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { catalogueArticle } from './catalogue-article.ts'
import { LedgerRecords, type PushLedgerOptions } from './records.ts'
import type { Candidate, HeldOut, HoldOutCandidate, Reservation } from './reservation.ts'
import type { Confirmed } from './send.ts'
import { parseSendId } from './send-id.ts'
import type { Outgoing, SendResult } from './senders/sender.ts'
import { endedAtOnce } from './tables/deliveries.ts'
import { ReservationTable } from './tables/reservations.ts'
import { isTest, type TestPush, type TestSent } from './tables/test-sends.ts'

export type { PushLedgerOptions }

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
    const { users, campaignTable: campaigns, quiet, senders } = this
    this.#reservations = new ReservationTable(this.database, {
      users,
      campaigns,
      quiet,
      senders,
      bestHours: options.bestHours ?? false,
    })
  }

  /** Holds those of the users out of the campaign who could have a push of it now, and gives their places. */
  holdOut(campaign: string, users: readonly HoldOutCandidate[], now = steadyTime()): number[] {
    let places: number[] = []
    transact(this.database, () => {
      places = this.#reservations.holdOut(campaign, users, now)
    })
    return places
  }

  /** Who is held out of campaigns that end after `time`, in the order of holding out. */
  holdOutsSince(time: number): HeldOut[] {
    return this.#reservations.heldOutSince(time)
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
   * Sends a push of the article to `users` at once, marked as a test: it takes no slot, counts nowhere, and goes out whether pushes are
   * paused or not. Where the article has no campaign yet, it is as the catalogue of the state has it, and its own title is the only one.
   *
   * @throws RangeError where there is no such article, or it has no such title.
   */
  sendTest(article: string, users: readonly string[], title: number | string = 0, now = steadyTime()): TestSent {
    const push = this.#testPush(article, title)
    let sent: TestSent = { sends: [], refused: [] }
    transact(this.database, () => {
      sent = this.tests.send(push, users, now)
    })
    return sent
  }

  /** `title`: the place of one of the titles, or another text. */
  #testPush(article: string, title: number | string): TestPush {
    const campaign = this.campaignTable.find(article)
    const item = campaign ? undefined : catalogueArticle(this.directory, article)
    if (!campaign && !item) {
      throw new RangeError(
        `expected the id of an article that has a campaign, or is in the catalogue of the state, got ${JSON.stringify(article)}: put the item first`,
      )
    }
    const url = campaign ? (campaign.url ?? undefined) : item?.url
    if (typeof title === 'string') return { article, title, url }
    const titles = campaign ? (JSON.parse(campaign.titles) as string[]) : item?.title ? [item.title] : []
    if (titles.length === 0) {
      throw new RangeError(
        `expected an article with a title, got ${JSON.stringify(article)}, which has none: give a text`,
      )
    }
    assertWholeNumber('title', title, 0, titles.length - 1)
    return { article, title: titles[title]!, url }
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

  close(): void {
    this.database.close()
  }
}
