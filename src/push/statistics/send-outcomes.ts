import type { DelayCurve } from './click-delay.ts'
import { curveExposure } from './corrected-ctr.ts'
import { type LiftEstimate, type LiftOptions, type LiftSums, liftOf } from './lift.ts'

/** Sends of one minute, together. */
interface Minute {
  sends: number
  clicks: number
  usual: number
  usualSquares: number
  usualVariance: number
}

/**
 * The sends of one article, or of one of its depths, and the clicks that have come: its lift can be read at any time.
 */
export class SendOutcomes {
  readonly #minutes = new Map<number, Minute>()

  /**
   * @param sentAt in minutes since some epoch.
   * @param usualCtrs of the users that were sent to.
   * @param variances of these, where they are uncertain.
   */
  addSends(sentAt: number, usualCtrs: ArrayLike<number>, variances?: ArrayLike<number>): void {
    const minute = this.#minuteAt(sentAt)
    minute.sends += usualCtrs.length
    for (let at = 0; at < usualCtrs.length; at++) {
      minute.usual += usualCtrs[at]!
      minute.usualSquares += usualCtrs[at]! ** 2
      minute.usualVariance += variances?.[at] ?? 0
    }
  }

  /** Counts the first click of a send. */
  addClick(sentAt: number): void {
    this.#minuteAt(sentAt).clicks++
  }

  /** By the clicks until `now`. Costs O(minutes · log minutes). */
  sums(now: number, curve: DelayCurve): LiftSums {
    let [sends, clicks, exposureSquares, ofUsual] = [0, 0, 0, 0]
    const groups: { age: number; amount: number }[] = []
    for (const [sentAt, minute] of this.#minutes) {
      const age = now - sentAt
      const share = curve.share(age)
      sends += minute.sends
      clicks += minute.clicks
      exposureSquares += minute.usualSquares * share ** 2
      ofUsual += minute.usualVariance * share ** 2
      groups.push({ age, amount: minute.usual })
    }
    const { seen, variance } = curveExposure(groups, curve)
    return { sends, clicks, exposure: seen, exposureSquares, exposureVariance: variance + ofUsual }
  }

  lift(now: number, curve: DelayCurve, options?: LiftOptions): LiftEstimate {
    return liftOf(this.sums(now, curve), options)
  }

  #minuteAt(sentAt: number): Minute {
    const key = Math.floor(sentAt)
    let minute = this.#minutes.get(key)
    if (!minute) {
      minute = { sends: 0, clicks: 0, usual: 0, usualSquares: 0, usualVariance: 0 }
      this.#minutes.set(key, minute)
    }
    return minute
  }
}
