import { randomNumbers } from '../../../storage/random.ts'
import { type FeatureName, featureCount, featureNames } from '../features.ts'
import {
  logitOf,
  type NormalPosterior,
  type PosteriorRows,
  updatedPosterior,
  widePosterior,
} from './click-posterior.ts'
import { type CalibrationState, LiftCalibration } from './lift-calibration.ts'

const [constant, usual] = [featureNames.indexOf('constant'), featureNames.indexOf('usualCtr')]
/**
 * Slopes until anything is learned: about half of those that were fitted to the brunch reads, which have no content. They order users; the
 * lifts are too high where many read much of an article's category, until something is learned.
 */
const coldStart: Partial<Record<FeatureName, number>> = {
  categoryReads: 1.2,
  coReads: 0.8,
  content: 1,
  foldIn: 0.1,
  classifier: 0.3,
}
/** Negatives of reads that are kept, by which a lift of 1 is the mean. */
const keptNegatives = 1024

export interface BlendOptions {
  /** How many clicks what was fitted to reads counts as. Default: 200. */
  readonly priorClicks?: number
  /** What was learned of as many responses ago counts 1 / e. Default: 2,000,000. */
  readonly memory?: number
}

/** (rows × features) with what came of them; see {@link PosteriorRows}. */
export type BlendRows = Pick<PosteriorRows, 'values' | 'clicked' | 'shares' | 'before' | 'weights'>

export interface BlendState {
  readonly reads: NormalPosterior
  readonly responses: NormalPosterior | undefined
  readonly positives: number
  readonly negativesSeen: number
  readonly negatives: Float32Array
  readonly calibration: CalibrationState
}

/**
 * From the features of a user and an article to how much likelier a click is than by the user's usual CTR: ln(p / usual), which is
 * β·x. β is learned from responses, from a prior that is fitted to reads without pushes: its slopes are those
 * of reads, and its constant makes the mean lift of those who did not read 1.
 */
export class Blend {
  readonly #options: Required<BlendOptions>
  readonly #random: () => number
  #reads: NormalPosterior = widePosterior(featureCount, 3)
  #positives = 0
  #negatives: Float32Array = new Float32Array(0)
  #negativesSeen = 0
  #prior: NormalPosterior | undefined
  #responses: NormalPosterior | undefined
  readonly #calibration = new LiftCalibration()

  constructor({ priorClicks = 200, memory = 2e6 }: BlendOptions = {}, seed = 0) {
    this.#options = { priorClicks, memory }
    this.#random = randomNumbers(seed)
  }

