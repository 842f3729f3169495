/**
 * How long after a send its click comes: F(t), the share of the clicks that a send ever gets that have come by t.
 *
 * A click is seen only where its delay is no longer than the age of its send, so delays are right-truncated, and short
 * ones are seen too often. Looked at backwards in time this is left truncation, for which the product-limit estimator
 * is the nonparametric maximum likelihood (Lynden-Bell 1971; Lagakos, Barraj & De Gruttola 1988):
 *
 *     F(e_j) = Π_{i > j} (1 − d_i / R_i)
 *
 * over intervals of delays (e_{i−1}, e_i]: d_i clicks came in the i-th, of sends older than e_i, and R_i of the same
 * sends came by e_i. It needs clicks alone. Chapelle (2014) fits an exponential delay and the CTR by EM instead: with
 * Kaplan & Meier's estimator for sends, those without a click are a mixture of "not yet" and "never", and the CTR,
 * which differs from article to article, would have to be known for each.
 */

/** F at any delay, and how certain it is. */
export interface DelayCurve {
  /** The share of eventual clicks that have come after `minutes`: rises from 0 at 0 to 1 at the horizon. */
  share(minutes: number): number
  /** The variance of ln F. Cov(ln F(s), ln F(t)) = that of the later of both. */
  logVariance(minutes: number): number
}

export interface ClickDelayOptions {
  /** Ends of the intervals, in minutes, rising; the last is the horizon, after which no click is expected. */
  readonly ends?: readonly number[]
  /** Clicks that the curve before any data weighs as much as. Default: 20. */
  readonly priorClicks?: number
  /**
   * Half of the clicks come by then, in minutes, where nothing is known: half = F(median) of t / (t + median).
   * Default: 30.
   */
  readonly priorMedian?: number
  /** Minutes after which what was learned weighs half. Default: two weeks. */
  readonly halfLife?: number
}

/** From 1 minute to a day. */
// biome-ignore format: read in rows
export const defaultEnds = [
  1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1080, 1440,
] as const

/** Learns F from clicks as they come. */
export class ClickDelay {
  readonly ends: readonly number[]
  readonly #halfLife: number
  readonly #prior: Float64Array
  /** Clicks of sends older than the horizon, at the weight of `#decayedAt`. */
  readonly #settled: Float64Array
  #decayedAt = Number.NEGATIVE_INFINITY
  /** Of sends that may still be clicked, by their minute. */
  readonly #open = new Map<number, Float64Array>()

  /** @throws RangeError when ends do not rise from above 0, or an option is not above 0. */
  constructor(options: ClickDelayOptions = {}) {
    const { ends = defaultEnds, priorClicks = 20, priorMedian = 30, halfLife = 14 * 1440 } = options
    if (ends.length === 0 || ends.some((end, at) => !(end > (ends[at - 1] ?? 0)))) {
      throw new RangeError(`ends must be numbers that rise from above 0, got ${ends.join(', ') || 'none'}`)
    }
    for (const [name, value] of Object.entries({ priorClicks, priorMedian, halfLife })) {
      if (!(value > 0)) throw new RangeError(`${name} must be a number above 0, got ${value}`)
    }
    this.ends = ends
    this.#halfLife = halfLife
    const horizon = ends.at(-1)!
    const shareAt = (t: number) => ((t / (t + priorMedian)) * (horizon + priorMedian)) / horizon
    this.#prior = Float64Array.from(ends, (end, at) => priorClicks * (shareAt(end) - shareAt(ends[at - 1] ?? 0)))
    this.#settled = new Float64Array(ends.length)
  }

  /** Minutes after a send until which a click counts. */
  get horizon(): number {
    return this.ends.at(-1)!
  }

  /**
   * Counts a click, each once. One before its send, by clocks that differ, counts as at once; one after the horizon
   * not.
   */
  addClick(sentAt: number, clickedAt: number): void {
    const delay = clickedAt - sentAt
    if (!(delay <= this.horizon)) return
    const minute = Math.floor(sentAt)
    let clicks = this.#open.get(minute)
    if (!clicks) {
      clicks = new Float64Array(this.ends.length)
      this.#open.set(minute, clicks)
    }
    clicks[intervalOf(this.ends, delay)]!++
  }

