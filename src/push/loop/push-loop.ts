import { randomNumbers } from '../../storage/random.ts'
import { SendEffects } from '../prefer/send-effects.ts'
import { OnlineAppeal } from '../select/online-appeal.ts'
import { ClickDelay, type DelayCurve } from '../statistics/click-delay.ts'
import { stratifiedRanks } from '../statistics/first-batch.ts'
import { boundsAtDepth } from '../statistics/lift-by-depth.ts'
import { fitUsualCtr, usualCtrs } from '../statistics/usual-ctr.ts'
import { normalRule } from '../statistics/volume-rules.ts'
import { hashBits, hashOf } from '../text/word-hashes.ts'
import { type LevelPosterior, sharesOfTitles } from '../volume/level.ts'
import { depthEnds, roundSize } from '../volume/round-size.ts'
import { SlotPrice } from '../volume/slot-price.ts'
import type { PlannedSend, PushAction, PushObservation, PushSteps, SelectDecision } from './actions.ts'
import type { PushArticle } from './article.ts'
import { ArticleRun, minute } from './article-run.ts'
import type { LearnedSnapshot } from './learned-snapshot.ts'
import { defaultLoopOptions, type PushLoopOptions } from './options.ts'
import type { Preference } from './preference.ts'
import { placeSends, RestoredArticle } from './restored-article.ts'
import type { ArticleFeatures } from './selection.ts'
import type { PushUsers } from './users.ts'

const day = 1440 * minute
/** Minutes after the last sends at which what came of an article is learned from. */
const learnAfter = 90
/**
 * What a slot of a first round costs beside its price: it also tells of articles like it, for as long as these are not known. In simulated
 * worlds without it half of the best articles were never tried; from 0.4 to 0.7 there was no difference, at 0.3 and 1 the gain was less.
 */
const testDiscount = 0.6
/** Days after which half of a push is forgotten by its user. */
const fatigueHalfLife = 14

/** What the click rate depends on beside article and title: see `#effectsOf`. */
const effects = [
  { name: 'score', mean: 1, deviation: 0.3 },
  { name: 'pushes of late', mean: -0.1, deviation: 0.07 },
  { name: 'age in hours', mean: -0.15, deviation: 0.07 },
  { name: 'hour of the day', mean: 0.2, deviation: 0.15 },
] as const

export interface PushLoopParts {
  readonly preference: Preference
  readonly features: ArticleFeatures
  /** The titles an article may be pushed under, the best guess first, each with what its text lets expect beside the others. */
  titlesOf(article: PushArticle): readonly { readonly title: string; readonly factor: number }[]
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
  readonly #appeal: OnlineAppeal
  readonly #effects = new SendEffects(effects)
  readonly #delay = new ClickDelay()
  readonly #price: SlotPrice
  #curve: DelayCurve
  #curveAt = Number.NEGATIVE_INFINITY
  /** (users) */
  #usual: Float64Array = new Float64Array(0)
  #meanUsual = 0
  /** (users) Pushes, those before counting less by their age, when the latest was. */
  #pushesOfLate = new Float32Array(0)
  #pushedAt = new Float64Array(0)
  /** (users) The latest round of all that the user was planned for. */
  #plannedIn = new Uint32Array(0)
  // 0: never planned.
  #round = 1
  /** Articles that are not old enough to be decided about. */
  #waiting: PushArticle[] = []
  readonly #early = new Map<string, { readers: number[]; allBefore: number }>()
  #allReads = 0
  /** Reads by hour of the day. */
  readonly #hours = new Float64Array(24).fill(10)
  /** ln of how many reads come in this hour, beside others. */
  #hourEffect = 0
  readonly #runs = new Map<string, ArticleRun>()
  #day = Number.NaN
  /** (users) Until when they get nothing, to be compared with those who do. */
  #heldOutUntil = new Float64Array(0)
  #steppedAt = Number.NEGATIVE_INFINITY
  /** What happened until then is in what is learned. */
  #learnedUntil = Number.NEGATIVE_INFINITY
  /** Until the first step. */
  readonly #restored = new Map<string, RestoredArticle>()

