/**
 * Softmax regression of the weights of the parts: the gate of a mixture of experts (Jacobs, Jordan, Nowlan & Hinton
 * 1991) whose experts are trained before and stay as they are.
 */
import { probabilityFloor } from '../probabilities.ts'

/** How parts are weighed by features. */
export interface Gate {
  readonly parts: number
  readonly features: number
  /** (features) What is subtracted from each feature, and what the difference is multiplied by. */
  readonly means: Float64Array
  readonly scales: Float64Array
  /** (parts × (1 + features)) The first of each row is its bias. */
  readonly coefficients: Float64Array
}

/** What a gate is fitted on: of each event the features, and the probability that each part gave to its item. */
export interface GateSamples {
  readonly count: number
  /** (count × features) */
  readonly features: Float64Array
  /** (count × parts) */
  readonly probabilities: Float64Array
}

/** Writes the weight of each part to `into` (parts): above 0, 1 in sum. */
export function weigh(gate: Gate, features: Float64Array, into: Float64Array): void {
  let most = Number.NEGATIVE_INFINITY
  const { means, scales, coefficients } = gate
  const width = 1 + gate.features
  for (let part = 0; part < gate.parts; part++) {
    let sum = coefficients[part * width]
    for (let at = 0; at < gate.features; at++) {
      sum += coefficients[part * width + 1 + at] * standard(features[at], means[at], scales[at])
    }
    into[part] = sum
    most = Math.max(most, sum)
  }
  let total = 0
  for (let part = 0; part < gate.parts; part++) {
    into[part] = Math.exp(into[part] - most)
    total += into[part]
  }
  for (let part = 0; part < gate.parts; part++) into[part] /= total
}

/** Standard deviations from the mean at which features are cut off, so that unseen values do not extrapolate. */
const farthest = 3

function standard(value: number, mean: number, scale: number): number {
  return Math.max(-farthest, Math.min(farthest, (value - mean) * scale))
}

/** Step size of Adam. */
const rate = 0.05
/** L2 penalty on the coefficients: as many samples, and a share of all of them. */
const prior = { samples: 10, share: 0.001 }
const iterations = 300

/**
 * The gate that maximises Σ log Σ weight × probability over the samples, less the penalty, by Adam (Kingma & Ba
 * 2015) on all samples at once. Deterministic.
 */
export function fitGate(
  { count, features, probabilities }: GateSamples,
  sizes: Pick<Gate, 'parts' | 'features'>,
): Gate {
  const { means, scales } = standardisation(features, count, sizes.features)
  const width = 1 + sizes.features
  const gate: Gate = { ...sizes, means, scales, coefficients: new Float64Array(sizes.parts * width) }
  const gradient = new Float64Array(gate.coefficients.length)
  const [first, second] = [gradient.slice(), gradient.slice()]
  const penalty = prior.samples + prior.share * count
  const weights = new Float64Array(sizes.parts)
  for (let iteration = 1; iteration <= iterations; iteration++) {
    gradient.fill(0)
    for (let sample = 0; sample < count; sample++) {
      const own = features.subarray(sample * sizes.features, (sample + 1) * sizes.features)
      weigh(gate, own, weights)
      let total = 0
      for (let part = 0; part < sizes.parts; part++) {
        total += weights[part] * (probabilities[sample * sizes.parts + part] + probabilityFloor)
      }
      for (let part = 0; part < sizes.parts; part++) {
        const share = (weights[part] * (probabilities[sample * sizes.parts + part] + probabilityFloor)) / total
        const slope = share - weights[part]
        gradient[part * width] += slope
        for (let at = 0; at < sizes.features; at++) {
          gradient[part * width + 1 + at] += slope * standard(own[at], means[at], scales[at])
        }
      }
    }
    gate.coefficients.forEach((coefficient, at) => {
      const slope = (gradient[at] - penalty * coefficient) / Math.max(1, count)
      first[at] = 0.9 * first[at] + 0.1 * slope
      second[at] = 0.999 * second[at] + 0.001 * slope ** 2
      const step = first[at] / (1 - 0.9 ** iteration) / (Math.sqrt(second[at] / (1 - 0.999 ** iteration)) + 1e-8)
      gate.coefficients[at] += rate * step
    })
  }
  return gate
}

function standardisation(values: Float64Array, count: number, features: number) {
  const means = new Float64Array(features)
  const scales = new Float64Array(features)
  for (let at = 0; at < count * features; at++) means[at % features] += values[at] / Math.max(1, count)
  for (let at = 0; at < count * features; at++) scales[at % features] += (values[at] - means[at % features]) ** 2
  return { means, scales: scales.map(sum => (sum > 1e-12 * count ? Math.sqrt(count / sum) : 0)) }
}
