/** From scores of a part to probabilities of what comes next. */
import type { ItemList, ItemSource } from '../../algorithm.ts'

/** How the scores of a list become probabilities. */
export type Calibration =
  /** Scores that are probabilities stay as they are. */
  | { readonly kind: 'identity' }
  /** score^exponent / Σ score^exponent; negative scores count 0. Below 1 it makes the items of a list more alike. */
  | { readonly kind: 'power'; readonly exponent: number }
  /** Softmax; the temperature is in standard deviations of the scores of the list. */
  | { readonly kind: 'softmax'; readonly temperature: number }

/**
 * Added to probabilities where likelihoods are made of them, so that no part and no calibration is ruled out by one event
 * that is not in its list. 1e-6 chose the same calibrations on ml-100k and on a twentieth of the brunch reads.
 */
export const probabilityFloor = 1e-7

const softmax = [0.1, 0.2, 0.35, 0.6, 1, 2].map((temperature): Calibration => ({ kind: 'softmax', temperature }))
const flattening = [1 / 1.25, 1 / 1.6, 1 / 2].map((exponent): Calibration => ({ kind: 'power', exponent }))

/** The calibrations that may suit a part whose lists rest on `source`. */
export function calibrationsOf(source: ItemSource): readonly Calibration[] {
  if (source === 'context') return [{ kind: 'identity' }, ...flattening]
  // Popularity is a count, of which the shares of the sum are probabilities, or a count that has been weighted.
  if (source === 'popular') return [{ kind: 'power', exponent: 1 }, ...flattening, ...softmax]
  return softmax
}

/** The number that stands for a calibration in saved models: 0, the softmax temperature, or -1 / the exponent. */
export function encodeCalibration(calibration: Calibration): number {
  if (calibration.kind === 'identity') return 0
  return calibration.kind === 'softmax' ? calibration.temperature : -1 / calibration.exponent
}

/** The inverse of {@link encodeCalibration}. */
export function decodeCalibration(code: number): Calibration {
  if (code === 0) return { kind: 'identity' }
  return code > 0 ? { kind: 'softmax', temperature: code } : { kind: 'power', exponent: -1 / code }
}

/**
 * (items) The probability of each item of the list: 1 in sum, or at most 1 where scores are probabilities already.
 *
 * @param whole the list that the items are from, where it has others, too: the probabilities of its items are 1 in sum.
 * Default: the same list.
 */
export function probabilitiesOf(
  { scores }: Pick<ItemList, 'scores'>,
  calibration: Calibration,
  whole: Pick<ItemList, 'scores'> = { scores },
): Float64Array {
  if (calibration.kind === 'identity') return Float64Array.from(scores)
  const transform =
    calibration.kind === 'power' ? power(calibration.exponent) : exponential(whole.scores, calibration.temperature)
  let sum = 0
  for (const score of whole.scores) sum += transform(score)
  return Float64Array.from(scores, score => (sum > 0 ? transform(score) / sum : 0))
}

function power(exponent: number): (score: number) => number {
  return score => Math.max(0, score) ** exponent
}

/** exp of the distance from the first of `scores`, in standard deviations of these times `temperature`. */
function exponential(scores: Float32Array, temperature: number): (score: number) => number {
  const { length } = scores
  let mean = 0
  for (const score of scores) mean += score / length
  let square = 0
  for (const score of scores) square += (score - mean) ** 2 / length
  const scale = square > 0 ? 1 / (temperature * Math.sqrt(square)) : 0
  return score => Math.exp((score - scores[0]) * scale)
}
