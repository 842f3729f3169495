/**
 * What predicted lifts have been worth: clicks by what was predicted, in bins, made monotone (isotonic regression by pooling adjacent
 * violators; Zadrozny & Elkan 2002). It is used only while it has predicted what came next better than the predictions as they were.
 */

/** Bins of the natural log of the predicted lift: so wide, from here on. */
const [width, lowest, bins] = [0.2, -4, 40]
/** So many clicks, as many as were expected, each bin has had before all others. */
const priorClicks = 20

export interface CalibrationState {
  readonly expected: readonly number[]
  readonly clicks: readonly number[]
  readonly lossGained: number
}

export class LiftCalibration {
  /** (bins) Σ of the click probabilities that were predicted, and clicks. */
  readonly #expected = new Float64Array(bins)
  readonly #clicks = new Float64Array(bins)
  /** The log loss that correcting would have saved so far, each prediction corrected by what came before it. */
  #lossGained = 0
  #corrections: Float64Array = new Float64Array(bins)

  /** Whether predictions are corrected. */
  get isUsed(): boolean {
    return this.#lossGained > 0
  }

  /** The natural log of the lift as it has been, of one that is predicted. */
  corrected(logLift: number): number {
    return this.isUsed ? logLift + this.#correction(logLift) : logLift
  }

  /**
   * @param logLifts as predicted, not corrected.
   * @param probabilities of a click, as predicted.
   * @param counts How often each counts: the share of its click delay that has passed, 1 where it was clicked.
   */
  learn(
    logLifts: Float64Array,
    probabilities: Float64Array,
    clicked: ArrayLike<number>,
    counts: ArrayLike<number>,
  ): void {
    for (let at = 0; at < logLifts.length; at++) {
      const p = clamped(probabilities[at]!)
      const other = clamped(p * Math.exp(this.#correction(logLifts[at]!)))
      const [isClicked, count] = [clicked[at]! > 0, counts[at]!]
      this.#lossGained += isClicked ? Math.log(other / p) : count * Math.log((1 - other) / (1 - p))
    }
    for (let at = 0; at < logLifts.length; at++) {
      const bin = Math.min(bins - 1, Math.max(0, Math.floor((logLifts[at]! - lowest) / width)))
      this.#expected[bin]! += probabilities[at]! * counts[at]!
      if (clicked[at]! > 0) this.#clicks[bin]!++
    }
    this.#corrections = correctionsOf(this.#expected, this.#clicks)
  }

  /** Between the middles of bins in proportion. */
  #correction(logLift: number): number {
    const place = Math.min(bins - 1, Math.max(0, (logLift - lowest) / width - 0.5))
    const bin = Math.min(bins - 2, Math.floor(place))
    const [left, right] = [this.#corrections[bin]!, this.#corrections[bin + 1]!]
    return left + (place - bin) * (right - left)
  }

  get state(): CalibrationState {
    return { expected: [...this.#expected], clicks: [...this.#clicks], lossGained: this.#lossGained }
  }

  restore({ expected, clicks, lossGained }: CalibrationState): void {
    this.#expected.set(expected)
    this.#clicks.set(clicks)
    this.#lossGained = lossGained
    this.#corrections = correctionsOf(this.#expected, this.#clicks)
  }
}

function clamped(probability: number): number {
  return Math.min(1 - 1e-6, Math.max(1e-9, probability))
}

/** (bins) What is added to the log of a lift, such that lifts never fall with what is predicted. */
function correctionsOf(expected: Float64Array, clicks: Float64Array): Float64Array {
  const blocks: { weight: number; log: number; first: number; last: number }[] = []
  for (let bin = 0; bin < bins; bin++) {
    const middle = lowest + (bin + 0.5) * width
    const ratio = (clicks[bin]! + priorClicks) / (expected[bin]! + priorClicks)
    blocks.push({ weight: expected[bin]! + priorClicks, log: middle + Math.log(ratio), first: bin, last: bin })
    while (blocks.length > 1 && blocks.at(-2)!.log > blocks.at(-1)!.log) {
      const [right, left] = [blocks.pop()!, blocks.pop()!]
      const weight = left.weight + right.weight
      const log = (left.weight * left.log + right.weight * right.log) / weight
      blocks.push({ weight, log, first: left.first, last: right.last })
    }
  }
  const corrections = new Float64Array(bins)
  for (const { log, first, last } of blocks) {
    for (let bin = first; bin <= last; bin++) corrections[bin] = log - (lowest + (bin + 0.5) * width)
  }
  return corrections
}
