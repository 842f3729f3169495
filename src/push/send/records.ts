import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { z } from 'zod'
import { steadyTime } from '../../events/store.ts'
import { faultIn } from '../../storage/expectation.ts'
import { openDatabase, transact } from '../../storage/sqlite.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import type { SelectDecision } from '../data/decision.ts'
import type { DaySpan } from '../data/local-time.ts'
import { type Campaign, campaign as campaignSchema } from './campaign.ts'
import type {
  CampaignCounts,
  CampaignQuery,
  CampaignReport,
  ReportQuery,
  SendsByReason,
  StatusPage,
} from './campaign-summary.ts'
import type { SendRecord } from './send.ts'
import { parseSendId } from './send-id.ts'
import { sendsByReason } from './tables/campaign-page.ts'
import { CampaignTable } from './tables/campaigns.ts'
import { type DecisionQuery, DecisionTable, type StoredDecision } from './tables/decisions.ts'
import { DeliveryTable } from './tables/deliveries.ts'
import { type KeptSettings, keepSettings, keptSettings } from './tables/kept-settings.ts'
import { keepPastPushes, type PastPush, type PastPushesKept } from './tables/past-pushes.ts'
import { type Response, type ResponseResult, ResponseTable } from './tables/responses.ts'
import { pushFile, pushFormat } from './tables/schema.ts'
import { Summaries } from './tables/summaries.ts'
import { isTest, TestSendTable } from './tables/test-sends.ts'
import { everybody, spanOf, type UserRow, UserTable, type Visit } from './tables/users.ts'
import { type Explanation, explain } from './tables/why.ts'
import { type PushUser, pushUser } from './user.ts'

export interface PushLedgerOptions {
  /** In ms: from one push to a user to the next at least. Holds for pushes from now on. Default: as an engine last had it, at first 7 days. */
  readonly interval?: number
  /** The quiet hours of users who have none of their own. Default: as an engine last had them, at first 22:00 to 08:00. */
  readonly quiet?: { readonly from: string; readonly until: string }
  /** Whether a push waits for the hour at which its user comes most, within the life of the article, where that is known. Default: false. */
  readonly bestHours?: boolean
  /** The names of what pushes go out by: users of others get none. Default: as an engine last had them, at first whatever users have. */
  readonly senders?: readonly string[]
}

const defaults: Omit<KeptSettings, 'senders'> = {
  interval: 7 * 86_400_000,
  quiet: spanOf({ from: '22:00', until: '08:00' }),
}

/** What the ledger keeps beside the way of each send: users, campaigns, decisions, clicks, and its answers about them. */
export class LedgerRecords {
  /** Of the state. */
  readonly directory: string
  /** In ms: from one push to a user to the next. */
  readonly interval: number
  protected readonly database: DatabaseSync
  protected readonly users: UserTable
  protected readonly campaignTable: CampaignTable
  protected readonly responses: ResponseTable
  protected readonly decisionTable: DecisionTable
  protected readonly quiet: DaySpan
  /** The names of what pushes go out by, where they are known. */
  protected readonly senders: ReadonlySet<string> | undefined
  protected readonly deliveries: DeliveryTable
  protected readonly tests: TestSendTable
  readonly #summaries: Summaries

  protected constructor(state: string, { interval, quiet, senders }: PushLedgerOptions) {
    if (interval !== undefined) assertWholeNumber('interval', interval, 1)
    assertParsed(pushUser.shape.quiet, quiet)
    this.directory = state
    this.database = openDatabase(join(state, pushFile), pushFormat)
    const kept = keptSettings(this.database)
    this.interval = interval ?? kept.interval ?? defaults.interval
    this.quiet = quiet ? spanOf(quiet) : (kept.quiet ?? defaults.quiet)
    const known = senders ?? kept.senders
    this.senders = known && new Set(known)
    // A group of users touches pages all over the tables: the log is folded in once for many groups, not after each. Who is to be
    // forgotten is overwritten.
    this.database.exec('PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384; PRAGMA secure_delete = ON')
    this.users = new UserTable(this.database)
    this.campaignTable = new CampaignTable(this.database)
    this.responses = new ResponseTable(this.database)
    this.decisionTable = new DecisionTable(this.database)
    this.deliveries = new DeliveryTable(this.database, {
      users: this.users,
      campaigns: this.campaignTable,
      interval: this.interval,
      quiet: this.quiet,
    })
    this.tests = new TestSendTable(this.database, this.senders)
    this.#summaries = new Summaries(this.database, this.campaignTable)
  }

