import { join } from 'node:path'
import { EventReader, type StandingEvent } from '../../../events/reader.ts'
import { eventsFile } from '../../../events/schema.ts'
import { steadyTime } from '../../../events/store.ts'
import { makeStateDirectory } from '../../../storage/directory-lock.ts'
import { isMade, transact } from '../../../storage/sqlite.ts'
import type { PushArticle } from '../../data/article.ts'
import type { PlannedHoldOut, PlannedSend, PushAction, PushObservation } from '../../loop/actions.ts'
import { PushLedger, type PushLedgerOptions } from '../../send/ledger.ts'
import type { Refusal } from '../../send/reservation.ts'
import type { ArticleClick, ResponseResult } from '../../send/tables/responses.ts'
import { countOne, forgetUser, removeEnded } from '../../send/tables/retention.ts'
import { type LedgerChanges, type UserStates, UserStateTable } from '../../send/tables/user-states.ts'
import { ArticleIntake, type ArticleRules } from './article-intake.ts'
import { type EventRules, isClick, isRead, latest, Visits } from './event-rules.ts'
import { actionsOf, type TimedAction } from './past-actions.ts'
import { endedCampaigns, outcomesOf, type PastPushPage, pastPushes, type TitleOutcomes } from './past-outcomes.ts'

export interface LiveLedgerOptions extends PushLedgerOptions {
  readonly articles: ArticleRules
  readonly events: EventRules
}

/** Some of the journal's events. */
export interface EventsTaken {
  /** In the order of their arrival. */
  readonly observations: readonly PushObservation[]
  /** Where the next page begins. */
  readonly position: number
  /** Whether there may be more. */
  readonly more: boolean
  /** Clicks on pushes that nobody had. */
  readonly strayClicks: number
}

/** A round that the loop wants; users are rows. */
export interface PlannedRound {
  readonly round: number
  readonly sends: readonly PlannedSend[]
  readonly holdOuts: readonly PlannedHoldOut[]
  readonly now: number
}

export interface PlannedReserved {
  /** Places in the round's sends, and hold-outs. */
  readonly made: readonly number[]
  readonly heldOut: readonly number[]
  /** Who cannot have it before `until`; infinite: never. */
  readonly refused: readonly { readonly user: number; readonly reason: Refusal; readonly until: number }[]
}

/**
 * The ledger beside the journal and the catalogue of its state: what the push engine reads of these, each event taken once, and its position kept
 * with what follows from it.
 */
export class LiveLedger extends PushLedger {
  readonly #rules: EventRules
  readonly #states: UserStateTable
  readonly #articles: ArticleIntake
  #reader: EventReader | undefined

  /** @throws as {@link PushLedger.open}. */
  static override open(state: string, options: Partial<LiveLedgerOptions> = {}): LiveLedger {
    makeStateDirectory(state)
    const { articles = { within: 0 }, events = { click: 'push_click' }, ...rest } = options
    return new LiveLedger(state, { ...rest, articles, events })
  }

  private constructor(state: string, { articles, events, ...options }: LiveLedgerOptions) {
    super(state, options)
    this.#rules = events
    this.#states = new UserStateTable(this.database, this.senders)
    this.#articles = new ArticleIntake(state, this.database, articles)
  }

  /** From now on {@link takeChanges} gives what changed, and items of the catalogue are new. */
  watch(now = steadyTime()): void {
    this.#states.watch()
    this.#articles.begin(now)
  }

  /** What has changed since the last call. */
  takeChanges(): LedgerChanges {
    let changes: LedgerChanges | undefined
    transact(this.database, () => {
      changes = this.#states.takeChanges()
    })
    return changes!
  }

  /** Of users after row `after` (-1: from the first). */
  userStates(after: number, limit: number): UserStates {
    return this.#states.page(after, limit)
  }

  /** Senders that users have, and that are not configured; each once. */
  takeUnknownSenders(): string[] {
    return this.#states.takeUnknownSenders()
  }

