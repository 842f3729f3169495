import { setImmediate as immediate } from 'node:timers/promises'
import type { Pool } from '../../../parallel/pool.ts'
import type { MadeRound, PushAction, PushObservation, PushSteps } from '../../loop/actions.ts'
import type { PushLoop } from '../../loop/push-loop.ts'
import type { PushUsers } from '../../loop/users.ts'
import type { Preference } from '../../prefer/preference.ts'
import { fitUsualCtr } from '../../statistics/usual-ctr.ts'
import type { PushLedgerThread } from '../ledger/ledger-proxy.ts'
import type { PastPushPage } from '../ledger/past-outcomes.ts'
import type { PushLog } from '../log.ts'
import type { ArticleValues } from './article-values.ts'
import type { CatalogueTexts } from './catalogue-texts.ts'
import type { LearnedFiles } from './learned-files.ts'
import type { LivePreference } from './live-preference.ts'
import type { PastLearning } from './past-learning.ts'
import type { ServedFactors } from './user-factors.ts'

const day = 86_400_000
/** Of pushes before, that users remember; and how many are read at once. */
const [rememberedFor, pageSize] = [56 * day, 50_000]
/** Events that are read at once, and that are put in order of time before they are learned from: imported ones may be in none. */
const [eventsAtOnce, eventsInOrder] = [5000, 200_000]

export interface LearnedLoopParts {
  readonly loop: PushLoop
  readonly users: PushUsers
  readonly preference: Preference
  readonly live: LivePreference
  readonly values: ArticleValues
  readonly past: PastLearning
  readonly factors: ServedFactors | undefined
  readonly ledger: PushLedgerThread
  readonly files: LearnedFiles
  readonly texts: CatalogueTexts
  readonly pool: Pool
  readonly log: PushLog
  /** In ms: so long users are held out. */
  readonly interval: number
}

/** The loop on a state: its parts are kept up to date, and what is learned is kept each day and at the end. */
export class LearnedLoop implements PushSteps {
  readonly #parts: LearnedLoopParts
  readonly #closing = new AbortController()
  #isFirst = true
  #dayBegun = Number.NEGATIVE_INFINITY
  #upkeep: Promise<void> | undefined
  /** What was sent, of which features are being taken. */
  #noting: Promise<void> = Promise.resolve()

  constructor(parts: LearnedLoopParts) {
    this.#parts = parts
  }

  get price(): number {
    return this.#parts.loop.price
  }

  /** Learns from the journal from `since` until `until`, from when on the loop is told of all. */
  async learnHistory({ since, until, signal }: { since: number; until: number; signal: AbortSignal }): Promise<void> {
    const { ledger, live, preference, users, factors } = this.#parts
    preference.setUsualCtr(usualCtrOf(users))
    await factors?.follow(preference, ledger)
    let position = await ledger.call('positionAt', since)
    let events = 0
    for (;;) {
      signal.throwIfAborted()
      const page = await ledger.call('eventsTaken', position, eventsAtOnce)
      position = page.position
      live.observe(page.observations.filter(seen => 'time' in seen && seen.time >= since && seen.time < until))
      events += page.observations.length
      if (events < eventsInOrder && page.more) continue
      await live.takeIn(signal)
      events = 0
      if (!page.more) return
    }
  }

  observe(observations: readonly PushObservation[]): void {
    const { loop, live, values } = this.#parts
    for (const observation of observations) {
      if (observation.kind !== 'article') continue
      live.add(observation.article)
      values.add(observation.article)
    }
    live.observe(observations)
    loop.observe(observations)
  }

  restore(action: PushAction, now: number): void {
    this.#parts.loop.restore(action, now)
  }

  async step(now: number): Promise<readonly PushAction[]> {
    const { loop, live } = this.#parts
    await this.#noting
    await live.takeIn(this.#closing.signal)
    if (this.#isFirst) await this.#begin(now)
    const actions = await loop.step(now)
    if (Math.floor(now / day) !== this.#dayBegun) {
      // At the first step nothing is learned that was not before.
      if (this.#dayBegun !== Number.NEGATIVE_INFINITY) await this.#keep()
      this.#dayBegun = Math.floor(now / day)
      this.#upkeep ??= this.#keepUp(now).finally(() => {
        this.#upkeep = undefined
      })
    }
    return actions
  }

  sent(article: string, made: MadeRound, now: number): void {
    const { loop, live, log } = this.#parts
    loop.sent(article, made, now)
    this.#noting = this.#noting
      .then(() => live.sent(article, made.sends, now))
      .catch((error: unknown) => log.error({ err: error, article }, 'pushes: a round cannot be learned from'))
  }

  async close(): Promise<void> {
    const { pool, texts } = this.#parts
    this.#closing.abort()
    try {
      await this.#upkeep
      await this.#noting
      await this.#keep()
    } finally {
      texts.close()
      await pool.close()
    }
  }

  /** What the replay of the past days does not tell. */
  async #begin(now: number): Promise<void> {
    const { loop, users, preference, ledger } = this.#parts
    for (let user = 0; user < users.size; user++) {
      if (Number.isFinite(users.lastVisit[user]!)) preference.visit(user, users.lastVisit[user]!)
    }
    const pages: { user: number; article: string; time: number }[][] = []
    for (let before: number | undefined = Number.MAX_SAFE_INTEGER; before !== undefined; ) {
      const page: PastPushPage = await ledger.call('pastPushes', now - rememberedFor, before, pageSize)
      before = page.before
      const articles = new Map(page.articles)
      const pushes = Array.from(page.users, (user, at) => {
        return { user, article: articles.get(page.campaigns[at]!) ?? '', time: page.times[at]! }
      })
      pages.push(pushes.reverse())
    }
    for (const page of pages.reverse()) {
      loop.restorePushes(page)
      await immediate()
    }
    loop.restoreHoldOuts(await ledger.call('holdOutsSince', now - this.#parts.interval))
    this.#isFirst = false
  }

  /** What is learned once a day, while the loop goes on. */
  async #keepUp(now: number): Promise<void> {
    const { users, preference, live, past, factors, ledger, log } = this.#parts
    try {
      preference.setUsualCtr(usualCtrOf(users))
      live.learnDue(now)
      await factors?.follow(preference, ledger)
      await past.learn(now, this.#closing.signal)
    } catch (error) {
      if (!this.#closing.signal.aborted)
        log.error({ err: error }, 'pushes: what the past teaches is tried again tomorrow')
    }
  }

  async #keep(): Promise<void> {
    const { loop, preference, files } = this.#parts
    const learned = loop.snapshot()
    if (learned) await files.keep({ loop: learned, blend: preference.blend.state }, preference.ctr)
  }
}

function usualCtrOf({ size, segments, pushes, clicks }: PushUsers) {
  const counts = {
    segments: segments.subarray(0, size),
    pushes: pushes.subarray(0, size),
    clicks: clicks.subarray(0, size),
  }
  return fitUsualCtr(counts, 1 + counts.segments.reduce((most, segment) => Math.max(most, segment), 0))
}