  /** Has all who open the ledger later without an interval, quiet hours and senders go by these. */
  keepSettings(): void {
    const { interval, quiet, senders } = this
    transact(this.database, () => keepSettings(this.database, { interval, quiet, senders: senders && [...senders] }))
  }

  /** Keeps what is told of users. @throws TypeError naming what is wrong; then none is kept. */
  putUsers(users: readonly PushUser[], now = steadyTime()): void {
    const parsed = users.map(user => assertParsed(pushUser, user))
    transact(this.database, () => {
      const endSlot = (user: number, send: number) => this.deliveries.endSlot(user, send, now)
      for (const user of parsed) this.users.put(user, now, endSlot)
    })
  }

  /** Opts users out, or in again; those who are not known are kept as opted out. Takes effect on what is reserved, too. */
  optOut(users: readonly string[], isOut = true, now = steadyTime()): void {
    this.putUsers(
      users.map(id => ({ id, optedOut: isOut })),
      now,
    )
  }

  /** Keeps a campaign, or changes it; a new one is dry in a dry run. @throws TypeError naming what is wrong. */
  putCampaign(campaign: Campaign): void {
    const parsed = assertParsed(campaignSchema, campaign)
    if (parsed.starts >= parsed.ends) {
      throw new TypeError(
        `ends must be after starts, ${parsed.starts}, got ${parsed.ends}: give the end of the article's life`,
      )
    }
    transact(this.database, () => this.campaignTable.put(parsed))
  }

  /** Nothing of the campaign is handed over until it goes on. @throws RangeError where there is no such campaign. */
  pause(campaign: string, isPaused = true, now = steadyTime()): void {
    transact(this.database, () => this.campaignTable.pause(campaign, isPaused ? now : null))
  }

  /** The same of all campaigns. */
  pauseAll(isPaused = true, now = steadyTime()): void {
    transact(this.database, () => this.campaignTable.pauseAll(isPaused ? now : null))
  }

  /**
   * From now on nothing is handed over, and what is reserved of campaigns that are put is only recorded: no slot is used. A campaign that
   * began in a dry run stays dry; one that was there before reserves no more until the dry run ends.
   */
  dryRun(isDry = true, now = steadyTime()): void {
    transact(this.database, () => this.campaignTable.dryRun(isDry ? now : null))
  }

  /** Keeps whether an article is pushed, and why. */
  decide(article: string, decision: SelectDecision, now = steadyTime()): void {
    transact(this.database, () => this.decisionTable.select(article, decision, now))
  }

  /** No more of the campaign is reserved; what is reserved still goes out. @throws RangeError where there is no such campaign. */
  stop(campaign: string, reason: string, now = steadyTime()): void {
    transact(this.database, () => {
      this.campaignTable.stop(campaign, now)
      this.decisionTable.stop(campaign, reason, now)
    })
  }

  /** What was decided, and why campaigns have stopped; the newest first. */
  decisions(query: DecisionQuery = {}): StoredDecision[] {
    return this.decisionTable.page(query)
  }

  /** As {@link recordClicks}, of one. */
  recordClick(id: string, time: number, now = steadyTime()): ResponseResult {
    return this.recordClicks([{ id, time }], now)[0]!
  }

  /** Keeps clicks on pushes, the earliest of each; a time in the future is taken for now. The first is a visit, too. */
  recordClicks(clicks: readonly Response[], now = steadyTime()): ResponseResult[] {
    return this.#record('clicked', clicks, now)
  }

  /** The same of pushes that were seen. */
  recordImpressions(impressions: readonly Response[], now = steadyTime()): ResponseResult[] {
    return this.#record('shown', impressions, now)
  }

