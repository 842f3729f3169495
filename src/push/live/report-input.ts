import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { catalogueFile, catalogueFormat } from '../../catalogue/format.ts'
import { EventReader } from '../../events/reader.ts'
import { eventsFile } from '../../events/schema.ts'
import { openReadOnly } from '../../storage/sqlite.ts'
import type { AnalysedArticle, AnalysisInput, HoldOutColumns, SendColumns, VisitColumns } from '../analyse/input.ts'
import type { SelectDecision } from '../loop/actions.ts'
import { sendStates } from '../send/send.ts'
import { pushFile, pushFormat } from '../send/tables/schema.ts'
import { visitGap } from './ledger/event-rules.ts'

/** Rows that are read at a time. */
const pageSize = 20_000
const day = 86_400_000

export interface ReportOptions {
  readonly from: number
  readonly now: number
  /** IANA zone of hours and days. Default: UTC. */
  readonly zone?: string | undefined
  /** In ms: from one push to a user to the next. Default: 7 days. */
  readonly interval?: number | undefined
}

/** What pushes of a state are analysed by. An engine may run meanwhile; users are numbered as in the ledger. */
export class ReportSource {
  readonly #state: string
  readonly #database: DatabaseSync

  /** @throws Error where the state has no ledger, or one of another version. */
  constructor(state: string) {
    this.#state = state
    this.#database = openReadOnly(join(state, pushFile), pushFormat)
  }

