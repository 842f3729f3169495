import { randomNumbers } from '../../storage/random.ts'
import type { DelayCurve } from '../statistics/click-delay.ts'
import { addSums, noSends } from '../statistics/lift.ts'
import { boundsAtDepth } from '../statistics/lift-by-depth.ts'
import { hashBits, hashOf } from '../text/word-hashes.ts'
import { sharesOfTitles } from '../title/title-shares.ts'
import type { LevelPosterior } from '../volume/level.ts'
import { normalRule } from '../volume/normal-rule.ts'
import { type DepthCurve, roundSize } from '../volume/round-size.ts'
import { stratifiedRanks } from '../volume/stratified-ranks.ts'
import type { PlannedSend, PushAction, PushObservation, PushSteps, SelectDecision } from './actions.ts'
import type { PushArticle } from './article.ts'
import { ArticleRun, day, minute } from './article-run.ts'
import { Learned } from './learned.ts'
import type { LearnedSnapshot } from './learned-snapshot.ts'
import { defaultLoopOptions, type PushLoopOptions } from './options.ts'
import type { Preference, RankedUsers } from './preference.ts'
import { placeSends, RestoredArticle } from './restored-article.ts'
import type { ArticleFeatures } from './selection.ts'
import { UserStates } from './user-states.ts'
import type { PushUsers } from './users.ts'
import { type UsersAhead, usersAhead } from './users-ahead.ts'

/** Minutes after its time at which what came of an article is learned from. */
const learnAfter = 90
/**
 * What a slot of a first round costs beside its price: it also tells of articles like it, for as long as these are not known. In simulated
 * worlds without it half of the best articles were never tried; from 0.4 to 0.7 there was no difference, at 0.3 and 1 the gain was less.
 */
