import { randomNumbers } from '../../storage/random.ts'
import type { PushArticle } from '../data/article.ts'
import type { PushUsers } from '../data/users.ts'
import type { DelayCurve } from '../statistics/click-delay.ts'
import type { MadeRound, PlannedSend, PushAction, PushObservation, PushSteps } from './actions.ts'
import { ArticleRun, day, minute } from './article-run.ts'
import { HourlyLimit } from './hourly-limit.ts'
import { Learned } from './learned.ts'
import type { LearnedSnapshot } from './learned-snapshot.ts'
import { defaultLoopOptions, type PushLoopOptions } from './options.ts'
import type { Preference, RankedUsers } from './preference.ts'
import { placeSends, RestoredArticle } from './restored-article.ts'
import { RoundPlanner } from './round-planner.ts'
import type { ArticleFeatures } from './selection.ts'
import { UserStates } from './user-states.ts'

/** Minutes after its time at which what came of an article is learned from. */
const learnAfter = 90
export interface PushLoopParts {
  readonly preference: Preference
  readonly features: ArticleFeatures
  readonly titles: {
    /** The titles an article may be pushed under, the best guess first, each with what its text lets expect beside the others. */
    of(article: PushArticle): readonly GuessedTitle[]
    /** Standard deviation of ln click rate between titles of an article, beside that. */
    readonly deviation: number
  }
}

interface GuessedTitle {
  readonly title: string
  readonly factor: number
}

/**
 * The loop of content push: which articles, under which titles, to whom, and how many, learned from what comes of it. It does nothing itself:
 * see {@link PushSteps}. Times in ms since 1970.
 */
export class PushLoop implements PushSteps {
  readonly #users: PushUsers
  readonly #parts: PushLoopParts
  readonly #options: PushLoopOptions
  readonly #states: UserStates
  readonly #learned: Learned
  readonly #limit: HourlyLimit
  readonly #planner: RoundPlanner
  /** Articles that are not old enough to be decided about, who has read them, and reads of all before they appeared. */
  readonly #waiting = new Map<string, WaitingArticle>()
  #allReads = 0
  readonly #runs = new Map<string, ArticleRun>()
  /** Of those that wait, articles that a former process found not worth a round. */
  readonly #refused = new Set<string>()
  /** Of this step, and of one that failed. */
  #actions: PushAction[] = []
  #steppedAt = Number.NEGATIVE_INFINITY
  /** Until the first step. */
  readonly #restored = new Map<string, RestoredArticle>()