  constructor(users: PushUsers, parts: PushLoopParts, options: Partial<PushLoopOptions> = {}) {
    this.#users = users
    this.#parts = parts
    this.#options = { ...defaultLoopOptions, ...options }
    this.#random = randomNumbers(this.#options.seed)
    this.#appeal = new OnlineAppeal(parts.features.features)
    this.#price = new SlotPrice({
      days: this.#options.daysBetween,
      floor: this.#options.target,
      before: 2 * this.#options.target,
    })
    this.#curve = this.#delay.curve(0)
  }

  /** The lift that a send must be worth now. */
  get price(): number {
    return this.#options.without === 'price' ? this.#options.target : this.#price.price
  }

  observe(observations: readonly PushObservation[]): void {
    for (const observation of observations) {
      switch (observation.kind) {
        case 'article':
          this.#addArticle(observation.article)
          break
        case 'read':
          this.#allReads++
          if (observation.time > this.#learnedUntil) this.#hours[hourOf(observation.time)]!++
          this.#early.get(observation.article)?.readers.push(observation.user)
          break
        case 'click': {
          this.#restored.get(observation.article)?.clicks.push(observation)
          const sentAt = this.#runs.get(observation.article)?.addClick(observation.user)
          if (sentAt !== undefined) this.#delay.addClick(sentAt / minute, observation.time / minute)
          break
        }
        case 'visit':
        case 'opt-out':
          break
      }
    }
  }

  async step(now: number): Promise<readonly PushAction[]> {
    this.#beginDay(now)
    if (now - this.#curveAt >= 60 * minute) {
      this.#curve = this.#delay.curve(now / minute)
      if (Number.isFinite(this.#curveAt) && this.#round > 30) this.#price.update((now - this.#curveAt) / day)
      this.#curveAt = now
    }
    const reads = this.#hours.reduce((sum, count) => sum + count, 0)
    this.#hourEffect = Math.log((24 * this.#hours[hourOf(now)]!) / reads)
    if (this.#restored.size > 0) await this.#goOn(now)
    this.#steppedAt = now
    const actions: PushAction[] = []
    for (const [id, run] of this.#runs) {
      const age = now - run.article.createdAt
      if (age >= this.#options.life * minute && run.stopped === undefined) {
        run.stopped = 'its time is over'
        if (run.sent > 0) actions.push({ kind: 'stop', article: id, reason: run.stopped })
      }
      if (age >= (this.#options.life + learnAfter) * minute) this.#finish(run, now)
    }
    await this.#admit(now)
    this.#round++
    const running = [...this.#runs.values()].filter(run => run.stopped === undefined)
    const levels = new Map(running.map(run => [run, run.posterior(now, this.#curve)]))
    const levelOf = (run: ArticleRun) => levels.get(run)!.titles[levels.get(run)!.best]!
    for (const run of running.sort((a, b) => levelOf(b) - levelOf(a))) {
      for (const action of this.#actionsOf(run, levels.get(run)!, now)) actions.push(action)
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
      run.addSend(send, values, this.#effects.factor(values), now)
      this.#users.busyUntil[user] = until
      this.#countPush(user, now)
    }
  }

  restore(action: PushAction, now: number): void {
    const { article: id } = action
    if (action.kind === 'campaign') {
      const article = this.#waiting.find(waiting => waiting.id === id)
      const early = this.#early.get(id)
      if (!article || !early) return
      this.#waiting = this.#waiting.filter(waiting => waiting !== article)
      this.#early.delete(id)
      if (article.createdAt + (this.#options.life + learnAfter) * minute <= this.#learnedUntil) return
      const { readers, allBefore } = early
      this.#restored.set(id, new RestoredArticle(article, action.titles, readers, this.#allReads - allBefore))
      return
    }
    if (action.kind === 'hold-out') {
      this.#grow()
      for (const user of action.users) this.#holdOut(user, now)
      return
    }
    this.#restored.get(id)?.add(action, now)
  }

  /** What a former process sent to users, in order of time: how much they had of late. Between the last {@link restore} and the first step. */
  restorePushes(pushes: Iterable<{ readonly user: number; readonly article: string; readonly time: number }>): void {
    this.#grow()
    for (const { user, article, time } of pushes) {
      if (user < this.#users.size && !this.#restored.has(article)) this.#countPush(user, time)
    }
  }

  /** What is learned, as of the latest step, for the disk; undefined before the first. {@link restoreSnapshot} takes it. */
  snapshot(): LearnedSnapshot | undefined {
    if (!Number.isFinite(this.#steppedAt)) return undefined
    return {
      at: this.#steppedAt,
      day: this.#day,
      hours: [...this.#hours],
      appeal: this.#appeal.snapshot(),
      effects: this.#effects.snapshot(),
      delay: this.#delay.snapshot(),
      price: this.#price.snapshot(),
    }
  }

  /** Goes on with what a former process learned; before anything is observed. @throws RangeError when it is of other parts. */
  restoreSnapshot({ at, day, hours, appeal, effects, delay, price }: LearnedSnapshot): void {
    this.#appeal.restore(appeal)
    this.#effects.restore(effects)
    this.#delay.restore(delay)
    this.#price.restore(price)
    this.#hours.set(hours)
    this.#day = day
    this.#learnedUntil = at
  }

  /** Ranks anew for the articles that a former process pushed, with what it sent and what came of that. */
  async #goOn(now: number): Promise<void> {
    for (const restored of this.#restored.values()) {
      const { article, readers, titles, clicks, rounds, stopped } = restored
      const eligible = this.#eligibleUsers(now)
      const sent = restored.sends().filter(({ user }) => user < this.#users.size)
      for (const { user } of sent) eligible[user >> 5]! |= 1 << (user & 31)
      const features = this.#parts.features.valuesOf(article, { reads: readers.length, allReads: restored.allReads })
      const known = this.#options.without === 'select' ? features.map((value, at) => (at === 0 ? value : 0)) : features
      const factors = new Map(this.#parts.titlesOf(article).map(({ title, factor }) => [title, factor]))
      const ranked = await this.#parts.preference.rank(article, { limit: this.#users.size, eligible, readers, now })
      const run = new ArticleRun({
        article,
        features: known,
        prior: this.#appeal.predict(known),
        ranked: placeSends(ranked, sent),
        titles,
        titleFactors: titles.map(title => factors.get(title) ?? 1),
        titleDeviation: this.#options.titleDeviation,
      })
      run.isDecided = true
      run.rounds = restored.nextRound
      run.stopped = stopped
      this.#runs.set(article.id, run)
      const ranks = new Map(Array.from(run.ranked.users, (user, rank) => [user, rank]))
      for (const { sends, time } of rounds) {
        const placed = sends.filter(({ user }) => user < this.#users.size)
        if (placed.length > 0)
          this.sent(
            article.id,
            placed.map(send => Object.assign({}, send, { rank: ranks.get(send.user)! })),
            time,
          )
      }
      for (const { user, time } of clicks) {
        const sentAt = run.addClick(user)
        if (sentAt !== undefined && time > this.#learnedUntil) this.#delay.addClick(sentAt / minute, time / minute)
      }
      run.depths = this.#ahead(run, 0, now, 0).depths
    }
    this.#restored.clear()
  }

  /** One that is known takes its own place until it is decided about, with its readers; after that it stays as it was. */
  #addArticle(article: PushArticle): void {
    const { id } = article
    if (this.#runs.has(id) || this.#restored.has(id)) return
    if (this.#early.has(id)) this.#waiting = this.#waiting.filter(waiting => waiting.id !== id)
    else this.#early.set(id, { readers: [], allBefore: this.#allReads })
    this.#waiting.push(article)
  }

  #countPush(user: number, time: number): void {
    this.#pushesOfLate[user] = this.#fatigueOf(user, time) + 1
    this.#pushedAt[user] = time
  }

  #holdOut(user: number, now: number): void {
    if (user < this.#heldOutUntil.length) this.#heldOutUntil[user] = now + this.#options.daysBetween * day
  }

  #beginDay(now: number): void {
    const today = Math.floor(now / day)
    this.#grow()
    if (today === this.#day) return
    if (!Number.isNaN(this.#day)) this.#appeal.endDay()
    this.#day = today
    for (let hour = 0; hour < 24; hour++) this.#hours[hour]! *= 0.9
    this.#fitUsualCtrs()
  }

  #grow(): void {
    const { size } = this.#users
    if (this.#usual.length >= size) return
    const capacity = Math.max(size, Math.ceil(this.#usual.length * 1.5))
    this.#usual = grown(this.#usual, new Float64Array(capacity).fill(this.#options.usualCtr))
    this.#pushesOfLate = grown(this.#pushesOfLate, new Float32Array(capacity))
    this.#pushedAt = grown(this.#pushedAt, new Float64Array(capacity))
    this.#plannedIn = grown(this.#plannedIn, new Uint32Array(capacity))
    this.#heldOutUntil = grown(this.#heldOutUntil, new Float64Array(capacity))
  }

  #fitUsualCtrs(): void {
    const { size, segments, pushes, clicks } = this.#users
    const counts = {
      segments: segments.subarray(0, size),
      pushes: pushes.subarray(0, size),
      clicks: clicks.subarray(0, size),
    }
    if (counts.pushes.some(count => count > 0)) {
      const segmentCount = 1 + counts.segments.reduce((most, segment) => Math.max(most, segment), 0)
      this.#usual.set(usualCtrs(fitUsualCtr(counts, segmentCount), counts))
    }
    this.#meanUsual = this.#usual.subarray(0, size).reduce((sum, ctr) => sum + ctr, 0) / Math.max(1, size)
  }

  /** Ranks the users for the articles that are old enough, and so makes them ready to be pushed. */
  async #admit(now: number): Promise<void> {
    const from = now - this.#options.selectAfter * minute
    const due = this.#waiting.filter(({ createdAt }) => createdAt <= from)
    if (due.length === 0) return
    this.#waiting = this.#waiting.filter(({ createdAt }) => createdAt > from)
    const eligible = this.#eligibleUsers(now)
    for (const article of due) {
      const { readers, allBefore } = this.#early.get(article.id)!
      this.#early.delete(article.id)
      if (now >= article.createdAt + this.#options.life * minute) continue
      const early = { reads: readers.length, allReads: this.#allReads - allBefore }
      const features = this.#parts.features.valuesOf(article, early)
      const known = this.#options.without === 'select' ? features.map((value, at) => (at === 0 ? value : 0)) : features
      const titles = this.#parts.titlesOf(article).slice(0, this.#options.without === 'titles' ? 1 : undefined)
      if (titles.length === 0) continue
      const ranked = await this.#parts.preference.rank(article, { limit: this.#users.size, eligible, readers, now })
      const run = new ArticleRun({
        article,
        features: known,
        prior: this.#appeal.predict(known),
        ranked,
        titles: titles.map(({ title }) => title),
        titleFactors: titles.map(({ factor }) => factor),
        titleDeviation: this.#options.titleDeviation,
      })
      run.depths = this.#ahead(run, 0, now, 0).depths
      this.#runs.set(article.id, run)
    }
  }

  #actionsOf(run: ArticleRun, posterior: LevelPosterior, now: number): PushAction[] {
    const { without, firstRound, growth, rule, target } = this.#options
    const isFirst = run.sent === 0
    if (!isFirst && without === 'resending') return []
    const level = posterior.titles[posterior.best]!
    const most = without === 'resending' ? this.#users.size : Math.max(firstRound, run.sent * growth)
    const price = rule === normalRule ? target : this.price
    // Nobody who is left would be worth it, at the highest level that is likely.
    const upper = level * Math.exp(2.5 * Math.sqrt(posterior.variance))
    const ahead = this.#ahead(run, most, now, price / upper)
    if (ahead.ranks.length === 0) return []
    if (!isFirst && rule === normalRule) {
      const bands = run.bands(now, this.#curve, 'usual')
      const next = { from: ahead.ranks[0]!, to: ahead.ranks.at(-1)! + 1 }
      const decision = rule({ bands, next, target, shareSeen: run.shareSeen(now, this.#curve) })
      if (decision.action === 'stop') return this.#stop(run, decision.reason)
      if (decision.action !== 'grow') return []
      return this.#send(run, posterior, ahead, Math.min(ahead.ranks.length, run.sent), now)
    }
    if (!isFirst) {
      const bands = run.bands(now, this.#curve, 'level')
      const next = { from: ahead.ranks[0]!, to: ahead.ranks[0]! + 1 }
      const [, highest] = boundsAtDepth(bands, next)
      if (highest * ahead.factors[0]! < price) return this.#stop(run, 'its lift is below the price for sure')
    }
    const size = roundSize({
      posterior,
      depths: ahead.depths,
      price,
      usualCtr: this.#meanUsual,
      pending: run.pending(now, this.#curve),
      later: Math.exp(this.#effects.weights[2]! / 2),
      most,
      testPrice: isFirst ? price * testDiscount * (1 - this.#appeal.shareUnknown(run.features)) : price,
    })
    if (size === 0) return []
    return this.#send(run, posterior, ahead, size, now)
  }

  #send(run: ArticleRun, posterior: LevelPosterior, ahead: UsersAhead, size: number, now: number): PushAction[] {
    const { id, url } = run.article
    const { holdOut, life, target } = this.#options
    const actions: PushAction[] = []
    if (!run.isDecided) {
      run.isDecided = true
      const decision = this.#decisionOf(run, posterior, ahead, size)
      actions.push({ kind: 'decision', article: id, decision })
      const ends = run.article.createdAt + life * minute
      actions.push({
        kind: 'campaign',
        article: id,
        titles: run.titles,
        url,
        ends,
        budget: run.ranked.users.length,
        target,
      })
    }
    const shares = this.#options.without === 'titles' ? [1] : sharesOfTitles(posterior, this.#random)
    const heldOut: number[] = []
    const sends: PlannedSend[] = []
    // The first round is spread over more than it takes, so that the fall with depth is seen.
    const places = run.sent === 0 ? this.#spread(ahead, size) : Uint32Array.from({ length: size }, (_, at) => at)
    for (const at of places) {
      const rank = ahead.ranks[at]!
      const user = run.ranked.users[rank]!
      this.#plannedIn[user] = this.#round
      if (drawOf(id, user) < holdOut) {
        heldOut.push(user)
        this.#holdOut(user, now)
        continue
      }
      const title = drawn(shares, this.#random)
      const usualCtr = this.#usual[user]!
      const expectedCtr = usualCtr * ahead.factors[at]! * posterior.titles[title]!
      sends.push({ user, title, rank, usualCtr, expectedCtr })
    }
    if (run.sent > 0) run.next = ahead.ranks[size - 1]! + 1
    if (heldOut.length > 0) actions.push({ kind: 'hold-out', article: id, users: Uint32Array.from(heldOut) })
    if (sends.length > 0) actions.push({ kind: 'send', article: id, round: run.rounds++, sends })
    return actions
  }

  #spread(ahead: UsersAhead, size: number): Uint32Array {
    if (this.#options.without === 'resending') return Uint32Array.from({ length: size }, (_, at) => at)
    const over = Math.min(ahead.ranks.length, size)
    return stratifiedRanks(over, Math.min(size, over), Math.floor(this.#random() * 2 ** 32))
  }

  #stop(run: ArticleRun, reason: string): PushAction[] {
    run.stopped = reason
    return [{ kind: 'stop', article: run.article.id, reason }]
  }

  #decisionOf(run: ArticleRun, { mean, variance }: LevelPosterior, ahead: UsersAhead, size: number): SelectDecision {
    const deviation = Math.sqrt(variance)
    const factor = (ahead.depths.sums[1] ?? 0) / Math.max(1, ahead.depths.ends[1] ?? 1)
    const at = (z: number) => factor * Math.exp(mean + z * deviation)
    const contributions = this.#appeal.contributions(run.features)
    return {
      lift: factor * Math.exp(mean + variance / 2),
      interval: [at(-1.96), at(1.96)],
      isPushed: size > 0,
      firstVolume: size,
      mostVolume: run.ranked.users.length,
      contributions: this.#appeal.features
        .map(({ name }, feature) => ({ feature: name, value: run.features[feature]!, by: contributions[feature]! }))
        .filter(({ by }) => by !== 0)
        .sort((a, b) => Math.abs(b.by) - Math.abs(a.by)),
      reason: `a first round of ${size} is expected to gain more than its slots cost at a price of ${this.price.toFixed(2)}`,
    }
  }

  /** Who may get an article next, and how the factors fall beyond. */
  #ahead(run: ArticleRun, most: number, now: number, leastFactor: number): UsersAhead {
    const { users, scores } = run.ranked
    const ranks: number[] = []
    const factors: number[] = []
    let [end, sum] = [0, 0]
    const ends = [0]
    const sums = [0]
    const marks = depthEnds(users.length)
    let mark = 1
    let rank = run.next
    for (; rank < users.length && ranks.length < most; rank++) {
      const user = users[rank]!
      if (!this.#isEligible(user, now)) {
        if (ranks.length === 0) run.next = rank + 1
        continue
      }
      const factor = this.#factorOf(run, scores[rank]!, user, now)
      // Scores fall, and pushes of late only lower it further.
      if (factor < leastFactor && this.#factorOf(run, scores[rank]!, -1, now) < leastFactor) break
      if (factor < leastFactor) continue
      ranks.push(rank)
      factors.push(factor)
      sum += factor
      end++
      if (end === marks[mark]) {
        ends.push(end)
        sums.push(sum)
        mark++
      }
    }
    if (end > ends.at(-1)!) {
      ends.push(end)
      sums.push(sum)
    }
    // Beyond, a few users stand for all.
    for (let stride = 8; rank < users.length; stride = Math.min(1024, Math.ceil(stride * 1.2))) {
      const user = users[rank]!
      if (this.#factorOf(run, scores[rank]!, -1, now) < leastFactor) break
      if (this.#isEligible(user, now)) {
        end += stride
        sum += stride * this.#factorOf(run, scores[rank]!, user, now)
        ends.push(end)
        sums.push(sum)
      }
      rank += stride
    }
    return { ranks, factors, depths: { ends, sums } }
  }

  #factorOf(run: ArticleRun, score: number, user: number, now: number): number {
    return this.#effects.factor(this.#effectsOf(run, score, user, now))
  }

  /** (effects) @param user -1: one who had no push. */
  #effectsOf(run: ArticleRun, score: number, user: number, now: number): readonly number[] {
    return [
      this.#options.without === 'preference' ? 0 : score,
      user < 0 ? 0 : this.#fatigueOf(user, now),
      (now - run.article.createdAt) / (60 * minute),
      this.#hourEffect,
    ]
  }

  #fatigueOf(user: number, now: number): number {
    const of = this.#pushesOfLate[user]!
    return of === 0 ? 0 : of * 2 ** ((this.#pushedAt[user]! - now) / (fatigueHalfLife * day))
  }

  #isInactive(lastVisit: number, now: number): boolean {
    return lastVisit < now - this.#options.inactiveDays * day
  }

  #isEligible(user: number, now: number): boolean {
    const { lastVisit, busyUntil, reachable } = this.#users
    return (
      busyUntil[user]! <= now &&
      this.#heldOutUntil[user]! <= now &&
      this.#plannedIn[user] !== this.#round &&
      this.#isInactive(lastVisit[user]!, now) &&
      reachable[user] === 1
    )
  }

  /** A bit each. */
  #eligibleUsers(now: number): Uint32Array {
    const { size } = this.#users
    const bits = new Uint32Array(Math.ceil(size / 32))
    for (let user = 0; user < size; user++) if (this.#isEligible(user, now)) bits[user >> 5]! |= 1 << (user & 31)
    return bits
  }

  /** Learns from what came of an article, and forgets it. */
  #finish(run: ArticleRun, now: number): void {
    this.#runs.delete(run.article.id)
    const { titles, values, weights, best } = run.posterior(now, this.#curve)
    this.#addOffers(run, titles[best]!)
    if (run.sent === 0 || this.#options.without === 'learning') return
    this.#effects.learn(run.effectRows(titles, now, this.#curve))
    const level = weights.reduce((sum, weight, at) => sum + weight * Math.exp(values[at]!), 0)
    const exposure = run
      .outcomes(now, this.#curve)
      .reduce((sum, outcome, title) => sum + (outcome.exposure * titles[title]!) / level, 0)
    this.#appeal.learn(run.features, { clicks: run.clicks, exposure })
  }

  /** What it was worth to all who had a slot when it was decided about. */
  #addOffers({ depths }: ArticleRun, level: number): void {
    if (!depths) return
    const { ends, sums } = depths
    for (let at = 1; at < ends.length; at++) {
      const users = ends[at]! - ends[at - 1]!
      this.#price.addOffers((level * (sums[at]! - sums[at - 1]!)) / users, users / ends.at(-1)!)
    }
  }
}

interface UsersAhead {
  /** Rising. */
  readonly ranks: readonly number[]
  /** What the usual CTR of each is multiplied by at a level of 1. */
  readonly factors: readonly number[]
  /** Of these, and of all beyond. */
  readonly depths: { readonly ends: readonly number[]; readonly sums: readonly number[] }
}

/** Of the day in UTC. */
function hourOf(time: number): number {
  return Math.floor(time / (60 * minute)) % 24
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

function grown<A extends Float64Array | Float32Array | Uint32Array>(old: A, larger: A): A {
  larger.set(old as never)
  return larger
}