const testDiscount = 0.6
/** The first round goes to one in so many of the best users, so that the fall with depth is seen. */
const firstSpread = 2

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
  readonly #random: () => number
  readonly #states: UserStates
  readonly #learned: Learned
  /** Articles that are not old enough to be decided about, who has read them, and reads of all before they appeared. */
  readonly #waiting = new Map<string, WaitingArticle>()
  #allReads = 0
  readonly #runs = new Map<string, ArticleRun>()
  /** Articles of these, or that are not decided about yet, of which it is known that no round was worth it. */
  readonly #refused = new Set<string>()
  #steppedAt = Number.NEGATIVE_INFINITY
  /** Until the first step. */
  readonly #restored = new Map<string, RestoredArticle>()

  constructor(users: PushUsers, parts: PushLoopParts, options: Partial<PushLoopOptions> = {}) {
    this.#users = users
    this.#parts = parts
    this.#options = { ...defaultLoopOptions, ...options }
    this.#random = randomNumbers(this.#options.seed)
    this.#states = new UserStates(users, this.#options)
    this.#learned = new Learned(parts.features.features, this.#options)
  }

  /** The lift that a send must be worth now. */
  get price(): number {
    return this.#options.without === 'price' ? this.#options.target : this.#learned.price
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
          const sentAt = this.#runs.get(observation.article)?.addClick(observation.user)
          if (sentAt !== undefined) this.#learned.addClick(sentAt, observation.time)
          break
        }
        case 'visit':
        case 'opt-out':
          break
      }
    }
  }

  async step(now: number): Promise<readonly PushAction[]> {
    this.#states.grow()
    if (this.#learned.goTo(now)) this.#states.fitUsualCtrs()
    if (this.#restored.size > 0) await this.#goOn(now)
    this.#steppedAt = now
    const actions = this.#end(now)
    await this.#admit(now)
    this.#states.beginStep()
    const running = [...this.#runs.values()].filter(run => run.stopped === undefined)
    const posteriors = new Map(running.map(run => [run, run.posterior(now, this.#learned.curve)]))
    const levelOf = (run: ArticleRun) => posteriors.get(run)!.titles[posteriors.get(run)!.best]!
    for (const run of running.sort((a, b) => levelOf(b) - levelOf(a))) {
      for (const action of this.#actionsOf(run, posteriors.get(run)!, now)) actions.push(action)
    }
    return actions
  }

  sent(article: string, sends: readonly PlannedSend[], now: number): void {
    const run = this.#runs.get(article)
    if (!run) return
    // Nobody could have it now, as in quiet hours: there was no round.
    if (sends.length === 0) run.rounds--
    const until = now + this.#options.daysBetween * day
    for (const send of sends) {
      const { user } = send
      const values = this.#effectsOf(run, run.ranked.scores[send.rank]!, user, now)
      run.addSend(send, values, this.#learned.effects.factor(values), now)
      this.#users.busyUntil[user] = until
      this.#states.countPush(user, now)
    }
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
    if (action.kind === 'hold-out') {
      this.#states.grow()
      for (const user of action.users) this.#states.holdOut(user, now)
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
    for (const restored of this.#restored.values()) {
      const { article, readers, titles, clicks, rounds, stopped } = restored
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
        if (ranked.length > 0) this.sent(article.id, ranked, time)
      }
      for (const { user, time } of clicks) {
        const sentAt = run.addClick(user)
        if (sentAt !== undefined) this.#learned.addClick(sentAt, time)
      }
      run.depths = this.#ahead(run, 0, 0, now).depths
    }
    this.#restored.clear()
  }

  /** Ends the articles whose time is over, and learns from those whose clicks are in. */
  #end(now: number): PushAction[] {
    const { life, without } = this.#options
    const actions: PushAction[] = []
    for (const [id, run] of this.#runs) {
      const age = now - run.article.createdAt
      if (age >= life * minute && run.stopped === undefined) {
        run.stopped = 'its time is over'
        if (run.sent > 0) actions.push({ kind: 'stop', article: id, reason: run.stopped })
      }
      if (age < (life + learnAfter) * minute) continue
      this.#runs.delete(id)
      this.#refused.delete(id)
      this.#learned.addOffers(run, now)
      if (run.sent > 0 && without !== 'learning') this.#learned.learnFrom(run, now)
    }
    return actions
  }

  /** Ranks the users for the articles that are old enough, and so makes them ready to be pushed. */
  async #admit(now: number): Promise<void> {
    const { selectAfter, life, without } = this.#options
    const due = [...this.#waiting.values()].filter(({ article }) => article.createdAt <= now - selectAfter * minute)
    if (due.length === 0) return
    const eligible = this.#states.eligible(now)
    for (const { article, readers, allBefore } of due) {
      this.#waiting.delete(article.id)
      if (now >= article.createdAt + life * minute) {
        this.#refused.delete(article.id)
        continue
      }
      const titles = this.#parts.titles.of(article).slice(0, without === 'titles' ? 1 : undefined)
      if (titles.length === 0) continue
      const ranked = await this.#parts.preference.rank(article, { limit: this.#users.size, eligible, readers, now })
      const run = this.#runOf({ article, readers, allReads: this.#allReads - allBefore }, ranked, titles)
      run.depths = this.#ahead(run, 0, 0, now).depths
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

  #actionsOf(run: ArticleRun, posterior: LevelPosterior, now: number): PushAction[] {
    const { without, firstRound, growth, rule, target } = this.#options
    const { curve } = this.#learned
    const isFirst = run.sent === 0
    if (!isFirst && without === 'resending') return []
    const level = posterior.titles[posterior.best]!
    const most = without === 'resending' ? this.#users.size : Math.max(firstRound, run.sent * growth)
    const price = rule === 'normal' ? target : this.price
    // Nobody who is left would be worth it, at the highest level that is likely.
    const upper = level * Math.exp(2.5 * Math.sqrt(posterior.variance))
    const ahead = this.#ahead(run, isFirst ? most * firstSpread : most, price / upper, now)
    if (ahead.ranks.length === 0) return this.#refuse(run, posterior)
    if (!isFirst && rule === 'normal') {
      const sums = run.bands(now, curve, 'usual').reduce((sum, band) => addSums(sum, band.sums), noSends)
      const { action, reason } = normalRule(sums, target)
      if (action === 'stop') return this.#stop(run, reason)
      if (action === 'wait') return []
      return this.#send(run, posterior, ahead, Math.min(ahead.ranks.length, run.sent), now)
    }
    if (!isFirst) {
      const bands = run.bands(now, curve, 'level')
      const next = { from: ahead.ranks[0]!, to: ahead.ranks[0]! + 1 }
      const [, highest] = boundsAtDepth(bands, next)
      if (highest * ahead.factors[0]! < price) return this.#stop(run, 'its lift is below the price for sure')
    }
    const unknown = this.#learned.appeal.shareUnknown(run.features)
    const size = roundSize({
      posterior,
      depths: ahead.depths,
      price,
      testPrice: isFirst ? price * testDiscount * (1 - unknown) : price,
      usualCtr: this.#states.meanUsualCtr,
      pending: run.pending(now, curve),
      later: this.#learned.leftLater,
      most,
    })
    if (size === 0) return this.#refuse(run, posterior)
    return this.#send(run, posterior, ahead, size, now)
  }

  /** The decision about an article that is not worth a first round, once: it may become worth one. */
  #refuse(run: ArticleRun, posterior: LevelPosterior): PushAction[] {
    const { id } = run.article
    if (run.isDecided || this.#refused.has(id)) return []
    this.#refused.add(id)
    return [{ kind: 'decision', article: id, decision: this.#decisionOf(run, posterior, run.depths!, 0) }]
  }

  #send(run: ArticleRun, posterior: LevelPosterior, ahead: UsersAhead, size: number, now: number): PushAction[] {
    const { id } = run.article
    const actions: PushAction[] = []
    if (!run.isDecided) {
      run.isDecided = true
      actions.push({ kind: 'decision', article: id, decision: this.#decisionOf(run, posterior, ahead.depths, size) })
      actions.push(this.#campaignOf(run))
    }
    const shares = this.#options.without === 'titles' ? [1] : sharesOfTitles(posterior, this.#random)
    const heldOut: number[] = []
    const sends: PlannedSend[] = []
    for (const at of this.#placesOf(run, ahead, size)) {
      const rank = ahead.ranks[at]!
      const user = run.ranked.users[rank]!
      this.#states.plan(user)
      if (drawOf(id, user) < this.#options.holdOut) {
        heldOut.push(user)
        this.#states.holdOut(user, now)
        continue
      }
      const title = drawn(shares, this.#random)
      const usualCtr = this.#states.usualCtrOf(user)
      const expectedCtr = usualCtr * ahead.factors[at]! * posterior.titles[title]!
      sends.push({ user, title, rank, usualCtr, expectedCtr })
    }
    if (run.sent > 0) run.next = ahead.ranks[size - 1]! + 1
    if (heldOut.length > 0) actions.push({ kind: 'hold-out', article: id, users: Uint32Array.from(heldOut) })
    if (sends.length > 0) actions.push({ kind: 'send', article: id, round: run.rounds++, sends })
    return actions
  }

  /** Who of the users ahead is in a round of so many. */
  #placesOf(run: ArticleRun, { ranks }: UsersAhead, size: number): Uint32Array {
    if (run.sent > 0 || this.#options.without === 'resending') return Uint32Array.from({ length: size }, (_, at) => at)
    const over = Math.min(ranks.length, size * firstSpread)
    // Those who could not have it at once are planned again.
    return stratifiedRanks(over, Math.min(size, over), hashOf(run.article.id))
  }

  #stop(run: ArticleRun, reason: string): PushAction[] {
    run.stopped = reason
    return [{ kind: 'stop', article: run.article.id, reason }]
  }

  #campaignOf({ article, titles, ranked }: ArticleRun): PushAction {
    const { life, target } = this.#options
    const { id, url, createdAt } = article
    const ends = createdAt + life * minute
    return { kind: 'campaign', article: id, titles, url, ends, budget: ranked.users.length, target }
  }

  #decisionOf(run: ArticleRun, { mean, variance }: LevelPosterior, depths: DepthCurve, size: number): SelectDecision {
    const { appeal } = this.#learned
    const deviation = Math.sqrt(variance)
    const factor = (depths.sums[1] ?? 0) / Math.max(1, depths.ends[1] ?? 1)
    const most = run.ranked.users.length
    const round = size > 0 ? `a first round of ${size}` : 'no first round'
    const at = (z: number) => factor * Math.exp(mean + z * deviation)
    const contributions = appeal.contributions(run.features)
    return {
      lift: factor * Math.exp(mean + variance / 2),
      interval: [at(-1.96), at(1.96)],
      isPushed: size > 0,
      firstVolume: size,
      mostVolume: most,
      contributions: appeal.features
        .map(({ name }, feature) => ({ feature: name, value: run.features[feature]!, by: contributions[feature]! }))
        .filter(({ by }) => by !== 0)
        .sort((a, b) => Math.abs(b.by) - Math.abs(a.by)),
      reason:
        most === 0
          ? 'no user may get it'
          : `${round} is expected to gain more than its slots cost at a price of ${this.price.toFixed(2)}`,
    }
  }

  #ahead(run: ArticleRun, most: number, leastFactor: number, now: number): UsersAhead {
    const { effects } = this.#learned
    return usersAhead(run, {
      most,
      leastFactor,
      isEligible: user => this.#states.isEligible(user, now),
      factorOf: (score, user) => effects.factor(this.#effectsOf(run, score, user, now)),
    })
  }

  /** (effects) @param user Default: one who had no push of late. */
  #effectsOf(run: ArticleRun, score: number, user: number | undefined, now: number): readonly number[] {
    const known = this.#options.without === 'preference' ? 0 : score
    const pushes = user === undefined ? 0 : this.#states.pushesOfLate(user, now)
    return this.#learned.effectsOf(known, pushes, now - run.article.createdAt)
  }
}

interface WaitingArticle {
  readonly article: PushArticle
  readonly readers: number[]
  readonly allBefore: number
}

/** From 0 to 1, the same whenever the article is planned for the user: those who could not have it at once are planned again. */
function drawOf(article: string, user: number): number {
  return hashOf(`${article}\n${user}`) / 2 ** hashBits
}

function drawn(shares: ArrayLike<number>, random: () => number): number {
  let left = random()
  let at = 0
  while (at < shares.length - 1 && left >= shares[at]!) left -= shares[at++]!
  return at
}
