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
  const likeliest = rows.map(({ predicted }) => predicted.indexOf(Math.max(...predicted)))
  const isPredicted = (clip: number, label: number) =>
    kind === 'single' ? likeliest[clip] === label : rows[clip]!.predicted[label]! > 0.5
  const measured = labels.map((label, at): LabelMeasure => {
    const having = rows.flatMap((row, clip) => (row.true[at]! > 0 ? [clip] : []))
    const predicted = rows.flatMap((_, clip) => (isPredicted(clip, at) ? [clip] : []))
    const both = predicted.filter(clip => rows[clip]!.true[at]! > 0).length
    const ranked = rows.map(row => ({ score: row.predicted[at]!, isTrue: row.true[at]! > 0 }))
    return {
      label,
      clips: having.length,
      precision: both / predicted.length,
      recall: both / having.length,
      averagePrecision: averagePrecision(ranked),
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

/** (labels × labels) */
function confusionOf(
  rows: readonly { readonly true: Float32Array }[],
  likeliest: readonly number[],
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

/**
 * The mean of the precisions at those that are true. Those of equal scores are found together: each counts the precision at the end of
 * their group, so that the order in which they come does not matter.
 */
function averagePrecision(ranked: readonly { readonly score: number; readonly isTrue: boolean }[]): number {
  const sorted = [...ranked].sort((a, b) => b.score - a.score)
  let [sum, found] = [0, 0]
  for (let begin = 0; begin < sorted.length; ) {
    let end = begin
    while (end < sorted.length && sorted[end]!.score === sorted[begin]!.score) end++
    const own = sorted.slice(begin, end).filter(({ isTrue }) => isTrue).length
    found += own
    sum += (own * found) / end
    begin = end
  }
  return sum / found
}

const least = 1e-9

function lossOf(predicted: Float32Array, right: Float32Array, kind: LabelKind): number {
  let loss = 0
  predicted.forEach((probability, label) => {
    const target = right[label]!
    loss -= target * Math.log(Math.max(least, probability))
    if (kind === 'multi') loss -= (1 - target) * Math.log(Math.max(least, 1 - probability))
  })
  return loss
}