  /** (features) β. */
  get coefficients(): Float64Array {
    return (this.#responses ?? this.#fromReads()).mean
  }

  /** Learns from who read articles that were not pushed; values must be of before. */
  learnReads(rows: BlendRows): void {
    // What a push is clicked at is no matter of reads.
    const values = rows.values.slice()
    for (let cell = usual; cell < values.length; cell += featureCount) values[cell] = 0
    this.#reads = updatedPosterior(this.#reads, { ...rows, values })
    rows.clicked.forEach((isRead, row) => {
      if (isRead === 1) this.#positives++
      else this.#keep(rows.values.subarray(row * featureCount, (row + 1) * featureCount))
    })
    this.#prior = undefined
  }

  /** Learns from the responses to pushes. */
  learn(rows: BlendRows): void {
    const rates = usualCtrsOf(rows.values)
    const prior = this.#fromReads()
    const before = this.#responses ?? prior
    const logLifts = Float64Array.from(rates, (_, row) => logitOf(before.mean, rows.values, row))
    const counts = Float64Array.from(rows.clicked, (clicked, row) => {
      const share = clicked === 1 ? 1 : (rows.shares?.[row] ?? 1)
      return (share - (rows.before?.[row] ?? 0)) * (rows.weights?.[row] ?? 1)
    })
    const probabilities = logLifts.map((lift, row) => Math.min(1, rates[row]! * Math.exp(lift)))
    this.#calibration.learn(logLifts, probabilities, rows.clicked, counts)
    const keep = Math.exp(-counts.reduce((sum, count) => sum + count, 0) / this.#options.memory)
    const precision = before.precision.map((value, at) => keep * value + (1 - keep) * prior.precision[at]!)
    this.#responses = updatedPosterior({ mean: before.mean, precision }, { ...rows, rates })
  }

  /** (rows) ln(p / usual CTR), calibrated: never falls where β·x rises. */
  logLifts(values: Float32Array): Float64Array {
    const { coefficients } = this
    return Float64Array.from({ length: values.length / featureCount }, (_, row) => {
      return this.#calibration.corrected(logitOf(coefficients, values, row))
    })
  }

  get state(): BlendState {
    return {
      reads: this.#reads,
      responses: this.#responses,
      positives: this.#positives,
      negativesSeen: this.#negativesSeen,
      negatives: this.#negatives,
      calibration: this.#calibration.state,
    }
  }

  restore({ reads, responses, positives, negativesSeen, negatives, calibration }: BlendState): void {
    this.#reads = reads
    this.#responses = responses
    this.#positives = positives
    this.#negativesSeen = negativesSeen
    this.#negatives = negatives
    this.#prior = undefined
    this.#calibration.restore(calibration)
  }

  /** Each negative is kept as likely as any other: reservoir sampling (Vitter 1985). */
  #keep(row: Float32Array): void {
    const place =
      this.#negativesSeen < keptNegatives ? this.#negativesSeen : Math.floor(this.#random() * (this.#negativesSeen + 1))
    this.#negativesSeen++
    if (place >= keptNegatives) return
    if ((place + 1) * featureCount > this.#negatives.length) {
      const grown = new Float32Array((place + 1) * featureCount)
      grown.set(this.#negatives)
      this.#negatives = grown
    }
    this.#negatives.set(row, place * featureCount)
  }

  #fromReads(): NormalPosterior {
    if (this.#prior) return this.#prior
    const mean =
      this.#positives > 0
        ? Float64Array.from(this.#reads.mean)
        : Float64Array.from(featureNames, name => coldStart[name] ?? 0)
    mean[usual] = 0
    mean[constant] = 0
    const n = this.#negatives.length / featureCount
    let sum = 0
    for (let row = 0; row < n; row++) sum += Math.exp(logitOf(mean, this.#negatives, row))
    if (n > 0) mean[constant] = -Math.log(sum / n)
    this.#prior = {
      mean,
      precision: slopesOf(this.#reads.precision, Math.min(1, this.#options.priorClicks / Math.max(1, this.#positives))),
    }
    return this.#prior
  }
}

/**
 * The precision of the slopes whatever the constant is, times `scale`, and hardly more than nothing of the constant; the less the coefficient of
 * the usual CTR, which is not fitted to reads, is 0 the less likely.
 */
function slopesOf(precision: Float64Array, scale: number): Float64Array {
  const n = featureCount
  const own = precision[constant * n + constant]!
  const out = precision.map((value, cell) => {
    const [a, b] = [Math.floor(cell / n), cell % n]
    return scale * (value - (precision[a * n + constant]! * precision[constant * n + b]!) / own)
  })
  for (const [place, deviation] of [
    [constant, 1],
    [usual, 0.5],
  ] as const) {
    for (let at = 0; at < n; at++) {
      out[place * n + at] = 0
      out[at * n + place] = 0
    }
    out[place * n + place] = 1 / deviation ** 2
  }
  // What never differed between examples has next to no precision of its own.
  for (let at = 0; at < n; at++) out[at * n + at]! += 1 / 9
  return out
}

/** (rows) */
function usualCtrsOf(values: Float32Array): Float64Array {
  return Float64Array.from({ length: values.length / featureCount }, (_, row) => {
    return 1 / (1 + Math.exp(-values[row * featureCount + usual]!))
  })
}
