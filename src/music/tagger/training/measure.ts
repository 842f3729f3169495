/** How good predictions of labels are. */
import type { Validation } from '../artifact.ts'
import type { LabelKind } from '../clips/clips.ts'

/** Of more labels it is not counted what is taken for what: that grows with their square. */
export const mostConfused = 1000

/** What predictions say of a label. */
export interface LabelMeasure {
  readonly label: string
  /** Clips that have it. */
  readonly clips: number
  /** Of the clips that are predicted to have it: the likeliest of single labels, those above ½ of others. NaN where there is none. */
  readonly precision: number
  /** Of the clips that have it. NaN where there is none. */
  readonly recall: number
  /** Mean of the precisions at the clips that have it, ranked by probability. NaN where there is none. */
  readonly averagePrecision: number
}

export interface TaggerMeasure extends Validation {
  readonly labels: readonly LabelMeasure[]
  /** (labels × labels) Of single labels, where they are at most {@link mostConfused}: clips of each label, by the likeliest. */
  readonly confusion: readonly (readonly number[])[] | undefined
}

/**
 * Measures predictions.
 *
 * @param probabilities (clips × labels)
 * @param targets (clips × labels) 0 or 1.
 */
export function measurePredictions(
  probabilities: Float32Array,
  targets: Float32Array,
  labels: readonly string[],
  kind: LabelKind,
): TaggerMeasure {
  const width = labels.length
  const clips = targets.length / width
  const rows = Array.from({ length: clips }, (_, clip) => ({
    predicted: probabilities.subarray(clip * width, (clip + 1) * width),
    true: targets.subarray(clip * width, (clip + 1) * width),
  }))
  const likeliest = Int32Array.from(rows, ({ predicted }) => placeOfMost(predicted))
  const [having, predicting, both] = countsOf(rows, likeliest, width, kind)
  const ranking = new Ranking(clips)
  const measured = labels.map((label, at): LabelMeasure => {
    const [own, predicted, found] = [having[at]!, predicting[at]!, both[at]!]
    return {
      label,
      clips: own,
      precision: found / predicted,
      recall: found / own,
      averagePrecision: own > 0 ? ranking.averagePrecision(rows, at) : Number.NaN,
    }
  })
  const loss = rows.reduce((sum, row) => sum + lossOf(row.predicted, row.true, kind), 0) / Math.max(1, clips)
  const precisions = measured.map(({ averagePrecision }) => averagePrecision).filter(value => !Number.isNaN(value))
  const right = rows.filter((row, clip) => row.true[likeliest[clip]!]! > 0).length
  return {
    loss,
    ...(kind === 'single'
      ? { accuracy: right / Math.max(1, clips) }
      : { meanAveragePrecision: precisions.reduce((sum, value) => sum + value, 0) / Math.max(1, precisions.length) }),
    labels: measured,
    confusion: kind === 'single' && width <= mostConfused ? confusionOf(rows, likeliest, width) : undefined,
  }
}

/** A clip: (labels) what is predicted, and what is true. */
interface PredictedClip {
  readonly predicted: Float32Array
  readonly true: Float32Array
}

/** The place of the largest value, the first of equal ones; −1 where one is no number. */
function placeOfMost(values: Float32Array): number {
  let place = 0
  for (let at = 0; at < values.length; at++) {
    if (Number.isNaN(values[at]!)) return -1
    if (values[at]! > values[place]!) place = at
  }
  return place
}

/** (labels) The clips that have each label, those that are predicted to have it, and those of which both is so. */
function countsOf(
  rows: readonly PredictedClip[],
  likeliest: Int32Array,
  labels: number,
  kind: LabelKind,
): [Uint32Array, Uint32Array, Uint32Array] {
  const counts: [Uint32Array, Uint32Array, Uint32Array] = [
    new Uint32Array(labels),
    new Uint32Array(labels),
    new Uint32Array(labels),
  ]
  const [having, predicting, both] = counts
  rows.forEach((row, clip) => {
    for (let label = 0; label < labels; label++) {
      const isPredicted = kind === 'single' ? likeliest[clip] === label : row.predicted[label]! > 0.5
      const isTrue = row.true[label]! > 0
      having[label]! += Number(isTrue)
      predicting[label]! += Number(isPredicted)
      both[label]! += Number(isPredicted && isTrue)
    }
  })
  return counts
}

/** (labels × labels) */
function confusionOf(
  rows: readonly { readonly true: Float32Array }[],
  likeliest: Int32Array,
  labels: number,
): number[][] {
  const counts = Array.from({ length: labels }, () => new Array<number>(labels).fill(0))
  rows.forEach((row, clip) => {
    const own = counts[row.true.findIndex(target => target > 0)]
    const label = likeliest[clip]!
    // There is none likeliest where the network gave no numbers.
    if (own && label >= 0) own[label]! += 1
  })
  return counts
}

/** Ranks clips by one label after the other, in memory that it keeps. */
class Ranking {
  readonly #all: Float32Array
  readonly #true: Float32Array

  constructor(clips: number) {
    this.#all = new Float32Array(clips)
    this.#true = new Float32Array(clips)
  }

  /**
   * The mean of the precisions at the clips that have the label, of which there is one. Those of equal scores are found together: each counts the
   * precision at the end of their group, so that the order in which they come does not matter.
   */
  averagePrecision(rows: readonly PredictedClip[], label: number): number {
    let count = 0
    rows.forEach((row, clip) => {
      this.#all[clip] = row.predicted[label]!
      if (row.true[label]! > 0) this.#true[count++] = row.predicted[label]!
    })
    const all = this.#all.sort()
    const found = this.#true.subarray(0, count).sort()
    let [sum, before] = [0, all.length]
    for (let end = count; end > 0; ) {
      const score = found[end - 1]!
      let begin = end
      while (begin > 0 && found[begin - 1] === score) begin--
      while (before > 0 && all[before - 1]! >= score) before--
      sum += ((end - begin) * (count - begin)) / (all.length - before)
      // A score that is no number is above all and equal to none.
      end = Math.min(begin, end - 1)
    }
    return sum / count
  }
}

const least = 1e-9

function lossOf(predicted: Float32Array, right: Float32Array, kind: LabelKind): number {
  let loss = 0
  for (let label = 0; label < predicted.length; label++) {
    const [probability, target] = [predicted[label]!, right[label]!]
    if (target > 0) loss -= target * Math.log(Math.max(least, probability))
    if (kind === 'multi' && target < 1) loss -= (1 - target) * Math.log(Math.max(least, 1 - probability))
  }
  return loss
}