  /** The curve as known at `now`, when all clicks until then were added. Costs O(open minutes · intervals). */
  curve(now: number): DelayCurve {
    this.#settle(now)
    const { ends } = this
    const came = Float64Array.from(this.#prior, (prior, at) => prior + this.#settled[at]!)
    const risk = new Float64Array(ends.length)
    let sum = 0
    for (let at = 0; at < ends.length; at++) risk[at] = sum += came[at]!
    for (const [minute, clicks] of this.#open) {
      // The latest send of the minute must be older than the end of the interval.
      const age = now - minute - 1
      let sum = 0
      for (let at = 0; at < ends.length && ends[at]! <= age; at++) {
        came[at]! += clicks[at]!
        risk[at]! += sum += clicks[at]!
      }
    }
    return new ProductLimitCurve(ends, came, risk)
  }

  /** What is learned, for the disk; {@link ClickDelay.restore} takes it. */
  snapshot(): ClickDelaySnapshot {
    const groups = [...this.#open].map(([sentAt, clicks]) => ({ sentAt, clicks: [...clicks] }))
    return { settled: [...this.#settled], decayedAt: Number.isFinite(this.#decayedAt) ? this.#decayedAt : null, groups }
  }

  /** Takes the place of what was learned. @throws RangeError when it is of other intervals. */
  restore({ settled, decayedAt, groups }: ClickDelaySnapshot): void {
    for (const { length } of [settled, ...groups.map(({ clicks }) => clicks)]) {
      if (length === this.ends.length) continue
      throw new RangeError(`a click delay of ${this.ends.length} intervals cannot be restored from one of ${length}`)
    }
    this.#settled.set(settled)
    this.#decayedAt = decayedAt ?? Number.NEGATIVE_INFINITY
    this.#open.clear()
    for (const { sentAt, clicks } of groups) this.#open.set(sentAt, Float64Array.from(clicks))
  }

  /** Moves what can change no more to what is settled, and lets that age. */
  #settle(now: number): void {
    if (now > this.#decayedAt) {
      const decay = Number.isFinite(this.#decayedAt) ? 0.5 ** ((now - this.#decayedAt) / this.#halfLife) : 1
      for (let at = 0; at < this.#settled.length; at++) this.#settled[at]! *= decay
      this.#decayedAt = now
    }
    for (const [minute, clicks] of this.#open) {
      if (now - minute - 1 < this.horizon) continue
      for (let at = 0; at < clicks.length; at++) this.#settled[at]! += clicks[at]!
      this.#open.delete(minute)
    }
  }
}

export interface ClickDelaySnapshot {
  readonly settled: readonly number[]
  readonly decayedAt: number | null
  readonly groups: readonly { readonly sentAt: number; readonly clicks: readonly number[] }[]
}

class ProductLimitCurve implements DelayCurve {
  readonly #ends: readonly number[]
  readonly #shares: Float64Array
  readonly #logVariances: Float64Array

  constructor(ends: readonly number[], came: Float64Array, risk: Float64Array) {
    this.#ends = ends
    this.#shares = new Float64Array(ends.length)
    this.#logVariances = new Float64Array(ends.length)
    let [share, variance] = [1, 0]
    for (let at = ends.length - 1; at >= 0; at--) {
      this.#shares[at] = share
      this.#logVariances[at] = variance
      // Greenwood's formula (1926), of the hazards looked at backwards.
      if (at > 0) {
        const [d, r] = [came[at]!, risk[at]!]
        share *= 1 - d / r
        variance += d / (r * (r - d))
      }
    }
  }

  share(minutes: number): number {
    if (!(minutes > 0)) return 0
    return this.#between(minutes, this.#shares, 0)
  }

  logVariance(minutes: number): number {
    if (!(minutes > 0)) return this.#logVariances[0]!
    return this.#between(minutes, this.#logVariances, this.#logVariances[0]!)
  }

  /** Between the ends of an interval in proportion to ln(1 + t): delays spread over orders of magnitude. */
  #between(minutes: number, values: Float64Array, first: number): number {
    const ends = this.#ends
    if (minutes >= ends.at(-1)!) return values.at(-1)!
    const at = intervalOf(ends, minutes)
    const [begin, end] = [Math.log1p(ends[at - 1] ?? 0), Math.log1p(ends[at]!)]
    const before = at > 0 ? values[at - 1]! : first
    return before + (values[at]! - before) * ((Math.log1p(minutes) - begin) / (end - begin))
  }
}

/** The first interval that ends no sooner than `delay`. */
function intervalOf(ends: readonly number[], delay: number): number {
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]! < delay) low = middle + 1
    else high = middle
  }
  return low
}
