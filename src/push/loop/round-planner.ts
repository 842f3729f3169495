import type { SelectDecision } from '../data/decision.ts'
import { addSums, noSends } from '../statistics/lift.ts'
import { boundsAtDepth } from '../statistics/lift-by-depth.ts'
import { hashBits, hashOf } from '../text/word-hashes.ts'
import { sharesOfTitles } from '../title/title-shares.ts'
import type { LevelPosterior } from '../volume/level.ts'
import { normalRule } from '../volume/normal-rule.ts'
import { type DepthCurve, roundSize } from '../volume/round-size.ts'
import { stratifiedRanks } from '../volume/stratified-ranks.ts'
import type { PlannedHoldOut, PlannedSend, PushAction } from './actions.ts'
import { type ArticleRun, minute } from './article-run.ts'
import { decisionOf } from './decision.ts'
import type { HourlyLimit } from './hourly-limit.ts'
import type { Learned } from './learned.ts'
import type { PushLoopOptions } from './options.ts'
import type { UserStates } from './user-states.ts'
import { type UsersAhead, usersAhead } from './users-ahead.ts'

/**
 * What a slot of a first round costs beside its price: it also tells of articles like it, for as long as these are not known. In simulated
 * worlds without it half of the best articles were never tried; from 0.4 to 0.7 there was no difference, at 0.3 and 1 the gain was less.
 */
const testDiscount = 0.6
/** The first round goes to one in so many of the best users, so that the fall with depth is seen. */
const firstSpread = 2

export interface RoundPlannerParts {
  readonly states: UserStates
  readonly learned: Learned
  readonly limit: HourlyLimit
  readonly random: () => number
}

/** Decides about the next round of an article: whether there is one, how large it is, who is in it under which titles. */
export class RoundPlanner {
  readonly #states: UserStates
  readonly #learned: Learned
  readonly #limit: HourlyLimit
  readonly #random: () => number
  readonly #options: PushLoopOptions

  constructor({ states, learned, limit, random }: RoundPlannerParts, options: PushLoopOptions) {
    this.#states = states
    this.#learned = learned
    this.#limit = limit
    this.#random = random
    this.#options = options
  }

  /** The lift that a send must be worth now. */
  get price(): number {
    return this.#options.without === 'price' ? this.#options.target : this.#learned.price
  }

  /** How what is expected of users falls with depth, of those who may have the article now. */
  depthsOf(run: ArticleRun, now: number): DepthCurve {
    return this.#ahead(run, 0, 0, now).depths
  }

  /** What is to be done about an article now. */
  actionsOf(run: ArticleRun, now: number): PushAction[] {
    const posterior = run.posterior(now, this.#learned.curve)
    const { without, firstRound, growth, rule, target } = this.#options
    const { budget = Number.POSITIVE_INFINITY } = this.#options
    const { curve } = this.#learned
    const isFirst = run.sent === 0
    if (!isFirst && without === 'resending') return []
    const level = posterior.titles[posterior.best]!
    const wanted = without === 'resending' ? this.#states.size : Math.max(firstRound, run.sent * growth)
    const most = Math.min(wanted, budget - run.sent, this.#limit.left)
    if (most < 1) return []
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
      return this.#send(run, posterior, ahead, Math.min(ahead.ranks.length, run.sent))
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
    return this.#send(run, posterior, ahead, size)
  }

  /** The decision about an article that is not worth a first round, once: it may become worth one. */
  #refuse(run: ArticleRun, posterior: LevelPosterior): PushAction[] {
    const { id } = run.article
    if (run.isDecided || run.isRefused) return []
    run.isRefused = true
    return [{ kind: 'decision', article: id, decision: this.#decisionOf(run, posterior, run.depths!, 0) }]
  }

  #send(run: ArticleRun, posterior: LevelPosterior, ahead: UsersAhead, size: number): PushAction[] {
    const { id } = run.article
    const actions: PushAction[] = []
    if (!run.isDecided) {
      run.isDecided = true
      actions.push({ kind: 'decision', article: id, decision: this.#decisionOf(run, posterior, ahead.depths, size) })
      actions.push(this.#campaignOf(run))
    }
    const shares = this.#options.without === 'titles' ? [1] : sharesOfTitles(posterior, this.#random)
    const holdOuts: PlannedHoldOut[] = []
    const sends: PlannedSend[] = []
    for (const at of this.#placesOf(run, ahead, size)) {
      const rank = ahead.ranks[at]!
      const user = run.ranked.users[rank]!
      this.#states.plan(user)
      if (drawOf(id, user) < this.#options.holdOut) {
        holdOuts.push({ user, rank })
        continue
      }
      const title = drawn(shares, this.#random)
      const usualCtr = this.#states.usualCtrOf(user)
      const expectedCtr = Math.min(1, usualCtr * ahead.factors[at]! * posterior.titles[title]!)
      sends.push({ user, title, rank, usualCtr, expectedCtr })
    }
    this.#limit.plan(sends.length)
    actions.push({ kind: 'send', article: id, round: run.rounds++, sends, holdOuts })
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
    const { life, target, budget = ranked.users.length } = this.#options
    const { id, url, createdAt } = article
    const ends = createdAt + life * minute
    return { kind: 'campaign', article: id, titles, url, ends, budget: Math.min(budget, ranked.users.length), target }
  }

  #decisionOf(run: ArticleRun, posterior: LevelPosterior, depths: DepthCurve, size: number): SelectDecision {
    return decisionOf(run, { posterior, depths, size, price: this.price, appeal: this.#learned.appeal })
  }

  #ahead(run: ArticleRun, most: number, leastFactor: number, now: number): UsersAhead {
    const { effects } = this.#learned
    return usersAhead(run, {
      most,
      leastFactor,
      isEligible: user => this.#states.isEligible(user, now) && !run.refused.has(user),
      isGone: user => !this.#states.mayHave(user, now) || run.refused.has(user),
      factorOf: (score, user) => effects.factor(this.effectsOf(run, score, user, now)),
    })
  }

  /** (effects) @param user Default: one who had no push of late. */
  effectsOf(run: ArticleRun, score: number, user: number | undefined, now: number): readonly number[] {
    const known = this.#options.without === 'preference' ? 0 : score
    const pushes = user === undefined ? 0 : this.#states.pushesOfLate(user, now)
    return this.#learned.effectsOf(known, pushes, now - run.article.createdAt)
  }
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
