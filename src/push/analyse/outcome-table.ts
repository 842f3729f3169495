import type { DelayCurve } from '../statistics/click-delay.ts'
import { correctedCtr, curveExposure } from '../statistics/corrected-ctr.ts'
import { type LiftEstimate, type LiftSums, liftOf } from '../statistics/lift.ts'
import type { Bounds, LiftFigures, Outcome } from './analysis.ts'

/** A standard normal is within ± this with 95 %. */
export const z95 = 1.959963984540054

/** Sends of one minute that may still be clicked. */
interface OpenMinute {
  sends: number
  usual: number
}

/** A send as it is counted. */
export interface CountedSend {
  /** NaN where it is not known: then it is no part of the lift. */
  readonly usual: number
  /** F of its age: 1 where its clicks have all come. */
  readonly share: number
  readonly isClicked: boolean
  readonly hasOptedOut: boolean
  /** Of the send where that may still be clicked. */
  readonly minute: number | undefined
}

/** The sums of sends by group: by article, by segment and so on. A group that nothing was added to has no sends. */
export class OutcomeTable {
  #groups = 0
  #sends = new Float64Array(0)
  #clicks = new Float64Array(0)
  #optOuts = new Float64Array(0)
  /** Of sends whose usual CTR is known: their number, and clicks. */
  #knownSends = new Float64Array(0)
  #knownClicks = new Float64Array(0)
  #usual = new Float64Array(0)
  #exposure = new Float64Array(0)
  #exposureSquares = new Float64Array(0)
  readonly #open = new Map<number, Map<number, OpenMinute>>()

  constructor(groups = 0) {
    if (groups > 0) this.#grow(groups)
  }

  /** One more than the highest group that was added to, or as many as were asked for. */
  get groups(): number {
    return this.#groups
  }

  add(group: number, { usual, share, isClicked, hasOptedOut, minute }: CountedSend): void {
    if (group >= this.#groups) this.#grow(group + 1)
    this.#sends[group]!++
    this.#clicks[group]! += Number(isClicked)
    this.#optOuts[group]! += Number(hasOptedOut)
    const isKnown = usual >= 0
    if (isKnown) {
      this.#knownSends[group]!++
      this.#knownClicks[group]! += Number(isClicked)
      this.#usual[group]! += usual
      this.#exposure[group]! += usual * share
      this.#exposureSquares[group]! += (usual * share) ** 2
    }
    if (minute !== undefined) this.#addOpen(group, minute, isKnown ? usual : 0)
  }

  #addOpen(group: number, minute: number, usual: number): void {
    let minutes = this.#open.get(group)
    if (!minutes) {
      minutes = new Map()
      this.#open.set(group, minutes)
    }
    let open = minutes.get(minute)
    if (!open) {
      open = { sends: 0, usual: 0 }
      minutes.set(minute, open)
    }
    open.sends++
    open.usual += usual
  }

  sendsOf(group: number): number {
    return this.#sends[group] ?? 0
  }

  clicksOf(group: number): number {
    return this.#clicks[group] ?? 0
  }

  /** Σ F(age) of its sends. @param now in minutes. */
  effectiveSends(group: number, now: number, curve: DelayCurve): number {
    return correctedCtr(this.#aged(group, now), curve).effectiveSends
  }

  /** Of the clicks that are to come, those that have, as the curve says. */
  shareSeen(group: number): number {
    const usual = this.#usual[group] ?? 0
    return usual > 0 ? this.#exposure[group]! / usual : 1
  }

  /** What the lift rests on. @param now in minutes. */
  sums(group: number, now: number, curve: DelayCurve): LiftSums {
    const open = [...(this.#open.get(group) ?? [])].map(([minute, { usual }]) => ({ age: now - minute, amount: usual }))
    const inOpen = open.reduce((sum, { amount }) => sum + amount, 0)
    const settled = { age: Number.POSITIVE_INFINITY, amount: (this.#usual[group] ?? 0) - inOpen }
    return {
      sends: this.#knownSends[group] ?? 0,
      clicks: this.#knownClicks[group] ?? 0,
      exposure: this.#exposure[group] ?? 0,
      exposureSquares: this.#exposureSquares[group] ?? 0,
      exposureVariance: open.length > 0 ? curveExposure([...open, settled], curve).variance : 0,
    }
  }

  /** @param now in minutes. */
  outcome(group: number, now: number, curve: DelayCurve): Outcome {
    const [sends, clicks] = [this.sendsOf(group), this.clicksOf(group)]
    const known = this.#knownSends[group] ?? 0
    const { ctr, variance, effectiveSends } = correctedCtr(this.#aged(group, now), curve)
    const value = Math.min(1, ctr)
    const margin = z95 * Math.sqrt(variance)
    return {
      sends,
      clicks,
      ctr: sends > 0 ? clicks / sends : null,
      correctedCtr:
        effectiveSends > 0
          ? { value, interval: [Math.min(value, Math.max(0, ctr - margin)), Math.min(1, ctr + margin)] }
          : null,
      shareSeen: this.shareSeen(group),
      usualCtr: known > 0 ? this.#usual[group]! / known : null,
      lift: liftFigures(liftOf(this.sums(group, now, curve))),
      optOuts: this.#optOuts[group] ?? 0,
    }
  }

  /** Sends by age; the clicks are all with the oldest, since only their sum matters. */
  #aged(group: number, now: number) {
    const open = [...(this.#open.get(group) ?? [])].map(([minute, { sends }]) => ({
      age: now - minute,
      sends,
      clicks: 0,
    }))
    const settled = this.sendsOf(group) - open.reduce((sum, { sends }) => sum + sends, 0)
    return [...open, { age: Number.POSITIVE_INFINITY, sends: settled, clicks: this.clicksOf(group) }]
  }

  #grow(groups: number): void {
    if (groups > this.#sends.length) {
      const capacity = Math.max(groups, 2 * this.#sends.length)
      const grown = (old: Float64Array) => {
        const next = new Float64Array(capacity)
        next.set(old)
        return next
      }
      this.#sends = grown(this.#sends)
      this.#clicks = grown(this.#clicks)
      this.#optOuts = grown(this.#optOuts)
      this.#knownSends = grown(this.#knownSends)
      this.#knownClicks = grown(this.#knownClicks)
      this.#usual = grown(this.#usual)
      this.#exposure = grown(this.#exposure)
      this.#exposureSquares = grown(this.#exposureSquares)
    }
    this.#groups = groups
  }
}

/** As JSON: what is infinite or unknown is null. */
export function liftFigures({ lift, normal, sequence }: LiftEstimate): LiftFigures {
  const bounds = ([low, high]: readonly [number, number]): Bounds => [low, Number.isFinite(high) ? high : null]
  return { lift: Number.isFinite(lift) ? lift : null, normal: bounds(normal), sequence: bounds(sequence) }
}
