import { setImmediate as immediate } from 'node:timers/promises'
import type { Pool } from '../../../parallel/pool.ts'
import type { PushUsers } from '../../data/users.ts'
import type { MadeRound, PushAction, PushObservation, PushSteps } from '../../loop/actions.ts'
import type { PushLoop } from '../../loop/push-loop.ts'
import type { PreferenceModel } from '../../prefer/preference-model.ts'
import { fitUsualCtr } from '../../statistics/usual-ctr.ts'
import type { PushLedgerThread } from '../ledger/ledger-proxy.ts'
import type { PastPushPage } from '../ledger/past-outcomes.ts'
import type { PushLog } from '../log.ts'
import { type ArticleValues, storedSurroundings } from './article-values.ts'
import type { CatalogueTexts } from './catalogue-texts.ts'
import type { LearnedFiles } from './learned-files.ts'
import type { LivePreference } from './live-preference.ts'
import type { PastLearning } from './past-learning.ts'
import type { SendResponses } from './send-responses.ts'
import type { ServedFactors } from './user-factors.ts'

const day = 86_400_000
/** Of pushes before, that users remember; and how many are read at once. */
const [rememberedFor, pageSize] = [56 * day, 50_000]
/** Events that are read at once, and that are put in order of time before they are learned from: imported ones may be in none. */
const [eventsAtOnce, eventsInOrder] = [5000, 200_000]

export interface LearnedLoopParts {
  readonly loop: PushLoop
  readonly users: PushUsers
  readonly preference: PreferenceModel
  readonly live: LivePreference
  readonly responses: SendResponses
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
  #following: Promise<void> | undefined
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
    const { ledger, live, preference, users, factors, responses } = this.#parts
    preference.setUsualCtr(usualCtrOf(users))
    await factors?.follow(preference, ledger, until)
    await this.#forgetGone()
    // Also what came while no process ran, or before the days that are replayed.
    const oldest = responses.since
    if (oldest !== undefined) {
      for (const { article, user, time } of await ledger.call('deliveriesSince', oldest)) {
        responses.deliver(article, user, time)
      }
      for (const { article, user, time } of await ledger.call('clicksSince', oldest)) {
        responses.click(article, user, time)
      }
    }
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
    const { loop, values } = this.#parts
    const surroundings = action.kind === 'decision' ? storedSurroundings(action.decision) : undefined
    if (surroundings) values.restore(action.article, surroundings)
    loop.restore(action, now)
  }

  async step(now: number): Promise<readonly PushAction[]> {
    const { loop, live } = this.#parts
    await this.#noting
    this.#follow(now)
    await live.takeIn(this.#closing.signal)
    if (this.#isFirst) await this.#begin(now)
    const actions = (await loop.step(now)).map(action => this.#withSurroundings(action))
    // What is decided is decided, whether the rest can be done or not.
    await this.#try('a round of sends cannot be learned from', async () => live.learnDue(now, loop.delayCurve))
    if (Math.floor(now / day) !== this.#dayBegun) {
      // At the first step nothing is learned that was not before.
      if (this.#dayBegun !== Number.NEGATIVE_INFINITY) {
        await this.#try('what was learned cannot be kept, it is tried again tomorrow and at the end', async () => {
          await this.#forgetGone()
          await this.#keep()
        })
      }
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

  async forget(user: number): Promise<void> {
    await this.#noting
    await this.#parts.live.forget(user)
  }

  async close(): Promise<void> {
    const { pool, texts } = this.#parts
    this.#closing.abort()
    try {
      await this.#upkeep
      await this.#following
      await this.#noting
      await this.#keep()
    } finally {
      texts.close()
      await pool.close()
    }
  }

  /** Takes the vectors of a model that was published, or of users who were added, while the loop goes on. */
  #follow(now: number): void {
    const { factors, preference, ledger, log } = this.#parts
    this.#following = factors?.follow(preference, ledger, now).catch((error: unknown) => {
      log.warn({ err: error }, 'pushes: the vectors of users could not be read, it is tried again')
    })
  }

  async #try(failure: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#parts.log.error({ err: error }, `pushes: ${failure}`)
    }
  }

  #withSurroundings(action: PushAction): PushAction {
    if (action.kind !== 'decision') return action
    const surroundings = this.#parts.values.surroundingsOf(action.article)
    return Object.assign({}, action, { decision: Object.assign({}, action.decision, { surroundings }) })
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
    const heldOut = await ledger.call('holdOutsSince', now - this.#parts.interval)
    loop.restoreHoldOuts(heldOut.map(({ user, held }) => ({ user, time: held })))
    this.#isFirst = false
  }

  /** What is learned once a day, while the loop goes on. */
  async #keepUp(now: number): Promise<void> {
    const { users, preference, past, log } = this.#parts
    try {
      preference.setUsualCtr(usualCtrOf(users))
      await past.learn(now, this.#closing.signal)
    } catch (error) {
      if (!this.#closing.signal.aborted)
        log.error({ err: error }, 'pushes: what the past teaches is tried again tomorrow')
    }
  }

  async #keep(): Promise<void> {
    const { loop, preference, responses, files } = this.#parts
    const learned = loop.snapshot()
    if (!learned) return
    const { progress } = responses
    await files.keep({ loop: learned, blend: preference.blend.state, responses: progress }, preference.ctr)
    await responses.kept(progress)
  }

  /** Takes users from the rounds whom another process has forgotten. */
  async #forgetGone(): Promise<void> {
    const { responses, ledger } = this.#parts
    const users = [...responses.users()]
    const gone = new Set<number>()
    for (let first = 0; first < users.length; first += pageSize) {
      const page = users.slice(first, first + pageSize)
      const ids = await ledger.call('idsOf', page)
      page.forEach((user, at) => {
        if (ids[at] === undefined) gone.add(user)
      })
    }
    if (gone.size > 0) await responses.forget(user => gone.has(user))
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