  /**
   * Takes up to `limit` events of the journal that were not taken before: keeps when their users came and clicked, in one transaction with the
   * position. What happened more than an hour before `now` is kept, but no observation.
   */
  takeEvents(now: number, limit: number): EventsTaken {
    const reader = this.#journal()
    if (!reader) return { observations: [], position: 0, more: false, strayClicks: 0 }
    const after = this.#position(reader.journal)
    const events = reader.after(after, limit)
    const position = events.at(-1)?.position ?? after
    const observations: PushObservation[] = []
    let strayClicks = 0
    if (events.length > 0) {
      transact(this.database, () => {
        const visits = new Visits()
        for (const event of events) {
          const { zone, ...seen } = this.#see(event, visits, now)
          if (isClick(event, this.#rules)) {
            const click = { user: event.user, article: event.item!, time: seen.time }
            if (this.#click(click, now) === 'unknown-send') strayClicks++
          }
          if (seen.time >= now - latest) observations.push(...this.#observationsOf(event, seen))
        }
        this.database.prepare("INSERT OR REPLACE INTO settings VALUES ('journal', ?)").run(reader.journal)
        this.database.prepare("INSERT OR REPLACE INTO settings VALUES ('position', ?)").run(position)
      })
    }
    return { observations, position, more: events.length === limit, strayClicks }
  }

  /** The last position of the journal whose event arrived before `time`. */
  positionAt(time: number): number {
    return this.#journal()?.positionAt(time) ?? 0
  }

  /** As {@link takeEvents} gave them, those after `after` that were taken, again; nothing is kept. */
  eventsTaken(after: number, limit: number): EventsTaken {
    const reader = this.#journal()
    const taken = reader ? this.#position(reader.journal) : 0
    const events = reader ? reader.after(after, limit).filter(({ position }) => position <= taken) : []
    const visits = new Visits()
    const observations = events.flatMap(event => {
      const found = this.users.find(event.user)
      if (!found) return []
      const begins = visits.begins(found.number, event.time, null)
      return this.#observationsOf(event, { number: found.number, time: event.time, begins })
    })
    const more = events.length === limit
    return { observations, position: events.at(-1)?.position ?? after, more, strayClicks: 0 }
  }

  /** The articles that are new at `now`; each is given once. */
  takeArticles(now: number): PushArticle[] {
    return this.#articles.take(now)
  }

  /** Those that were given and appeared at `since` or later. */
  articlesTaken(since: number, now = steadyTime()): PushArticle[] {
    return this.#articles.taken(since, now)
  }

  /** What was decided and done about articles of campaigns that end after `since`, in order of time. */
  actionsSince(since: number): TimedAction[] {
    return actionsOf(this.database, { since, campaigns: this.campaignTable, decisions: this.decisionTable })
  }

  /** First clicks on pushes of campaigns that end after `since`, which came then or later; users are rows. */
  clicksSince(since: number): { user: number; article: string; time: number }[] {
    const rows = this.database
      .prepare(
        `SELECT user - 1 AS user, id AS article, max(clicked, coalesce(handed, clicked)) AS time
         FROM campaigns JOIN sends ON sends.campaign = campaigns.number WHERE ends > ?1 AND clicked >= ?1 ORDER BY time`,
      )
      .all(since) as { user: number; article: string; time: number }[]
    return rows.map(({ user, article, time }) => ({ user, article, time }))
  }

  /** See {@link endedCampaigns}. */
  endedCampaigns(since: number, until: number, limit: number): string[] {
    return endedCampaigns(this.database, { since, until, limit })
  }

  /** See {@link outcomesOf}. */
  outcomesOf(article: string): TitleOutcomes[] {
    return outcomesOf(this.database, article)
  }

  /** See {@link pastPushes}. */
  pastPushes(since: number, before: number, limit: number): PastPushPage {
    return pastPushes(this.database, { since, before, limit })
  }

  /** Reserves what the loop wants, and holds out whom it wants of those who could have a push now. @throws as {@link reserve}. */
  reservePlanned(article: string, { round, sends, holdOuts, now }: PlannedRound): PlannedReserved {
    // Who was forgotten meanwhile is nobody: no id is empty.
    const idsOf = (users: readonly { readonly user: number }[]) =>
      this.idsOf(users.map(({ user }) => user)).map(id => id ?? '')
    const ids = idsOf(sends)
    const candidates = sends.map(({ title, rank, usualCtr, expectedCtr }, at) => {
      return { user: ids[at]!, title, round, rank, usualCtr, expectedCtr }
    })
    const { sends: made, refused } = this.reserve(article, candidates, now)
    const rows = new Map(ids.map((id, at) => [id, sends[at]!.user]))
    const users = new Set(made.map(({ user }) => user))
    return {
      made: ids.flatMap((id, at) => (users.delete(id) ? [at] : [])),
      heldOut: this.holdOut(
        article,
        idsOf(holdOuts).map((user, at) => ({ user, rank: holdOuts[at]!.rank })),
        now,
      ),
      refused: refused.map(({ user, reason, until = Number.POSITIVE_INFINITY }) => {
        return { user: rows.get(user)!, reason, until }
      }),
    }
  }

  /** Sends of campaigns that end after `since` that have arrived, or may have, in order of time; users are rows. */
  deliveriesSince(since: number): { user: number; article: string; time: number }[] {
    const rows = this.database
      .prepare(
        `SELECT user - 1 AS user, id AS article, max(coalesce(handed, reserved), reserved) AS time
         FROM campaigns JOIN sends ON sends.campaign = campaigns.number
         WHERE ends > ? AND state IN ('delivered', 'unknown') ORDER BY time`,
      )
      .all(since) as { user: number; article: string; time: number }[]
    return rows.map(({ user, article, time }) => ({ user, article, time }))
  }

  /** Undefined where there is no such user. */
  rowOf(id: string): number | undefined {
    const number = this.users.find(id)?.number
    return number === undefined ? undefined : number - 1
  }

  /** The ids of users by their rows; undefined where there is none. */
  idsOf(rows: readonly number[]): (string | undefined)[] {
    const find = this.database.prepare('SELECT id FROM users WHERE number = ?')
    return rows.map(row => (find.get(row + 1) as { id: string } | undefined)?.id)
  }

  /** Keeps a click of `user` on the push of an article, or on the one of the id `send`, which must be the user's. */
  clickOf({
    user,
    article,
    send,
    time,
  }: {
    user: string
    article?: string
    send?: string
    time: number
  }): ResponseResult {
    const now = steadyTime()
    if (send !== undefined) {
      const owner = this.responses.userOf(send)
      return owner === user ? this.recordClick(send, time, now) : 'unknown-send'
    }
    let result: ResponseResult = 'unknown-send'
    transact(this.database, () => {
      result = this.#click({ user, article: article!, time }, now)
    })
    return result
  }

  /** Counts the pushes of campaigns that ended before `time` for usual CTRs. Gives how many campaigns, at most `most`. */
  countEnded(time: number, most: number): number {
    let count = 0
    for (; count < most; count++) {
      let counted: string | undefined
      transact(this.database, () => {
        counted = countOne(this.database, time)
      })
      if (counted === undefined) break
    }
    return count
  }

  /** Removes some of the sends that were reserved before `time`; gives how many. None: all are removed. */
  removeEnded(time: number): number {
    let removed = 0
    transact(this.database, () => {
      removed = removeEnded(this.database, time)
    })
    return removed
  }

  /** Nothing of a user is left, in the file and its log neither; gives how many sends. @throws Error while another process reads the ledger. */
  forget(user: string): number {
    let removed = 0
    transact(this.database, () => {
      removed = forgetUser(this.database, user)
    })
    const { busy } = this.database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
    if (busy === 0) return removed
    throw new Error(
      'another process reads the push ledger, so its log has the user still: do it again when its copy or report is done',
    )
  }

  override close(): void {
    this.#reader?.close()
    this.#articles.close()
    super.close()
  }

  #journal(): EventReader | undefined {
    if (!this.#reader && isMade(join(this.directory, eventsFile))) this.#reader = new EventReader(this.directory)
    return this.#reader
  }

  /** The position of the last event of `journal` that was taken. */
  #position(journal: string): number {
    const setting = (name: string) =>
      this.database.prepare('SELECT value FROM settings WHERE name = ?').get(name)?.value
    return setting('journal') === journal ? ((setting('position') as number | undefined) ?? 0) : 0
  }

  /** Keeps when the user of an event came. */
  #see({ user, time: given }: StandingEvent, visits: Visits, now: number) {
    const time = Math.min(given, now)
    const { number, zone, last_visit } = this.users.known(user, now)
    const begins = visits.begins(number, time, last_visit)
    if (begins) this.users.visit([{ number, zone, time }])
    else this.users.seen(number, time)
    return { number, zone, time, begins }
  }

  #observationsOf(
    event: StandingEvent,
    { number, time, begins }: { readonly number: number; readonly time: number; readonly begins: boolean },
  ): PushObservation[] {
    const user = number - 1
    return [
      ...(begins ? [{ kind: 'visit', user, time } as const] : []),
      ...(isRead(event, this.#rules) ? [{ kind: 'read', user, article: event.item!, time } as const] : []),
    ]
  }

  /** Within a transaction. */
  #click(click: ArticleClick, now: number): ResponseResult {
    const id = this.responses.sendOf(click)
    return id === undefined ? 'unknown-send' : this.recordWithin('clicked', [{ id, time: click.time }], now)[0]!
  }
}

export type { PushAction, TimedAction }
