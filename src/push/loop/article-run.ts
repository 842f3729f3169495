import type { PushArticle } from '../data/article.ts'
import type { EffectRows } from '../prefer/send-effects.ts'
import type { DelayCurve } from '../statistics/click-delay.ts'
import type { DepthBand } from '../statistics/lift-by-depth.ts'
import { type LevelPosterior, type LevelPrior, levelPosterior, type TitleOutcome } from '../volume/level.ts'
import type { DepthCurve } from '../volume/round-size.ts'
import type { PlannedSend } from './actions.ts'
import type { RankedUsers } from './preference.ts'

/** Sends of one minute, title and depth together. */
interface SendGroup {
  readonly minute: number
  readonly title: number
  readonly band: number
  sends: number
  /** Σ of what the click rates are at a level of 1, and by the usual CTRs alone. */
  exposure: number
  exposureSquares: number
  usual: number
  usualSquares: number
}

/** Where the first band of ranks ends; each other is as long as all before. */
const firstBand = 256
export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

/** One article from when it is decided about until its clicks are in: who may get it, who got it, and what came of that. */
export class ArticleRun {
  readonly article: PushArticle
  /** (features) */
  readonly features: Float64Array
  readonly prior: LevelPrior
  readonly ranked: RankedUsers
  readonly titles: readonly string[]
  readonly #titleFactors: readonly number[]
  readonly #titleDeviation: number
  /** The next rank that may get it. */
  next = 0
  /** Sends that have arrived, or may yet. */
  sent = 0
  delivered = 0
  rounds = 0
  /** Who can never have it, as far as it is known: whoever sends has said so. */
  readonly refused = new Set<number>()
  /** Whether its decision and its campaign are known. */
  isDecided = false
  /** Whether it is known that no first round was worth it. */
  isRefused = false
  stopped: string | undefined
  /** How factors fell with depth when it was decided about. */
  depths: DepthCurve | undefined
  readonly #groups = new Map<string, SendGroup>()
  readonly #clicks: number[]
  readonly #bandClicks: number[] = []
  // (sends) For the effects, which are learned at the end.
  readonly #rows = new Map<number, number>()
  readonly #effects: number[] = []
  /** By the usual CTRs, and at a level of 1. */
  readonly #usual: number[] = []
  readonly #rates: number[] = []
  readonly #titlesOfRows: number[] = []
  /** When it was delivered; NaN: not yet. */
  readonly #sentAt: number[] = []
  readonly #bands: number[] = []
  readonly #clicked = new Set<number>()
  /** Σ of what the click rates are at a level of 1, of sends that have not arrived yet. */
  #waiting = 0
  #posterior: LevelPosterior | undefined
  #posteriorAt = Number.NEGATIVE_INFINITY

  constructor(options: {
    readonly article: PushArticle
    readonly features: Float64Array
    readonly prior: LevelPrior
    readonly ranked: RankedUsers
    readonly titles: readonly string[]
    readonly titleFactors: readonly number[]
    readonly titleDeviation: number
  }) {
    this.article = options.article
    this.features = options.features
    this.prior = options.prior
    this.ranked = options.ranked
    this.titles = options.titles
    this.#titleFactors = options.titleFactors
    this.#titleDeviation = options.titleDeviation
    this.#clicks = options.titles.map(() => 0)
  }

  get clicks(): number {
    return this.#clicked.size
  }

  /** A send that was made; it counts from when it is delivered. @param effects of the send. @param factor what they make of the usual CTR. */
  addSend({ user, title, rank, usualCtr }: PlannedSend, effects: ArrayLike<number>, factor: number): void {
    this.#rows.set(user, this.#rates.length)
    for (let effect = 0; effect < effects.length; effect++) this.#effects.push(effects[effect]!)
    this.#usual.push(usualCtr)
    this.#rates.push(usualCtr * factor)
    this.#titlesOfRows.push(title)
    this.#sentAt.push(Number.NaN)
    this.#bands.push(bandOf(rank))
    this.#waiting += usualCtr * factor
    this.sent++
  }

  /** Whether a send was made to the user, and may go out. */
  has(user: number): boolean {
    return this.#rows.has(user)
  }