  /** Notes visits, by which the best hour of a user is learned, as by clicks. Gives how many were of users who are known. */
  recordVisits(visits: readonly { readonly user: string; readonly time: number }[], now = steadyTime()): number {
    const known: Visit[] = []
    transact(this.database, () => {
      for (const { user, time } of visits) {
        const found = this.users.find(user)
        if (found) known.push({ ...found, time: Math.min(time, now) })
      }
      this.users.visit(known)
    })
    return known.length
  }

  /** How many visits of all users began in each hour of their days, (24). */
  visitsByHour(): Float64Array {
    return this.users.hoursOf(everybody)
  }

  /** Why `user` got, gets or did not get a push of `campaign`. */
  why(user: string, campaign: string, now = steadyTime()): Explanation {
    return explain(this.database, {
      user,
      campaign,
      now,
      quiet: this.quiet,
      interval: this.interval,
      senders: this.senders,
    })
  }

  /** The sends of a campaign, up to `limit` of them after that of the user `after`, for lift and analysis. */
  sendsOf(
    campaign: string,
    { after, limit = 10_000 }: { readonly after?: string; readonly limit?: number } = {},
  ): SendRecord[] {
    return this.#summaries.sendsOf(campaign, after, limit)
  }

  /** The ids of all campaigns, oldest first. */
  campaigns(): string[] {
    return this.#summaries.ids()
  }

  /** How many sends of a campaign are in each state, and how much of its budget is used. */
  countsOf(campaign: string): CampaignCounts {
    return this.#summaries.countsOf(campaign)
  }

  /** Campaigns with their counts, newest first. */
  statusPage(query: CampaignQuery = {}, now = steadyTime()): StatusPage {
    return {
      pausedSince: this.campaignTable.allPaused,
      isDryRun: this.campaignTable.isDryRun,
      ...this.#summaries.page(query, now),
    }
  }

  /** Users who are known. */
  userCount(): number {
    return this.database.prepare('SELECT count(*) AS count FROM users').get()!.count as number
  }

  /** What became of the sends of campaigns that end after `since`. */
  sendsByReason(since: number): SendsByReason[] {
    return sendsByReason(this.database, since)
  }

  /** The sends of campaigns by title and round, newest first. @throws RangeError where there is no such campaign. */
  reportPage(query: ReportQuery = {}): CampaignReport[] {
    return this.#summaries.report(query)
  }

  /** Keeps pushes that were sent by other means: for usual CTRs, and so that their users have no second one in the week. */
  keepPastPushes(pushes: readonly PastPush[], now = steadyTime()): PastPushesKept {
    let kept: PastPushesKept = { pushes: 0, duplicates: 0 }
    transact(this.database, () => {
      const endSlot = (user: number, send: number) => this.deliveries.endSlot(user, send, now)
      kept = keepPastPushes(this.database, this.users, pushes, { now, interval: this.interval, endSlot })
    })
    return kept
  }

  #record(what: 'clicked' | 'shown', responses: readonly Response[], now: number): ResponseResult[] {
    const results: ResponseResult[] = []
    transact(this.database, () => results.push(...this.recordWithin(what, responses, now)))
    return results
  }

  /** As {@link recordClicks}, within a transaction. */
  protected recordWithin(what: 'clicked' | 'shown', responses: readonly Response[], now: number): ResponseResult[] {
    const visits: Visit[] = []
    const results = responses.map(({ id, time }): ResponseResult => {
      const response = { id, time: Math.min(time, now) }
      const key = parseSendId(id)
      if (key && isTest(key)) {
        return (what === 'clicked' ? this.tests.click(key, response.time) : true) ? 'test' : 'unknown-send'
      }
      const onFirst = (user: Pick<UserRow, 'number' | 'zone'>) => visits.push({ ...user, time: response.time })
      return this.responses.record(what, response, onFirst)
    })
    if (what === 'clicked') this.users.visit(visits)
    return results
  }
}

/** @throws TypeError naming what `schema` refuses. */
export function assertParsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new TypeError(faultIn(schema, value) ?? parsed.error.message)
}
