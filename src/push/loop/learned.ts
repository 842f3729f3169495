import { SendEffects } from '../prefer/send-effects.ts'
import { type AppealFeature, OnlineAppeal } from '../select/online-appeal.ts'
import { ClickDelay, type DelayCurve } from '../statistics/click-delay.ts'
import { SlotPrice } from '../volume/slot-price.ts'
import { type ArticleRun, day, minute } from './article-run.ts'
import type { LearnedSnapshot } from './learned-snapshot.ts'
import type { PushLoopOptions } from './options.ts'

/** What the click rate depends on beside article and title: see {@link Learned.effectsOf}. */
const effects = [
  { name: 'score', mean: 1, deviation: 0.3 },
  { name: 'pushes of late', mean: -0.1, deviation: 0.07 },
  { name: 'age in hours', mean: -0.15, deviation: 0.07 },
  { name: 'hour of the day', mean: 0.2, deviation: 0.15 },
] as const
const ageEffect = 2

/** Reads of each hour before any is seen, and what is left of them a day later. */
const [readsBefore, readsKept] = [10, 0.9]

/** What the loop learns: the appeal of articles, what changes click rates, the delay of clicks, hours of the day, the price of a slot. */
export class Learned {
  readonly appeal: OnlineAppeal
  readonly effects = new SendEffects(effects)
  readonly #delay = new ClickDelay()
  readonly #price: SlotPrice
  /** Reads by hour of the day, in UTC. */
  readonly #hours = new Float64Array(24).fill(readsBefore)
  #curve: DelayCurve = this.#delay.curve(0)
  #curveAt = Number.NEGATIVE_INFINITY
  #hourEffect = 0
  #day = Number.NaN
  /** What happened until then is in what a snapshot had. */
  #until = Number.NEGATIVE_INFINITY

  constructor(features: readonly AppealFeature[], { daysBetween, target }: PushLoopOptions) {
    this.appeal = new OnlineAppeal(features)
    this.#price = new SlotPrice({ days: daysBetween, floor: target, before: 2 * target })
  }

  /** The lift that a send must be worth. */
  get price(): number {
    return this.#price.price
  }

  /** Of clicks, as of the latest hour. */
  get curve(): DelayCurve {
    return this.#curve
  }

  get until(): number {
    return this.#until
  }

  /** What is left of click rates half an hour later. */
  get leftLater(): number {
    return Math.exp(this.effects.weights[ageEffect]! / 2)
  }

  addRead(time: number): void {
    if (time > this.#until) this.#hours[hourOf(time)]!++
  }

  addClick(sentAt: number, clickedAt: number): void {
    if (clickedAt > this.#until) this.#delay.addClick(sentAt / minute, clickedAt / minute)
  }

  /** @returns whether a day has begun. */
  goTo(now: number): boolean {
    if (now - this.#curveAt >= 60 * minute) {
      this.#curve = this.#delay.curve(now / minute)
      if (Number.isFinite(this.#curveAt)) this.#price.update((now - this.#curveAt) / day)
      this.#curveAt = now
    }
    const today = Math.floor(now / day)
    const isNew = today !== this.#day
    if (isNew) {
      if (!Number.isNaN(this.#day)) this.appeal.endDay()
      this.#day = today
      for (let hour = 0; hour < 24; hour++) this.#hours[hour]! *= readsKept
    }
    const reads = this.#hours.reduce((sum, count) => sum + count, 0)
    this.#hourEffect = Math.log((24 * this.#hours[hourOf(now)]!) / reads)
    return isNew
  }

  /** (effects) Of a send at the hour of {@link goTo}. */
  effectsOf(score: number, pushesOfLate: number, age: number): readonly number[] {
    return [score, pushesOfLate, age / (60 * minute), this.#hourEffect]
  }

  /** Learns what articles are worth to all who have a slot, and so the price. */
  addOffers(run: ArticleRun, now: number): void {
    if (!run.depths) return
    const { titles, best } = run.posterior(now, this.#curve)
    const { ends, sums } = run.depths
    for (let at = 1; at < ends.length; at++) {
      const users = ends[at]! - ends[at - 1]!
      const factor = (sums[at]! - sums[at - 1]!) / users
      this.#price.addOffers(titles[best]! * factor, users / ends.at(-1)!)
    }
  }

  /** Learns from what came of an article whose clicks are in. */
  learnFrom(run: ArticleRun, now: number): void {
    const { titles, values, weights } = run.posterior(now, this.#curve)
    this.effects.learn(run.effectRows(titles, now, this.#curve))
    const level = weights.reduce((sum, weight, at) => sum + weight * Math.exp(values[at]!), 0)
    let exposure = 0
    for (const [title, outcome] of run.outcomes(now, this.#curve).entries()) {
      exposure += (outcome.exposure * titles[title]!) / level
    }
    this.appeal.learn(run.features, { clicks: run.clicks, exposure })
  }

  /** As of `at`, for the disk. */
  snapshot(at: number): LearnedSnapshot {
    return {
      at,
      day: this.#day,
      hours: [...this.#hours],
      appeal: this.appeal.snapshot(),
      effects: this.effects.snapshot(),
      delay: this.#delay.snapshot(),
      price: this.#price.snapshot(),
    }
  }

  /** Before anything is observed. @throws RangeError when it is of other parts. */
  restore({ at, day, hours, appeal, effects, delay, price }: LearnedSnapshot): void {
    this.appeal.restore(appeal)
    this.effects.restore(effects)
    this.#delay.restore(delay)
    this.#price.restore(price)
    this.#hours.set(hours)
    this.#day = day
    this.#until = at
  }
}

function hourOf(time: number): number {
  return Math.floor(time / (60 * minute)) % 24
}