  /** What `analyse` takes. Its batches are read while they are looked at: the source must be open until then. */
  input({ from, now, zone, interval = 7 * day }: ReportOptions): AnalysisInput {
    const { articles, places } = this.#articles(from - interval)
    const segments = this.#database.prepare('SELECT number, name FROM segments').all() as {
      number: number
      name: string
    }[]
    const names = ['others']
    for (const { number, name } of segments) names[number] = name
    return {
      from,
      now,
      ...(zone !== undefined && { zone }),
      interval,
      articles,
      segments: names,
      sends: { [Symbol.iterator]: () => this.#sends(places, from - interval) },
      holdOuts: { [Symbol.iterator]: () => this.#holdOuts(places) },
      visits: { [Symbol.iterator]: () => this.#visits(from) },
      weeklyActive: this.#weeklyActive(from, now),
    }
  }

  close(): void {
    this.#database.close()
  }

  /** Articles that were decided on or pushed since a time, and the places of their campaigns by number. */
  #articles(since: number) {
    const decisions = this.#database
      .prepare('SELECT article, time, kind, body FROM decisions WHERE time >= ? ORDER BY number')
      .all(since) as { article: string; time: number; kind: 'select' | 'stop'; body: string }[]
    const campaigns = this.#database
      .prepare(
        'SELECT number, id, titles, starts, target, budget FROM campaigns WHERE ends > ? ORDER BY starts, number',
      )
      .all(since) as { number: number; id: string; titles: string; starts: number; target: number; budget: number }[]
    const found = new Map<string, AnalysedArticle>()
    const places = new Map<number, number>()
    const known = this.#created()
    for (const { number, id, titles, starts, target, budget } of campaigns) {
      places.set(number, found.size)
      // Pushes of the past were asked for no lift.
      found.set(id, { id, titles: JSON.parse(titles) as string[], ...known(id, starts), ...(budget > 0 && { target }) })
    }
    for (const { article, time, kind, body } of decisions) {
      const before = found.get(article) ?? { id: article, titles: [], ...known(article, time) }
      const said =
        kind === 'select' ? { decision: JSON.parse(body) as SelectDecision } : { stopped: JSON.parse(body) as string }
      found.set(article, { ...before, ...said })
    }
    return { articles: [...found.values()], places }
  }

  /** When an article appeared, and its category. */
  #created(): (id: string, otherwise: number) => Pick<AnalysedArticle, 'createdAt' | 'category'> {
    const created = this.#database.prepare('SELECT created FROM articles WHERE id = ?')
    const file = join(this.#state, catalogueFile)
    const catalogue = existsSync(file) ? openReadOnly(file, catalogueFormat) : undefined
    const item = catalogue?.prepare('SELECT categories FROM items WHERE id = ?')
    return (id, otherwise) => {
      const { categories = '[]' } = (item?.get(id) as { categories: string } | undefined) ?? {}
      const [category] = JSON.parse(categories) as string[]
      const createdAt = (created.get(id) as { created: number } | undefined)?.created ?? otherwise
      return { createdAt, ...(category !== undefined && { category }) }
    }
  }

  *#sends(places: ReadonlyMap<number, number>, since: number): Generator<SendColumns> {
    const page = this.#database.prepare(
      `SELECT sends.number, campaign, user - 1 AS user, segment, title, round, rank, usual_ctr, expected_ctr, handed, state,
         max(clicked, coalesce(handed, clicked)) AS clicked, opted_out
       FROM sends JOIN users ON users.number = user WHERE sends.number > ? AND reserved >= ? ORDER BY sends.number LIMIT ?`,
    )
    for (let after = 0; ; ) {
      const all = page.all(after, since, pageSize) as unknown as SendReportRow[]
      const rows = all.filter(({ campaign }) => places.has(campaign))
      if (rows.length > 0) yield sendColumns(rows, places)
      if (all.length < pageSize) return
      after = all.at(-1)!.number
    }
  }

  *#holdOuts(places: ReadonlyMap<number, number>): Generator<HoldOutColumns> {
    const of = this.#database.prepare(
      `SELECT user - 1 AS user, segment, starts FROM hold_outs JOIN users ON users.number = user JOIN campaigns ON campaigns.number = campaign
       WHERE campaign = ?`,
    )
    for (const [campaign, place] of places) {
      const rows = of.all(campaign) as { user: number; segment: number; starts: number }[]
      if (rows.length === 0) continue
      yield {
        users: Uint32Array.from(rows, ({ user }) => user),
        articles: new Uint32Array(rows.length).fill(place),
        times: Float64Array.from(rows, ({ starts }) => starts),
        segments: Uint8Array.from(rows, ({ segment }) => segment),
      }
    }
  }

  /** Events of the journal, one for a visit, and clicks, which are visits, too. */
  *#visits(from: number): Generator<VisitColumns> {
    const clicks = this.#database
      .prepare('SELECT user - 1 AS user, clicked AS time FROM sends WHERE clicked >= ?')
      .all(from) as { user: number; time: number }[]
    if (clicks.length > 0) yield visitColumns(clicks)
    const last = new Map<number, number>()
    for (const page of this.#events(from)) {
      const visits = page.filter(({ user, time }) => {
        const begins = time >= from && time > (last.get(user) ?? Number.NEGATIVE_INFINITY) + visitGap
        last.set(user, Math.max(time, last.get(user) ?? time))
        return begins
      })
      if (visits.length > 0) yield visitColumns(visits)
    }
  }

  /** Users with a visit in the seven days until each day's end, those of clicks on signed links not among them unless they left events. */
  #weeklyActive(from: number, now: number): AnalysisInput['weeklyActive'] {
    const times: number[] = []
    for (let time = from + day; time <= now; time += day) times.push(time)
    if (times.length === 0) return undefined
    const last = new Map<number, number>()
    const users: number[] = []
    const count = (time: number) => {
      let active = 0
      for (const visit of last.values()) if (visit > time - 7 * day) active++
      users.push(active)
    }
    for (const page of this.#events(from - 7 * day)) {
      for (const { user, time } of page) {
        while (users.length < times.length && time > times[users.length]!) count(times[users.length]!)
        last.set(user, Math.max(time, last.get(user) ?? time))
      }
    }
    while (users.length < times.length) count(times[users.length]!)
    return { times, users }
  }

  /** Who did something after a time, in the order of arrival. */
  *#events(since: number): Generator<{ readonly user: number; readonly time: number }[]> {
    if (!existsSync(join(this.#state, eventsFile))) return
    const reader = new EventReader(this.#state)
    try {
      const find = this.#database.prepare('SELECT number FROM users WHERE id = ?')
      for (let position = reader.positionAt(since); ; ) {
        const events = reader.after(position, pageSize)
        yield events.flatMap(({ user, time }) => {
          const found = find.get(user) as { number: number } | undefined
          return found ? [{ user: found.number - 1, time }] : []
        })
        if (events.length < pageSize) return
        position = events.at(-1)!.position
      }
    } finally {
      reader.close()
    }
  }
}

interface SendReportRow {
  readonly number: number
  readonly campaign: number
  readonly user: number
  readonly segment: number
  readonly title: number
  readonly round: number | null
  readonly rank: number | null
  readonly usual_ctr: number | null
  readonly expected_ctr: number | null
  readonly handed: number | null
  readonly state: (typeof sendStates)[number]
  readonly clicked: number | null
  readonly opted_out: number | null
}

function sendColumns(rows: readonly SendReportRow[], places: ReadonlyMap<number, number>): SendColumns {
  return {
    users: Uint32Array.from(rows, ({ user }) => user),
    articles: Uint32Array.from(rows, ({ campaign }) => places.get(campaign)!),
    segments: Uint8Array.from(rows, ({ segment }) => segment),
    titles: Uint8Array.from(rows, ({ title }) => title),
    rounds: Uint16Array.from(rows, ({ round }) => round ?? 0),
    ranks: Uint32Array.from(rows, ({ rank }) => rank ?? 0),
    usualCtrs: Float32Array.from(rows, ({ usual_ctr }) => usual_ctr ?? Number.NaN),
    expectedCtrs: Float32Array.from(rows, ({ expected_ctr }) => expected_ctr ?? Number.NaN),
    sentAt: Float64Array.from(rows, ({ handed }) => handed ?? Number.NaN),
    states: Uint8Array.from(rows, ({ state }) => sendStates.indexOf(state)),
    clickedAt: Float64Array.from(rows, ({ clicked }) => clicked ?? Number.NaN),
    optedOutAt: Float64Array.from(rows, ({ opted_out }) => opted_out ?? Number.NaN),
  }
}

function visitColumns(visits: readonly { readonly user: number; readonly time: number }[]): VisitColumns {
  return { users: Uint32Array.from(visits, ({ user }) => user), times: Float64Array.from(visits, ({ time }) => time) }
}