  /** The send to the user has arrived; false where there is none, or it had arrived before. */
  deliver(user: number, time: number): boolean {
    const row = this.#rows.get(user)
    if (row === undefined || !Number.isNaN(this.#sentAt[row]!)) return false
    this.#sentAt[row] = time
    this.#waiting -= this.#rates[row]!
    this.#count(row, 1)
    this.delivered++
    return true
  }

  /** The send to the user does not arrive. */
  takeBack(user: number): void {
    const row = this.#rows.get(user)
    if (row === undefined || this.#clicked.has(row)) return
    if (Number.isNaN(this.#sentAt[row]!)) this.#waiting -= this.#rates[row]!
    else {
      this.#count(row, -1)
      this.delivered--
    }
    this.#rows.delete(user)
    this.#rates[row] = 0
    this.#usual[row] = 0
    this.sent--
  }

  #count(row: number, sign: 1 | -1): void {
    const [title, band, rate, usual] = [
      this.#titlesOfRows[row]!,
      this.#bands[row]!,
      this.#rates[row]!,
      this.#usual[row]!,
    ]
    const at = Math.floor(this.#sentAt[row]! / minute)
    const key = `${at} ${title} ${band}`
    let group = this.#groups.get(key)
    if (!group) {
      group = { minute: at, title, band, sends: 0, exposure: 0, exposureSquares: 0, usual: 0, usualSquares: 0 }
      this.#groups.set(key, group)
    }
    group.sends += sign
    group.exposure += sign * rate
    group.exposureSquares += sign * rate ** 2
    group.usual += sign * usual
    group.usualSquares += sign * usual ** 2
    this.#posterior = undefined
  }

  /** When the send was delivered that a click answers; undefined where there is none, or it was clicked before. */
  addClick(user: number, time: number): number | undefined {
    const row = this.#rows.get(user)
    if (row === undefined || this.#clicked.has(row)) return undefined
    // What is clicked has arrived.
    this.deliver(user, time)
    this.#clicked.add(row)
    this.#clicks[this.#titlesOfRows[row]!]!++
    const band = this.#bands[row]!
    this.#bandClicks[band] = (this.#bandClicks[band] ?? 0) + 1
    this.#posterior = undefined
    return this.#sentAt[row]
  }

  /** What is thought of its level; looked at anew when clicks or minutes have passed. */
  posterior(now: number, curve: DelayCurve): LevelPosterior {
    const isOld = this.delivered > 0 && now - this.#posteriorAt >= 10 * minute
    if (!this.#posterior || isOld) {
      this.#posterior = levelPosterior(this.prior, this.outcomes(now, curve), this.#titleDeviation)
      this.#posteriorAt = now
    }
    return this.#posterior
  }

  /** What is expected of it under its best title. */
  level(now: number, curve: DelayCurve): number {
    const { titles, best } = this.posterior(now, curve)
    return titles[best]!
  }

  /** (titles) */
  outcomes(now: number, curve: DelayCurve): TitleOutcome[] {
    const sums = this.titles.map(() => ({ sends: 0, exposure: 0, seen: 0 }))
    for (const { minute: at, title, sends, exposure } of this.#groups.values()) {
      const sum = sums[title]!
      sum.sends += sends
      sum.exposure += exposure
      sum.seen += exposure * curve.share(now / minute - at)
    }
    return sums.map(({ sends, exposure, seen }, title) => {
      const clicks = this.#clicks[title]!
      // No more is clicked than is sent, however few clicks the curve lets expect by now.
      const least = sends > 0 ? (clicks * exposure) / sends : 0
      return { clicks, exposure: Math.max(seen, least), factor: this.#titleFactors[title]! }
    })
  }

  /** Clicks at a level of 1 that are still to come of what was sent. */
  pending(now: number, curve: DelayCurve): number {
    let pending = Math.max(0, this.#waiting)
    for (const { minute: at, exposure } of this.#groups.values())
      pending += exposure * (1 - curve.share(now / minute - at))
    return pending
  }

  /**
   * What came by depth.
   *
   * @param of `level`: beside what is expected of each user at a level of 1. `usual`: beside the usual CTRs.
   */
  bands(now: number, curve: DelayCurve, of: 'level' | 'usual'): DepthBand[] {
    const bands: DepthBand[] = []
    const count = bandOf(Math.max(0, this.ranked.users.length - 1)) + 1
    for (let band = 0; band < count; band++) {
      let [sends, exposure, exposureSquares] = [0, 0, 0]
      for (const group of this.#groups.values()) {
        if (group.band !== band) continue
        const share = curve.share(now / minute - group.minute)
        sends += group.sends
        exposure += (of === 'level' ? group.exposure : group.usual) * share
        exposureSquares += (of === 'level' ? group.exposureSquares : group.usualSquares) * share ** 2
      }
      const clicks = this.#bandClicks[band] ?? 0
      const sums = { sends, clicks, exposure, exposureSquares, exposureVariance: 0 }
      bands.push({ from: beginOf(band), to: beginOf(band + 1), sums })
    }
    return bands
  }

  /** What effects are learned from. @param titleRates (titles) what each title multiplies the rates by, the level of the article included. */
  effectRows(titleRates: ArrayLike<number>, now: number, curve: DelayCurve): EffectRows {
    const rates = this.#usual.map((usual, row) => {
      if (Number.isNaN(this.#sentAt[row]!)) return 0
      const seen = curve.share((now - this.#sentAt[row]!) / minute)
      return usual * titleRates[this.#titlesOfRows[row]!]! * seen
    })
    return { values: this.#effects, rates, levelVariance: this.prior.variance, clicked: this.#clicked }
  }
}

function bandOf(rank: number): number {
  return rank < firstBand ? 0 : Math.floor(Math.log2(rank / firstBand)) + 1
}

function beginOf(band: number): number {
  return band === 0 ? 0 : firstBand * 2 ** (band - 1)
}