  constructor(users: PushUsers, parts: PushLoopParts, options: Partial<PushLoopOptions> = {}) {
    this.#users = users
    this.#parts = parts
    this.#options = { ...defaultLoopOptions, ...options }
    this.#states = new UserStates(users, this.#options)
    this.#learned = new Learned(parts.features.features, this.#options)
    this.#limit = new HourlyLimit(this.#options.perHour)
    const random = randomNumbers(this.#options.seed)
    this.#planner = new RoundPlanner(
      { states: this.#states, learned: this.#learned, limit: this.#limit, random },
      this.#options,
    )
  }

  /** The lift that a send must be worth now. */
  get price(): number {
    return this.#planner.price
  }

  /** How long after sends their clicks come. */
  get delayCurve(): DelayCurve {
    return this.#learned.curve
  }

  observe(observations: readonly PushObservation[]): void {
    for (const observation of observations) {
      switch (observation.kind) {
        case 'article': {
          const { article } = observation
          const { id } = article
          // Once it is decided about it stays as it was.
          if (this.#runs.has(id) || this.#restored.has(id)) break
          const { readers = [], allBefore = this.#allReads } = this.#waiting.get(id) ?? {}
          this.#waiting.set(id, { article, readers, allBefore })
          break
        }
        case 'read':
          this.#allReads++
          this.#learned.addRead(observation.time)
          this.#waiting.get(observation.article)?.readers.push(observation.user)
          break
        case 'click': {
          this.#restored.get(observation.article)?.clicks.push(observation)
          const sentAt = this.#runs.get(observation.article)?.addClick(observation.user, observation.time)
          if (sentAt !== undefined) this.#learned.addClick(sentAt, observation.time)
          break
        }
        case 'delivered':
          this.#restored.get(observation.article)?.deliveries.push(observation)
          this.#deliver(observation)
          break
        case 'unsent':
          this.#runs.get(observation.article)?.takeBack(observation.user)
          break
        case 'visit':
        case 'opt-out':
          break
      }
    }
  }

  async step(now: number): Promise<readonly PushAction[]> {
    this.#states.grow()
    // What was restored may be of this day.
    if (this.#learned.goTo(now) || this.#steppedAt === Number.NEGATIVE_INFINITY) this.#states.fitUsualCtrs()
    if (this.#restored.size > 0) await this.#goOn(now)
    this.#steppedAt = now
    this.#end(now)
    await this.#admit(now)
    this.#states.beginStep()
    this.#limit.beginStep(now)
    const running = [...this.#runs.values()].filter(run => run.stopped === undefined)
    const levels = new Map(running.map(run => [run, run.level(now, this.#learned.curve)]))
    for (const run of running.sort((a, b) => levels.get(b)! - levels.get(a)!)) {
      for (const action of this.#planner.actionsOf(run, now)) this.#actions.push(action)
    }
    const actions = this.#actions
    this.#actions = []
    return actions
  }

  sent(article: string, { sends, holdOuts, refused }: MadeRound, now: number): void {
    for (const { user } of holdOuts) this.#states.holdOut(user, now)
    const run = this.#runs.get(article)
    for (const { user, until } of refused) {
      if (until === Number.POSITIVE_INFINITY) run?.refused.add(user)
      else this.#states.keepQuiet(user, until)
    }
    if (!run) return
    // Nobody could have it now, as in quiet hours: there was no round.
    if (sends.length === 0) run.rounds--
    this.#addSends(run, sends, now)
  }

  #addSends(run: ArticleRun, sends: readonly PlannedSend[], now: number): void {
    this.#limit.made(sends.length, now)
    const until = now + this.#options.daysBetween * day
    for (const send of sends) {
      const { user } = send
      const values = this.#planner.effectsOf(run, run.ranked.scores[send.rank]!, user, now)
      run.addSend(send, values, this.#learned.effects.factor(values))
      this.#users.busyUntil[user] = until
    }
  }

  #deliver({ user, article, time }: Extract<PushObservation, { kind: 'delivered' }>): void {
    if (this.#runs.get(article)?.deliver(user, time)) this.#states.countPush(user, time)
  }

  restore(action: PushAction, now: number): void {
    const { article: id } = action
    if (action.kind === 'campaign') {
      const waiting = this.#waiting.get(id)
      if (!waiting) return
      this.#waiting.delete(id)
      const { article, readers, allBefore } = waiting
      if (article.createdAt + (this.#options.life + learnAfter) * minute <= this.#learned.until) return
      this.#restored.set(id, new RestoredArticle(article, action.titles, readers, this.#allReads - allBefore))
      return
    }
    if (action.kind === 'decision') {
      if (!action.decision.isPushed && this.#waiting.has(id)) this.#refused.add(id)
      return
    }
    this.#restored.get(id)?.add(action, now)
  }

  /** What a former process sent to users, in order of time: how much they had of late. Between the last {@link restore} and the first step. */
  restorePushes(pushes: Iterable<{ readonly user: number; readonly article: string; readonly time: number }>): void {
    this.#states.grow()
    for (const { user, article, time } of pushes) {
      if (user < this.#users.size && !this.#restored.has(article)) this.#states.countPush(user, time)
    }
  }

  /** Who was held out by a former process, and when. Between the last {@link restore} and the first step. */
  restoreHoldOuts(holdOuts: Iterable<{ readonly user: number; readonly time: number }>): void {
    this.#states.grow()
    for (const { user, time } of holdOuts) this.#states.holdOut(user, time)
  }

  /** What is learned, as of the latest step, for the disk; undefined before the first. {@link restoreSnapshot} takes it. */
  snapshot(): LearnedSnapshot | undefined {
    return Number.isFinite(this.#steppedAt) ? this.#learned.snapshot(this.#steppedAt) : undefined
  }

  /** Goes on with what a former process learned; before anything is observed. @throws RangeError when it is of other parts. */
  restoreSnapshot(snapshot: LearnedSnapshot): void {
    this.#learned.restore(snapshot)
  }

  /** Ranks anew for the articles that a former process pushed, with what it sent and what came of that. */
  async #goOn(now: number): Promise<void> {
    for (const [id, restored] of this.#restored) {
      const { article, readers, titles, deliveries, clicks, rounds, stopped } = restored
      const eligible = this.#states.eligible(now)
      const sent = restored.sends().filter(({ user }) => user < this.#users.size)
      for (const { user } of sent) eligible[user >> 5]! |= 1 << (user & 31)
      const ranked = await this.#parts.preference.rank(article, { limit: this.#users.size, eligible, readers, now })
      const factors = new Map(this.#parts.titles.of(article).map(({ title, factor }) => [title, factor]))
      const run = this.#runOf(
        { article, readers, allReads: restored.allReads },
        placeSends(ranked, sent),
        titles.map(title => ({ title, factor: factors.get(title) ?? 1 })),
      )
      run.isDecided = true
      run.rounds = restored.nextRound
      run.stopped = stopped
      this.#runs.set(article.id, run)
      const ranks = new Map(Array.from(run.ranked.users, (user, rank) => [user, rank]))
      for (const { sends, time } of rounds) {
        const placed = sends.filter(({ user }) => user < this.#users.size)
        const ranked = placed.map(send => Object.assign({}, send, { rank: ranks.get(send.user)! }))
        this.#addSends(run, ranked, time)
      }
      for (const delivery of deliveries) this.#deliver({ kind: 'delivered', article: id, ...delivery })
      for (const { user, time } of clicks) {
        const sentAt = run.addClick(user, time)
        if (sentAt !== undefined) this.#learned.addClick(sentAt, time)
      }
      run.depths = this.#planner.depthsOf(run, now)
      this.#restored.delete(id)
    }
  }

  /** Ends the articles whose time is over, and learns from those whose clicks are in. */
  #end(now: number): void {
    const { life, without } = this.#options
    for (const [id, run] of this.#runs) {
      const age = now - run.article.createdAt
      if (age >= life * minute && run.stopped === undefined) {
        run.stopped = 'its time is over'
        if (run.sent > 0) this.#actions.push({ kind: 'stop', article: id, reason: run.stopped })
      }
      if (age < (life + learnAfter) * minute) continue
      this.#runs.delete(id)
      this.#learned.addOffers(run, now)
      if (run.delivered > 0 && without !== 'learning') this.#learned.learnFrom(run, now)
    }
  }

  /** Ranks the users for the articles that are old enough, and so makes them ready to be pushed. */
  async #admit(now: number): Promise<void> {
    const { selectAfter, life, without } = this.#options
    const due = [...this.#waiting.values()].filter(({ article }) => article.createdAt <= now - selectAfter * minute)
    if (due.length === 0) return
    const eligible = this.#states.eligible(now)
    for (const { article, readers, allBefore } of due) {
      const isOver = now >= article.createdAt + life * minute
      const titles = isOver ? [] : this.#parts.titles.of(article).slice(0, without === 'titles' ? 1 : undefined)
      if (titles.length === 0) {
        this.#waiting.delete(article.id)
        this.#refused.delete(article.id)
        continue
      }
      const ranked = await this.#parts.preference.rank(article, { limit: this.#users.size, eligible, readers, now })
      this.#waiting.delete(article.id)
      const run = this.#runOf({ article, readers, allReads: this.#allReads - allBefore }, ranked, titles)
      run.depths = this.#planner.depthsOf(run, now)
      run.isRefused = this.#refused.delete(article.id)
      this.#runs.set(article.id, run)
    }
  }

  #runOf(
    seen: { readonly article: PushArticle; readonly readers: readonly number[]; readonly allReads: number },
    ranked: RankedUsers,
    titles: readonly GuessedTitle[],
  ): ArticleRun {
    const { article, readers, allReads } = seen
    const values = this.#parts.features.valuesOf(article, { reads: readers.length, allReads })
    const features = this.#options.without === 'select' ? values.map((value, at) => (at === 0 ? value : 0)) : values
    return new ArticleRun({
      article,
      features,
      prior: this.#learned.appeal.predict(features),
      ranked,
      titles: titles.map(({ title }) => title),
      titleFactors: titles.map(({ factor }) => factor),
      titleDeviation: this.#parts.titles.deviation,
    })
  }
}

interface WaitingArticle {
  readonly article: PushArticle
  readonly readers: number[]
  readonly allBefore: number
}
